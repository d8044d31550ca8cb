"""What it costs to keep what a camera sees: looking for motion, recording, saving; CPU time of this process alone."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import simplejpeg

from benchmarks.report import Figure, under
from panal.cells.cameras.motion import Detector, grey_of
from panal.cells.cameras.recording import Add, Close, Open, Recorder
from panal.cells.cameras.saver import Disk, Saver, Unsaved

START_MS = 1_790_000_000_000
SIZES = (("VGA", 640, 480), ("HD", 1280, 720), ("QXGA", 2048, 1536))
LOOKS_A_SECOND = 5
CAMERAS = 20


def kept(seconds: float) -> list[Figure]:
    return [*(motion(seconds, *size) for size in SIZES), recording(seconds), saving(seconds)]


def scene(width: int, height: int, number: int) -> bytes:
    """A picture with as much noise as a small sensor has in a room: what costs is its bytes, not its pixels."""
    y, x = np.mgrid[0:height, 0:width]
    light = 110 + 40 * np.sin(x / 23) + 30 * np.cos(y / 31)
    noise = np.random.default_rng(number).normal(0, 6, (height, width, 3))
    return simplejpeg.encode_jpeg(np.clip(light[..., None] + noise, 0, 255).astype(np.uint8), quality=60)  # type: ignore[no-any-return]


def cpu_of(work: Callable[[int], object], seconds: float) -> float:
    """CPU seconds of one turn."""
    work(0)
    began, turns, until = time.process_time(), 0, time.monotonic() + seconds
    while time.monotonic() < until:
        turns += 1
        work(turns)
    return (time.process_time() - began) / turns


def motion(seconds: float, name: str, width: int, height: int) -> Figure:
    pictures = [scene(width, height, number) for number in range(4)]
    detector = Detector()
    cost = cpu_of(lambda turn: detector.look(grey_of(pictures[turn % 4]), turn / 5), seconds / 5)
    detail = f"{100 * cost * LOOKS_A_SECOND:.1f} % of a core for each camera, {len(pictures[0]) // 1024} KB frames"
    return under(f"motion: one look, {name}", 1000 * cost, 10, "ms CPU", detail)


def recording(seconds: float) -> Figure:
    picture = scene(640, 480, 1)
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder), lambda clip: None, Disk(lambda state: None, reserve_bytes=0))
        names = [f"CAM{number}" for number in range(CAMERAS)]

        def turn(number: int) -> None:
            for name in names:
                begin = [Open("always", START_MS + number, 640, 480)] if number % 50 == 0 else []
                end = [Close()] if number % 50 == 49 else []
                for step in (*begin, Add(picture, number / 5), *end):
                    recorder._guarded(name, step)

        cost = cpu_of(turn, seconds / 5) / CAMERAS
        recorder.start()
        recorder.stop()
    return under("recording: one frame, VGA", 1e6 * cost, 1000, "µs CPU", f"{len(picture) // 1024} KB, 10 s segments")


def saving(seconds: float) -> Figure:
    picture = scene(640, 480, 1)
    with tempfile.TemporaryDirectory() as folder:
        saver = Saver(Path(folder), lambda image: None, Disk(lambda state: None, reserve_bytes=0))
        unsaved = Unsaved("CAM", picture, START_MS, "auto", 640, 480, False, 0, None)
        cost = cpu_of(lambda turn: saver._save(unsaved._replace(at_ms=START_MS + turn * 60_000)), seconds / 5)
    return under("saving: one image, VGA, synced", 1e6 * cost, 5000, "µs CPU", f"{len(picture) // 1024} KB")
