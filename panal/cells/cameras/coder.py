"""The process that codes a film: `python -m panal.cells.cameras.coder DATA IMAGES < order`; see films.py.

Coding is heavy: it gives way to everything else. The file has its name only once it is whole.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from .news import EXPORT, Order
from .saver import PART, sync_folder

NICE = 19
TICKS = 1000
QUALITY = {"preset": "veryfast", "crf": "23", "bf": "0"}  # no B-frames: their delay hides a film's last pictures


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
