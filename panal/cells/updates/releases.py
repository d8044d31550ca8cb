"""Making a release on the operator's machine: the firmware of a model, or an image, with a signed manifest."""

import hashlib
import tempfile
from base64 import b64encode
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from panal import firmware
from panal.virtual.build import SIMULATION

from . import messages

UNSIGNED = "A" * (4 * messages.SIGNATURE_BYTES // 3)


def build(
    model: str,
    version: str,
    security_version: int,
    key: RSAPrivateKey,
    *,
    board: str = "",
    pins: str = "",
    foreign_cells: frozenset[str] = frozenset(),
) -> bytes:
    """A release file with the firmware of a model, compiled from these sources. Raises BadRequest.

    Virtual devices take it too, so it keeps the names that their simulation uses.
    """
    release = firmware.Release(version, security_version)
    about: dict[str, Any] = {"model": model, "board": board, "pins": pins, "foreign_cells": foreign_cells}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "build"
        firmware.build(folder, **about, release=release, users=[firmware.PACKAGE / name for name in SIMULATION])
        names = sorted(path.relative_to(folder).as_posix() for path in (folder / "panal").rglob("*") if path.is_file())
        return of_files([(name, (folder / name).read_bytes()) for name in names], model, version, security_version, key)


def of_files(
    files: list[tuple[str, bytes]], model: str, version: str, security_version: int, key: RSAPrivateKey
) -> bytes:
    """A release file with these files, an `app`. Raises BadRequest."""
    files = [(path, content) for path, content in files if content]
    table = messages.build_table([messages.File(path, len(content), _digest(content)) for path, content in files])
    messages.parse_table(table)
    artifact = table + b"".join(content for _, content in files)
    about = (version, security_version, model, messages.APP, len(artifact), _digest(artifact))
    return _signed(messages.Manifest(*about, len(table), _digest(table), UNSIGNED), artifact, key)


def of_image(content: bytes, model: str, version: str, security_version: int, key: RSAPrivateKey) -> bytes:
    """A release file with a whole image. Raises BadRequest."""
    about = (version, security_version, model, messages.IMAGE, len(content), _digest(content))
    return _signed(messages.Manifest(*about, 0, "", UNSIGNED), content, key)


def _signed(manifest: Any, artifact: bytes, key: RSAPrivateKey) -> bytes:
    messages.parse_manifest(messages.manifest_document(manifest))  # every bound that a board checks
    signature = key.sign(messages.canonical(manifest), PKCS1v15(), hashes.SHA256())
    release: bytes = messages.build_release(manifest._replace(signature=b64encode(signature).decode()), artifact)
    return release


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
