"""Recording: frames become MP4 files without being coded again, in a thread of its own that no stream waits for.

    <folder>/<camera>/YYYY-MM-DD/HH-MM-SS-mmm.mp4        the instant of the first frame, in UTC

`Cutter` decides which frames go into which clip; `Recorder` writes them. A file is fragmented MP4 with Motion JPEG:
each second stands by itself, so what a killed server or a full disk left is cut after its last whole second and kept.
Every frame has its own time, so the film runs at the speed of life whatever the frame rate did; the instants are
monotonic, so it also does when the clock is set.
"""

import logging
import os
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

import av

from .news import ClipKept
from .saver import PART, Disk, sync_folder

logger = logging.getLogger(__name__)

SEGMENT_S = 10.0
"""A continuous recording is cut this often."""
CLIP_S = 300.0
"""What moves for longer goes on in the next clip."""
RING_BYTES = 4 * 1024 * 1024
"""Of one camera's past, kept in memory for the pre-roll."""
ROOM_BYTES = 64 * 1024 * 1024
"""Of all cameras, on their way to the disk."""
FRAGMENT_US = 1_000_000
TICKS = 1000
FORMAT = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": str(FRAGMENT_US),
    "min_frag_duration": str(FRAGMENT_US),
    "flush_packets": "1",
}


