"""Numbers of cards and codes: sealed here, hashed for each door under that door's own key (decision 13)."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from django.conf import settings

from panal.cells.devices import api as devices
from panal.control import vault
from panal.protocol import keys
from panal.protocol.errors import BadRequest

from . import rules
from .models import Credential, CredentialKind

UID_BYTES = (4, 7, 10)
MAX_DIGIT = 15
"""Of a knob; a keypad has 0 to 9."""


def number_of(text: str) -> str:
    """A card's UID as it is stored: lower-case hexadecimal. `04:A2:…`, `04 A2 …` and `04A2…` are the same."""
    plain = text.strip().lower().replace(":", "").replace(" ", "").replace("-", "")
    try:
        uid = bytes.fromhex(plain)
    except ValueError:
        uid = b""
    if len(uid) not in UID_BYTES:
        raise BadRequest("bad_card", "8, 14 or 20 hexadecimal digits", "number")
    return uid.hex()


def digits_of(text: str, field: str, length: int | None = None) -> tuple[int, ...]:
    """ "364" and "3 6 4" are 3, 6, 4; "3-6-10" are 3, 6, 10. Raises BadRequest("bad_code")."""
    text = text.strip()
    words = text.replace("-", " ").replace(",", " ").split()
    words = list(text) if len(words) == 1 else words
    digits = tuple(int(word) for word in words if word.isascii() and word.isdecimal() and len(word) <= 2)
    if len(digits) != len(words) or not 1 <= len(digits) <= rules.MAX_CODE or max(digits) > MAX_DIGIT:
        raise BadRequest("bad_code", f"1 to {rules.MAX_CODE} digits, each 0 to {MAX_DIGIT}", field)
    if length is not None and len(digits) != length:
        raise BadRequest("bad_code_length", f"{length} digits, as the door expects", field)
    return digits


def code_text(digits: tuple[int, ...]) -> str:
    return "-".join(str(digit) for digit in digits)


def fingerprint(account_id: int, kind: str, secret: str) -> str:
    """By which the same card is found again within an account."""
    key = hashlib.sha256(b"panal/access/1/" + settings.VAULT_KEY.encode()).digest()
    return hmac.digest(key, f"{account_id}|{kind}|{secret}".encode(), "sha256").hex()


def seal(account_id: int, kind: str, secret: str) -> bytes:
    return vault.seal(secret, _context(account_id, kind))


def _context(account_id: int, kind: str) -> str:
    return f"access:{kind}:{account_id}"


def key_of(device: Any) -> bytes:
    """Under which this door hashes cards and codes."""
    key: bytes = keys.derive(devices.token_of(device), "access")
    return key


def combination(device: Any, digits: tuple[int, ...]) -> str:
    """The hash of a door's own combination."""
    return str(keys.hex_of(rules.code_hash(key_of(device), digits)))


def hasher(device: Any) -> Callable[[Credential], str]:
    """A function that hashes credentials for this door; as rules.card_hash and code_hash, by C and not by ours."""
    key = key_of(device)

    def hash(credential: Credential) -> str:
        secret = vault.unseal(bytes(credential.secret_encrypted), _context(credential.account_id, credential.kind))
        word = "card" if credential.kind == CredentialKind.CARD else "code"
        return hmac.digest(key, f"{word}|{secret}".encode(), "sha256")[: rules.HASH_BYTES].hex()

    return hash
