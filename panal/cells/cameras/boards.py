"""Whoever connects to the stream port: it registers first, then it is a camera or a viewer of the older kind.

Wire: docs/wire/camera.md. Everything a camera may do wrong is counted; only floods close its connection.
"""

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from picows import WSUpgradeRequest

from panal.cells.devices import messages as devices
from panal.gateway.identity import holds
from panal.gateway.limits import is_near
from panal.gateway.store import Identity
from panal.gateway.stream import MAX_MESSAGE, Socket
from panal.protocol import instants
from panal.protocol.errors import PanalError

from . import messages
from .hub import Camera
from .machine import POLICY, Assembly
from .messages import Register
from .news import Gone, Response, Seen
from .viewers import Look, Pass

if TYPE_CHECKING:
    from .gateway import Cameras

logger = logging.getLogger(__name__)

REGISTER_S = 10.0
MAX_EARLY = 8
"""Texts that a board says after its registration and before our answer to it."""
MAX_TEXTS = 100
TEXTS_OVER_MS = 10_000
SEEN_EVERY_MS = 1_000
INFO_MS = 1_500
REPLACED = 1000
FULL = 1013
REFUSED = "unknown camera or wrong token"


class Arrival(Socket):
    """A connection to the stream port, path `/`."""

    def __init__(self, request: WSUpgradeRequest, cameras: "Cameras") -> None:
        super().__init__(request, MAX_MESSAGE)
        self.cameras = cameras
        self._early: list[dict[str, Any]] = []
        self._line: Line | Look | None = None
        self._registering: asyncio.Task[None] | None = None
        self._patience: asyncio.TimerHandle | None = None

    def connected(self) -> None:
        loop = asyncio.get_running_loop()
        if not self.cameras.arrivals.take(self, self.address):
            self.close(FULL, "too many connections that have not registered")
            self.cut()
        self._patience = loop.call_later(REGISTER_S, self._impatient)

    def _impatient(self) -> None:
        if self._line is None:
            self.close(POLICY, "register first")

    def gone(self) -> None:
        self.cameras.arrivals.leave(self)
        if self._patience:
            self._patience.cancel()
        if self._registering:
            self._registering.cancel()
        if self._line:
            self._line.gone()

    def drained(self) -> None:
        if isinstance(self._line, Look):
            self._line.drained()

    def receive_binary(self, data: memoryview) -> None:
        if isinstance(self._line, Line):
            self._line.receive_binary(data)
        elif self._registering is None:
            self.close(POLICY, "register first")

    def receive_nonsense(self) -> None:
        if isinstance(self._line, Line):
            self._line.receive_nonsense("no_json")
        elif self._line is None:
            self.close(POLICY, "register first")

    def receive_text(self, message: dict[str, Any]) -> None:
        if self._line is not None:
            self._line.receive_text(message)
        elif self._registering is not None:
            if len(self._early) < MAX_EARLY:
                self._early.append(message)
        elif message.get("type") == "register":
            self._registering = asyncio.create_task(self._register(message))
        else:
            self.close(POLICY, "register first")

    async def _register(self, message: dict[str, Any]) -> None:
        try:
            register = messages.parse_register(message)
            if register.kind == "camera":
                await self._register_camera(register)
            else:
                await self._register_viewer(register)
        except PanalError as error:
            self.close(POLICY, error.message)
        except Exception:
            logger.exception("a registration")
            self.close(1011, "our own fault")
        finally:
            self.cameras.arrivals.leave(self)

    # a camera

    async def _register_camera(self, register: Register) -> None:
        identity = await self._identity(register)
        if identity is None:
            await self._refuse()
            return
        camera = self.cameras.camera(identity.device_id)
        camera.settings = await self.cameras.settings_of(identity.device_id)
        if self.is_closed:
            return
        line = Line(self, camera, self.cameras, has_proof=bool(register.token))
        self._line = line
        self.say(messages.build_registered(instants.text(self.cameras.hub.now_ms())))
        line.begin()
        for message in self._early:
            line.receive_text(message)

    async def _identity(self, register: Register) -> Identity | None:
        hub, legacy = self.cameras.hub, self.cameras.hub.settings.legacy_camera
        if not register.device_id and not register.token:
            return await hub.identities.get(legacy) if legacy and self.is_near else None
        if not (self.is_safe(hub.settings.trusted_proxies) or hub.plain_public):
            self.close(POLICY, "over a public network only with TLS")
            return None
        identity, fresh = hub.identities.known(register.device_id)
        if not fresh:
            identity = await hub.identities.get(register.device_id)
        return identity if holds(identity, register.token) else None

    async def _refuse(self) -> None:
        """Later with every failure of this address, as for devices over HTTP."""
        failures = self.cameras.hub.failures
        delay_s = failures.failed(self.address)
        if failures.may_wait():
            failures.delayed += 1
            try:
                await asyncio.sleep(delay_s)
            finally:
                failures.delayed -= 1
        self.close(POLICY, REFUSED)

    # a viewer

    async def _register_viewer(self, register: Register) -> None:
        is_legacy = bool(self.cameras.hub.settings.legacy_camera) and self.is_near and not register.token
        authorization = f"Bearer {register.token}" if register.token else ""
        who = Pass("", authorization, self.address, is_legacy)
        look = await self.cameras.look_of(who, self, register.camera)
        if look is None:
            await self._refuse()
        elif not self.is_closed:
            self._line = look
            look.begin()

    # where it comes from

    @property
    def is_near(self) -> bool:
        return is_near(self.peer, self.header("x-forwarded-for"))

    @property
    def address(self) -> str:
        return self.caller(self.cameras.hub.settings.trusted_proxies)


