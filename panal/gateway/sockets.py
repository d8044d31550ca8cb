"""Boards on a WebSocket, `/device` on the stream port: what MQTT carries, as texts `{"topic", "payload"}`.

Who calls is told by the headers of the device HTTP API. What a board says goes to the MQTT bridge, which knows no
difference; what it is told comes through `hub.send`, from whichever replica. A board has one connection at a time, over
all replicas and over both ways: the newest.
"""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple, Protocol

import msgspec
from picows import WSUpgradeRequest

from panal.cells.devices.messages import Presence
from panal.protocol import topics
from panal.settings import Settings

from .bus import Outbox
from .http import Heads, credentials
from .identity import Identities, holds
from .limits import Failures, Rates, is_near
from .mqtt import MAX_BYTES, Bridge
from .presence import WS, Presences, Session
from .replicas import PREFIX, Listening, Replicas
from .store import Identity
from .stream import Accept, Arrivals, Socket
from .tasks import end

logger = logging.getLogger(__name__)

PATH = "/device"
MAX_ENVELOPE = MAX_BYTES + 256
"""A payload as MQTT takes it, with its topic around it."""
MAX_EARLY = 8
"""Texts that a board says before we know whether it is the one that it says."""
MAX_TEXTS = 2_000
TEXTS_OVER_MS = 10_000
FORGET_MS = 150_000
"""A replica that says nothing of its boards for so long has none."""
POLICY, FULL, LEAVING, REPLACED, FAULT = 1008, 1013, 1001, 1000, 1011
REFUSED = "unknown device or wrong key"


class Said(msgspec.Struct):
    topic: str
    payload: msgspec.Raw


_said = msgspec.json.Decoder(Said)
_here = msgspec.json.Decoder(dict[str, Session])


class Context(Protocol):
    settings: Settings
    identities: Identities
    addresses: Rates
    failures: Failures
    plain_public: bool
    outbox: Outbox
    replicas: Replicas
    presences: Presences
    bridge: Bridge

    def now_ms(self) -> int: ...

    def post(self, kind: str, message: Any, urgent: bool = False) -> None: ...

    async def sleep(self, seconds: float) -> None: ...


