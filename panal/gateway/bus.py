"""The bus: domain events to whoever listens here and, over NATS, to the other replicas.

An event is told to listeners in this process at once, without the way through the broker, and it also works while the
broker is away. Other replicas, which exist only where the broker is not the embedded one, get one NATS message per
subject and transaction: `bus.<account or 0>.<topic>`, a JSON list of events, each the list of its fields in order. Only
the replica in which something was committed reacts to it (sends the command): `on_own`.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from .store import DomainEvent
from .tasks import end

logger = logging.getLogger(__name__)

MAX_WAITING = 50_000
_events = msgspec.json.Decoder(list[DomainEvent])

Listener = Callable[[DomainEvent], None]


class Outbox:
    """Messages on their way to NATS, written by one task: `send` costs no await and is bounded."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._wake = asyncio.Event()
        self._connection: Client | None = None
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0

    def start(self, connection: Client) -> None:
        self._connection = connection
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        await end([self._task])
        if self._connection:
            await self._drain()

    def send(self, subject: str, payload: bytes) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        self._waiting.append((subject, payload))
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._drain()

    async def _drain(self) -> None:
        connection = self._connection
        assert connection is not None
        while self._waiting and not connection.is_closed:
            subject, payload = self._waiting.popleft()
            try:
                await connection.publish(subject, payload)
            except (NatsError, OSError, ValueError):
                self.dropped += 1


class Bus:
    def __init__(self, outbox: Outbox | None) -> None:
        """Without an outbox there are no other replicas."""
        self._outbox = outbox
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: set[Listener] = set()
        self._own: list[Listener] = []
        self._news: defaultdict[tuple[str, str], set[News]] = defaultdict(set)
        self._is_ending = False

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()

    def publish_soon(self, events: Sequence[DomainEvent]) -> None:
        """Tell everybody, from any thread; returns at once."""
        if self._loop is None or not events:
            return
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._publish, list(events))

    def _publish(self, events: list[DomainEvent]) -> None:
        if self._outbox is not None:
            for subject, together in _by_subject(events).items():
                self._outbox.send(subject, msgspec.json.encode(together, enc_hook=str))
        for event in events:
            self._tell(event)
            _each(self._own, event)

    async def receive(self, message: Msg) -> None:
        """Events of another replica."""
        try:
            events = _events.decode(message.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            logger.warning("%s carried no events", message.subject)
            return
        for event in events:
            self._tell(event)

    def _tell(self, event: DomainEvent) -> None:
        if waiting := self._news.get((event.device_id, event.name)):
            for news in waiting:
                news.came.set()
        _each(tuple(self._listeners), event)

    def on_own(self, listener: Listener) -> None:
        """Hear what was committed by this replica."""
        self._own.append(listener)

    def listen(self, listener: Listener) -> None:
        self._listeners.add(listener)

    def forget(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def end_waits(self) -> None:
        """Whoever waits for news looks once more, and nobody waits again: the server is stopping."""
        self._is_ending = True
        for waiting in self._news.values():
            for news in waiting:
                news.came.set()

    @contextmanager
    def news(self, device_id: str, name: str) -> Iterator["News"]:
        key = (device_id, name)
        news = News()
        self._news[key].add(news)
        if self._is_ending:
            news.came.set()
        try:
            yield news
        finally:
            self._news[key].discard(news)
            if not self._news[key]:
                del self._news[key]


class News:
    """Something that somebody waits for."""

    def __init__(self) -> None:
        self.came = asyncio.Event()

    async def wait(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self.came.wait()
        except TimeoutError:
            return False
        return True


def _by_subject(events: list[DomainEvent]) -> dict[str, list[DomainEvent]]:
    subjects: defaultdict[str, list[DomainEvent]] = defaultdict(list)
    for event in events:
        subjects[f"bus.{event.account_id or 0}.{event.topic}"].append(event)
    return subjects


def _each(listeners: Iterable[Listener], event: DomainEvent) -> None:
    for listener in listeners:
        try:
            listener(event)
        except Exception:  # one listener's fault is not another's
            logger.exception("a listener failed at %s", event.name)
