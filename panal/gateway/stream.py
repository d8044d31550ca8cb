"""WebSockets on picows: the stream port by exact path, and upgrades of the HTTP port by path with one `{id}` in it.

A cell adds its paths to the tables: a function that takes the upgrade request and returns the listener, usually a
`Socket`. A path that nobody serves gets a plain 404.
"""

import asyncio
import logging
import os
import socket
import ssl
from asyncio import Server
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from multidict import CIMultiDict
from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from panal.protocol.errors import PanalError
from panal.settings import Settings

from . import body as json_body
from .limits import caller_behind, is_private, is_trusted
from .listening import taken

logger = logging.getLogger(__name__)

HANDSHAKE_S = 10
IDLE_S = 10
PONG_S = 10
READ_BUFFER = 16 * 1024
MAX_TEXT = 4096
MAX_MESSAGE = 256 * 1024
"""Bytes of one message on the stream port: who has not said who they are can make us keep as much."""
MAX_UNREAD = 256 * 1024
"""Bytes that we have said and the peer has not read, before it is cut off."""
MAX_UNSENT = 128 * 1024
"""Bytes that the kernel may hold back for a slow peer: what lies there is late, and is sent all the same."""

Accept = Callable[[WSUpgradeRequest], WSListener | WSUpgradeResponseWithListener]


