"""uvicorn's HTTP protocol with a short way for the hot paths of devices, past task, ASGI and head parser.

A request takes the short way when it has come whole and alone in one piece: a head that says nothing out of the usual,
its body, and nothing after it. The device API then answers it, after the commit, from a callback. Whatever is different
in any way (pieces, chunks, pipelines, proxies, unknown tokens, other paths) goes to uvicorn byte for byte, so all that
is hard about HTTP stays there, and the answers are the same either way.

An answer may also take its connection over, as a WebSocket does: `hand_over`.

The head of a device hardly changes from one request to the next; it is parsed once, by the same llhttp that uvicorn
uses, and remembered.

A head is bounded here too, in bytes and in time, since uvicorn takes any: who never ends one keeps a connection, and
some thousands of these would keep everybody else out.
"""

import asyncio
from functools import lru_cache
from typing import Any, ClassVar, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from panal.protocol.errors import BadRequest, PanalError, Unavailable

from . import body as json_body
from .errors import Headers, document_of, headers_of
from .http import DeviceApi, Head, credentials, heads_of, is_json

CONNECTION = "panal.connection"
"""In the ASGI scope: the `QuickProtocol` that the request came on."""
MAX_HEAD = 2048
HEADS = 2048
LONGEST_HEAD = 64 * 1024
"""Of what uvicorn reads, give or take one piece from the socket."""
HEAD_S = 20.0
"""Within this a head is whole, from the connection or from its first byte on."""
LONG = BadRequest("too_large", f"a head has at most {LONGEST_HEAD} bytes")
SLOW = Unavailable("too_slow", f"a head comes within {HEAD_S:.0f} s")
UNUSUAL = {b"expect", b"transfer-encoding", b"upgrade", b"x-forwarded-for", b"x-forwarded-proto"}


def protocol_of(api: DeviceApi) -> type[asyncio.Protocol]:
    """The class for uvicorn's option `http`."""
    return type("DeviceProtocol", (QuickProtocol,), {"api": api})


class QuickProtocol(HttpToolsProtocol):
    api: ClassVar[DeviceApi]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._between_messages = True  # of those that uvicorn parses
        self._is_waiting = False  # for an answer on the short way
        self._held = b""  # what came meanwhile
        self._is_closing = False
        self._head_size = 0
        self._head_late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._between_messages = False
        self._expect_head()
        super().on_message_begin()
        cast(dict[str, Any], self.scope)[CONNECTION] = self

    def on_headers_complete(self) -> None:
        self._head_came()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._between_messages = True
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        if self._is_waiting:
            self._held += data
            self.flow.pause_reading()
        elif not self._take(data):
            awaited = self._head_late
            super().data_received(data)
            self._bound_head(awaited, len(data))

    def _expect_head(self) -> None:
        self._head_size = 0
        if self._head_late is None:
            self._head_late = self.loop.call_later(HEAD_S, self._refuse_head, SLOW)

    def _head_came(self) -> None:
        if self._head_late is not None:
            self._head_late.cancel()
            self._head_late = None

    def _bound_head(self, awaited: asyncio.TimerHandle | None, received: int) -> None:
        """After a piece: whether the head that was awaited before it still is; or what came was nothing at all."""
        if self._head_late is None and self._is_idle() and self.transport.get_protocol() is self:  # no WebSocket by now
            self._expect_head()
        elif self._head_late is not None and self._head_late is awaited:
            self._head_size += received
            if self._head_size > LONGEST_HEAD:
                self._refuse_head(LONG, 431)

    def _refuse_head(self, why: PanalError, status: int = 503) -> None:
        """Answer, where an answer is awaited and no other one is on its way; then close."""
        self._head_came()
        if self.transport.is_closing():
            return
        if not self._between_messages and (self.cycle is None or self.cycle.response_complete):
            extra = [(b"connection", b"close"), *headers_of(why, status)]
            self.transport.write(response(status, extra, json_body.encode(document_of(why))))
        self.transport.close()

    def _take(self, data: bytes) -> bool:
        """Take the short way, if this is one whole request for it."""
        end = data.find(b"\r\n\r\n", 0, MAX_HEAD) + 4
        if end < 4 or not self._is_idle() or self.client is None:
            return False
        head = head_of(data[:end])
        if head is None or len(data) != end + head.length:
            return False
        self._unset_keepalive_if_required()
        self._head_came()
        self._is_waiting = True
        if self.api.take(head, data[end:], self.client[0], self.scheme or "http", self._tell):
            return True
        self._is_waiting = False
        return False

    def _is_idle(self) -> bool:
        """Whether uvicorn has nothing to parse, to answer or to send."""
        is_answered = self.cycle is None or self.cycle.response_complete
        return is_answered and self._between_messages and not self.flow.write_paused

    def _tell(self, status: int, body: bytes, extra: Headers) -> None:
        self._is_waiting = False
        if self.transport.is_closing():
            return
        if self._is_closing:
            extra = [*extra, (b"connection", b"close")]
        self.transport.write(response(status, [*self.server_state.default_headers, *extra], body))
        if self._is_closing:
            self.transport.close()
            return
        self.on_response_complete()
        if self._held:
            held, self._held = self._held, b""
            self.data_received(held)

    def hand_over(self, headers: Headers, protocol: asyncio.Protocol) -> None:
        """Answer 200 with a body that ends with the connection, and leave that to `protocol`; to uvicorn it is lost."""
        if self.transport.is_closing():
            return
        self.flow.resume_reading()  # else nobody would notice that the peer leaves
        if self.flow.write_paused:  # the transport says it once, and has said it to us
            protocol.pause_writing()
        self.connection_lost(ConnectionAbortedError("handed over"))
        self.transport.write(head(200, [*self.server_state.default_headers, *headers, (b"connection", b"close")]))
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)

    def shutdown(self) -> None:
        """The server is stopping: an answer on its way is still given."""
        self._is_closing = True
        if not self._is_waiting:
            super().shutdown()


def response(status: int, headers: Headers, body: bytes) -> bytes:
    about = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    return head(status, [*headers, *about]) + body


def head(status: int, headers: Headers) -> bytes:
    return STATUS_LINE[status] + b"".join([b"%b: %b\r\n" % header for header in headers]) + b"\r\n"


class _Reading:
    """What llhttp finds in a head."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.is_complete = True


@lru_cache(maxsize=HEADS)
def head_of(head: bytes) -> Head | None:
    """What a usual head says; None for one that uvicorn should see."""
    reading = _Reading()
    parser = httptools.HttpRequestParser(reading)
    try:
        parser.feed_data(head)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    is_usual = parser.get_method() == b"POST" and parser.get_http_version() == "1.1" and parser.should_keep_alive()
    if not is_usual or not reading.is_complete:
        return None
    return _head(reading.url, reading.headers)


def _head(url: bytes, headers: list[tuple[bytes, bytes]]) -> Head | None:
    heads = heads_of(headers)
    device_id, token = credentials(heads)
    if UNUSUAL.intersection(name for name, _ in headers) or not heads.content_length or not is_json(heads.content_type):
        return None
    return Head(url.decode("latin-1"), device_id, token, int(heads.content_length))
