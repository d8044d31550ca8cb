"""Keys of a device: one token, and from it one key for each purpose.

A token is 32 random bytes, written as 64 lower-case hexadecimal digits. The server compares `token_hash`; both ends
derive `K(label) = HMAC-SHA256(token bytes, "panal/1/" + label)` (docs/wire/mqtt.md, Keys).
MicroPython has no `hmac` module: this is RFC 2104 over its sha256.
"""

import binascii
import hashlib

LABELS = ("command", "wifi-encrypt", "wifi-mac", "storage", "access", "access-encrypt", "access-mac", "local")
BLOCK_BYTES = 64  # of SHA-256, RFC 2104 section 2


def hmac_sha256(key, message):
    """HMAC-SHA256 of `message` (bytes) under `key` (bytes): 32 bytes."""
    if len(key) > BLOCK_BYTES:
        key = hashlib.sha256(key).digest()
    key = key + bytes(BLOCK_BYTES - len(key))
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in key))
    inner.update(message)
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in key))
    outer.update(inner.digest())
    return outer.digest()


def derive(token, label):
    """The key for `label` of the device whose token (64 hex digits) this is: 32 bytes."""
    return hmac_sha256(binascii.unhexlify(token), ("panal/1/" + label).encode())


def token_hash(token):
    """What the server keeps and compares: SHA-256 of the token as text, 32 bytes."""
    return hashlib.sha256(token.encode()).digest()


def same(one, other):
    """Whether two byte strings are equal, in a time that does not depend on where they differ."""
    if len(one) != len(other):
        return False
    difference = 0
    for a, b in zip(one, other):  # noqa: B905  MicroPython's zip takes no keyword; the lengths are equal
        difference |= a ^ b
    return difference == 0


def hex_of(data):
    """Bytes as lower-case hexadecimal text."""
    return binascii.hexlify(data).decode()


def local_code(token):
    """Eight digits with which a person who stands by a board may work it: the panel shows them."""
    return "%08d" % (int.from_bytes(hmac_sha256(derive(token, "local"), b"code")[:7], "big") % 100000000)
