"""Films that somebody asked for: clips coded again for browsers (H.264), and a timelapse of saved images.

    <data>/films/<camera>/<job>.mp4

Coding is heavy: one film at a time, in a process of its own that gives way to everything else. It reads its order as
JSON on stdin and says how far it is in lines on stdout; the file has its name only once it is whole.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av

from panal.gateway.cell import Hub
from panal.protocol.errors import PanalError

from .news import JobProgress
from .saver import PART, sync_folder

logger = logging.getLogger(__name__)

NICE = 19
LOOK_EVERY_S = 15.0
MOST_S = 3600.0
"""A film that takes longer to code is given up."""
TICKS = 1000
QUALITY = {"preset": "veryfast", "crf": "23", "bf": "0"}  # no B-frames: their delay hides a film's last pictures
EXPORT, TIMELAPSE = "export", "timelapse"


class Order(NamedTuple):
    """`sources` are files below their folder, in order; `total` is how many frames they have together."""

    job_id: str
    device_id: str
    kind: str
    sources: tuple[str, ...]
    total: int
    fps: int = 0


class Films:
    """Makes what waits, oldest first. Lives in the data plane; `run` is a task."""

    def __init__(self, hub: Hub, data: Path) -> None:
        self._hub, self._data = hub, data
        self._woken = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        is_first = True
        while True:
            self._woken.clear()
            try:
                order = await self._hub.in_thread(self._hub.store.ask, "cameras.next_job", is_first)
                is_first = False
            except PanalError as error:
                logger.warning("films: %s", error.message)
                order = None
            except Exception:  # whatever it is, it is looked again in a while
                logger.exception("films")
                order = None
            if order is not None:
                await self._make(Order(*order))
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._woken.wait()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _make(self, order: Order) -> None:
        reason, size = "", 0
        try:
            async with asyncio.timeout(MOST_S):
                size, reason = await self._coded(order)
        except TimeoutError:
            await self.stop()
            reason = "it took too long"
        except OSError as error:
            reason = str(error)
        state = "failed" if reason else "done"
        if reason:
            logger.error("a film of camera %s was not made: %s", order.device_id, reason)
        path = "" if reason else f"{order.device_id}/{order.job_id}.mp4"
        await self._tell(order, state, 0 if reason else 100, reason=reason, path=path, size_bytes=size)

    async def _coded(self, order: Order) -> tuple[int, str]:
        """The film's size, and why there is none."""
        pipe = asyncio.subprocess.PIPE
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "panal.cells.cameras.films",
            str(self._data),
            str(self._hub.settings.images_path),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
        )
        assert process.stdin and process.stdout and process.stderr
        complaints = asyncio.create_task(process.stderr.read(65536))
        process.stdin.write(json.dumps(order._asdict()).encode())
        process.stdin.close()
        size = 0
        async for line in process.stdout:
            said = json.loads(line)
            size = said.get("size_bytes", size)
            if "progress_pct" in said:
                self._hub.post("cameras.progress", progress(order, "running", said["progress_pct"]))
        await process.wait()
        text = (await complaints).decode(errors="replace").strip()
        if process.returncode == 0 and size:
            return size, ""
        return 0, (text.splitlines() or ["the coder ended without a word"])[-1][:200]

    async def _tell(self, order: Order, state: str, pct: int, **more: Any) -> None:
        message = progress(order, state, pct, **more)
        while True:
            try:
                await self._hub.submit("cameras.progress", message)
                return
            except PanalError as error:  # the database is busy or full
                logger.warning("films: %s", error.message)
                await asyncio.sleep(LOOK_EVERY_S)


def progress(order: Order, state: str, pct: int, **more: Any) -> JobProgress:
    return JobProgress(order.device_id, order.job_id, state, pct, **more)


# in the process that codes


def make(data: Path, images: Path, order: Order, say: Callable[[dict[str, Any]], None]) -> None:
    """Raises OSError, ValueError; leaves a whole file or none."""
    path = data / "films" / order.device_id / f"{order.job_id}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}{PART}")
    try:
        frames = _frames_of_clips(data, order) if order.kind == EXPORT else _frames_of_images(images, order)
        _code(part, frames, order.total, say)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)
    say({"size_bytes": path.stat().st_size})


Shown = tuple[Any, int]
"""A decoded frame and the instant, in ms from the beginning of the film, from which it is seen."""


def _frames_of_clips(data: Path, order: Order) -> Iterator[Shown]:
    """At the speed of life; what was not recorded between two clips is left out."""
    begins = 0
    for source in order.sources:
        end = begins
        with av.open(str(data / "clips" / source)) as container:
            for packet in container.demux(video=0):
                for frame in packet.decode():
                    at = begins + round(float((frame.pts or 0) * (frame.time_base or 0)) * 1000)
                    end = at + round(float((packet.duration or 0) * packet.time_base) * 1000)
                    yield frame, at
        begins = max(end, begins + 1)


def _frames_of_images(images: Path, order: Order) -> Iterator[Shown]:
    """One after the other; an image that has gone, or cannot be read, is left out."""
    shown = 0
    for source in order.sources:
        frame = _decoded(images / source)
        if frame is not None:
            yield frame, shown * TICKS // order.fps
            shown += 1


def _decoded(path: Path) -> Any:
    decoder = av.CodecContext.create("mjpeg", "r")
    try:
        return decoder.decode(av.Packet(path.read_bytes()))[0]
    except (OSError, ValueError, IndexError):
        return None


def _code(part: Path, frames: Iterator[Shown], total: int, say: Callable[[dict[str, Any]], None]) -> None:
    """The first frame says how large the film is; others are scaled to it."""
    with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream: Any = None
        last_pts, said = -1, -1
        for count, (frame, at) in enumerate(frames, 1):
            if stream is None:
                stream = _h264(container, frame.width, frame.height)
            picture = frame.reformat(stream.width, stream.height, "yuv420p")
            picture.pts = last_pts = max(last_pts + 1, at)
            picture.time_base = Fraction(1, TICKS)
            container.mux(stream.encode(picture))
            pct = min(99, 100 * count // max(1, total))
            if pct > said:
                said = pct
                say({"progress_pct": pct})
        if stream is None:
            raise ValueError("there is nothing to see in it")
        container.mux(stream.encode(None))


def _h264(container: Any, width: int, height: int) -> Any:
    stream = container.add_stream("libx264", rate=30, options=QUALITY)
    stream.width, stream.height, stream.pix_fmt = width - width % 2, height - height % 2, "yuv420p"
    stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
    stream.codec_context.thread_count = 1
    return stream


def main() -> None:
    os.nice(NICE)
    fields = json.load(sys.stdin)
    order = Order(**{**fields, "sources": tuple(fields["sources"])})

    def say(document: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()

    try:
        make(Path(sys.argv[1]), Path(sys.argv[2]), order, say)
    except (OSError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
