"""Who a device is: identities from the store, cached for a short time and dropped when a token changes."""

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from panal.protocol.errors import Unauthorized
from panal.protocol.topics import is_device_id

from .store import Identity

KEEP_S = 15.0
KEEP_UNKNOWN_S = 2.0
MAX_KEPT = 20_000
NOBODY = hashlib.sha256(b"nobody").digest()

Lookup = Callable[[str], Awaitable[Identity | None]]


class Identities:
    """A bounded cache over `lookup`. Questions about one device that come together ask the store once."""

    def __init__(self, lookup: Lookup, clock: Callable[[], float], max_kept: int = MAX_KEPT) -> None:
        self._lookup = lookup
        self._clock = clock
        self._max_kept = max_kept
        self._kept: OrderedDict[str, tuple[Identity | None, float]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Identity | None]] = {}
        self._drops = 0

    def known(self, device_id: str) -> tuple[Identity | None, bool]:
        """(identity, whether it is fresh) from the cache alone."""
        found = self._kept.get(device_id)
        if found is None or found[1] < self._clock():
            return None, False
        return found[0], True

    async def get(self, device_id: str) -> Identity | None:
        identity, fresh = self.known(device_id)
        if fresh:
            return identity
        if not is_device_id(device_id):
            return None
        asking = self._asking.get(device_id)
        if asking is None:
            asking = self._asking[device_id] = asyncio.create_task(self._ask(device_id))
            asking.add_done_callback(lambda _: self._asking.pop(device_id, None))
        return await asyncio.shield(asking)

    async def _ask(self, device_id: str) -> Identity | None:
        while True:
            drops = self._drops
            identity = await self._lookup(device_id)
            if drops == self._drops:  # else a token changed while we asked: what we hold may be old
                return self._keep(device_id, identity)

    def _keep(self, device_id: str, identity: Identity | None) -> Identity | None:
        if identity is not None and not identity.active:
            identity = None
        self._kept[device_id] = (identity, self._clock() + (KEEP_S if identity else KEEP_UNKNOWN_S))
        self._kept.move_to_end(device_id)
        if len(self._kept) > self._max_kept:
            self._kept.popitem(last=False)
        return identity

    def drop(self, device_id: str) -> None:
        """Forget this device; a question already on its way is asked again."""
        self._drops += 1
        self._kept.pop(device_id, None)

    def __len__(self) -> int:
        return len(self._kept)


def stranger() -> Unauthorized:
    """The one answer to an unknown device and to a wrong token."""
    return Unauthorized("unauthorized", "unknown device or wrong key")


def holds(identity: Identity | None, token: str) -> bool:
    """Whether this token is the device's; takes as long for a device that does not exist."""
    given = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
    expected = identity.token_sha256 if identity and len(identity.token_sha256) == 32 else NOBODY
    return hmac.compare_digest(given, expected) and identity is not None and expected is not NOBODY
