"""What is kept of the frames that come in: images, recordings, motion. One for each server, beside the streams.

    <data>/images/…  saver.py        <data>/clips/…  recording.py        <data>/films/…  films.py

Files first, rows afterwards: what a crash left without a row gets one when the server starts again.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from panal.gateway.cell import Hub
from panal.gateway.store import DomainEvent
from panal.gateway.tasks import end
from panal.protocol.errors import Conflict, PanalError, Unavailable

from . import motion, recording, saver
from .films import Films
from .hub import Camera, Frame, size_of
from .motion import Detector, Lookout, Moved, Watched
from .news import ImageKept, MotionSeen
from .recording import Cutter, Recorder
from .saver import AutoSaver, Disk, NotKept, Saver, Unsaved
from .settings import CameraSettings

logger = logging.getLogger(__name__)

TICK_S = 1.0
STALE_S = 6.0
"""So long without a frame, and what was being recorded is a whole clip."""
FRESH_MS = 1_000
WAIT_S = 10.0
"""So long somebody who wants an image waits for a frame."""
MOST_WANTED = 20
MOST_PX = 8192


class Keeper:
    """What is kept of one camera: a consumer of its frames, called on the loop."""

    def __init__(self, camera: Camera, storage: "Storage") -> None:
        self.camera, self._storage = camera, storage
        self.cutter = Cutter()
        self._settings: CameraSettings | None = None
        self._auto = AutoSaver(False, 0)
        self._wanted: list[Wanted] = []
        self._looked_s = float("-inf")
        self._frame_s = 0.0
        self._asked_until_s = float("-inf")
        self._motion = ""

    def wants(self) -> bool:
        settings = self._apply()
        is_asked = bool(self._wanted) or self._storage.clock() < self._asked_until_s
        return settings.needs_frames or (is_asked and not settings.is_private)

    def offer(self, frame: Frame) -> None:
        settings, now_s = self._apply(), self._storage.clock()
        width, height = size_of(frame.jpeg)  # as it is, whatever the camera has announced
        if settings.is_private or not (0 < width <= MOST_PX and 0 < height <= MOST_PX):
            return
        frame = frame._replace(width=width, height=height)
        self._frame_s = now_s
        if self._auto.wants(now_s):
            self._storage.keep(frame, "auto", most_per_hour=settings.max_images_per_hour)
        wanted, self._wanted = self._wanted, []
        for want in wanted:
            self._storage.take(frame, want)
        self._storage.recorder.do(self.camera.device_id, self.cutter.frame(frame, now_s))
        if settings.watches_motion and now_s - self._looked_s >= motion.LOOK_EVERY_S:
            self._looked_s = now_s
            watched = Watched(frame.jpeg, now_s, lambda moved: self._storage.soon(self._moved, moved, frame))
            self._storage.lookout.offer(self.camera.device_id, watched)

    def _apply(self) -> CameraSettings:
        """The camera's settings, taken over where they are other ones than before."""
        settings, before = self.camera.settings, self._settings
        if settings is before:
            return settings
        self._settings = settings
        if before is None or (settings.auto_save, settings.save_interval_s) != (
            before.auto_save,
            before.save_interval_s,
        ):
            self._auto = AutoSaver(settings.auto_save, settings.save_interval_s)
        self.cutter.record = settings.record
        self.cutter.pre_roll_s, self.cutter.post_roll_s = settings.pre_roll_s, settings.post_roll_s
        if before is None or _motion_of(settings) != _motion_of(before):
            self._set_motion(settings)
        if settings.is_private:
            self._ask(0)
            self.gone()
        return settings

    def _set_motion(self, settings: CameraSettings) -> None:
        self._end_motion()
        detector = Detector(settings.motion_sensitivity, settings.motion_zones, settings.motion_cooldown_s)
        self._storage.lookout.set(self.camera.device_id, detector if settings.watches_motion else None)

    # what somebody asks for

    def save(self, want: "Wanted") -> None:
        """The newest frame if it is fresh, else the next one."""
        if self.camera.settings.is_private:
            want.refuse("private")
        elif len(self._wanted) >= MOST_WANTED:
            want.refuse("busy")
        else:
            latest = self.camera.latest
            if latest and self._storage.hub.now_ms() - latest.received_ms < FRESH_MS:
                self._storage.take(latest, want)
            else:
                self._wanted.append(want)
                self.camera.look()

    def record(self, seconds: float) -> None:
        """The next `seconds`; 0 ends a clip that was asked for."""
        self._ask(seconds)
        if not seconds and self._settings is not None and not self._settings.needs_frames:
            self._storage.recorder.do(self.camera.device_id, self.cutter.end())
        self.camera.look()

    def _ask(self, seconds: float) -> None:
        now_s = self._storage.clock()
        self._asked_until_s = now_s + seconds
        self.cutter.ask(now_s, seconds)

    # what time and motion do

    def tick(self, now_s: float) -> None:
        """Called every second."""
        if self.cutter.is_recording and not self.wants():  # no frame comes any more that would end it
            self._storage.recorder.do(self.camera.device_id, self.cutter.end())
        self._apply()
        late = [want for want in self._wanted if now_s - want.since_s > WAIT_S]
        self._wanted = [want for want in self._wanted if want not in late]
        for want in late:
            want.refuse("no_frame")
        if now_s - self._frame_s > STALE_S:
            self.gone()

    def gone(self) -> None:
        """The camera's connection has ended, or it must not be kept any more: so do the clip and the motion."""
        self._storage.recorder.do(self.camera.device_id, self.cutter.end())
        self._end_motion()

    def _end_motion(self) -> None:
        uid, self._motion = self._motion, ""
        if uid:
            self._tell_motion(uid, 0.0, is_over=True)

    def _moved(self, moved: Moved, frame: Frame) -> None:
        """On the loop, soon after the lookout has seen it."""
        if not self.camera.settings.watches_motion:
            return
        if moved.what == "ended":
            self._end_motion()
            return
        self.cutter.motion(self._storage.clock())
        if moved.what == "began":
            self._end_motion()
            self._motion = uid = uuid.uuid4().hex
            self._tell_motion(uid, moved.area_pct)
            done: Future[ImageKept] = Future()
            done.add_done_callback(lambda done: self._storage.soon(self._pictured, uid, moved.area_pct, done))
            self._storage.keep(frame, "motion", done=done)

    def _pictured(self, uid: str, area_pct: float, done: Future[ImageKept]) -> None:
        if done.exception() is None:
            self._tell_motion(uid, area_pct, path=done.result().path)

    def _tell_motion(self, uid: str, area_pct: float, path: str = "", is_over: bool = False) -> None:
        now_ms = self._storage.hub.now_ms()
        ended_ms = now_ms if is_over else None
        self._storage.post("cameras.motion", MotionSeen(uid, self.camera.device_id, now_ms, ended_ms, area_pct, path))


