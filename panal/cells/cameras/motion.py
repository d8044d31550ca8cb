"""Motion: a small grey picture of a frame against what the camera usually sees, in a thread beside the stream.

A frame is decoded at an eighth to a half of its size (libjpeg scales while it decodes), a few hundred pixels wide.
What differs from the picture of the last seconds in one of the zones, for two looks in a row, moves: if it differs by
much more than the rest of the picture does, so neither a light that is switched on nor a noisy sensor moves.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import simplejpeg

from .settings import Polygon

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.18
"""A little under a fifth of a second: of a camera with five frames a second every one is looked at."""
WIDTH_PX = 160
"""The narrowest that is looked at: the decoder's next step above it is at most twice as wide."""
MOST_PX = 4096
"""The widest and highest picture that is decoded at all."""
LEARN = 0.08
"""How much of each look becomes what is usual: a thing that stays is forgotten after some seconds."""
NOISE = 6.7
"""What differs by so many times what most spots differ by (their median) is not noise: 4.5 standard deviations."""
IN_A_ROW = 2
STILL_S = 3.0
"""So long without motion, and it has ended."""

Grey = Any
"""A numpy array of float32, rows by columns."""


class Moved(NamedTuple):
    """`what`: began, goes_on, ended."""

    what: str
    area_pct: float


def threshold(sensitivity: int) -> tuple[float, float]:
    """By how many grey levels a spot must differ, and which part of the zones must do so."""
    s = (max(1, min(100, sensitivity)) - 1) / 99
    return 40.0 - 30.0 * s, 0.05 * 0.02**s


def grey_of(jpeg: bytes) -> Grey:
    """Small and grey, each spot the mean of four. Raises ValueError for what is no picture or too large a one."""
    height, width, _space, _sampling = simplejpeg.decode_jpeg_header(jpeg)
    if not (0 < width <= MOST_PX and 0 < height <= MOST_PX):
        raise ValueError(f"{width} × {height} pixels")
    least = max(1, WIDTH_PX * height // width)
    grey = simplejpeg.decode_jpeg(jpeg, "GRAY", fastdct=True, min_height=least, min_width=WIDTH_PX, min_factor=1)
    return _halved(grey[:, :, 0])


def _halved(grey: Grey) -> Grey:
    height, width = grey.shape[0] // 2 * 2, grey.shape[1] // 2 * 2
    if not (height and width):
        raise ValueError("too small to look at")
    wide = grey[:height, :width].astype(np.float32)
    return (wide[0::2, 0::2] + wide[1::2, 0::2] + wide[0::2, 1::2] + wide[1::2, 1::2]) / 4


def mask_of(zones: tuple[Polygon, ...], shape: tuple[int, int]) -> Grey:
    """Which spots count: those whose middle lies in one of the polygons (even-odd rule); all where there is none."""
    rows, columns = shape
    if not zones:
        return np.ones(shape, bool)
    y, x = np.mgrid[0:rows, 0:columns]
    x, y = (x + 0.5) / columns, (y + 0.5) / rows
    mask = np.zeros(shape, bool)
    for zone in zones:
        mask |= _inside(zone, x, y)
    return mask


def _inside(zone: Polygon, x: Grey, y: Grey) -> Grey:
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(zone, (*zone[1:], zone[0]), strict=True):
        if ay == by:
            continue
        with np.errstate(over="ignore", invalid="ignore"):  # an edge that is almost level reaches beyond every number
            crosses = ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
        inside ^= crosses
    return inside


class Detector:
    """One camera. Instants are monotonic seconds."""

    def __init__(self, sensitivity: int = 50, zones: tuple[Polygon, ...] = (), cooldown_s: float = 30.0) -> None:
        self._levels, self._part = threshold(sensitivity)
        self._zones, self._cooldown_s = zones, cooldown_s
        self._usual: Grey = None
        self._mask: Grey = None
        self._in_a_row = 0
        self._moves = False
        self._moved_s = float("-inf")
        self._quiet_until_s = float("-inf")

    def look(self, grey: Grey, now_s: float) -> Moved | None:
        part = self._changed_part(grey)
        self._in_a_row = self._in_a_row + 1 if part >= self._part else 0
        if self._in_a_row >= (1 if self._moves else IN_A_ROW):
            return self._motion(part, now_s)
        if self._moves and now_s - self._moved_s >= STILL_S:
            self._moves, self._quiet_until_s = False, now_s + self._cooldown_s
            return Moved("ended", 0.0)
        return None

    def _motion(self, part: float, now_s: float) -> Moved | None:
        self._moved_s = now_s
        if self._moves:
            return Moved("goes_on", round(100 * part, 2))
        if now_s < self._quiet_until_s:
            return None
        self._moves = True
        return Moved("began", round(100 * part, 2))

    def _changed_part(self, grey: Grey) -> float:
        """Which part of the zones is not as usual; what is usual learns from it."""
        if self._usual is None or self._usual.shape != grey.shape:
            self._usual, self._mask = grey.copy(), mask_of(self._zones, grey.shape)
            return 0.0
        difference = grey - self._usual
        difference -= np.median(difference)  # the sensor's exposure makes all of it lighter or darker
        difference = np.abs(difference)
        changed = difference > max(self._levels, NOISE * float(np.median(difference)))
        self._usual += LEARN * (grey - self._usual)
        watched = int(self._mask.sum())
        return float(np.count_nonzero(changed & self._mask)) / watched if watched else 0.0


class Watched(NamedTuple):
    jpeg: bytes
    at_s: float
    seen: Callable[[Moved], None]


class Lookout:
    """Looks at the newest frame of each camera in turn, in one thread; of two that wait the older one is lost."""

    def __init__(self) -> None:
        self._waiting: dict[str, Watched] = {}
        self._detectors: dict[str, Detector] = {}
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="cameras-motion", daemon=True)
        self.looked: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.unreadable: Counter[str] = Counter()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._lock:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def set(self, device_id: str, detector: Detector | None) -> None:
        """From now on this camera is looked at so, or not any more."""
        with self._lock:
            self._waiting.pop(device_id, None)
            if detector is None:
                self._detectors.pop(device_id, None)
            else:
                self._detectors[device_id] = detector

    def offer(self, device_id: str, watched: Watched) -> None:
        with self._lock:
            if device_id in self._detectors:
                self.skipped[device_id] += device_id in self._waiting
                self._waiting[device_id] = watched  # in its old place of the queue, if it has one
                self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._waiting and not self._stopping:
                    self._wake.wait()
                if self._stopping:
                    return
                device_id = next(iter(self._waiting))
                watched, detector = self._waiting.pop(device_id), self._detectors[device_id]
            self._look(device_id, watched, detector)

    def _look(self, device_id: str, watched: Watched, detector: Detector) -> None:
        try:
            moved = detector.look(grey_of(watched.jpeg), watched.at_s)
        except ValueError:
            self.unreadable[device_id] += 1
            return
        except Exception:  # whatever it is, the next frame is looked at
            logger.exception("motion of camera %s", device_id)
            return
        self.looked[device_id] += 1
        if moved is not None:
            watched.seen(moved)