class Frame(Protocol):
    """What is needed of a frame here."""

    @property
    def jpeg(self) -> bytes: ...
    @property
    def received_ms(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...


class Open(NamedTuple):
    cause: str
    at_ms: int
    width_px: int
    height_px: int


class Add(NamedTuple):
    jpeg: bytes
    at_s: float


class Close(NamedTuple):
    pass


Step = Open | Add | Close


class Cutter:
    """One camera. Instants are monotonic seconds; what comes back is done in this order."""

    def __init__(self) -> None:
        self.record = "off"
        self.pre_roll_s = 5.0
        self.post_roll_s = 10.0
        self._ring: deque[tuple[float, Frame]] = deque()
        self._ring_bytes = 0
        self._moves_until_s = float("-inf")
        self._asked_until_s = float("-inf")
        self._cause = ""
        self._opened_s = 0.0
        self._size = (0, 0)

    @property
    def is_recording(self) -> bool:
        return bool(self._cause)

    def motion(self, now_s: float) -> None:
        """Something moves now: a clip begins with the next frame, or goes on."""
        self._moves_until_s = now_s + self.post_roll_s

    def ask(self, now_s: float, seconds: float) -> None:
        """Somebody wants the next `seconds`; 0 ends it."""
        self._asked_until_s = now_s + seconds

    def frame(self, frame: Frame, now_s: float) -> list[Step]:
        cause = self._cause_at(now_s)
        steps = self._closing(cause, frame, now_s)
        if cause and not self._cause:
            steps += self._opening(cause, frame, now_s)
        if self._cause:
            steps.append(Add(frame.jpeg, now_s))
            self._forget()
        else:
            self._remember(frame, now_s)
        return steps

    def end(self) -> list[Step]:
        """No more frames for now: what there is makes a whole clip. A clip that was asked for goes on with the next."""
        self._forget()
        self._moves_until_s = float("-inf")
        return self._close()

    def _cause_at(self, now_s: float) -> str:
        if now_s < self._asked_until_s:
            return "person"
        if self.record == "motion" and now_s < self._moves_until_s:
            return "motion"
        return "always" if self.record == "always" else ""

    def _closing(self, cause: str, frame: Frame, now_s: float) -> list[Step]:
        if not self._cause:
            return []
        most_s = SEGMENT_S if self._cause == "always" else CLIP_S
        is_long = now_s - self._opened_s >= most_s
        return self._close() if cause != self._cause or is_long or self._size != _size(frame) else []

    def _close(self) -> list[Step]:
        was_open, self._cause = bool(self._cause), ""
        return [Close()] if was_open else []

    def _opening(self, cause: str, frame: Frame, now_s: float) -> list[Step]:
        past = [
            (at_s, old) for at_s, old in self._ring if now_s - at_s <= self.pre_roll_s and _size(old) == _size(frame)
        ]
        past = past if cause != "always" else []
        first_s, first = past[0] if past else (now_s, frame)
        self._cause, self._opened_s, self._size = cause, first_s, _size(frame)
        steps: list[Step] = [Open(cause, first.received_ms, *self._size)]
        return steps + [Add(old.jpeg, at_s) for at_s, old in past]

    def _remember(self, frame: Frame, now_s: float) -> None:
        self._ring.append((now_s, frame))
        self._ring_bytes += len(frame.jpeg)
        while self._ring and (self._ring_bytes > RING_BYTES or now_s - self._ring[0][0] > self.pre_roll_s):
            self._ring_bytes -= len(self._ring.popleft()[1].jpeg)

    def _forget(self) -> None:
        self._ring.clear()
        self._ring_bytes = 0


def _size(frame: Frame) -> tuple[int, int]:
    return frame.width, frame.height


class Recorder:
    """`do` from the loop; `kept` and the disk's `tell` are called in the recorder's own thread."""

    def __init__(self, folder: Path, kept: Callable[[ClipKept], None], disk: Disk) -> None:
        self._folder, self._kept, self.disk = folder, kept, disk
        self._waiting: deque[tuple[str, Step]] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._films: dict[str, Film] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="cameras-recorder", daemon=True)
        self.frames: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.clips: Counter[str] = Counter()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, close every clip, end."""
        with self._lock:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def do(self, device_id: str, steps: Iterable[Step]) -> None:
        """A frame for which there is no room is dropped and counted; clips begin and end all the same."""
        with self._lock:
            for step in steps:
                if isinstance(step, Add):
                    if self._bytes + len(step.jpeg) > ROOM_BYTES:
                        self.dropped[device_id] += 1
                        continue
                    self._bytes += len(step.jpeg)
                self._waiting.append((device_id, step))
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._waiting and not self._stopping:
                    self._wake.wait()
                if not self._waiting:
                    break
                device_id, step = self._waiting.popleft()
                self._bytes -= len(step.jpeg) if isinstance(step, Add) else 0
            self._guarded(device_id, step)
        for device_id in list(self._films):
            self._guarded(device_id, Close())

    def _guarded(self, device_id: str, step: Step) -> None:
        try:
            self._do(device_id, step)
        except OSError as failure:
            self.disk.failed(device_id, failure)
            self._abandon(device_id)
        except Exception:  # whatever it is, the next clip is tried
            logger.exception("camera %s is not recorded", device_id)
            self._abandon(device_id)

    def _do(self, device_id: str, step: Step) -> None:
        film = self._films.get(device_id)
        if isinstance(step, Open):
            if self.disk.may_try(device_id):
                self._films[device_id] = Film(self._folder, device_id, step)
        elif film is None:
            self.dropped[device_id] += isinstance(step, Add)
        elif isinstance(step, Add):
            self.disk.check_room(film.folder, len(step.jpeg))
            film.add(step)
            self.frames[device_id] += 1
        else:
            del self._films[device_id]
            self._tell(film.close())

    def _tell(self, clip: ClipKept | None) -> None:
        if clip is not None:
            self.disk.worked(clip.device_id)
            self.clips[clip.device_id] += 1
            self._kept(clip)

    def _abandon(self, device_id: str) -> None:
        """Keep the whole seconds of what was being written."""
        film = self._films.pop(device_id, None)
        if film is not None:
            film.drop()
            with suppress(OSError):
                clip = rescue(self._folder, film.part)
                if clip is not None:
                    self._kept(clip)


class Film:
    """One clip while it is written, under a name that says it is not finished."""

    def __init__(self, folder: Path, device_id: str, begun: Open) -> None:
        at = datetime.fromtimestamp(begun.at_ms / 1000, UTC)
        self._root, self._device_id, self._begun = folder, device_id, begun
        self.folder = folder / device_id / f"{at:%Y-%m-%d}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.part = self.folder / f".{begun.at_ms}.{begun.cause}{PART}"
        self._file: BinaryIO = self.part.open("wb")
        self._container = av.open(self._file, "w", format="mp4", options=FORMAT)
        self._stream = _stream(self._container, begun)
        self._held: Add | None = None
        self._began_s = 0.0
        self._last_pts, self._last_duration = -1, TICKS // 5
        self.frames = 0

    def add(self, frame: Add) -> None:
        """A frame is written when the next one says for how long it was seen."""
        if self._held is None:
            self._began_s = frame.at_s
        else:
            self._write(self._held, max(1, round((frame.at_s - self._held.at_s) * TICKS)))
        self._held = frame

    def _write(self, frame: Add, duration: int) -> None:
        packet = av.Packet(frame.jpeg)
        packet.stream, packet.time_base, packet.is_keyframe = self._stream, Fraction(1, TICKS), True
        pts = max(self._last_pts + 1, round((frame.at_s - self._began_s) * TICKS))
        packet.pts = packet.dts = self._last_pts = pts
        packet.duration = self._last_duration = duration
        self._container.mux_one(packet)
        self.frames += 1

    def close(self) -> ClipKept | None:
        """Whole and on the disk, under its name. None where nothing was in it."""
        duration = self._last_duration
        if self._held is not None:
            self._write(self._held, duration)
        self._container.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        size = self._file.tell()
        self._file.close()
        if not self.frames:
            self.part.unlink()
            return None
        ended_ms = self._begun.at_ms + self._last_pts + duration
        path = _name(self.part, self._begun.at_ms)
        return ClipKept(
            self._device_id, self._begun.at_ms, ended_ms, str(path.relative_to(self._root)), size, self.frames,
            self._begun.cause,
        )  # fmt: skip

    def drop(self) -> None:
        """Let go of the file as it is."""
        with suppress(OSError, av.FFmpegError, ValueError):
            self._container.close()
        with suppress(OSError, ValueError):
            self._file.close()


def _stream(container: Any, begun: Open) -> Any:
    """A track for pictures that are JPEG already: the encoder behind it is never given anything."""
    stream = container.add_stream("mjpeg", rate=TICKS)
    stream.width, stream.height, stream.pix_fmt = begun.width_px, begun.height_px, "yuvj420p"
    stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
    stream.codec_context.thread_count = 1
    return stream


def _name(part: Path, at_ms: int) -> Path:
    """Give a finished clip its name. One of the same millisecond, by a clock set back, is not overwritten."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    stem = f"{at:%H-%M-%S}-{at_ms % 1000:03d}"
    path, number = part.with_name(f"{stem}.mp4"), 1
    while path.exists():
        number += 1
        path = part.with_name(f"{stem}-{number}.mp4")
    part.rename(path)
    sync_folder(path.parent)
    return path


