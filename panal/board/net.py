"""Connections to the server: TCP, or TLS that trusts our one CA and nothing else.

A stream has `await read(n)` (up to n bytes, b"" at the end), `await write(data)` and `close()`, which is immediate.
"""

import asyncio
import binascii

PRIVATE = ("10.", "192.168.", "127.", "169.254.", "::1", "fe80:", "fc", "fd")
CONNECT_S = 20


class Refused(Exception):
    """This connection may not be made as things are; the text says why."""


class Stream:
    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer

    async def read(self, n):
        return await self._reader.read(n)

    async def write(self, data):
        self._writer.write(data)
        await self._writer.drain()

    def close(self):
        self._writer.close()
        socket = getattr(self._writer, "s", None)
        if socket is not None:
            socket.close()  # MicroPython's close() does nothing, and its wait_closed() must be awaited


async def connect(host, port, tls, server_name=None):
    """A Stream to the server. `tls` is a context of `pinned`, or None. Raises OSError for everything of the network."""
    try:
        opening = _open(host, port, tls, server_name or host) if tls else asyncio.open_connection(host, port)
        reader, writer = await asyncio.wait_for(opening, CONNECT_S)
    except asyncio.TimeoutError:  # noqa: UP041  a class of its own on MicroPython
        raise OSError(110, "no connection")
    except ValueError as error:  # what mbedTLS raises for a certificate that it does not trust
        raise OSError(5, str(error))
    return Stream(reader, writer)


async def _open(host, port, tls, server_name):
    return await asyncio.open_connection(host, port, ssl=tls, server_hostname=server_name)


def pinned(pem):
    """A TLS context that trusts only the CA in `pem` (text) and checks the server's name."""
    try:
        import tls

        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(der(pem))  # MicroPython's own module takes the bytes and no keyword
    except ImportError:
        import ssl as tls  # CPython

        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=der(pem))
    context.verify_mode = tls.CERT_REQUIRED
    return context


def der(pem):
    """The first certificate of a PEM text, as the bytes that both TLS libraries take."""
    body = pem.split("-----BEGIN CERTIFICATE-----")[1].split("-----END")[0]
    return binascii.a2b_base64("".join(body.split()))


def is_private(host):
    """Whether an address (or a name that only a local network knows) is on our network: RFC 1918, 4193, 3927."""
    host = host.lower()
    if host == "localhost" or host.endswith(".local") or "." not in host and ":" not in host:
        return True
    if host.startswith("172."):
        second = host.split(".")[1]
        return _is_address(host) and 16 <= int(second) <= 31
    is_v6 = ":" in host
    return any(host.startswith(prefix) and (":" in host) == is_v6 for prefix in PRIVATE) and _is_address(host)


def _is_address(host):
    return ":" in host or all(part.isdigit() for part in host.split("."))