class Line(Socket):
    """One connection of a board."""

    def __init__(self, request: WSUpgradeRequest, sockets: "Sockets") -> None:
        super().__init__(request)
        self._sockets, self._context = sockets, sockets.context
        self.device_id = ""
        self.session: Session | None = None
        self._early: list[bytes] = []
        self._checking: asyncio.Task[None] | None = None
        self._texts, self._texts_ms = 0, 0

    # who it is

    def connected(self) -> None:
        self.address = self.caller(self._context.settings.trusted_proxies)
        if not self._sockets.arrivals.take(self, self.address) or self._context.addresses.take(self.address):
            self.close(FULL, "too many connections, later")
            return
        self._checking = asyncio.create_task(self._check())

    async def _check(self) -> None:
        try:
            identity = await self._identity()
            if identity is None:
                await self._refuse()
            elif not self.is_closed:
                self._begin(identity)
        except Exception:
            logger.exception("a board's WebSocket")
            self.close(FAULT, "our own fault")
        finally:
            self._sockets.arrivals.leave(self)

    async def _identity(self) -> Identity | None:
        context = self._context
        if not (context.plain_public or self.is_safe(context.settings.trusted_proxies)):
            self.close(POLICY, "over a public network only with TLS")
            return None
        device_id, token = credentials(self._heads())
        identity, fresh = context.identities.known(device_id)
        if not fresh:
            identity = await context.identities.get(device_id)
        near = is_near(self.peer, self.header("x-forwarded-for"))
        keyless = identity is not None and identity.keyless and not token and near
        return identity if holds(identity, token) or keyless else None

    def _heads(self) -> Heads:
        named = ("X-Device-Id", "X-Device-Key", "Authorization")
        device_id, key, authorization = (self.header(name) for name in named)
        return Heads(device_id, key, authorization, "", "", "")

    async def _refuse(self) -> None:
        """Later with every failure of this address, as for devices over HTTP."""
        failures = self._context.failures
        delay_s = failures.failed(self.address)
        if failures.may_wait():
            failures.delayed += 1
            try:
                await self._context.sleep(delay_s)
            finally:
                failures.delayed -= 1
        self.close(POLICY, REFUSED)

    def _begin(self, identity: Identity) -> None:
        self.device_id = identity.device_id
        self.max_text = MAX_ENVELOPE
        self.session = self._sockets.came(self)
        for data in self._early:
            self._receive_text(data)
        self._early = []

    def gone(self) -> None:
        self._sockets.arrivals.leave(self)
        if self._checking and not self._checking.done():
            self._checking.cancel()
        self._sockets.went(self)

    # what it says

    def _receive_text(self, data: bytes) -> None:
        if self.session is None:
            if len(self._early) >= MAX_EARLY:
                self.close(POLICY, "too much before we know who you are")
            else:
                self._early.append(data)
        elif self._too_many():
            self.close(POLICY, "too many messages")
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        bridge = self._context.bridge
        try:
            said = _said.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            bridge.complain(self.device_id, "other", "not_json")
            return
        parsed = topics.parse(said.topic)
        if parsed is None or parsed[:2] != (self.device_id, "up"):
            bridge.complain(self.device_id, "other", "bad_topic")
        else:
            bridge.take(self.device_id, parsed[2], bytes(said.payload))

    def _too_many(self) -> bool:
        now_ms = self._context.now_ms()
        if now_ms - self._texts_ms > TEXTS_OVER_MS:
            self._texts, self._texts_ms = 0, now_ms
        self._texts += 1
        return self._texts > MAX_TEXTS

    # what it is told

    def tell(self, leaf: str, payload: bytes) -> None:
        self.say_text(b'{"topic":"%b","payload":%b}' % (topics.down(self.device_id, leaf).encode(), payload))


class Heard(NamedTuple):
    """The boards of another replica."""

    at_ms: int
    sessions: dict[str, Session]


