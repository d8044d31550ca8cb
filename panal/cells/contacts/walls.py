"""Where a customer's channel may not reach: this machine and its neighbours, unless the operator's setting lets it.

Looked at when the connection is made, by an audit hook (PEP 578), so a name that resolves to another address by then
and a redirect get no further. It counts in the thread that is `behind_walls` only: the channels that we let through
(channels.py) start no threads of their own.
"""

import ipaddress
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAT64 = ipaddress.ip_network("64:ff9b::/96")
LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")

_here = threading.local()


class Walled(PermissionError):
    """A connection to an address that is not public."""

    def __init__(self, address: str) -> None:
        super().__init__(f"{address} is not a public address")


def is_public(text: str) -> bool:
    """Whether an address is one of the internet's; what wraps an IPv4 address is judged by that one."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address in LOCAL_NAT64 or address.teredo:
            return False
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast


@contextmanager
def behind_walls() -> Iterator[None]:
    """Connections that this thread makes inside the block reach public addresses only."""
    _watch_once()
    _here.walled = True
    try:
        yield
    finally:
        _here.walled = False


def _look(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto") and getattr(_here, "walled", False):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else "a local socket"
        if not is_public(str(host)):
            raise Walled(str(host))


_watching = threading.Lock()
_is_watching = False


def _watch_once() -> None:
    """A hook stays for the life of the process."""
    global _is_watching
    with _watching:
        if not _is_watching:
            sys.addaudithook(_look)
            _is_watching = True
