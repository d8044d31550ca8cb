"""The data plane's part of cameras: boards that send, people who look, and between them one frame at a time."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.routing import BaseRoute, Route

from panal.gateway.cell import Handlers, Hub
from panal.gateway.store import DomainEvent
from panal.gateway.stream import Accept, Arrivals, Socket
from panal.gateway.tasks import end
from panal.protocol.errors import PanalError, Unavailable

from . import uploads
from .boards import Arrival, Line
from .hub import Camera, Consumer
from .machine import POLICY, Commands
from .messages import COMMANDS
from .news import Gone, ImageKept
from .paths import Paths
from .relay import Relay
from .settings import CONTROLS, CameraSettings
from .storage import Storage
from .viewers import CHECK_MS, GONE, MOST_VIEWERS, Look, Pass, Pictures, live

logger = logging.getLogger(__name__)

TICK_S = 1.0
VANISHED_S = 60.0
"""After a start: a camera that is not back by then has gone."""


class Looking(Protocol):
    """Somebody who looks, and may be stopped."""

    camera: Camera
    who: Pass
    check_ms: int

    def end(self, code: int, reason: str) -> None: ...


class Keeper(Protocol):
    """What keeps frames: images, clips, motion. Its consumers are served where the camera's connection is."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def consumer_of(self, camera: Camera) -> Consumer:
        """Watches from the camera's connection to its end; then its `gone()` is called, if it has one."""
        ...

    async def save(self, camera: Camera) -> ImageKept:
        """The newest picture, as soon as it is kept. Raises PanalError."""
        ...

    def image_stats(self, camera: Camera) -> dict[str, Any]: ...

    def metrics(self) -> Iterator[Metric]: ...


KEEPERS: tuple[Callable[[Hub], Keeper], ...] = (Storage,)


