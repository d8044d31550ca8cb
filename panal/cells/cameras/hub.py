"""Cameras in the memory of one replica: a frame is one immutable `bytes`, handed to whoever wants it at the moment.

Nobody waits for anybody: a consumer that is busy has a slot of one frame, and a newer frame takes the place of the one
it did not get to. While nobody wants frames, the camera is told to idle.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from .machine import Picture
from .settings import CameraSettings

logger = logging.getLogger(__name__)

IDLE_AFTER_MS = 5_000
"""A camera goes on for so long after the last one who looked: a page that is loaded again finds it awake."""
FPS_OVER_S = 3
MOST_FPS = 500
"""Far beyond any camera: what comes faster is meant to keep us busy."""
NO_SIZE = (0, 0)


class Frame(NamedTuple):
    device_id: str
    number: int
    """Counts up for as long as this replica runs."""
    jpeg: bytes
    received_ms: int
    captured_at_ms: int | None
    width: int
    height: int


class Consumer(Protocol):
    """Whoever may want frames. Called on the loop: it must not block, and it bounds what it keeps."""

    def wants(self) -> bool: ...

    def offer(self, frame: Frame) -> None: ...


class Listener(Protocol):
    """A consumer who also hears what the camera and the server say about it."""

    def hear(self, document: dict[str, Any]) -> None: ...


class Board(Protocol):
    """The connection of a camera, at the replica that holds it."""

    is_idle: bool
    connected_ms: int
    ip: str

    def command(self, cmd: str, val: str) -> None: ...

    def set_idle(self, is_idle: bool) -> None: ...

    def close(self, code: int, reason: str) -> None: ...


class Slot:
    """One frame for a task that takes them at its own pace."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._came = asyncio.Event()
        self.skipped = 0
        self.is_closed = False

    def wants(self) -> bool:
        return not self.is_closed

    def offer(self, frame: Frame) -> None:
        if self._frame is not None:
            self.skipped += 1
        self._frame = frame
        self._came.set()

    async def wait(self) -> Frame | None:
        """The newest frame, each at most once; None when it was closed."""
        await self._came.wait()
        self._came.clear()
        frame, self._frame = self._frame, None
        return None if self.is_closed else frame

    def close(self) -> None:
        self.is_closed = True
        self._came.set()


class Camera:
    """One camera: its connection if it is here, its newest frame, its consumers, its counts."""

    def __init__(self, device_id: str, now_ms: Callable[[], int]) -> None:
        self.device_id = device_id
        self.settings = CameraSettings(device_id)
        self.board: Board | None = None
        self.is_elsewhere = False
        """Another replica holds its connection, and we get its frames from there."""
        self.stats_elsewhere: dict[str, Any] = {}
        self.info: dict[str, Any] = {}
        self.health: dict[str, Any] = {}
        self.latest: Frame | None = None
        self.consumers: tuple[Consumer, ...] = ()
        self.counts: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.needed_ms = 0
        self.on_change: Callable[[Camera], None] = lambda camera: None
        self._now_ms = now_ms
        self._numbers = 0
        self._seconds: deque[list[int]] = deque(maxlen=FPS_OVER_S + 1)

    # who looks

    def watch(self, consumer: Consumer) -> None:
        """From now on; a camera that idles is woken."""
        self.consumers = (*self.consumers, consumer)
        self.look()

    def unwatch(self, consumer: Consumer) -> None:
        self.consumers = tuple(other for other in self.consumers if other is not consumer)
        self.counts["skipped"] += getattr(consumer, "skipped", 0)

    @property
    def is_needed(self) -> bool:
        return not self.settings.is_private and any(consumer.wants() for consumer in self.consumers)

    @property
    def skipping(self) -> int:
        """Frames that those who look now did not get to."""
        return sum(getattr(consumer, "skipped", 0) for consumer in self.consumers)

    @property
    def viewers(self) -> int:
        return sum(1 for consumer in self.consumers if hasattr(consumer, "hear"))

    @property
    def is_connected(self) -> bool:
        return self.board is not None or self.is_elsewhere

    def look(self) -> None:
        """Whether the camera should go on or idle: asked when something changed, and every second."""
        now_ms = self._now_ms()
        if self.is_needed:
            self.needed_ms = now_ms
        if self.board is not None:
            self.board.set_idle(self.settings.is_private or now_ms - self.needed_ms > IDLE_AFTER_MS)
        self.on_change(self)

    # what the camera gives

    def receive(self, picture: Picture) -> None:
        """A whole frame. One that comes faster than any camera can is dropped, so are all of a private camera."""
        now_ms = self._now_ms()
        self.counts["frames"] += 1
        self.counts["bytes"] += len(picture.jpeg)
        if self.settings.is_private:
            self.counts["private"] += 1
        elif self._count(now_ms // 1000) > MOST_FPS:
            self.counts["too_fast"] += 1
        else:
            self.give(picture, now_ms)

    def _count(self, second: int) -> int:
        """How many came in this second."""
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append([second, 0])
        self._seconds[-1][1] += 1
        return self._seconds[-1][1]

    def give(self, picture: Picture, now_ms: int) -> None:
        """To everybody who wants it."""
        width, height = picture.width, picture.height
        if not (width and height):
            width, height = size_of(picture.jpeg)
        self._numbers += 1
        frame = Frame(self.device_id, self._numbers, picture.jpeg, now_ms, picture.captured_at_ms, width, height)
        self.latest = frame
        for consumer in self.consumers:
            try:
                if consumer.wants():
                    consumer.offer(frame)
            except Exception:  # one consumer's fault is not another's
                logger.exception("a frame of %s", self.device_id)

    def tell(self, document: dict[str, Any]) -> None:
        """Something about this camera, to all who look."""
        for consumer in self.consumers:
            hear = getattr(consumer, "hear", None)
            if hear is not None:
                hear(document)

    def forget_frames(self) -> None:
        self.latest = None

    def fps(self) -> float:
        """Frames a second over the last three whole seconds."""
        now = self._now_ms() // 1000
        recent = sum(count for second, count in self._seconds if now - FPS_OVER_S <= second < now)
        return round(recent / FPS_OVER_S, 1)


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Width and height as the JPEG's frame header says (ITU-T T.81, B.2.2); (0, 0) where it says nothing."""
    at = 2
    for _ in range(32):
        if at + 9 > len(jpeg) or jpeg[at] != 0xFF:
            return NO_SIZE
        marker = jpeg[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(jpeg[at + 7 : at + 9], "big"), int.from_bytes(jpeg[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return NO_SIZE
