"""The networks that a board knows, on its flash: one file, `wifi`, that is the old or the new one as a whole.

`{"networks": envelope of [[ssid, password], …], "rev": of the last order begun, "report": of it}`. The envelope is
sealed under the storage key, so a network's name and password never lie on flash in clear.
"""

import json
import os

from panal.protocol import envelope, keys
from panal.protocol.errors import BadRequest

FILE = "wifi"
ERASED = ("twin", "twin.new", "twin.old")
EMPTIED = ("commands",)  # not the events: one that nobody has taken yet may be somebody on the floor


def load(storage, token):
    """(networks, rev, report or None). What cannot be read is no network."""
    record = _record(storage)
    return _opened(record.get("networks"), token), record.get("rev", 0), record.get("report")


def is_any_known(storage):
    return bool(_record(storage).get("networks"))


def save(storage, token, networks, rev, report=None):
    sealed = envelope.seal(*_keys(token), json.dumps(networks).encode(), os.urandom(16))  # noqa: B026
    storage.write(FILE, json.dumps({"networks": sealed, "rev": rev, "report": report}))


def erase(storage):
    """Forget what a person brought: networks, and what the server said. The token, and the last order's `rev`, stay."""
    storage.write(FILE, json.dumps({"rev": _record(storage).get("rev", 0), "is_erasing": True}))
    finish(storage)


def finish(storage):
    """Go on with an erasure that a power cut ended early. To be called at every start."""
    record = _record(storage)
    if not record.get("is_erasing"):
        return
    storage.remove(FILE + ".old")  # the last good copy still knows the networks
    for name in ERASED:
        storage.remove(name)
    for folder in EMPTIED:
        for name in storage.names(folder):
            storage.remove(folder + "/" + name)
    storage.write(FILE, json.dumps({"rev": record.get("rev", 0)}))
    storage.remove(FILE + ".old")


def _record(storage):
    try:
        record = json.loads(storage.read(FILE) or "{}")
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _opened(sealed, token):
    if not sealed:
        return []
    try:
        found = json.loads(envelope.open(*_keys(token), sealed))  # noqa: B026
    except (BadRequest, ValueError):  # sealed under another token
        return []
    return [(ssid, password) for ssid, password in found]


def _keys(token):
    key = keys.derive(token, "storage")
    return keys.hmac_sha256(key, b"encrypt"), keys.hmac_sha256(key, b"mac")
