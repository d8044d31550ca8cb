#!/bin/sh
# A real MicroPython, 32-bit as on the ESP32, from Debian 13's package into .cache/micropython, without root and without
# touching the system: the packages come from the mirror that this machine's apt is set to use, and apt checks their signatures.
# Afterwards: .cache/micropython/micropython -X heapsize=100k file.py        A second run takes no time.
set -eu

HERE=$(cd "$(dirname "$0")/.." && pwd)
DEST=${1:-$HERE/.cache/micropython}
PROGRAM=$DEST/micropython
PACKAGES="micropython libc6 libffi8 libmbedcrypto16 libmbedtls21 libmbedx509-7"
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
  echo "tools/micropython.sh: $1" >&2
  exit 1
}

works() {
  [ -x "$PROGRAM" ] && [ "$("$PROGRAM" -X heapsize=100k -c 'import tls, vfs, asyncio; print(6 * 7)' 2>&1)" = 42 ]
}

works && exit 0
for tool in apt-get dpkg-deb; do
  command -v "$tool" >/dev/null || fail "there is no $tool here: the VM is a Debian package. Use Debian or Ubuntu, or put a 32-bit micropython 1.25 at $PROGRAM."
done
[ -r "$KEYRING" ] || fail "$KEYRING is missing: install the package debian-archive-keyring."
MIRROR=${DEBIAN_MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -v '^ *#' |
  grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ')}
[ -n "$MIRROR" ] || fail "apt on this machine knows no Debian mirror: name one with DEBIAN_MIRROR=https://…/debian."

WORK=$DEST/.work.$$
trap 'rm -rf "$WORK"' EXIT
rm -rf "$DEST/root"
mkdir -p "$WORK/lists/partial" "$WORK/cache/archives/partial" "$WORK/debs" "$WORK/root"
echo "deb [arch=i386 signed-by=$KEYRING] $MIRROR trixie main" >"$WORK/sources.list"

apt() {
  apt-get -qq -oAPT::Architecture=i386 -oAPT::Architectures::=i386 -oAPT::Sandbox::User= -oAcquire::Retries=3 \
    -oDir::Etc::sourcelist="$WORK/sources.list" -oDir::Etc::sourceparts=/nonexistent -oDir::State::Lists="$WORK/lists" \
    -oDir::Cache="$WORK/cache" -oDir::State::status=/dev/null "$@"
}

echo "MicroPython: taking Debian 13's package from $MIRROR"
apt update >"$WORK/log" 2>&1 || { cat "$WORK/log" >&2; fail "the package lists of $MIRROR (trixie, i386) could not be had."; }
# shellcheck disable=SC2086  # a list of words is meant
(cd "$WORK/debs" && apt download $PACKAGES) >"$WORK/log" 2>&1 || { cat "$WORK/log" >&2; fail "the packages could not be had from $MIRROR."; }
for deb in "$WORK"/debs/*.deb; do dpkg-deb -x "$deb" "$WORK/root"; done
mv "$WORK/root" "$DEST/root"

# The wrapper runs the program through its own dynamic linker, so no library of the system is touched or needed.
cat >"$WORK/micropython" <<'EOF'
#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
lib=$here/root/usr/lib/i386-linux-gnu
exec "$lib/ld-linux.so.2" --library-path "$lib" --argv0 micropython "$here/root/usr/bin/micropython" "$@"
EOF
chmod +x "$WORK/micropython"
mv "$WORK/micropython" "$PROGRAM"
works || fail "the VM was unpacked into $DEST but does not run on this machine (a 32-bit x86 program: $(uname -m))."
echo "MicroPython: $("$PROGRAM" -c 'import sys; print(sys.version)')"
