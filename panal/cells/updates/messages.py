"""What server, operator and board say about new firmware (docs/wire/updates.md).

An artifact is one run of bytes. That of an `app` begins with its table of files, `panal-files 1`, a line of
`path size sha256` for each and an empty line, and after it come their contents in that order; an `image` is the image.
A manifest says what an artifact is, and is signed by the operator's RSA-3072 key (PKCS#1 v1.5, SHA-256, RFC 8017
section 8.2) over `canonical`. The table stands in the artifact and not in the manifest, which names its hash: 56 files
in JSON are more than a board can take at once. A release file is a manifest in one line of JSON, and the artifact.
"""

import binascii
import hashlib
from collections import namedtuple

from panal.protocol import codec
from panal.protocol.errors import BadRequest

APP, IMAGE = "app", "image"
BLOCK_BYTES = 4096  # of flash, and of one request for a part of an artifact
MAX_ARTIFACT_BYTES = 8 * 1024 * 1024
MAX_TABLE_BYTES = 32 * 1024
MAX_FILES = 250
MAX_FILE_BYTES = 256 * 1024
MAX_PATH = 100
MAX_LINE = MAX_PATH + 80  # path, size, 64 digits
MAX_VERSION = 32
MAX_SECURITY_VERSION = 1000000
MAX_ATTEMPT = 1000
MAX_MANIFEST_BYTES = 2048
TABLE_HEAD = "panal-files 1\n"
SIGNATURE_BYTES = 384
DIGEST_INFO = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"  # RFC 8017, 9.2, note 1
EXPONENT = 65537

# how far a board's update is; the last three are its end
DOWNLOADING, INSTALLING, CONFIRMING = "downloading", "installing", "confirming"
DONE, ROLLED_BACK, REFUSED = "done", "rolled_back", "refused"
STATES = (DOWNLOADING, INSTALLING, CONFIRMING, DONE, ROLLED_BACK, REFUSED)
ENDS = (DONE, ROLLED_BACK, REFUSED)
REASONS = {
    ROLLED_BACK: ("no_server", "self_test", "crash_loop"),
    REFUSED: (
        "bad_manifest",
        "bad_signature",
        "no_key",
        "wrong_board",
        "wrong_kind",
        "old_security_version",
        "tried",
        "no_room",
        "bad_files",
        "bad_artifact",
        "flash_failed",
    ),
}

VERSION_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.+-_"
PATH_LETTERS = VERSION_LETTERS + "/"
ID_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

Manifest = namedtuple("Manifest", "version security_version board kind size sha256 files_size files_sha256 signature")
Offer = namedtuple("Offer", "id manifest not_before_ms attempt")
Progress = namedtuple("Progress", "state percent reason")
File = namedtuple("File", "path size sha256")


# manifests


def canonical(manifest):
    """The bytes that are signed: one line for each fact, in this order."""
    m = manifest
    lines = ["panal-update 1", "version " + m.version, "security_version %d" % m.security_version, "board " + m.board]
    lines += ["kind " + m.kind, "artifact %d %s" % (m.size, m.sha256)]
    lines += ["files %d %s" % (m.files_size, m.files_sha256 or "-"), ""]
    return "\n".join(lines).encode()


def is_signed(manifest, modulus):
    """Whether the holder of the key with this modulus (bytes, big-endian) signed it."""
    try:
        signature = binascii.a2b_base64(manifest.signature)
    except ValueError:
        return False
    if len(signature) != SIGNATURE_BYTES or len(modulus) != SIGNATURE_BYTES or signature >= modulus:
        return False
    opened = pow(int.from_bytes(signature, "big"), EXPONENT, int.from_bytes(modulus, "big"))
    return opened.to_bytes(SIGNATURE_BYTES, "big") == encoded(canonical(manifest))


def encoded(message):
    """EMSA-PKCS1-v1_5, RFC 8017 section 9.2. It is compared whole: whoever parses it instead can be cheated."""
    end = DIGEST_INFO + hashlib.sha256(message).digest()
    return b"\0\1" + b"\xff" * (SIGNATURE_BYTES - 3 - len(end)) + b"\0" + end


def manifest_document(manifest):
    """The manifest as it stands on the wire and in the first line of a release file."""
    document = {"version": manifest.version, "security_version": manifest.security_version, "board": manifest.board}
    document.update({"kind": manifest.kind, "size": manifest.size, "sha256": manifest.sha256})
    document.update({"files_size": manifest.files_size, "files_sha256": manifest.files_sha256})
    document["signature"] = manifest.signature
    return document


def parse_manifest(document):
    """A Manifest out of a document; its signature is only looked at for its shape. Raises BadRequest."""
    version, board = _text(document, "version", MAX_VERSION), _text(document, "board", MAX_VERSION)
    kind = document.get("kind")
    if kind not in (APP, IMAGE):
        raise BadRequest("bad_kind", "kind is app or image", "kind")
    size = _number(document, "size", 1, MAX_ARTIFACT_BYTES)
    files_size, files_sha256 = 0, ""
    if kind == APP:
        files_size = _number(document, "files_size", len(TABLE_HEAD), min(size, MAX_TABLE_BYTES))
        files_sha256 = _digest(document, "files_sha256")
    security_version = _number(document, "security_version", 0, MAX_SECURITY_VERSION)
    sha256, signature = _digest(document, "sha256"), document.get("signature")
    if not isinstance(signature, str) or len(signature) != 4 * SIGNATURE_BYTES // 3:
        raise BadRequest("bad_signature", "a signature is %d bytes in base64" % SIGNATURE_BYTES, "signature")
    return Manifest(version, security_version, board, kind, size, sha256, files_size, files_sha256, signature)


