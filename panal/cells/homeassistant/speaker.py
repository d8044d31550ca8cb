"""Our own MQTT connection to the broker, for what only MQTT can say: messages that are kept for who comes later.

The newest message of each topic is remembered and said again after every new connection: a broker that lost its store
has all of it again. The protocol is the board's own machine (panal/board/mqtt.py).
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable

from panal.board import mqtt
from panal.gateway.cell import OwnMqtt
from panal.gateway.tasks import end

logger = logging.getLogger(__name__)

MAX_TOPICS = 100_000
AGAIN_S = 1.0
LOOK_S = 1.0
READ = 4096


class Client(mqtt.Client):
    """The board's half speaks no retained messages; the server's does."""

    def keep(self, topic: str, payload: bytes, now_ms: int) -> None:
        self._need_connection()
        self._send(0x31, len(topic.encode()).to_bytes(2, "big") + topic.encode() + payload, now_ms)


class Speaker:
    def __init__(self, where: Callable[[], OwnMqtt | None]) -> None:
        self._where = where
        self._said: dict[str, bytes] = {}
        self._waiting: dict[str, bytes] = {}
        self._wake = asyncio.Event()
        self.is_connected = False
        self.dropped = 0

    def say(self, topic: str, payload: bytes) -> None:
        """Keep this at the broker; an empty payload is forgotten there. The newest word of a topic is the one said."""
        if len(self._said) >= MAX_TOPICS and topic not in self._said:
            self.dropped += 1
            return
        self._said[topic] = payload
        self._waiting[topic] = payload
        self._wake.set()

    async def run(self) -> None:
        while True:
            try:
                if (where := self._where()) is not None:
                    await self._session(where)
            except (OSError, TimeoutError) as error:
                logger.info("our own MQTT: %s", error)
            self.is_connected = False
            await asyncio.sleep(AGAIN_S)

    async def _session(self, where: OwnMqtt) -> None:
        reader, writer = await asyncio.open_connection(where.host, where.port, ssl=where.tls)
        client = Client("panal-" + secrets.token_hex(6), where.user, where.password)
        client.connect(_now())
        reading = asyncio.create_task(self._read(reader, client))
        try:
            while client.state != mqtt.CLOSED:
                self._speak(client)
                for data in client.data_to_send():
                    writer.write(data)
                await writer.drain()
                await self._pause()
                client.handle_deadline(_now())
        finally:
            writer.transport.abort()
            await end([reading])

    async def _read(self, reader: asyncio.StreamReader, client: Client) -> None:
        try:
            while data := await reader.read(READ):
                client.receive_data(data, _now())
                if any(event[0] == "connected" for event in client.events()):
                    self.is_connected = True
                    self._waiting = dict(self._said)
                self._wake.set()
        except OSError as error:
            logger.info("our own MQTT: %s", error)
        client.connection_lost()
        self._wake.set()

    def _speak(self, client: Client) -> None:
        if client.state != mqtt.CONNECTED:
            return
        waiting, self._waiting = self._waiting, {}
        for topic, payload in waiting.items():
            client.keep(topic, payload, _now())
            if not payload:
                self._said.pop(topic, None)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(LOOK_S):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()


def _now() -> int:
    return time.monotonic_ns() // 1_000_000
