"""One process: the data plane on its event loop, and the control plane's pages behind it in a pool of threads."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterable
from contextlib import nullcontext, suppress
from typing import Any, cast

import uvicorn
from a2wsgi import WSGIMiddleware
from starlette.applications import Starlette
from starlette.routing import Mount

from panal.control import bench, events, wsgi
from panal.control.store import DjangoStore
from panal.gateway import Gateway
from panal.gateway.listening import check_tls, taken
from panal.settings import Settings

logger = logging.getLogger(__name__)

PRUNE_EVERY_S = 3600
GRACE_S = 5
SWITCH_S = 0.001
SWITCH_POSTGRES_S = 0.0001

Companion = Callable[["Server"], Coroutine[Any, Any, Any]]


class Server:
    """The whole server. `companions` are coroutines that live as long as it does (the demo's virtual devices)."""

    def __init__(self, settings: Settings, companions: Iterable[Companion] = ()) -> None:
        self.settings = settings
        self.store = DjangoStore()
        self.gateway = Gateway(settings, self.store)
        self.companions = tuple(companions)
        self.http_port = 0
        self._stopping = asyncio.Event()

    async def run(self, started: Callable[["Server"], None] | None = None) -> None:
        """Serve until SIGINT or SIGTERM. Calls `started` once everything answers."""
        check_tls(self.settings)
        sockets = [_listen(self.settings.host, port, setting) for port, setting in self._http_ports()]
        self.http_port = sockets[0].getsockname()[1]
        await self.gateway.start()
        events.set_publisher(self.gateway.bus.publish_soon)
        http = _Http(self._config())
        tasks = [asyncio.create_task(http.serve(sockets=sockets)), asyncio.create_task(self._prune())]
        tasks += [asyncio.create_task(companion(self)) for companion in self.companions]
        try:
            self._take_signals()
            while not http.started and not tasks[0].done():  # noqa: ASYNC110  uvicorn says it by a flag only
                await asyncio.sleep(0.01)
            _settle(SWITCH_POSTGRES_S if self.settings.database_url else SWITCH_S)
            if started and http.started:
                started(self)
            await asyncio.wait([tasks[0], asyncio.create_task(self._stopping.wait())], return_when="FIRST_COMPLETED")
        finally:
            await self._stop(http, tasks)

    def _http_ports(self) -> list[tuple[int, str]]:
        return [
            (self.settings.http_port, "PANAL_HTTP_PORT (--http-port)"),
            *((port, "PANAL_HTTP_ALIASES") for port in self.settings.http_alias_ports),
        ]

    def _config(self) -> uvicorn.Config:
        s = self.settings
        return uvicorn.Config(
            self.application(),
            loop="none",
            http=self.gateway.http_protocol(),
            ws=cast(Any, self.gateway.streams.upgraded),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=s.trusted_proxies,
            ssl_certfile=str(s.tls_cert) if s.tls else None,
            ssl_keyfile=str(s.tls_key) if s.tls else None,
            timeout_graceful_shutdown=GRACE_S,
            backlog=4096,
        )

    def application(self) -> Any:
        """Device paths and live updates first; every other address is a page."""
        pages: Any = wsgi.application
        behind: Any = WSGIMiddleware(pages, workers=self.settings.workers)
        return self.gateway.front(Starlette(routes=[*self.gateway.routes(), Mount("/", app=behind)]))

    def stop(self) -> None:
        self._stopping.set()

    def _take_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.stop)

    async def _stop(self, http: "_Http", tasks: list[asyncio.Task[Any]]) -> None:
        for task in tasks[1:]:
            task.cancel()
        await asyncio.gather(*tasks[1:], return_exceptions=True)
        self.gateway.close_live()
        http.should_exit = True
        with suppress(asyncio.CancelledError):
            await tasks[0]
        events.set_publisher(None)
        bench.set_hub(None)
        await self.gateway.stop()

    async def _prune(self) -> None:
        """Retention: once an hour, what is older than its settings say goes."""
        while True:
            try:
                await asyncio.to_thread(self.store.prune)
            except Exception:
                logger.exception("pruning failed")
            await asyncio.sleep(PRUNE_EVERY_S)


def _settle(switch_s: float) -> None:
    """What start-up has made stays for good: the garbage collector need not look at it again, and may come less often.

    Django's objects are many; walking over them took a twentieth of the time that an event takes, in long pauses.

    A transaction lets go of the interpreter lock at every statement. While the loop is busy it then waits as long as a
    thread may keep it: at Python's 5 ms those waits were what an alert took under a flood of telemetry. With PostgreSQL
    nothing of a statement runs in this process, so the writer comes back for it less often, and may sooner.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    sys.setswitchinterval(switch_s)


class _Http(uvicorn.Server):
    """uvicorn without its own signal handlers: the server above decides when everything stops, and in what order."""

    def capture_signals(self) -> Any:
        return nullcontext()


def _listen(host: str, port: int, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise taken(port, host, str(error.strerror), setting) from None
    listener.listen(4096)
    listener.setblocking(False)
    return listener
