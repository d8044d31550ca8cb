"""The MQTT bridge: what boards say on panal/<id>/up/# goes through the cells' parsers into the ledger, and back.

The broker has already seen to it that a board speaks only for itself (auth callout). Here every message is bounded
before it is parsed; what cannot be taken is counted and written into the device's log, not more than now and then.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

from nats.aio.client import Client
from nats.aio.msg import Msg

from panal.cells.devices import messages as device_messages
from panal.protocol.errors import PanalError, Unavailable
from panal.protocol.topics import parse_subject

from . import body as json_body
from .cell import EventKinds, Hub, Leaf, OldTopics
from .connection import Connection
from .http import unknown_kind
from .ledger import Ledger
from .limits import Rates
from .tasks import end

logger = logging.getLogger(__name__)

SUBJECT = "panal.*.up.>"
QUEUE = "panal-up"
MAX_BYTES = 64 * 1024
MAX_AFTER = 10_000
MAX_UID = 64


class Context(Protocol):
    devices: Rates
    complaints: Rates
    ledger: Ledger
    mqtt_counts: Counter[tuple[str, str]]

    @property
    def hub(self) -> Hub: ...


class Bridge:
    def __init__(self, context: Context, leaves: Mapping[str, Leaf], kinds: Mapping[str, EventKinds]) -> None:
        self._context = context
        self._leaves = leaves
        self._kinds = kinds
        self._after: set[asyncio.Task[None]] = set()
        self._older_turn = asyncio.Lock()  # who waits for it goes in the order of coming

    async def start(self, connection: Connection) -> None:
        await connection.hear(SUBJECT, QUEUE, self.receive)

    async def hear_older(self, connection: Client, device_id: str, topics: OldTopics) -> None:
        """Listen to the one board that names no device in its topics; bounded and counted as the others."""

        async def receive(message: Msg) -> None:
            self._take_older(device_id, topics, message.data)

        await connection.subscribe(topics.hears.replace("/", "."), QUEUE, cb=receive)

    def _take_older(self, device_id: str, topics: OldTopics, data: bytes) -> None:
        if self._context.devices.take(device_id):
            self._count("older", "too_often")
            return
        try:
            body = json_body.decode_object(data, MAX_BYTES)
        except PanalError as error:
            self.complain(device_id, topics.hears, error.code, error)
            return
        self._start(self._heed_older(device_id, topics, body), "older")

    async def _heed_older(self, device_id: str, topics: OldTopics, body: Any) -> None:
        try:
            async with self._older_turn:
                await topics.take(self._context.hub, device_id, body)
            self._count("older", "ok")
        except PanalError as error:
            self.complain(device_id, topics.hears, error.code, error)

    async def stop(self) -> None:
        await end(self._after)

    def receive(self, subject: str, data: bytes) -> None:
        """One message of a board; nothing it can hold makes this raise."""
        parsed = parse_subject(subject)
        if parsed is None or parsed[1] != "up":
            self._count("unknown", "bad_topic")
            return
        self.take(parsed[0], parsed[2], data)

    def take(self, device_id: str, leaf: str, data: bytes) -> None:
        """One message of an authenticated board, whichever way it came."""
        if self._context.devices.take(device_id):
            self._count(leaf if leaf in self._leaves else "other", "too_often")
            return
        try:
            if leaf == "event":
                self._take_event_in(device_id, data)
            elif leaf in self._leaves:
                self._take_leaf(device_id, leaf, json_body.decode(data, MAX_BYTES))
            else:
                self.complain(device_id, "other", "unknown_topic")
        except PanalError as error:
            self.complain(device_id, leaf, error.code, error)
        except Exception:  # one message never stops the others
            logger.exception("a message of %s on %s", device_id, leaf)
            self._count(leaf, "crashed")

    def _take_leaf(self, device_id: str, name: str, body: Any) -> None:
        leaf, hub = self._leaves[name], self._context.hub
        if leaf.wants_object and type(body) is not dict:
            raise json_body.not_object()
        message = leaf.parse(body, device_id, hub.now_ms())
        if not leaf.kind:
            assert leaf.then is not None
            self._count(name, "ok")
            self._start(leaf.then(hub, message, None), name)
            return

        def done(answer: Any) -> None:
            if isinstance(answer, PanalError):
                self.complain(device_id, name, answer.code, answer)
                return
            self._count(name, "ok")
            if leaf.then is not None:
                self._start(leaf.then(hub, message, answer), name)

        self._context.ledger.put(leaf.kind, message, leaf.urgent, done)

    def _take_event_in(self, device_id: str, data: bytes) -> None:
        try:
            body = json_body.decode_object(data, MAX_BYTES)
        except PanalError as error:
            self._refuse(device_id, json_body.uid_in(data), error)
            return
        self._take_event(device_id, body)

    def _take_event(self, device_id: str, body: dict[str, Any]) -> None:
        """An event: `accepted` after the commit; one that can never be taken is answered with why."""
        try:
            kind = body.get("kind")
            cell = self._kinds.get(kind) if isinstance(kind, str) else None
            if cell is None:
                raise unknown_kind(kind, "kind", tuple(self._kinds))
            message = cell.parse_mqtt(body, device_id, self._context.hub.now_ms())
        except PanalError as error:
            self._refuse(device_id, body.get("uid"), error)
            return
        uid = body["uid"]

        def done(answer: Any) -> None:
            if isinstance(answer, PanalError):
                self._refuse(device_id, uid, answer)
                return
            self._count("event", "ok")
            self._context.hub.send(device_id, "accepted", device_messages.build_accepted(uid))

        self._context.ledger.put(cell.ledger_kind, message, True, done)

    def _refuse(self, device_id: str, uid: Any, error: PanalError) -> None:
        self.complain(device_id, "event", error.code, error)
        if error.permanent and isinstance(uid, str) and 0 < len(uid) <= MAX_UID:
            self._context.hub.send(device_id, "accepted", device_messages.build_refused(uid, error))

    def _start(self, after: Any, name: str) -> None:
        if len(self._after) >= MAX_AFTER:
            after.close()
            self._count(name, "busy")
            return
        task = asyncio.create_task(self._guard(after, name))
        self._after.add(task)
        task.add_done_callback(self._after.discard)

    async def _guard(self, after: Any, name: str) -> None:
        try:
            await after
        except PanalError as error:
            self._count(name, error.code)
        except Exception:  # the board says hello again
            logger.exception("after %s", name)

    def complain(self, device_id: str, leaf: str, code: str, error: PanalError | None = None) -> None:
        """Count it; and now and then say so in the device's log, where whoever built the board reads it."""
        self._count(leaf if leaf in self._leaves or leaf == "event" else "other", code)
        if isinstance(error, Unavailable) or self._context.complaints.take(device_id):
            return
        now_ms = self._context.hub.now_ms()
        text = f"up/{leaf[:32]} was not taken: {code}" + (f" ({error.message})" if error else "")
        line = device_messages.LogLine(device_id, now_ms, now_ms, "warning", text)
        self._context.hub.post("devices.log", line)

    def _count(self, leaf: str, outcome: str) -> None:
        self._context.mqtt_counts[leaf, outcome] += 1