def _motion_of(settings: CameraSettings) -> tuple[Any, ...]:
    """What makes another detector of it."""
    zones, cooldown_s = settings.motion_zones, settings.motion_cooldown_s
    return settings.watches_motion, settings.motion_sensitivity, zones, cooldown_s


class Wanted:
    """An image that somebody asked for."""

    def __init__(self, cause: str, since_s: float, is_protected: bool = False) -> None:
        self.cause, self.since_s, self.is_protected = cause, since_s, is_protected
        self.done: Future[ImageKept] = Future()

    def refuse(self, error: str) -> None:
        self.done.set_exception(NotKept(error))


def refusal(refused: NotKept) -> PanalError:
    if refused.error == "private":
        return Conflict("private", "this camera is private at the moment")
    if refused.error == "enough":
        return Conflict("enough", "enough images are kept of this hour")
    sentences = {"full": "the disk is full", "no_frame": "no picture came", "busy": "too much waits to be saved"}
    return Unavailable(refused.error, sentences.get(refused.error, "the image could not be stored"), retry_after_s=5)


class Storage:
    """A keeper, as the gateway wants them."""

    def __init__(self, hub: Hub, clock: Callable[[], float] = time.monotonic) -> None:
        self.hub, self.clock = hub, clock
        data = Path(hub.settings.data).absolute()
        self.images, self.clips = hub.settings.images_path, data / "clips"
        disk = (self._tell_storage, saver.RESERVE_BYTES)
        self.saver = Saver(self.images, lambda image: self._post_from_thread("cameras.image", image), Disk(*disk))
        self.recorder = Recorder(self.clips, lambda clip: self._post_from_thread("cameras.clip", clip), Disk(*disk))
        self.lookout = Lookout()
        self.films = Films(hub, data)
        self._keepers: dict[str, Keeper] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        for folder in (self.images, self.clips):
            await self.hub.in_thread(lambda folder=folder: folder.mkdir(parents=True, exist_ok=True))
        for worker in (self.saver, self.recorder, self.lookout):
            worker.start()
        self.hub.bus.listen(self._notice)
        self._spawn(self._reconcile())
        self._spawn(self._tick_often())
        self._spawn(self.films.run())

    async def stop(self) -> None:
        """What was taken is on the disk, and its rows are on their way, when this returns."""
        self.hub.bus.forget(self._notice)
        await end(self._tasks)
        await self.films.stop()
        for keeper in self._keepers.values():
            keeper.gone()
        for worker in (self.lookout, self.recorder, self.saver):
            await asyncio.to_thread(worker.stop)
        await asyncio.sleep(0)  # what the workers said last is told

    def consumer_of(self, camera: Camera) -> Keeper:
        """The one consumer that keeps what this camera gives."""
        if camera.device_id not in self._keepers:
            self._keepers[camera.device_id] = Keeper(camera, self)
        return self._keepers[camera.device_id]

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # from the workers' threads to the loop

    def soon(self, function: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed
            assert self._loop is not None
            self._loop.call_soon_threadsafe(function, *arguments)

    def post(self, kind: str, message: Any) -> None:
        self.hub.post(kind, message)

    def _post_from_thread(self, kind: str, message: Any) -> None:
        self.soon(self.hub.post, kind, message)

    def _tell_storage(self, state: Any) -> None:
        self._post_from_thread("cameras.storage", state)

    # frames

    def keep(
        self,
        frame: Frame,
        cause: str,
        is_protected: bool = False,
        done: Future[ImageKept] | None = None,
        most_per_hour: int = 0,
    ) -> None:
        size = (frame.width, frame.height)
        unsaved = Unsaved(
            frame.device_id, frame.jpeg, frame.received_ms, cause, *size, is_protected, most_per_hour, done
        )
        self.saver.save(unsaved)

    def take(self, frame: Frame, want: "Wanted") -> None:
        self.keep(frame, want.cause, want.is_protected, want.done)

    async def save(self, camera: Camera) -> ImageKept:
        """The picture of this moment, kept because somebody wants it. Raises Conflict, Unavailable."""
        if camera.board is None:
            raise Conflict("camera_away", "the camera is not connected here")
        want = Wanted("person", self.clock())
        self.consumer_of(camera).save(want)
        try:
            return await asyncio.wrap_future(want.done)
        except NotKept as refused:
            raise refusal(refused) from None

    def image_stats(self, camera: Camera) -> dict[str, Any]:
        """As `GET /api/images/stats` has it."""
        id = camera.device_id
        return {
            "saved": self.saver.saved[id],
            "dropped": self.saver.dropped[id],
            "failed": self.saver.failed[id],
            "error": self.saver.disk.error_of(id) or None,
            "max_images_per_hour": camera.settings.max_images_per_hour,
        }

    # what happens

    def _notice(self, event: DomainEvent) -> None:
        """Committed here or in another replica; who has the camera's connection does it."""
        keeper = self._keepers.get(event.device_id)
        if event.name == "camera.job_requested":
            self.films.wake()
        elif keeper is None or keeper.camera.board is None:
            return
        elif event.name == "camera.save_requested":
            want = Wanted("person", self.clock(), bool(event.data.get("is_protected")))
            want.done.add_done_callback(lambda done: done.exception())  # who asked sees it in the gallery
            keeper.save(want)
        elif event.name == "camera.record_requested":
            keeper.record(float(event.data.get("seconds", 0)))

    async def _tick_often(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for keeper in tuple(self._keepers.values()):
                try:
                    keeper.tick(self.clock())
                except Exception:
                    logger.exception("camera %s", keeper.camera.device_id)

    async def _reconcile(self) -> None:
        """Files that a crash left without their row, and recordings that it left unfinished."""
        try:
            for clip in await asyncio.to_thread(recording.rescue_all, self.clips):
                await self.hub.submit("cameras.clip", clip)
            for folder in await asyncio.to_thread(recent_hours, self.images):
                await self._reconcile_hour(folder)
        except Exception:  # the next start tries again
            logger.exception("files of cameras could not be compared with their rows")

    async def _reconcile_hour(self, folder: Path) -> None:
        found = await asyncio.to_thread(images_in, self.images, folder)
        known = await self.hub.in_thread(self.hub.store.ask, "cameras.known_images", [i.path for i in found])
        for image in found:
            if image.path not in known:
                await self.hub.submit("cameras.image", image)

    def metrics(self) -> Iterator[Metric]:
        counts = {
            "saved": self.saver.saved,
            "dropped": self.saver.dropped,
            "failed": self.saver.failed,
        }
        yield _by_camera("panal_camera_images", "Images, by what became of them.", counts)
        yield _by_camera(
            "panal_camera_recorded_frames",
            "Frames of recordings, by what became of them.",
            {"written": self.recorder.frames, "dropped": self.recorder.dropped},
        )
        yield _by_camera(
            "panal_camera_motion_looks",
            "Frames that were looked at for motion.",
            {"looked": self.lookout.looked, "skipped": self.lookout.skipped, "unreadable": self.lookout.unreadable},
        )
        failing = GaugeMetricFamily(
            "panal_camera_storage_failing", "Nothing of this camera can be stored.", labels=["camera"]
        )
        for id in self._keepers:
            is_failing = self.saver.disk.error_of(id) or self.recorder.disk.error_of(id)
            failing.add_metric([id], 1.0 if is_failing else 0.0)
        yield failing


def _by_camera(name: str, text: str, counts: dict[str, Any]) -> Metric:
    family = CounterMetricFamily(name, text, labels=["camera", "outcome"])
    for outcome, by_camera in counts.items():
        for device_id, count in by_camera.items():
            family.add_metric([device_id, outcome], count)
    return family


RECENT = 3


def recent_hours(images: Path) -> list[Path]:
    """The newest hours of each camera: rows are at most seconds behind their files."""
    found: list[Path] = []
    for camera in sorted(images.iterdir()) if images.is_dir() else []:
        found += sorted(camera.glob("*/*-00-00"))[-RECENT:]
    return found


def images_in(images: Path, folder: Path) -> list[ImageKept]:
    """What lies in an hour's folder, as if it had just been stored."""
    device_id = folder.parent.parent.name
    files = [(path, path.stat()) for path in sorted(folder.glob("*.jpg"))]
    return [
        ImageKept(device_id, stat.st_mtime_ns // 1_000_000, str(path.relative_to(images)), stat.st_size, "auto")
        for path, stat in files
    ]
