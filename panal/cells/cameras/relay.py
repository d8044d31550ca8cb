"""Frames between replicas: only while somebody looks there, and only to there.

A replica whose viewers want a camera that it does not hold says `cameras.want.<id>` every few seconds. Whichever holds
it then says each frame that the broker keeps up with on `cameras.frame.<id>`, cut to what NATS takes, and what is told
of the camera on `cameras.text.<id>`. A camera that connects somewhere says so on `cameras.taken.<id>`.
"""

import asyncio
import struct
from typing import TYPE_CHECKING, Any

import msgspec

from panal.gateway.replicas import MAX_BYTES, Listening
from panal.gateway.tasks import end

from .boards import REPLACED, Line
from .hub import Camera, Frame, Slot
from .machine import Picture

if TYPE_CHECKING:
    from .gateway import Cameras

WANT_EVERY_MS = 4_000
WANTED_MS = 10_000
ELSEWHERE_MS = 15_000
STATS_EVERY_MS = 5_000
# number, part and parts of it, captured_at_ms (0: unknown), width, height
HEAD = struct.Struct("!QHHQHH")


class Outward:
    """At the holder: a consumer on behalf of the other replicas, for as long as one of them asks."""

    def __init__(self, relay: "Relay", camera: Camera) -> None:
        self._relay, self._camera = relay, camera
        self._slot = Slot()
        self.until_ms = 0
        self._stats_ms = 0
        self.skipped = 0
        self._texts: list[dict[str, Any]] = []
        self.task = asyncio.create_task(self._run())

    def wants(self) -> bool:
        return self._relay.now_ms() < self.until_ms

    def offer(self, frame: Frame) -> None:
        self._slot.offer(frame)

    def hear(self, document: dict[str, Any]) -> None:
        if self.wants():
            self._relay.spawn(self._relay.say_text(self._camera.device_id, document))

    async def _run(self) -> None:
        while (frame := await self._slot.wait()) is not None:
            for part in parts_of(frame):
                await self._relay.say("frame", frame.device_id, part)


def parts_of(frame: Frame) -> list[bytes]:
    step = MAX_BYTES - HEAD.size
    starts = range(0, len(frame.jpeg), step)
    return [
        HEAD.pack(frame.number, index, len(starts), frame.captured_at_ms or 0, frame.width, frame.height)
        + frame.jpeg[start : start + step]
        for index, start in enumerate(starts)
    ]


