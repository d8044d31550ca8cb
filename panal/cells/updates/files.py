"""Artifacts: files named by the SHA-256 of what is in them, so that the same bytes lie once and cannot change."""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from django.conf import settings

from panal.protocol.errors import BadRequest, TooLarge

from . import messages


def folder() -> Path:
    return Path(settings.PANAL.data).absolute() / "artifacts"


def path_of(sha256: str) -> Path:
    """Where an artifact lies, whether it is there or not."""
    if not messages.is_digest(sha256):
        raise ValueError("not a SHA-256")
    return folder() / sha256


def keep(chunks: Iterable[bytes], sha256: str, size_bytes: int) -> Path:
    """Write an artifact, if it is what its manifest says it is: all of it is on the disk, or nothing is.

    Raises BadRequest("bad_size", "bad_hash"), TooLarge.
    """
    folder().mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".coming-", dir=folder())
    try:
        with os.fdopen(handle, "wb") as file:
            _write(file, chunks, sha256, size_bytes)
        Path(name).replace(path_of(sha256))
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder()
    return path_of(sha256)


def _write(file: object, chunks: Iterable[bytes], sha256: str, size_bytes: int) -> None:
    found, size = hashlib.sha256(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > messages.MAX_ARTIFACT_BYTES:
            raise TooLarge("too_large", f"at most {messages.MAX_ARTIFACT_BYTES} bytes", "artifact")
        found.update(chunk)
        file.write(chunk)  # type: ignore[attr-defined]
    if size != size_bytes:
        raise BadRequest("bad_size", "the artifact is not as long as its manifest says", "artifact")
    if found.hexdigest() != sha256:
        raise BadRequest("bad_hash", "the artifact is not the one that its manifest was signed for", "artifact")
    file.flush()  # type: ignore[attr-defined]
    os.fsync(file.fileno())  # type: ignore[attr-defined]


def _sync_folder() -> None:
    """A renamed file survives a power cut only once its folder is written too."""
    handle = os.open(folder(), os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def forget(sha256: str) -> None:
    path_of(sha256).unlink(missing_ok=True)


def check_table(path: Path, table_size: int, table_sha256: str, size: int) -> None:
    """Whether an app's artifact is its table and then exactly the files in it. Raises BadRequest("bad_files")."""
    with path.open("rb") as file:
        table = file.read(table_size)
        if hashlib.sha256(table).hexdigest() != table_sha256:
            raise BadRequest("bad_files", "the table of files is not the one that was signed", "files")
        listed = messages.parse_table(table)
        if table_size + sum(entry.size for entry in listed) != size:
            raise BadRequest("bad_files", "the files are not as long as their table says", "files")
        for entry in listed:
            if hashlib.sha256(file.read(entry.size)).hexdigest() != entry.sha256:
                raise BadRequest("bad_files", f"{entry.path} is not the file in its table", "files")


def prune(wanted: set[str], before: datetime) -> int:
    """Remove what is not wanted and has not been touched since `before`. How many files went."""
    found = list(folder().iterdir()) if folder().is_dir() else []
    old = [p for p in found if p.name not in wanted and p.stat().st_mtime < before.timestamp()]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