class Streams:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._paths: dict[str, Accept] = {}
        self._upgrades: dict[tuple[str, str], Accept] = {}
        self._server: Server | None = None
        self.port = 0

    def serve(self, path: str, accept: Accept) -> None:
        """On the stream port."""
        self._paths[path] = accept

    def serve_upgrade(self, path: str, accept: Accept) -> None:
        """On the HTTP port; one `{id}` may stand in the path."""
        before, _, after = path.partition("{id}")
        self._upgrades[before, after] = accept

    async def start(self) -> None:
        """Raises CannotListen with a sentence."""
        host, port, tls = self._settings.host, self._settings.stream_port, _tls(self._settings)
        try:
            self._server = await ws_create_server(
                self._route,
                host,
                port,
                ssl=tls,
                websocket_handshake_timeout=HANDSHAKE_S,
                enable_auto_ping=True,
                auto_ping_idle_timeout=IDLE_S,
                auto_ping_reply_timeout=PONG_S,
                max_frame_size=MAX_MESSAGE,
            )
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            raise taken(port, host, why, "PANAL_STREAM_PORT (--stream-port)") from None
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            self._server = None

    def _route(self, request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        accept = self._paths.get(path_of(request))
        if accept is None:
            return refuse(HTTPStatus.NOT_FOUND, "Nothing streams at this address.\n")
        return accept(request)

    def _route_upgrade(self, request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        path = path_of(request)
        for (before, after), accept in self._upgrades.items():
            if path.startswith(before) and path.endswith(after) and len(path) >= len(before) + len(after):
                return accept(request)
        return refuse(HTTPStatus.NOT_FOUND, "Nothing streams at this address.\n")

    def upgraded(self, **_: Any) -> "Upgraded":
        """What uvicorn hands a connection of the HTTP port to, when it asks for a WebSocket."""
        return Upgraded(self._route_upgrade)


class Upgraded(WSProtocol):  # type: ignore[misc]
    """picows on a connection that uvicorn has accepted: uvicorn gives the request again as the first bytes."""

    def __init__(self, route: Accept) -> None:
        super().__init__(
            None, None, False, route, logging.getLogger("picows.server"), True,
            HANDSHAKE_S, True, IDLE_S, PONG_S, WSAutoPingStrategy.PING_WHEN_IDLE, True, MAX_TEXT, None, READ_BUFFER,
        )  # fmt: skip

    def data_received(self, data: bytes) -> None:
        while data:
            room = self.get_buffer(len(data))
            size = min(len(room), len(data))
            room[:size] = data[:size]
            data = data[size:]
            self.buffer_updated(size)


class Socket(WSListener):
    """One WebSocket as a cell sees it: whole messages, each bounded before it is kept, and a peer that must read.

    Subclasses take `receive_text` (a parsed object), `receive_binary` (a view that lives during the call only),
    `receive_nonsense` (a text that is no JSON object), `connected`, `gone` and `drained` (there is room again).
    """

    def __init__(self, request: WSUpgradeRequest, max_binary: int = 0) -> None:
        super().__init__()
        self.request = request
        self.max_text = MAX_TEXT
        self.transport: WSTransport | None = None
        self.is_paused = False
        self.is_closed = False
        self._max_binary = max_binary
        self._parts: bytearray | None = None
        self._kind = WSMsgType.TEXT

    def connected(self) -> None: ...

    def receive_text(self, message: dict[str, Any]) -> None: ...

    def receive_binary(self, data: memoryview) -> None: ...

    def receive_nonsense(self) -> None: ...

    def gone(self) -> None: ...

    def drained(self) -> None: ...

    # what picows calls

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        keep_little(transport.underlying_transport)
        self.connected()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind == WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif kind in (WSMsgType.PING, WSMsgType.PONG) or self.is_closed:
            return
        elif frame.fin and self._parts is None and kind != WSMsgType.CONTINUATION:
            self._receive(kind, frame.get_payload_as_memoryview())
        else:
            self._receive_part(kind, frame)

    def _receive_part(self, kind: WSMsgType, frame: WSFrame) -> None:
        """A message in parts, as some boards' libraries send what is larger than their buffer."""
        if (kind == WSMsgType.CONTINUATION) != (self._parts is not None):
            self.close(1002, "parts out of order")
            return
        if self._parts is None:
            self._parts, self._kind = bytearray(), kind
        if len(self._parts) + frame.payload_size > self._most(self._kind):
            self.close(1009, "this message is too long")
            return
        self._parts += frame.get_payload_as_memoryview()
        if frame.fin:
            whole, self._parts = self._parts, None
            self._receive(self._kind, memoryview(whole))

    def _most(self, kind: WSMsgType) -> int:
        return self.max_text if kind == WSMsgType.TEXT else self._max_binary

    def _receive(self, kind: WSMsgType, data: memoryview) -> None:
        if len(data) > self._most(kind):
            self.close(1009, "this message is too long")
        elif kind == WSMsgType.BINARY:
            self.receive_binary(data)
        else:
            self._receive_text(bytes(data))

    def _receive_text(self, data: bytes) -> None:
        try:
            message = json_body.decode_object(data, self.max_text)
        except PanalError:
            self.receive_nonsense()
        else:
            self.receive_text(message)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.is_closed = True
        self.gone()

    def pause_writing(self) -> None:
        self.is_paused = True

    def resume_writing(self) -> None:
        self.is_paused = False
        if not self.is_closed:
            self.drained()

    # what cells call

    @property
    def peer(self) -> str:
        """The address at the other end of this connection; a proxy's, where there is one."""
        assert self.transport is not None
        name = self.transport.underlying_transport.get_extra_info("peername")
        return str(name[0]) if name else ""

    def header(self, name: str) -> str:
        return str(self.request.headers.get(name, ""))

    def caller(self, trusted: str) -> str:
        """The address of whoever calls, behind the proxies in `trusted`."""
        return caller_behind(self.peer, self.header("x-forwarded-for"), trusted)

    def is_safe(self, trusted: str) -> bool:
        """Whether nobody on the way can read a token."""
        proxied = self.header("x-forwarded-proto") in ("https", "wss") and is_trusted(self.peer, trusted)
        return self.is_encrypted or proxied or is_private(self.caller(trusted))

    @property
    def is_encrypted(self) -> bool:
        return self.transport is not None and bool(self.transport.is_secure)

    def say(self, document: Any) -> None:
        self.say_text(json_body.encode(document))

    def say_text(self, text: bytes) -> None:
        """A text that is already encoded. A peer that reads nothing is cut off, not waited for."""
        if self.is_closed or self.transport is None:
            return
        if self.transport.underlying_transport.get_write_buffer_size() > MAX_UNREAD:
            self.cut()
        else:
            self.transport.send(WSMsgType.TEXT, text)

    def send_binary(self, data: bytes) -> None:
        """The transport keeps a reference and no copy of what it cannot send at once: one frame serves all viewers."""
        if not self.is_closed and self.transport is not None:
            self.transport.send(WSMsgType.BINARY, data)

    def close(self, code: int, reason: str) -> None:
        """Say why, and close. What still comes is thrown away until the peer closes too: a connection that is closed
        while something lies unread is reset, and the peer would never read why."""
        if self.is_closed or self.transport is None:
            return
        self.is_closed = True
        self.transport.send_close(WSCloseCode(code), reason.encode())
        asyncio.get_running_loop().call_later(CLOSE_S, self.cut)

    def cut(self) -> None:
        self.is_closed = True
        if self.transport is not None and not self.transport.is_disconnected:
            self.transport.disconnect(graceful=False)


CLOSE_S = 2.0


def keep_little(transport: asyncio.Transport) -> None:
    """It says at once when it has not got rid of what was written, and so does the kernel."""
    transport.set_write_buffer_limits(high=1, low=0)  # TLS with 0 never resumes
    connection = transport.get_extra_info("socket")
    if connection is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT)


class Arrivals:
    """Connections that have not said yet who they are: so many, and so many of one address."""

    def __init__(self, most: int = 512, most_each: int = 128) -> None:
        self._most, self._most_each = most, most_each
        self._of: dict[Socket, str] = {}

    def __len__(self) -> int:
        return len(self._of)

    def take(self, arrival: Socket, address: str) -> bool:
        if len(self._of) >= self._most or list(self._of.values()).count(address) >= self._most_each:
            return False
        self._of[arrival] = address
        return True

    def leave(self, arrival: Socket) -> None:
        self._of.pop(arrival, None)


def path_of(request: WSUpgradeRequest) -> str:
    return request.path.decode("latin-1").partition("?")[0]


def query_of(request: WSUpgradeRequest) -> dict[str, list[str]]:
    """What stands after the question mark; nothing where that is nonsense."""
    try:
        return parse_qs(request.path.decode("latin-1").partition("?")[2], max_num_fields=20)
    except ValueError:
        return {}


def refuse(status: HTTPStatus, text: str) -> WSUpgradeResponseWithListener:
    """A plain HTTP answer instead of the upgrade."""
    response = WSUpgradeResponse.create_error_response(
        status, text.encode(), CIMultiDict({"Content-Type": "text/plain; charset=utf-8"})
    )
    return WSUpgradeResponseWithListener(response, None)


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if not settings.tls:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_cert, settings.tls_key)
    return context
