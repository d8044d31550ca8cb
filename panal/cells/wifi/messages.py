"""What server and board say about networks (docs/wire/mqtt.md, Keys): the sealed order, and what the board reports.

The command `wifi.change` has args `{"envelope": …}`; in the envelope lies `{"ssid","password","rev"}`, and each order
of a device has a higher `rev` than the one before. The board reports `{"wifi": {"rev","state","reason","ssid_hash"}}`.
"""

import hashlib
from collections import namedtuple

from panal.protocol import codec, keys
from panal.protocol.errors import BadRequest

TRYING, CHANGED, KEPT = "trying", "changed", "kept"
REASONS = ("", "wrong_password", "not_found", "no_address", "no_server", "power_cut")
REV_MAX = 1 << 53
MAX_BYTES = 1024

Order = namedtuple("Order", "ssid password rev")


def build_order(ssid, password, rev):
    """The plain document of an order, to be sealed (bytes)."""
    return codec.encode({"ssid": ssid, "password": password, "rev": rev})


def parse_order(plain):
    """An Order out of an opened envelope (bytes). Raises BadRequest."""
    document = codec.decode_object(plain, MAX_BYTES, 1)
    rev = document.get("rev")
    if rev is True or not isinstance(rev, int) or not 0 < rev < REV_MAX:
        raise BadRequest("bad_rev", field="rev")
    check_network(document.get("ssid"), document.get("password", ""))
    return Order(document["ssid"], document.get("password", ""), rev)


def check_network(ssid, password):
    """As 802.11 and WPA have it: a name of 1 to 32 bytes; 8 to 63 characters, or 64 hexadecimal digits, or nothing.

    Raises BadRequest("bad_ssid") or BadRequest("bad_password").
    """
    if not isinstance(ssid, str) or not 1 <= len(ssid.encode()) <= 32 or not _is_printable(ssid):
        raise BadRequest("bad_ssid", "a network's name has 1 to 32 bytes", "ssid")
    if not isinstance(password, str) or not (password == "" or _is_key(password)):
        raise BadRequest("bad_password", "8 to 63 characters, or empty for an open network", "password")


def _is_key(password):
    if len(password) == 64:
        return all(digit in "0123456789abcdefABCDEF" for digit in password)
    return 8 <= len(password) <= 63 and all(32 <= ord(letter) < 127 for letter in password)


def _is_printable(text):
    return all(ord(letter) >= 32 and ord(letter) != 127 for letter in text)


def ssid_hash(ssid):
    """How a network is named where its name must not stand: 8 hexadecimal digits."""
    return keys.hex_of(hashlib.sha256(ssid.encode()).digest()[:4])


def build_report(rev, state, reason, hash):
    return {"rev": rev, "state": state, "reason": reason, "ssid_hash": hash}
