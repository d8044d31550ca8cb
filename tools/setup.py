"""Gets a working copy ready: `python3 tools/setup.py STEP …`, with nothing but Python's standard library.

Each step leaves a stamp with the hash of what it was made from, so a second time costs nothing.
Packages come from wherever this machine's own pip, npm and apt are set to look.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMPS = VENV / ".stamps"
DEBIAN = {"chromium": "chromium", "nginx": "nginx-light", "caddy": "caddy"}
"""Programs that the tests run, and the Debian package of each."""
LOCKS = {
    "requirements.lock": ("pyproject.toml", "--extra=setup"),
    "requirements-dev.lock": ("pyproject.toml", "--extra=setup", "--extra=dev"),
    "requirements-assets.lock": ("--group=assets",),
}


def main(steps: list[str]) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036  this very file is what finds it out
        found = sys.version.split()[0]
        stop(f"Panal needs Python 3.11 or newer; {sys.executable} is {found}. Try: make PYTHON=python3.11")
    for step in steps:
        STEPS[step]()


def environment() -> None:
    if not (VENV / "bin" / "pip").exists():
        say("creating .venv")
        if not has_ensurepip():
            debian_install(f"python3.{sys.version_info.minor}-venv", "Python's venv module")
        run(sys.executable, "-m", "venv", "--clear", VENV)


def packages() -> None:
    """What the server needs to run, and `panal` itself, editable."""
    install("requirements.lock")


def developer_packages() -> None:
    install("requirements-dev.lock")


def install(lock: str) -> None:
    environment()
    sources = [ROOT / lock, ROOT / "pyproject.toml"]
    if stamped(lock, sources):
        return
    say(f"installing {lock} (the first time takes a minute)")
    pip("install", "--require-hashes", "-r", ROOT / lock)
    pip("install", "--no-deps", "--no-build-isolation", "-e", ROOT)
    stamp(lock, sources)


def assets() -> None:
    """The browser's libraries into node_modules, by the system's npm or the one in a Python wheel."""
    lock = ROOT / "package-lock.json"
    if not lock.exists() or (stamped("assets", [lock]) and (ROOT / "node_modules").exists()):
        return
    say("installing browser assets")
    run(*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", quiet=True)
    stamp("assets", [lock])


def npm() -> list[str]:
    if found := shutil.which("npm"):
        return [found]
    pip("install", "--require-hashes", "-r", ROOT / "requirements-assets.lock")
    return [str(VENV / "bin" / "npm")]


def translations() -> None:
    """Compiled catalogues; they are made, not kept."""
    sources = sorted((ROOT / "panal").rglob("*.po"))
    compiled = all(source.with_suffix(".mo").exists() for source in sources)
    if not (ROOT / "tools" / "translations.py").exists() or (compiled and stamped("translations", sources)):
        return
    say("compiling translations")
    run(VENV / "bin" / "python", ROOT / "tools" / "translations.py", "compile", quiet=True)
    stamp("translations", sources)


def programs() -> None:
    """Chromium and the proxies for the tests, from Debian where they are missing."""
    for program, package in DEBIAN.items():
        if not shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin"):
            debian_install(package, program)


def micropython() -> None:
    """The real MicroPython VM that board tests run on."""
    run(ROOT / "tools" / "micropython.sh")


def micropython_if_possible() -> None:
    """Virtual devices run on CPython where this machine cannot have the VM."""
    script = ROOT / "tools" / "micropython.sh"
    if subprocess.run([script], cwd=ROOT, stdout=sys.stderr, check=False).returncode:
        say("without the MicroPython VM: virtual devices run on CPython")


def lock() -> None:
    """The lock files again, from pyproject.toml; no address of any index goes into them."""
    for name, sources in LOCKS.items():
        options = ("--generate-hashes", "--no-header", "--python-version=3.11", "--quiet")
        run(VENV / "bin" / "uv", "pip", "compile", *sources, *options, "--output-file", name)


def stamped(name: str, sources: Iterable[Path]) -> bool:
    mark = STAMPS / name
    return mark.exists() and mark.read_text(encoding="ascii") == digest(sources)


def stamp(name: str, sources: Iterable[Path]) -> None:
    STAMPS.mkdir(exist_ok=True)
    (STAMPS / name).write_text(digest(sources), encoding="ascii")


def digest(sources: Iterable[Path]) -> str:
    found = hashlib.sha256(f"{sys.version_info[:2]} {VENV}".encode())
    for source in sources:
        found.update(source.read_bytes())
    return found.hexdigest()


def has_ensurepip() -> bool:
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        return False
    return True


def debian_install(package: str, needed: str) -> None:
    if not shutil.which("apt-get") or os.geteuid() != 0:
        stop(f"{needed} is missing. Install it, on Debian by: sudo apt-get install {package}")
    say(f"installing Debian's {package}")
    quiet = {"env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, "stdout": subprocess.DEVNULL}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
    if subprocess.call(install, stderr=subprocess.DEVNULL, **quiet) == 0:
        return
    subprocess.call(["apt-get", "update", "-qq"], **quiet)
    if subprocess.call(install, **quiet) != 0:
        stop(f"Debian's package {package} could not be installed (see above); {needed} is needed.")


def pip(*arguments: object) -> None:
    run(VENV / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


def run(*command: object, quiet: bool = False) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=ROOT, capture_output=quiet, stdin=subprocess.DEVNULL, check=False, text=True)
    if done.returncode:
        stop(f"{' '.join(words)} failed ({done.returncode}).\n{done.stdout or ''}{done.stderr or ''}")


def say(text: str) -> None:
    print(f"set-up: {text}", file=sys.stderr, flush=True)


def stop(text: str) -> NoReturn:
    sys.exit(f"set-up: {text}")


STEPS = {
    "packages": packages,
    "developer-packages": developer_packages,
    "assets": assets,
    "translations": translations,
    "programs": programs,
    "micropython": micropython,
    "micropython-if-possible": micropython_if_possible,
    "lock": lock,
}

if __name__ == "__main__":
    main(sys.argv[1:])
