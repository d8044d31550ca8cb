"""Secrets that must be read again (device tokens, TOTP seeds) are kept encrypted: AES-256-GCM under the vault key.

`context` says what the secret is and whose; it is authenticated, so a sealed value copied to another row opens nowhere.
"""

import hashlib
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE_BYTES = 12


class VaultError(Exception):
    """The sealed value does not open with this server's key."""


@lru_cache(maxsize=4)
def _cipher(key: str) -> AESGCM:
    return AESGCM(hashlib.sha256(b"panal/vault/1/" + key.encode()).digest())


def seal(text: str, context: str) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher(settings.VAULT_KEY).encrypt(nonce, text.encode(), context.encode())


def unseal(sealed: bytes, context: str) -> str:
    sealed = bytes(sealed)
    try:
        plain = _cipher(settings.VAULT_KEY).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError):
        raise VaultError(f"{context}: sealed with another key. Restore vault.key or set PANAL_VAULT_KEY.") from None
    return plain.decode()
