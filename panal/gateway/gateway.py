"""The data plane, assembled: the parts in the order in which they start, and what the cells' handlers may use."""

import asyncio
import logging
import shutil
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path as FilePath
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from nats.errors import Error as NatsError
from starlette.routing import BaseRoute, Route

from panal.cells import cards
from panal.cells.card import load
from panal.protocol.errors import PanalError, Unavailable
from panal.protocol.topics import down_subject
from panal.settings import Settings

from . import body as json_body
from . import http, quick
from .auth import Callout, Older
from .broker import Access, Broker, external_access, listen_of
from .bus import Bus, News, Outbox
from .cell import EventKinds, Guests, Handlers, Hub, Leaf, OwnMqtt, Reaction, Service
from .connection import Connection
from .identity import Identities
from .ledger import Ledger
from .limits import Failures, Rates
from .live import Live
from .metrics import Health, Metrics
from .mqtt import Bridge
from .presence import Presences
from .replicas import Replicas
from .sockets import Sockets
from .store import DomainEvent, Store
from .stream import Streams
from .tasks import end

logger = logging.getLogger(__name__)

THREADS = 6
EXPIRE_S = 5.0
CONNECT_S = 5.0
HEALTH_S = 3.0
PERMIT_S = 3600
"""How long a connection to a broker that is not ours may last (docs/decisions/0017-a-permit-ends.md)."""
COMPLAINTS_PER_MIN = 6


class Ports(NamedTuple):
    mqtt: int
    stream: int
    mqtt_ws: int = 0


