"""Releases and rollouts as who ships a product makes them, for tests and benchmarks: keys, files, REST."""

import json
import os
import urllib.request
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from panal.cells.updates import messages, releases
from tests.running import Panal

ARTIFACT_BYTES = 64 * 1024


def shipper(panal: Panal) -> str:
    """The token of a program of Ada's, who is staff."""
    panal.run("user", "create", "ada@panal.example", "--password", "una clave larga 2", "--role", "staff")
    scopes = ("--scopes", "read,operate,configure", "--json")
    return str(json.loads(panal.run("token", "create", "ada@panal.example", *scopes))["token"])


def trusted(panal: Panal, folder: Path) -> rsa.RSAPrivateKey:
    """A new key whose releases the server takes."""
    key = rsa.generate_private_key(messages.EXPONENT, 8 * messages.SIGNATURE_BYTES)
    public = folder / "key.pub"
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    panal.run("updates", "trust", str(public))
    return key


def released(panal: Panal, folder: Path, key: rsa.RSAPrivateKey, version: str) -> int:
    """The number of a new release for wearables."""
    path = folder / f"{version}.panal"
    path.write_bytes(releases.of_files([("panal/a.mpy", os.urandom(ARTIFACT_BYTES))], "wearable-1", version, 0, key))
    panal.run("updates", "release", str(path))
    return int(panal.rows("SELECT max(id) FROM updates_release")[0][0])


def rest(panal: Panal, token: str, method: str, path: str, body: Any = None) -> Any:
    """The answer of REST below …/updates. Raises OSError (urllib's HTTPError too)."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{panal.url}/api/v1/manage/updates{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)
