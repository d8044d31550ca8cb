"""What replicas tell each other beside domain events: bytes on subjects below `replicas.`, lost when nobody listens.

What is subscribed before the broker is there is subscribed as soon as it is. Nothing that matters for ever goes this
way: frames to viewers at another replica, and who wants them.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

logger = logging.getLogger(__name__)

PREFIX = "replicas."
MAX_BYTES = 900_000
"""Of one message: NATS takes 1 MB with its headers."""

Hear = Callable[[str, bytes], None]


class Listening:
    """One subscription, from now until `stop`."""

    def __init__(self, replicas: "Replicas", subject: str, hear: Hear, queue: str | None = None) -> None:
        """With a queue: the whole subject, and each message at one replica only."""
        self.subject, self._hear, self._queue = subject, hear, queue
        self._replicas = replicas
        self._at: Subscription | None = None

    async def begin(self, connection: Client) -> None:
        prefix = PREFIX if self._queue is None else ""
        self._at = await connection.subscribe(prefix + self.subject, self._queue or "", cb=self._receive)

    async def _receive(self, message: Msg) -> None:
        try:
            self._hear(message.subject.removeprefix(PREFIX), message.data)
        except Exception:  # what one message does wrong is not the next one's fault
            logger.exception("%s", message.subject)

    async def stop(self) -> None:
        self._replicas.forget(self)
        if self._at is not None:
            with suppress(NatsError, OSError):
                await self._at.unsubscribe()


class Replicas:
    def __init__(self) -> None:
        self._connection: Client | None = None
        self._listening: set[Listening] = set()

    async def start(self, connection: Client) -> None:
        self._connection = connection
        for listening in list(self._listening):
            await listening.begin(connection)

    async def listen(self, subject: str, hear: Hear) -> Listening:
        """Hear what others say on `subject` (`*` and `>` as in NATS); our own words do not come back."""
        return await self._begin(Listening(self, subject, hear))

    async def share(self, subject: str, queue: str, hear: Hear) -> Listening:
        """Hear what guests of the broker say on `subject`, each message at one replica of those that share `queue`."""
        return await self._begin(Listening(self, subject, hear, queue))

    async def _begin(self, listening: Listening) -> Listening:
        self._listening.add(listening)
        if self._connection is not None:
            with suppress(NatsError, OSError):  # nats-py subscribes again by itself after a reconnect
                await listening.begin(self._connection)
        return listening

    def forget(self, listening: Listening) -> None:
        self._listening.discard(listening)

    async def say(self, subject: str, payload: bytes) -> None:
        """To the other replicas; waits until the broker has taken it, drops it where there is none."""
        if self._connection is None or not self._connection.is_connected:
            return
        with suppress(NatsError, OSError):
            await self._connection.publish(PREFIX + subject, payload)
            await self._connection.flush(timeout=5)


Say = Callable[[str, bytes], Awaitable[None]]
