"""A key of the operator's, and release files signed with it."""

import base64
import hashlib
import io
from functools import cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from panal.cells.updates import messages


@cache
def private_key(name="one"):
    """Making one takes a moment, so each is made once."""
    return rsa.generate_private_key(messages.EXPONENT, 8 * messages.SIGNATURE_BYTES)


def public_pem(name="one"):
    key = private_key(name).public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


def artifact_of(files):
    """(the bytes of an app's artifact, its table)."""
    listed = [messages.File(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in files.items()]
    table = messages.build_table(listed)
    return table + b"".join(files.values()), table


def signed(manifest, key="one"):
    signature = private_key(key).sign(messages.canonical(manifest), padding.PKCS1v15(), hashes.SHA256())
    return manifest._replace(signature=base64.b64encode(signature).decode())


def manifest_of(version, board="wearable-1", files=None, security_version=0, key="one"):
    """(signed manifest, artifact)."""
    artifact, table = artifact_of(files or {"panal/version.mpy": version.encode()})
    digest, files_digest = hashlib.sha256(artifact).hexdigest(), hashlib.sha256(table).hexdigest()
    plain = messages.Manifest(
        version, security_version, board, messages.APP, len(artifact), digest, len(table), files_digest, ""
    )
    return signed(plain, key), artifact


def release_file(version="9.1.0", **more):
    """What `panal updates build` makes, as an open file."""
    return io.BytesIO(messages.build_release(*manifest_of(version, **more)))
