"""The stream port: WebSocket connections by path, on picows. A path that nobody serves gets a plain 404.

A cell that streams adds its path to the table: a function that takes the upgrade request and returns the listener.
"""

import ssl
from asyncio import Server
from collections.abc import Callable
from http import HTTPStatus

from multidict import CIMultiDict
from picows import WSListener, WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener, ws_create_server

from panal.settings import Settings

HANDSHAKE_S = 10
MAX_FRAME = 256 * 1024
IDLE_S = 10
PONG_S = 10

Accept = Callable[[WSUpgradeRequest], WSListener | WSUpgradeResponseWithListener]


class Streams:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._paths: dict[str, Accept] = {}
        self._server: Server | None = None
        self.port = 0

    def serve(self, path: str, accept: Accept) -> None:
        self._paths[path] = accept

    async def start(self) -> None:
        self._server = await ws_create_server(
            self._route,
            self._settings.host,
            self._settings.stream_port,
            ssl=_tls(self._settings),
            websocket_handshake_timeout=HANDSHAKE_S,
            enable_auto_ping=True,
            auto_ping_idle_timeout=IDLE_S,
            auto_ping_reply_timeout=PONG_S,
            max_frame_size=MAX_FRAME,
        )
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


def path_of(request: WSUpgradeRequest) -> str:
    return request.path.decode("latin-1").partition("?")[0]


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
