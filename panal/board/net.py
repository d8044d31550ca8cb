"""Connections to the server: TCP, or TLS that trusts our one CA and nothing else.

A stream has `await read(n)` (up to n bytes, b"" at the end), `await write(data)` and `close()`, which is immediate.
"""

import asyncio

CONNECT_S = 20
VERIFY_FAILED = -0x2700  # MBEDTLS_ERR_X509_CERT_VERIFY_FAILED, mbedtls/x509.h


class Refused(Exception):
    """This connection may not be made as things are; the text says why."""


class Dropped(Exception):
    """The server will never take this event; `error` is what it said: `{"code", "message"}`."""

    def __init__(self, error):
        super().__init__(error)
        self.error = error if isinstance(error, dict) else {}


class Stream:
    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer

    async def read(self, n):
        try:
            return await self._reader.read(n)
        except (OSError, ValueError) as error:
            raise _told(error)

    async def write(self, data):
        try:
            self._writer.write(data)
            await self._writer.drain()
        except (OSError, ValueError) as error:
            raise _told(error)

    def close(self):
        self._writer.close()
        socket = getattr(self._writer, "s", None)
        if socket is not None:
            socket.close()  # MicroPython's close() does nothing, and its wait_closed() must be awaited


def _told(error):
    """The same failure as an OSError. mbedTLS shakes hands at the first read or write: a ValueError for whichever comes
    first, when it does not trust the certificate, and a number for the other."""
    if isinstance(error, ValueError) or error.errno == VERIFY_FAILED:
        return OSError(5, "the server's certificate is not signed by our authority")
    return error


async def pause(event, ms):
    """Wait so long, or until the event, which is cleared."""
    try:
        await asyncio.wait_for(event.wait(), ms / 1000)
    except asyncio.TimeoutError:  # noqa: UP041  a class of its own on MicroPython
        pass
    event.clear()


async def connect(host, port, tls, server_name=None):
    """A Stream to the server. `tls` is a context of `pinned`, or None. Raises OSError for everything of the network."""
    try:
        opening = _open(host, port, tls, server_name or host) if tls else asyncio.open_connection(host, port)
        reader, writer = await asyncio.wait_for(opening, CONNECT_S)
    except asyncio.TimeoutError:  # noqa: UP041  a class of its own on MicroPython
        raise OSError(110, "no connection")
    except ValueError as error:
        raise _told(error)
    return Stream(reader, writer)


async def _open(host, port, tls, server_name):
    return await asyncio.open_connection(host, port, ssl=tls, server_hostname=server_name)
