"""Envelopes: a secret that only one device can read (docs/wire/mqtt.md, Keys).

base64(0x01, IV of 16 bytes, AES-256-CBC with PKCS#7, HMAC-SHA256 over all before it). ESP32 MicroPython has AES in ECB
and CBC only, and no GCM. Encrypt-then-MAC: nothing is decrypted before the mac was compared, in constant time.
"""

import binascii

from panal.protocol import keys
from panal.protocol.errors import BadRequest

try:
    from cryptolib import aes
except ImportError:  # CPython: the server, and boards simulated there
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    class aes:  # type: ignore[no-redef]  # noqa: N801  cryptolib's name
        def __init__(self, key, mode, iv):
            self._cipher = Cipher(algorithms.AES(bytes(key)), modes.CBC(bytes(iv)))

        def encrypt(self, data):
            return self._run(self._cipher.encryptor(), data)

        def decrypt(self, data):
            return self._run(self._cipher.decryptor(), data)

        def _run(self, half, data):
            return half.update(bytes(data)) + half.finalize()


VERSION = b"\x01"
CBC = 2  # cryptolib's number of the mode
BLOCK = 16
MAC = 32
MAX_TEXT = 4096


def seal(encrypt_key, mac_key, plain, iv):
    """`plain` (bytes) as an envelope (text). `iv`: 16 random bytes, never the same twice under one key."""
    left = BLOCK - len(plain) % BLOCK
    body = VERSION + iv + aes(encrypt_key, CBC, iv).encrypt(plain + bytes((left,)) * left)
    return _text(body + keys.hmac_sha256(mac_key, body))


def open(encrypt_key, mac_key, text):
    """What an envelope holds (bytes). Raises BadRequest("bad_envelope") for everything that is not ours, whole."""
    data = _bytes(text)
    iv, body = data[1 : 1 + BLOCK], data[1 + BLOCK : -MAC]
    if data[:1] != VERSION or not body or len(body) % BLOCK:
        raise BadRequest("bad_envelope")
    if not keys.same(keys.hmac_sha256(mac_key, data[:-MAC]), data[-MAC:]):
        raise BadRequest("bad_envelope")
    padded = aes(encrypt_key, CBC, iv).decrypt(body)
    left = padded[-1]
    if not 1 <= left <= BLOCK or padded[-left:] != bytes((left,)) * left:
        raise BadRequest("bad_envelope")
    return padded[:-left]


def _bytes(text):
    try:
        data = binascii.a2b_base64(text) if len(text) <= MAX_TEXT else b""
    except (ValueError, TypeError):  # UnicodeError is one of the first, for what is no ASCII
        data = b""
    # a2b_base64 passes over what is no base64: only the one text that we write ourselves is taken.
    if len(data) <= 1 + BLOCK + MAC or _text(data) != text:
        raise BadRequest("bad_envelope")
    return data


def _text(data):
    return binascii.b2a_base64(data)[:-1].decode()