class Gateway:
    """`start` and `stop` around the life of the server; `routes` for its HTTP port."""

    def __init__(self, settings: Settings, store: Store, handlers: list[Handlers] | None = None) -> None:
        self.settings = settings
        self.store = store
        self._folder = FilePath(settings.data).absolute() / "nats"
        self.heartbeat_s: int = settings.heartbeat_s
        self.plain_public: bool = settings.plain_public
        self._handlers = handlers if handlers is not None else handlers_of_cells()
        clock = time.monotonic
        self.identities = Identities(lambda device_id: self.in_thread(store.identity, device_id), clock)
        self.addresses = Rates(settings.rate_address_per_min, clock)
        self.devices = Rates(settings.rate_device_per_min, clock)
        self.complaints = Rates(COMPLAINTS_PER_MIN, clock)
        self.failures = Failures(clock)
        self.http_counts: Counter[tuple[str, int]] = Counter()
        self.mqtt_counts: Counter[tuple[str, str]] = Counter()
        self.ledger_groups = self.ledger_messages = 0
        self.ledger_seconds = 0.0
        self.ledger = Ledger(store.commit, observe=self._observe)
        self.outbox = Outbox()
        self.bus = Bus(self.outbox if settings.nats_url else None)  # the embedded broker serves one replica only
        self.live = Live(self)
        self.streams = Streams(settings)
        self.replicas = Replicas()
        self.broker: Broker | None = None
        self.access: Access | None = None
        self.callout: Callout | None = None
        self.presences = Presences(self, settings.nats_account, store.reconcile)
        self.bridge = Bridge(self, self._leaves(), self._kinds())
        self.sockets = self.presences.others = Sockets(self)
        self._reactions = self._reactions_by_event()
        self._older = self._older_board()
        self.services: list[Service] = [h.service(self.hub) for h in self._handlers if h.service]
        self._connection: Connection | None = None
        self._system: Connection | None = None
        self._threads = ThreadPoolExecutor(THREADS, "store")
        self._tasks: set[asyncio.Task[Any]] = set()

    # what the handlers of cells use

    @property
    def hub(self) -> Hub:
        return cast(Hub, self)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def submit(self, kind: str, message: Any, urgent: bool = False) -> Awaitable[Any]:
        return self.ledger.submit(kind, message, urgent)

    def post(self, kind: str, message: Any, urgent: bool = False) -> None:
        with suppress(Unavailable):  # counted by the ledger
            self.ledger.put(kind, message, urgent)

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def send(self, device_id: str, leaf: str, document: Any) -> None:
        payload, session = json_body.encode(document), self.presences.sessions.get(device_id)
        if session is not None and session.is_websocket:
            self.sockets.send(session, device_id, leaf, payload)
        else:
            self.outbox.send(down_subject(device_id, leaf), payload)

    def say(self, topic: str, document: Any) -> None:
        self.outbox.send(topic.replace("/", "."), json_body.encode(document))

    def own_mqtt(self) -> OwnMqtt | None:
        """As the user whom the broker's own configuration knows."""
        if self.access is None:
            return None
        host = urlsplit(self.settings.nats_url).hostname if self.settings.nats_url else self.settings.host
        near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host or "", host or "127.0.0.1")  # noqa: S104  not listened on
        return OwnMqtt(near, self.ports.mqtt, self.access.user, self.access.password, self._own_tls())

    def _own_tls(self) -> ssl.SSLContext | None:
        """Our own broker on our own machine: its certificate is for other names."""
        if not self.settings.tls:
            return None
        context = ssl.create_default_context()
        if not self.settings.nats_url:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    async def end_guest(self, user: str) -> None:
        await self.presences.end_user(user)

    def is_connected(self, device_id: str) -> bool:
        return device_id in self.presences.sessions

    def news(self, device_id: str, name: str) -> AbstractContextManager[News]:
        return self.bus.news(device_id, name)

    # life

    async def start(self) -> None:
        """Everything up: ledger, broker, its connections, streams. Raises BrokerFailed with a sentence."""
        self.ledger.start()
        self.bus.start()
        self.bus.on_own(self._react)
        self.bus.listen(self._notice)
        try:
            self.access = await self._broker_access()
            await self._connect(self.access)
            await self._start_services()
            await self.sockets.start()
            for path, accept in self.sockets.streams().items():
                self.streams.serve(path, accept)
            await self.streams.start()
        except BaseException:
            await self.stop()
            raise
        self._spawn(self._expire_often())

    async def stop(self) -> None:
        """In order: nothing new comes in, what was taken is committed, then the broker goes."""
        self.close_live()
        await self.streams.stop()
        await self.sockets.stop()
        for service in self.services:
            await service.stop()
        await end(self._tasks)
        await self.presences.stop()
        if self.callout:
            await self.callout.stop()
        await self.ledger.stop()
        await self.bridge.stop()
        await self.outbox.stop()
        for connection in (self._connection, self._system):
            if connection and not connection.is_closed:
                with suppress(NatsError, OSError, TimeoutError):
                    await connection.close()
        if self.broker:
            await self.broker.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _start_services(self) -> None:
        for service in self.services:
            await service.start()
            for path, accept in service.streams().items():
                self.streams.serve(path, accept)
            for path, accept in service.upgrades().items():
                self.streams.serve_upgrade(path, accept)

    def close_live(self) -> None:
        """End what would stay open: live pages and the long polls of boards."""
        self.live.close()
        self.bus.end_waits()
        for service in self.services:
            service.close()

    @property
    def ports(self) -> Ports:
        listen = self.broker.listen if self.broker else None
        if listen is None:
            return Ports(self.settings.mqtt_port, self.streams.port, self.settings.mqtt_ws_port)
        return Ports(listen.mqtt_port, self.streams.port, listen.websocket_port)

    @property
    def broker_up(self) -> bool:
        connections = (self._connection, self._system)
        return all(connection is not None and connection.is_connected for connection in connections)

    @property
    def broker_restarts(self) -> int:
        return self.broker.restarts if self.broker else 0

    async def health(self) -> dict[str, bool]:
        """Which part works."""
        return {
            "broker": self.broker_up,
            "ledger": self.ledger.alive,
            "database": await self._database_answers(),
            "disk": await asyncio.to_thread(self._disk_has_room),
        }

    def _disk_has_room(self) -> bool:
        try:
            return bool(shutil.disk_usage(self.settings.data).free >= self.settings.disk_min_mb * 1_000_000)
        except OSError:
            return False

    async def _database_answers(self) -> bool:
        try:
            async with asyncio.timeout(HEALTH_S):
                await self.in_thread(self.store.identity, "health-check")
        except Exception:  # noqa: BLE001  whatever it is, the database does not answer
            return False
        return True

    def device_api(self) -> http.DeviceApi:
        return http.device_api(self, [path for handlers in self._handlers for path in handlers.paths], self._kinds())

    def front(self, behind: http.Application) -> http.Application:
        """The application with the device paths in front of it, past its middleware: that path is the hot one."""
        return http.Front(self.device_api(), behind)

    def http_protocol(self) -> type[asyncio.Protocol]:
        """For uvicorn: what answers the hottest of the device paths without ASGI."""
        return quick.protocol_of(self.device_api())

    def routes(self) -> list[BaseRoute]:
        """What the HTTP port serves of the data plane."""
        return [
            self.device_api(),
            Route("/live", self.live.endpoint),
            Route("/api/health", Health(self).endpoint),
            Route("/metrics", Metrics(self).endpoint),
            *(route for service in self.services for route in service.routes()),
        ]

    # the broker

    async def _broker_access(self) -> Access:
        if self.settings.nats_url:
            return external_access(self.settings)
        self.broker = Broker(self._folder, listen_of(self.settings))
        return await self.broker.start()

    async def _connect(self, access: Access) -> None:
        """Our two connections. One that is not there yet is made as soon as it can be: HTTP works without."""
        lasts_s = PERMIT_S if self.settings.nats_url else 0
        self.presences.own_user = access.user
        self.callout = Callout(self, access, (*self._leaves(), "event"), self._older, lasts_s, self._guests())
        connecting = self._spawn(self._keep_connecting(access))
        await asyncio.wait([connecting], timeout=CONNECT_S)
        if connecting.done():
            connecting.result()
        else:
            logger.error("NATS at %s does not answer yet; devices over HTTP are served", access.url)

    async def _keep_connecting(self, access: Access) -> None:
        self._connection = await _connected(access.url, access.user, access.password, no_echo=True)
        self._system = await _connected(
            access.url, access.sys_user, access.sys_password, reconnected_cb=self._broker_back
        )
        self.outbox.start(self._connection)
        assert self.callout is not None
        await self.bridge.start(self._connection)
        if self._older:
            await self.bridge.hear_older(self._connection, *self._older)
        await self._connection.subscribe("bus.>", cb=self.bus.receive)
        await self.presences.start(self._system)
        await self.replicas.start(self._connection)
        await self._connection.flush()
        await self._system.flush()
        await self.callout.start(self._connection)  # last: from here on devices come in
        await self._connection.flush()

    async def _broker_back(self) -> None:
        self.presences.reconcile_soon()

    # what happened

    def _notice(self, event: DomainEvent) -> None:
        """Something changed that this replica keeps in memory."""
        if event.name in ("device.token_changed", "device.removed"):
            self.identities.drop(event.device_id)
            self._spawn(self.presences.kick(event.device_id))
        elif event.name == "device.added":
            self.identities.drop(event.device_id)

    def _react(self, event: DomainEvent) -> None:
        for reaction in self._reactions.get(event.name, ()):
            self._spawn(self._guard(reaction.react(self.hub, event), event.name))

    async def _guard(self, work: Awaitable[None], name: str) -> None:
        try:
            await work
        except PanalError as error:
            logger.warning("%s: %s", name, error.message)
        except Exception:  # the next hello of the board heals it
            logger.exception("reacting to %s", name)

    def _observe(self, size: int, seconds: float) -> None:
        self.ledger_groups += 1
        self.ledger_messages += size
        self.ledger_seconds += seconds

    async def _expire_often(self) -> None:
        while True:
            await asyncio.sleep(EXPIRE_S)
            try:
                await self.in_thread(self.store.expire, self.now_ms())
            except Exception:  # the next round tries again
                logger.exception("commands and silent devices could not be looked at")

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # the cells

    def _leaves(self) -> dict[str, Leaf]:
        return {name: leaf for handlers in self._handlers for name, leaf in handlers.leaves.items()}

    def _older_board(self) -> Older | None:
        """The one board without a user name, where the operator has named it."""
        found = [h.older for h in self._handlers if h.older and getattr(self.settings, h.older.setting)]
        return Older(getattr(self.settings, found[0].setting), found[0]) if found else None

    def _guests(self) -> list[Guests]:
        return [handlers.guests for handlers in self._handlers if handlers.guests]

    def _kinds(self) -> dict[str, EventKinds]:
        return {kind: h.events for h in self._handlers if h.events for kind in h.events.kinds}

    def _reactions_by_event(self) -> dict[str, list[Reaction]]:
        found: dict[str, list[Reaction]] = {}
        for handlers in self._handlers:
            for reaction in handlers.reactions:
                found.setdefault(reaction.event, []).append(reaction)
        return found


async def _connected(url: str, user: str, password: str, **options: Any) -> Connection:
    """A connection that keeps trying for ever, also the first time. `url`: one, or several with commas between."""
    connection = Connection()
    await connection.connect(
        [one.strip() for one in url.split(",")],
        user=user,
        password=password,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.3,  # type: ignore[arg-type]  # it is only added to a clock
        connect_timeout=2,
        ping_interval=20,
        max_outstanding_pings=2,
        pending_size=16 * 1024 * 1024,
        error_cb=_quietly,
        **options,
    )
    return connection


async def _quietly(error: Exception) -> None:
    logger.warning("NATS: %r", error)


def handlers_of_cells() -> list[Handlers]:
    """The handlers of every cell that has some."""
    return [load(card.gateway) for card in cards() if card.gateway]