class Line:
    """A registered camera's connection."""

    def __init__(self, socket: Arrival, camera: Camera, cameras: "Cameras", has_proof: bool = False) -> None:
        """`has_proof`: it has shown its token, so it gets the ordinary commands of a device here too."""
        self.socket, self.camera, self.cameras, self.has_proof = socket, camera, cameras, has_proof
        self.hub = cameras.hub
        self.connected_ms = self.hub.now_ms()
        self.ip = socket.address
        self.is_idle = self._idles_itself = False
        self.assembly = Assembly(self.hub.settings.max_frame_size)
        self.assembly.broken = camera.broken
        self._texts, self._texts_ms = 0, self.connected_ms
        self._seen_ms = 0
        self._is_gone = False

    def begin(self) -> None:
        older, self.camera.board = self.camera.board, self
        if older is not None:
            older.close(REPLACED, "replaced by a newer connection")
        self.camera.info, self.camera.health = {}, {}
        self.hub.post("cameras.seen", Seen(self.camera.device_id, self.connected_ms, True, self.ip), urgent=True)
        self.cameras.came(self.camera)
        self.send_orders()

    def gone(self) -> None:
        """The connection has ended, or is about to; said once."""
        if self._is_gone:
            return
        self._is_gone = True
        gone = Gone(self.camera.device_id, self.hub.now_ms(), self.connected_ms)
        self.hub.post("cameras.gone", gone, urgent=True)
        if self.camera.board is self:
            self.camera.board = None
            self.cameras.went(self.camera)

    def close(self, code: int, reason: str) -> None:
        self.socket.close(code, reason)

    # what it says

    def receive_binary(self, data: memoryview) -> None:
        self.assembly.receive_binary(data, self.hub.now_ms())
        self._after()

    def receive_nonsense(self, rule: str) -> None:
        self.assembly.receive_nonsense(rule)
        self._after()

    def receive_text(self, message: dict[str, Any]) -> None:
        now_ms = self.hub.now_ms()
        if self.assembly.receive_text(message, now_ms):
            self.camera.counts["chunked"] += message.get("type") == "img_start"
        elif self._too_many(now_ms):
            self.assembly.receive_nonsense("too_many_texts")
        else:
            self._receive_other(message, now_ms)
        self._after()

    def _too_many(self, now_ms: int) -> bool:
        if now_ms - self._texts_ms > TEXTS_OVER_MS:
            self._texts, self._texts_ms = 0, now_ms
        self._texts += 1
        return self._texts > MAX_TEXTS

    def _receive_other(self, message: dict[str, Any], now_ms: int) -> None:
        kind = message.get("type")
        try:
            if kind == "info":
                self._receive_info(messages.parse_facts(message), now_ms)
            elif kind == "health":
                self._receive_health(messages.parse_facts(message), now_ms)
            elif kind == "response":
                self._receive_response(messages.parse_response(message), now_ms)
            elif kind == "answer" and self.has_proof:
                answer = devices.parse_answer(message, self.camera.device_id, now_ms)
                self.hub.post("devices.answer", answer, urgent=True)
            elif kind != "register":
                self.assembly.receive_nonsense("unknown_type")
        except PanalError:
            self.assembly.receive_nonsense("bad_text")

    def _receive_info(self, info: dict[str, Any], now_ms: int) -> None:
        self.camera.info = info
        self.hub.post("cameras.seen", Seen(self.camera.device_id, now_ms, info=info))
        self.camera.tell(self.cameras.status_of(self.camera))

    def _receive_health(self, health: dict[str, Any], now_ms: int) -> None:
        self.camera.health = health
        self.camera.tell({"type": "camera_health", **health})
        if now_ms - self._seen_ms >= SEEN_EVERY_MS:
            self._seen_ms = now_ms
            self.hub.post("cameras.seen", Seen(self.camera.device_id, now_ms, health=health))

    def _receive_response(self, response: messages.Response, now_ms: int) -> None:
        told = Response(self.camera.device_id, now_ms, response.cmd, response.status, response.value)
        self.hub.post("cameras.response", told)
        self.camera.tell(messages.build_response(response.cmd, response.status == "ok", response.value))

    def _after(self) -> None:
        """What became of what it said."""
        for picture in self.assembly.events():
            self.camera.receive(picture)
        for answer in self.assembly.messages_to_send():
            self.socket.say(answer)
        if self.assembly.closing and not self.socket.is_closed:
            code, reason = self.assembly.closing
            self.camera.counts["closed"] += 1
            self.close(code, reason)

    def handle_deadline(self, now_ms: int) -> None:
        self.assembly.handle_deadline(now_ms)
        self._after()

    # what it is told

    @property
    def _knows_idle(self) -> bool:
        return self.camera.info.get("idle") is True

    @property
    def _may_still_tell(self) -> bool:
        """A board says what it knows right after it has registered; until then it is not taken for an older one."""
        return not self.camera.info and self.hub.now_ms() - self.connected_ms < INFO_MS

    def command(self, cmd: str, val: str) -> None:
        """At once. An older camera idles by a low frame rate: what is asked for is then told when it wakes."""
        if not (cmd == "fps" and self.is_idle and not self._knows_idle):
            self.socket.say(messages.build_command(cmd, val, self.hub.now_ms()))

    def send_orders(self) -> None:
        """The ordinary commands that are open: the board may hear them over MQTT too, and does each once."""
        if self.has_proof:
            self.cameras.spawn(self._send_orders())

    async def _send_orders(self) -> None:
        try:
            found = await self.hub.in_thread(self.hub.store.open_commands, self.camera.device_id, self.hub.now_ms())
        except PanalError as error:  # it hears them with the next one, or over MQTT
            logger.warning("%s: %s", self.camera.device_id, error.message)
            return
        for command in found:
            self.socket.say({"type": "command", **devices.build_command(command)})
            sent = devices.Sent(self.camera.device_id, command.id, self.hub.now_ms())
            self.hub.post("devices.sent", sent, urgent=True)

    def set_idle(self, is_idle: bool) -> None:
        if is_idle == self.is_idle or (is_idle and self._may_still_tell):
            return
        if is_idle:  # it is woken in the way in which it was put to sleep
            self._idles_itself = self._knows_idle
        if self._idles_itself:
            self.is_idle = is_idle
            self.command("idle", "1" if is_idle else "0")
        else:
            self.is_idle = False
            self.command("fps", "1" if is_idle else self._fps())
            self.is_idle = is_idle

    def _fps(self) -> str:
        fps = self.camera.settings.fps or self.camera.info.get("fps")
        return str(fps) if isinstance(fps, int) and 1 <= fps <= 30 else str(self.hub.settings.camera_fps or 20)