class Sockets:
    """All boards on WebSockets: ours, and which replica has the others."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.server = WS + secrets.token_hex(4)
        """Stands in sessions where MQTT's have the broker's id."""
        self.arrivals = Arrivals()
        self._numbers = count(1)
        self._lines: dict[str, Line] = {}
        self._elsewhere: dict[str, Heard] = {}
        self._listening: list[Listening] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    def streams(self) -> Mapping[str, Accept]:
        return {PATH: lambda request: Line(request, self)}

    def __len__(self) -> int:
        return len(self._lines)

    async def start(self) -> None:
        listen = self.context.replicas.listen
        self._listening = [
            await listen(f"sockets.down.{self.server}.*.*", self._tell),
            await listen("sockets.came.*.*", self._came_elsewhere),
            await listen("sockets.went.*.*", self._went_elsewhere),
            await listen("sockets.here.*", self._hear_here),
            await listen("sockets.who", lambda subject, payload: self.announce()),
            await listen(f"sockets.end.{self.server}.*", self._end_told),
        ]
        self._say("who", b"")

    async def stop(self) -> None:
        for line in tuple(self._lines.values()):
            line.close(LEAVING, "the server is stopping")
            self.went(line)
        for listening in self._listening:
            await listening.stop()
        await end(self._tasks)

    def _say(self, subject: str, payload: bytes) -> None:
        self.context.outbox.send(f"{PREFIX}sockets.{subject}", payload)

    # who is here

    def came(self, line: Line) -> Session:
        now_ms = self.context.now_ms()
        session = Session(self.server, next(self._numbers), now_ms)
        older = self._lines.get(line.device_id)
        self._lines[line.device_id] = line
        if older is not None:
            self._replace(older)
        before = self.context.presences.came(line.device_id, session)
        if before is not None and not before.is_websocket:
            self._spawn(self.context.presences.end(line.device_id, before))
        self._record(line.device_id, session, True, "")
        self._say(f"came.{self.server}.{line.device_id}", msgspec.json.encode(session))
        return session

    def went(self, line: Line) -> None:
        session, line.session = line.session, None
        if session is None:
            return
        if self._lines.get(line.device_id) is line:
            del self._lines[line.device_id]
        self.context.presences.went(line.device_id, session)
        self._record(line.device_id, session, False, "closed")
        self._say(f"went.{self.server}.{line.device_id}", msgspec.json.encode(session))

    def _record(self, device_id: str, session: Session, online: bool, reason: str) -> None:
        said = Presence(device_id, session.text, online, self.context.now_ms(), reason)
        self.context.post("devices.presence", said, urgent=True)

    def _replace(self, line: Line) -> None:
        line.close(REPLACED, "replaced by a newer connection")
        self.went(line)

    def replaced(self, device_id: str, session: Session) -> None:
        """The board has come another way: MQTT here, or a WebSocket of another replica."""
        line = self._lines.get(device_id)
        if line is not None and line.session is not None and line.session.began_ms <= session.began_ms:
            self._replace(line)

    def sessions(self) -> dict[str, Session]:
        """All boards on WebSockets that we know of; the newest connection of each."""
        now_ms = self.context.now_ms()
        self._elsewhere = {name: heard for name, heard in self._elsewhere.items() if now_ms - heard.at_ms < FORGET_MS}
        found = self._own()
        for heard in self._elsewhere.values():
            for device_id, session in heard.sessions.items():
                if device_id not in found or found[device_id].began_ms < session.began_ms:
                    found[device_id] = session
        return found

    def _own(self) -> dict[str, Session]:
        return {id: line.session for id, line in self._lines.items() if line.session is not None}

    def announce(self) -> None:
        """Tell the other replicas which boards are here; they forget who does not for long."""
        self._say(f"here.{self.server}", msgspec.json.encode(self._own()))

    def _hear_here(self, subject: str, payload: bytes) -> None:
        sessions = _here.decode(payload)
        self._elsewhere[subject.rpartition(".")[2]] = Heard(self.context.now_ms(), sessions)
        for device_id, session in sessions.items():
            held = self.context.presences.sessions.get(device_id)
            if held is None or (held.is_websocket and held.began_ms < session.began_ms):
                self.context.presences.came(device_id, session)

    def _came_elsewhere(self, subject: str, payload: bytes) -> None:
        _, _, server, device_id = subject.split(".")
        session = msgspec.json.decode(payload, type=Session)
        heard = self._elsewhere.setdefault(server, Heard(self.context.now_ms(), {}))
        heard.sessions[device_id] = session
        self.context.presences.came(device_id, session)
        self.replaced(device_id, session)

    def _went_elsewhere(self, subject: str, payload: bytes) -> None:
        _, _, server, device_id = subject.split(".")
        session = msgspec.json.decode(payload, type=Session)
        heard = self._elsewhere.get(server)
        if heard is not None and heard.sessions.get(device_id) == session:
            del heard.sessions[device_id]
        self.context.presences.went(device_id, session)

    # what they are told

    def send(self, session: Session, device_id: str, leaf: str, payload: bytes) -> None:
        if session.server != self.server:
            self._say(f"down.{session.server}.{device_id}.{leaf}", payload)
        elif line := self._lines.get(device_id):
            line.tell(leaf, payload)

    def _tell(self, subject: str, payload: bytes) -> None:
        device_id, leaf = subject.split(".")[3:]
        if line := self._lines.get(device_id):
            line.tell(leaf, payload)

    def end(self, device_id: str, session: Session) -> None:
        """Throw this connection out, wherever it is."""
        if session.server != self.server:
            self._say(f"end.{session.server}.{device_id}", msgspec.json.encode(session))
            return
        line = self._lines.get(device_id)
        if line is not None and line.session == session:
            line.close(POLICY, "this token is no longer good")
            self.went(line)

    def _end_told(self, subject: str, payload: bytes) -> None:
        with suppress(msgspec.DecodeError):
            self.end(subject.rpartition(".")[2], msgspec.json.decode(payload, type=Session))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