def rescue_all(folder: Path) -> list[ClipKept]:
    """What a killed server was recording, cut after the last whole second of each."""
    found = []
    for part in sorted(folder.glob(f"*/*/.*{PART}")):
        try:
            clip = rescue(folder, part)
        except (OSError, ValueError) as error:
            logger.error("%s was not finished: %s", part, error)
        else:
            found += [clip] if clip is not None else []
    return found


def rescue(folder: Path, part: Path) -> ClipKept | None:
    """None, and no file, where there is not even one whole second."""
    at_ms, cause = part.name.strip(".").split(".")[:2]
    with part.open("r+b") as file:
        size = whole_bytes(file)
        file.truncate(size)
        file.flush()
        os.fsync(file.fileno())
    frames, ticks = _content(part) if size else (0, 0)
    if not frames:
        part.unlink()
        return None
    path = _name(part, int(at_ms))
    device_id = part.parent.parent.name
    return ClipKept(device_id, int(at_ms), int(at_ms) + ticks, str(path.relative_to(folder)), size, frames, cause)


def whole_bytes(file: BinaryIO) -> int:
    """Up to where the boxes are whole and each `moof` has its `mdat`; 0 where there is no film yet."""
    size = file.seek(0, os.SEEK_END)
    at = end = file.seek(0)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if length < 8 or at + length > size:
            break
        at = file.seek(at + length)
        end = at if kind == b"mdat" else end
    return end


def _content(path: Path) -> tuple[int, int]:
    """How many frames a film has and how long it is, in ms; none where it cannot be read."""
    try:
        with av.open(str(path)) as container:
            packets = [(p.pts or 0, p.duration or 0, p.time_base) for p in container.demux(video=0) if p.size]
    except (av.FFmpegError, IndexError):  # IndexError: it has no track
        return 0, 0
    if not packets:
        return 0, 0
    pts, duration, time_base = packets[-1]
    return len(packets), round(float((pts + duration) * time_base) * 1000)