class Inward:
    """At a replica with viewers: puts the parts of a frame together, and asks for more."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.asked_ms = 0
        self.heard_ms = 0
        self.listening: list[Listening] = []
        self._number = -1
        self._parts: list[bytes] = []

    def receive_frame(self, payload: bytes, most_bytes: int, now_ms: int) -> None:
        if len(payload) < HEAD.size:
            return
        number, part, parts, captured_at_ms, width, height = HEAD.unpack_from(payload)
        if part == 0:
            self._number, self._parts = number, []
        if number != self._number or part != len(self._parts) or parts * MAX_BYTES > most_bytes + MAX_BYTES:
            self._number = -1
            return
        self._parts.append(payload[HEAD.size :])
        if part + 1 == parts:
            picture = Picture(b"".join(self._parts), width, height, captured_at_ms or None)
            self._number, self._parts = -1, []
            self.heard_ms = now_ms
            self.camera.receive(picture)


class Relay:
    def __init__(self, cameras: "Cameras") -> None:
        self._cameras = cameras
        self._hub = cameras.hub
        self.now_ms = cameras.hub.now_ms
        self.spawn = cameras.spawn
        self._outward: dict[str, Outward] = {}
        self._inward: dict[str, Inward] = {}
        self._listening: list[Listening] = []

    async def start(self) -> None:
        listen = self._hub.replicas.listen
        self._listening = [await listen("cameras.want.*", self._wanted), await listen("cameras.taken.*", self._taken)]

    async def stop(self) -> None:
        for listening in (*self._listening, *(one for inward in self._inward.values() for one in inward.listening)):
            await listening.stop()
        await end([outward.task for outward in self._outward.values()])

    async def say(self, what: str, device_id: str, payload: bytes) -> None:
        await self._hub.replicas.say(f"cameras.{what}.{device_id}", payload)

    async def say_text(self, device_id: str, document: dict[str, Any]) -> None:
        await self.say("text", device_id, msgspec.json.encode(document))

    # where the camera is

    def came(self, camera: Camera) -> None:
        """Its connection is here now: a replica that still holds an older one lets it go."""
        self.spawn(self.say("taken", camera.device_id, b"%d" % self.now_ms()))

    def _taken(self, subject: str, payload: bytes) -> None:
        camera = self._cameras.known(subject.rpartition(".")[2])
        if camera is not None and isinstance(camera.board, Line) and camera.board.connected_ms <= int(payload):
            camera.board.close(REPLACED, "replaced by a newer connection at another replica")

    def _wanted(self, subject: str, payload: bytes) -> None:
        camera = self._cameras.known(subject.rpartition(".")[2])
        if camera is None or camera.board is None or camera.settings.is_private:
            return
        outward = self._outward.get(camera.device_id)
        if outward is None:
            outward = self._outward[camera.device_id] = Outward(self, camera)
            camera.watch(outward)
        if not outward.wants():
            self.spawn(self.say_text(camera.device_id, self._cameras.status_of(camera)))
            self.spawn(self.say_text(camera.device_id, {"type": "camera_health", **camera.health}))
        outward.until_ms = self.now_ms() + WANTED_MS
        stats = {"type": "server_stats", **self._cameras.stats_of(camera)}
        self.spawn(self.say_text(camera.device_id, stats))
        camera.look()

    # where its viewers are

    def look(self, camera: Camera) -> None:
        """Called whenever somebody comes or goes, and every second."""
        is_wanted = camera.board is None and camera.is_needed
        inward = self._inward.get(camera.device_id)
        if is_wanted and inward is None:
            inward = self._inward[camera.device_id] = Inward(camera)
            self.spawn(self._listen(inward))
        elif not is_wanted and inward is not None and camera.board is not None:
            self._end(camera)
        if inward is None:
            return
        now_ms = self.now_ms()
        camera.is_elsewhere = camera.board is None and now_ms - inward.heard_ms < ELSEWHERE_MS
        if is_wanted and now_ms - inward.asked_ms >= WANT_EVERY_MS and inward.listening:
            inward.asked_ms = now_ms
            self.spawn(self.say("want", camera.device_id, b""))

    async def _listen(self, inward: Inward) -> None:
        camera, listen = inward.camera, self._hub.replicas.listen
        most_bytes = self._hub.settings.max_frame_size

        def frame(subject: str, payload: bytes) -> None:
            inward.receive_frame(payload, most_bytes, self.now_ms())

        def text(subject: str, payload: bytes) -> None:
            self._receive_text(inward, payload)

        inward.listening = [
            await listen(f"cameras.frame.{camera.device_id}", frame),
            await listen(f"cameras.text.{camera.device_id}", text),
        ]
        self.look(camera)

    def _receive_text(self, inward: Inward, payload: bytes) -> None:
        document, camera = msgspec.json.decode(payload), inward.camera
        inward.heard_ms = self.now_ms()
        kind = document.get("type")
        if kind == "status":
            camera.info = document.get("info", {})
        elif kind == "camera_health":
            camera.health = {name: value for name, value in document.items() if name != "type"}
        elif kind == "server_stats":
            camera.stats_elsewhere = document
            return
        camera.is_elsewhere = kind != "status" or bool(document.get("camera_connected"))
        camera.tell(document)

    def _end(self, camera: Camera) -> None:
        inward = self._inward.pop(camera.device_id)
        for listening in inward.listening:
            self.spawn(listening.stop())

    def tick(self, now_ms: int) -> None:
        """Who has gone is forgotten: at the holder a consumer that nobody asks for, elsewhere a subscription."""
        for device_id, outward in tuple(self._outward.items()):
            camera = self._cameras.camera(device_id)
            if camera.board is None or now_ms - outward.until_ms > WANTED_MS:
                camera.unwatch(outward)
                outward.task.cancel()
                del self._outward[device_id]
        for inward in tuple(self._inward.values()):
            if not inward.camera.is_needed and now_ms - inward.camera.needed_ms > ELSEWHERE_MS:
                inward.camera.is_elsewhere = False
                self._end(inward.camera)