def _text(document, name, most):
    value = document.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most or not _consists(value, VERSION_LETTERS):
        raise BadRequest("bad_" + name, "1 to %d letters, digits and .+-_" % most, name)
    return value


def _number(document, name, least, most):
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadRequest("bad_" + name, "a whole number from %d to %d" % (least, most), name)
    return value


def _digest(document, name):
    value = document.get(name)
    if not is_digest(value):
        raise BadRequest("bad_" + name, "64 lower-case hexadecimal digits", name)
    return value


def is_digest(value):
    """Whether it can be a SHA-256 as text."""
    return isinstance(value, str) and len(value) == 64 and _consists(value, "0123456789abcdef")


def _consists(text, letters):
    return all(letter in letters for letter in text)


# the table of files


def build_table(files):
    """The bytes with which an app's artifact begins."""
    return (TABLE_HEAD + "".join(["%s %d %s\n" % tuple(file) for file in files]) + "\n").encode()


def parse_line(line):
    """A File out of a table's line (text, without its end). Raises BadRequest."""
    parts = line.split(" ")
    if len(parts) != 3 or len(parts[0]) > MAX_PATH or not is_path(parts[0]) or not is_digest(parts[2]):
        raise BadRequest("bad_files", "a line is: path size sha256", "files")
    if not parts[1].isdigit() or len(parts[1]) > 7 or not 0 < int(parts[1]) <= MAX_FILE_BYTES:
        raise BadRequest("bad_files", "a file has 1 to %d bytes" % MAX_FILE_BYTES, "files")
    return File(parts[0], int(parts[1]), parts[2])


def is_path(path):
    """Whether a path stays inside its slot, and hides nothing in it."""
    return _consists(path, PATH_LETTERS) and all(part and part[0] != "." for part in path.split("/"))


def parse_table(table):
    """The Files of a table (bytes). Raises BadRequest. For the server: a board takes it line by line."""
    text = _utf8(table)
    lines = text.split("\n")
    if not text.startswith(TABLE_HEAD) or not text.endswith("\n\n") or len(lines) - 3 > MAX_FILES:
        raise BadRequest("bad_files", "no table of at most %d files" % MAX_FILES, "files")
    files = [parse_line(line) for line in lines[1:-2]]
    if len({file.path for file in files}) != len(files):
        raise BadRequest("bad_files", "a path stands twice", "files")
    return files


def _utf8(data):
    try:
        return bytes(data).decode()
    except UnicodeError:
        raise BadRequest("bad_files", "the table is not text", "files")


# release files


def build_release(manifest, artifact):
    """The one file that the operator hands to the server, or pushes to a board."""
    return codec.encode(manifest_document(manifest)) + b"\n" + artifact


def parse_release(data):
    """(Manifest, where the artifact begins) of a release file's first bytes. Raises BadRequest."""
    end = data[: MAX_MANIFEST_BYTES + 1].find(b"\n")
    if end < 0:
        raise BadRequest("not_release", "this is no release file")
    return parse_manifest(codec.decode_object(data[:end], MAX_MANIFEST_BYTES, 1)), end + 1


# what server and board say


def build_offer(id, manifest, not_before_ms=None, attempt=1):
    """The answer to `GET updates/next`. `attempt` rises when the operator lets the board try a version again."""
    document = {"id": id, "not_before_ms": not_before_ms, "attempt": attempt}
    document["manifest"] = manifest_document(manifest)
    return document


def parse_offer(document):
    """Raises BadRequest."""
    id, not_before_ms = document.get("id"), document.get("not_before_ms")
    if not isinstance(id, str) or not 0 < len(id) <= 36 or not _consists(id, ID_LETTERS):
        raise BadRequest("bad_id", "id is the update's", "id")
    if not_before_ms is not None:
        not_before_ms = _number(document, "not_before_ms", 0, 1 << 50)
    if not isinstance(document.get("manifest"), dict):
        raise BadRequest("bad_manifest", "manifest is an object", "manifest")
    attempt = _number(document, "attempt", 1, MAX_ATTEMPT) if "attempt" in document else 1
    return Offer(id, parse_manifest(document["manifest"]), not_before_ms, attempt)


def build_progress(state, percent=None, reason=""):
    """The body of `POST updates/{id}/progress`."""
    return {"state": state, "percent": percent, "reason": reason}


def parse_progress(document):
    """Raises BadRequest. Reasons of newer firmware are taken as they are, so long as they are short words."""
    state, percent, reason = document.get("state"), document.get("percent"), document.get("reason") or ""
    if state not in STATES:
        raise BadRequest("bad_state", "unknown state", "state", STATES)
    if percent is not None:
        percent = _number(document, "percent", 0, 100)
    if not isinstance(reason, str) or len(reason) > 32 or not _consists(reason, VERSION_LETTERS):
        raise BadRequest("bad_reason", "a short word", "reason")
    return Progress(state, percent, reason)