class Cameras:
    """The service: every camera that this replica knows, by its id."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.arrivals = Arrivals()
        self.looks: set[Looking] = set()
        self.keepers = [make(hub) for make in KEEPERS]
        self._kept: dict[str, list[Consumer]] = {}
        self.relay = Relay(self)
        self._cameras: dict[str, Camera] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._started_ms = hub.now_ms()

    # life

    async def start(self) -> None:
        for keeper in self.keepers:
            await keeper.start()
        self.hub.bus.listen(self._notice)
        await self.relay.start()
        self.spawn(self._tick_often())
        if not self.hub.settings.nats_url:  # else another replica may hold them
            self.spawn(self._forget_vanished())

    def close(self) -> None:
        """Viewers and cameras are told, and what is known of the cameras is committed while there is a ledger."""
        for look in tuple(self.looks):
            look.end(GONE, "the server stops")
        for camera in self._cameras.values():
            if isinstance(camera.board, Line):
                camera.board.close(GONE, "the server stops")
                camera.board.gone()

    async def stop(self) -> None:
        self.hub.bus.forget(self._notice)
        self.close()
        await self.relay.stop()
        await end(self._tasks)
        for keeper in self.keepers:
            await keeper.stop()

    def routes(self) -> Iterable[BaseRoute]:
        pictures = Pictures(self)
        return (
            Route("/mjpeg", pictures.mjpeg),
            Route("/cameras/{id}/mjpeg", pictures.mjpeg),
            Route("/cameras/{id}/snapshot.jpg", pictures.snapshot),
            *Paths(self).routes(),
        )

    def streams(self) -> Mapping[str, Accept]:
        return {"/": lambda request: Arrival(request, self)}

    def upgrades(self) -> Mapping[str, Accept]:
        return {"/cameras/{id}/live": lambda request: live(self, request)}

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # cameras

    def camera(self, device_id: str) -> Camera:
        """The one object of this camera; made when somebody first asks."""
        camera = self._cameras.get(device_id)
        if camera is None:
            camera = self._cameras[device_id] = Camera(device_id, self.hub.now_ms)
            camera.on_change = self.relay.look
        return camera

    def known(self, device_id: str) -> Camera | None:
        return self._cameras.get(device_id)

    async def settings_of(self, device_id: str) -> CameraSettings:
        found: CameraSettings = await self.hub.in_thread(self.hub.store.ask, "cameras.settings", device_id)
        return found

    def came(self, camera: Camera) -> None:
        """It has registered: it is told how it is set, and what waits for it."""
        for cmd, val in waiting(camera.settings, self._defaults(), self.hub.now_ms()):
            if camera.board:
                camera.board.command(cmd, val)
        self._drop_kept(camera)
        self._kept[camera.device_id] = [keeper.consumer_of(camera) for keeper in self.keepers]
        for consumer in self._kept[camera.device_id]:
            camera.watch(consumer)
        camera.is_elsewhere = False
        self.relay.came(camera)
        camera.tell(self.status_of(camera))
        camera.look()

    def _drop_kept(self, camera: Camera) -> None:
        for consumer in self._kept.pop(camera.device_id, ()):
            camera.unwatch(consumer)
            if gone := getattr(consumer, "gone", None):
                gone()

    def _defaults(self) -> dict[str, int | None]:
        s = self.hub.settings
        return {"resolution": s.camera_resolution, "quality": s.camera_quality, "fps": s.camera_fps}

    def went(self, camera: Camera) -> None:
        self._drop_kept(camera)
        camera.tell(self.status_of(camera))

    # who looks

    async def camera_for(self, who: Pass, device_id: str) -> Camera | None:
        """The camera, if they may look through it now; their default one where none is named."""
        try:
            if who.is_legacy and device_id in ("", self.hub.settings.legacy_camera):
                device_id = self.hub.settings.legacy_camera
                settings = await self.settings_of(device_id)
                return None if settings.is_private else self._with(device_id, settings)
            asked = (who.cookie, who.authorization)
            device_id = device_id or await self.hub.in_thread(self.hub.store.ask, "cameras.default_for", *asked)
            asking = self.hub.in_thread(self.hub.store.ask, "cameras.viewer", *asked, device_id, who.address)
            if await asking is None:
                return None
            camera = self.camera(device_id)
            return camera if camera.board else self._with(device_id, await self.settings_of(device_id))
        except Unavailable:
            raise
        except PanalError:
            return None

    def _with(self, device_id: str, settings: CameraSettings) -> Camera:
        camera = self.camera(device_id)
        camera.settings = settings
        return camera

    async def look_of(self, who: Pass, socket: Socket, device_id: str) -> Look | None:
        """A viewer, not begun yet; None for those who may not. Raises Unavailable."""
        if len(self.looks) >= MOST_VIEWERS:
            raise Unavailable("too_many", "too many viewers")
        camera = await self.camera_for(who, device_id)
        return Look(socket, camera, self, who) if camera is not None else None

    def add_look(self, look: Looking) -> None:
        self.looks.add(look)

    def remove_look(self, look: Looking) -> None:
        self.looks.discard(look)

    async def command(self, who: Pass, device_id: str, cmd: str, val: str) -> None:
        """What somebody wants of a camera: asked of the control plane, which tells us on its commit."""
        if who.is_legacy and device_id == self.hub.settings.legacy_camera:
            asked = (device_id, cmd, val, who.address)
            await self.hub.in_thread(self.hub.store.ask, "cameras.older_command", *asked)
        else:
            shown = (who.cookie, who.authorization, device_id, cmd, val, who.address)
            await self.hub.in_thread(self.hub.store.ask, "cameras.command", *shown)

    def _command(self, device_id: str, cmd: str, val: str) -> None:
        camera = self._cameras.get(device_id)
        if camera is not None and camera.board is not None:
            camera.board.command(cmd, val)

    # what happens

    def _notice(self, event: DomainEvent) -> None:
        """Committed in this replica or in another one."""
        if event.name == "camera.command":
            self._command(event.device_id, str(event.data["cmd"]), str(event.data["val"]))
        elif event.name == "command.queued":
            camera = self._cameras.get(event.device_id)
            if camera is not None and isinstance(camera.board, Line):
                camera.board.send_orders()
        elif event.name in ("camera.changed", "device.released", "device.claimed"):
            self._check(lambda look: look.camera.device_id == event.device_id)
            if event.device_id in self._cameras:
                self.spawn(self._load(self._cameras[event.device_id]))
        elif event.name in ("device.token_changed", "device.removed"):
            camera = self._cameras.get(event.device_id)
            if camera is not None and camera.board is not None:
                camera.board.close(POLICY, "this token is no longer good")
            self._check(lambda look: look.camera.device_id == event.device_id)
            if event.name == "device.removed":
                self._cameras.pop(event.device_id, None)
        elif event.name == "account.changed":
            self._check(lambda look: True)

    def _check(self, concerns: Any) -> None:
        for look in self.looks:
            if concerns(look):
                look.check_ms = 0
        self._check_due()

    async def _load(self, camera: Camera) -> None:
        try:
            camera.settings = await self.settings_of(camera.device_id)
        except PanalError as error:
            logger.warning("%s: %s", camera.device_id, error.message)
            return
        if camera.settings.is_private:
            camera.forget_frames()
        camera.tell(self.status_of(camera))
        camera.look()

    async def _tick_often(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                self._tick(self.hub.now_ms())
            except Exception:
                logger.exception("cameras")

    async def _forget_vanished(self) -> None:
        """Cameras that were connected when the server was killed, and did not come back."""
        await asyncio.sleep(VANISHED_S)
        now_ms = self.hub.now_ms()
        try:
            for device_id in await self.hub.in_thread(self.hub.store.ask, "cameras.connected"):
                if device_id not in self._cameras or self._cameras[device_id].board is None:
                    self.hub.post("cameras.gone", Gone(device_id, now_ms, now_ms))
        except PanalError as error:
            logger.warning("cameras that vanished: %s", error.message)

    def _tick(self, now_ms: int) -> None:
        for camera in tuple(self._cameras.values()):
            if isinstance(camera.board, Line):
                camera.board.handle_deadline(now_ms)
            camera.look()
        self.relay.tick(now_ms)
        self._check_due()

    def _check_due(self) -> None:
        now_ms = self.hub.now_ms()
        for look in tuple(self.looks):
            if now_ms >= look.check_ms:
                look.check_ms = now_ms + CHECK_MS
                self.spawn(self._check_again(look))

    async def _check_again(self, look: Looking) -> None:
        try:
            allowed = await self.camera_for(look.who, look.camera.device_id)
        except PanalError:  # the database is busy: soon again
            look.check_ms = self.hub.now_ms() + 1000
            return
        if allowed is None:
            look.end(POLICY, "you may not look through this camera any more")

    # what is told of them

    def status_of(self, camera: Camera) -> dict[str, Any]:
        return {
            "type": "status",
            "camera": camera.device_id,
            "camera_connected": camera.is_connected,
            "private": camera.settings.is_private,
            "fps": camera.fps(),
            "info": camera.info,
        }

    def stats_of(self, camera: Camera) -> dict[str, Any]:
        board, counts = camera.board, camera.counts
        if board is None and camera.is_elsewhere and camera.stats_elsewhere:
            return camera.stats_elsewhere
        uptime_s = (self.hub.now_ms() - (board.connected_ms if board else self._started_ms)) // 1000
        return {
            "status": "ok",
            "camera_connected": camera.is_connected,
            "stats": {
                "connected": camera.is_connected,
                "frames_received": counts["frames"],
                "frames_chunked": counts["chunked"],
                "frames_failed": sum(camera.broken.values()),
                "total_bytes": counts["bytes"],
                "fps": camera.fps(),
                "last_frame_time": camera.latest.received_ms if camera.latest else None,
                "camera_ip": board.ip if board else None,
                "browsers_connected": camera.viewers,
                "uptime": uptime_s,
                "uptime_formatted": f"{uptime_s // 3600}h {uptime_s // 60 % 60}m {uptime_s % 60}s",
                "pending_commands": len(camera.settings.pending),
            },
            "browsers_connected": camera.viewers,
        }

    def metrics(self) -> Iterator[Metric]:
        cameras = list(self._cameras.values())
        gauges: dict[str, tuple[str, Callable[[Camera], float]]] = {
            "connected": ("Whether this replica holds its connection", lambda c: c.board is not None),
            "fps": ("Frames a second over the last three seconds", Camera.fps),
            "viewers": ("Who looks", lambda c: c.viewers),
            "idle": ("Whether it was told to idle", lambda c: c.board is not None and c.board.is_idle),
        }
        for name, (text, value) in gauges.items():
            gauge = GaugeMetricFamily(f"panal_camera_{name}", text, labels=["camera"])
            for camera in cameras:
                gauge.add_metric([camera.device_id], value(camera))
            yield gauge
        yield from _counters(cameras)
        for keeper in self.keepers:
            yield from keeper.metrics()
        yield GaugeMetricFamily("panal_camera_arrivals", "Connections that have not registered", len(self.arrivals))


COUNTS = {
    "frames": "Whole frames received",
    "bytes": "Bytes of them",
    "skipped": "Frames that viewers who have left did not get to",
    "too_fast": "Frames that came faster than any camera can",
    "private": "Frames thrown away because the camera is private",
    "closed": "Connections closed for flooding",
}


def _counters(cameras: list[Camera]) -> Iterator[Metric]:
    for name, text in COUNTS.items():
        counter = CounterMetricFamily(f"panal_camera_{name}", text, labels=["camera"])
        for camera in cameras:
            counter.add_metric([camera.device_id], camera.counts[name] + (camera.skipping if name == "skipped" else 0))
        yield counter
    broken = CounterMetricFamily("panal_camera_broken", "Broken frames and texts, by rule", labels=["camera", "rule"])
    for camera in cameras:
        for rule, count in sorted(camera.broken.items()):
            broken.add_metric([camera.device_id, rule], count)
    yield broken


def waiting(settings: CameraSettings, defaults: Mapping[str, int | None], now_ms: int) -> list[tuple[str, str]]:
    """What a camera is told when it comes: how it is set, and what was asked of it while it was away."""
    commands = Commands()
    for cmd in CONTROLS:
        value = getattr(settings, cmd)
        value = defaults.get(cmd) if value is None else value
        if value is not None:
            commands.put(cmd, str(value), now_ms)
    for cmd, val, at_ms in settings.pending:
        if cmd in COMMANDS:
            commands.put(cmd, val, at_ms)
    found: list[tuple[str, str]] = commands.take(now_ms)
    return found


HANDLERS = Handlers(paths=(uploads.PATH,), service=Cameras)
