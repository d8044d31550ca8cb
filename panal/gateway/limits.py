"""Bounds on what one peer may ask: token buckets per device and address, and growing delays after wrong tokens."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

MAX_KEYS = 20_000
BURST_S = 60.0
FIRST_DELAY_S = 0.1
MAX_DELAY_S = 5.0
FORGIVE_AFTER_S = 300.0
MAX_DELAYED = 500


class Rates:
    """Token buckets: `per_minute` in the long run, as much at once. Bounded: the least recent key is forgotten."""

    def __init__(self, per_minute: int, clock: Callable[[], float], max_keys: int = MAX_KEYS) -> None:
        self.per_minute = per_minute
        self._rate = per_minute / 60.0
        self._clock = clock
        self._max_keys = max_keys
        self._buckets: OrderedDict[str, list[float]] = OrderedDict()

    def take(self, key: str) -> float:
        """0.0 when one more is allowed; otherwise the seconds until it will be."""
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            self._add(key, now)
            return 0.0
        self._buckets.move_to_end(key)
        level = min(float(self.per_minute), bucket[0] + (now - bucket[1]) * self._rate)
        bucket[1] = now
        if level < 1.0:
            bucket[0] = level
            return (1.0 - level) / self._rate
        bucket[0] = level - 1.0
        return 0.0

    def _add(self, key: str, now: float) -> None:
        self._buckets[key] = [self.per_minute - 1.0, now]
        if len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)

    def __len__(self) -> int:
        return len(self._buckets)


class Failures:
    """How long an address waits for its next "no": doubling from 0.1 s to 5 s, forgiven after five quiet minutes."""

    def __init__(self, clock: Callable[[], float], max_keys: int = MAX_KEYS, max_delayed: int = MAX_DELAYED) -> None:
        self._clock = clock
        self._max_keys = max_keys
        self._max_delayed = max_delayed
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self.delayed = 0

    def failed(self, address: str) -> float:
        """Count one failure of this address; the seconds its answer waits."""
        now = self._clock()
        count, last = self._counts.get(address, (0, now))
        count = 1 if now - last > FORGIVE_AFTER_S else count + 1
        self._counts[address] = (count, now)
        self._counts.move_to_end(address)
        if len(self._counts) > self._max_keys:
            self._counts.popitem(last=False)
        return float(min(MAX_DELAY_S, FIRST_DELAY_S * 2 ** min(count - 1, 16)))

    def may_wait(self) -> bool:
        """Whether one more answer may be kept waiting: those that wait cost memory."""
        return self.delayed < self._max_delayed

    def __len__(self) -> int:
        return len(self._counts)


@lru_cache(maxsize=4096)
def is_private(address: str) -> bool:
    """Whether an address belongs to a local network: only there may tokens travel in plain text."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address in ("", "localhost")  # a Unix socket has no address
    mapped = getattr(found, "ipv4_mapped", None)
    return _is_local(mapped or found)


def is_near(address: str, forwarded_for: str) -> bool:
    """Whether a request comes from a local network, and every proxy on its way says so too.

    Behind a proxy that is not in PANAL_TRUSTED_PROXIES the whole internet has the proxy's own address. What is claimed
    here can only take a right away.
    """
    return is_private(address) and all(is_private(hop.strip()) for hop in forwarded_for.split(",") if hop.strip())


def caller_behind(address: str, forwarded_for: str, trusted: str) -> str:
    """Who calls: the connection's own address, or what the proxies in `trusted` (addresses, networks, `*`) say."""
    for hop in reversed([part.strip() for part in forwarded_for.split(",") if part.strip()]):
        if not is_trusted(address, trusted):
            return address
        address = hop
    return address


@lru_cache(maxsize=4096)
def is_trusted(address: str, trusted: str) -> bool:
    """Whether PANAL_TRUSTED_PROXIES names this address."""
    parts = [part.strip() for part in trusted.split(",") if part.strip()]
    try:
        found = ipaddress.ip_address(address)
        return "*" in parts or any(found in ipaddress.ip_network(part, strict=False) for part in parts)
    except ValueError:
        return address in parts


def _is_local(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(address.version == network.version and address in network for network in LOCAL)


LOCAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
        "::1/128", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
