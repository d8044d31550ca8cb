"""The image saver: frames become files, in a thread of its own that no stream waits for.

    <folder>/<camera>/YYYY-MM-DD/HH-00-00/<n>.jpg        hours in UTC; n counts up and is never used twice

What waits is bounded in number and bytes: the oldest unsaved frame is dropped and counted. A file has its name only
once it is whole and synced. A number that was given stays given: `.last` keeps the highest one that was deleted.
"""

import errno
import logging
import os
import shutil
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from .news import ImageKept, StorageState

logger = logging.getLogger(__name__)

ROOM = 8
"""Unsaved frames of one camera."""
ROOM_BYTES = 64 * 1024 * 1024
"""Unsaved frames of all cameras."""
RESERVE_BYTES = 64 * 1024 * 1024
"""Left free on the disk: a database on the same disk must still be able to say that it is full."""
RETRY_S = 5.0
"""While nothing can be stored it is tried this often, not with every frame."""
LAST = ".last"
PART = ".part"
FOLDERS = 512
"""Hours whose highest number is kept in mind."""


class Unsaved(NamedTuple):
    device_id: str
    jpeg: bytes
    at_ms: int
    cause: str
    width_px: int
    height_px: int
    is_protected: bool
    most_per_hour: int
    """0: no bound, somebody asked for this one."""
    done: Future[ImageKept] | None


class NotKept(Exception):
    """It was not stored; the text is for a log."""

    def __init__(self, error: str, message: str = "") -> None:
        super().__init__(message or error)
        self.error = error


def error_of(failure: OSError) -> str:
    """A short word for what the file system says."""
    if failure.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "full"
    return "denied" if failure.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else "failing"


class Disk:
    """Whether what is kept in a folder can be stored, for each camera; says so when it changes and while it lasts."""

    def __init__(
        self,
        tell: Callable[[StorageState], None],
        reserve_bytes: int = RESERVE_BYTES,
        clock: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._tell, self._reserve_bytes, self._clock, self._now_ms = tell, reserve_bytes, clock, now_ms
        self._errors: dict[str, tuple[str, float]] = {}

    def error_of(self, device_id: str) -> str:
        return self._errors.get(device_id, ("", 0.0))[0]

    def may_try(self, device_id: str) -> bool:
        """Not with every frame while nothing can be stored."""
        error, since = self._errors.get(device_id, ("", 0.0))
        return not error or self._clock() - since >= RETRY_S

    def check_room(self, folder: Path, size: int) -> None:
        """Raises OSError(ENOSPC) before the last of the disk is used up."""
        if shutil.disk_usage(folder).free - size < self._reserve_bytes:
            raise OSError(errno.ENOSPC, "the disk is all but full")

    def failed(self, device_id: str, failure: OSError) -> NotKept:
        """Said again as often as it is tried: the database may have been full too when it was said first."""
        error = error_of(failure)
        if self.error_of(device_id) != error:
            logger.error("nothing of camera %s can be stored: %s", device_id, failure)
        self._errors[device_id] = (error, self._clock())
        self._tell(StorageState(device_id, self._now_ms(), error))
        return NotKept(error, str(failure))

    def worked(self, device_id: str) -> None:
        if self._errors.pop(device_id, None):
            logger.warning("camera %s is stored again", device_id)
            self._tell(StorageState(device_id, self._now_ms(), ""))


class Saver:
    """`save` from any thread; `kept` and the disk's `tell` are called in the saver's own."""

    def __init__(self, folder: Path, kept: Callable[[ImageKept], None], disk: Disk) -> None:
        self._folder, self._kept, self.disk = folder, kept, disk
        self._waiting: dict[str, deque[Unsaved]] = {}
        self._bytes = 0
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._numbers: dict[Path, int] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="cameras-saver", daemon=True)
        self.saved: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Save what waits, then end."""
        with self._lock:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def save(self, unsaved: Unsaved) -> None:
        with self._lock:
            if self._stopping:
                self._drop(unsaved)
                return
            waiting = self._waiting.setdefault(unsaved.device_id, deque())
            waiting.append(unsaved)
            self._bytes += len(unsaved.jpeg)
            if len(waiting) > ROOM:
                self._drop_oldest(unsaved.device_id)
            while self._bytes > ROOM_BYTES:
                self._drop_oldest(max(self._waiting, key=self._bytes_of))
            self._wake.notify()

    def _bytes_of(self, device_id: str) -> int:
        return sum(len(unsaved.jpeg) for unsaved in self._waiting[device_id])

    def _drop_oldest(self, device_id: str) -> None:
        self._drop(self._pop(device_id))

    def _pop(self, device_id: str) -> Unsaved:
        waiting = self._waiting[device_id]
        unsaved = waiting.popleft()
        if not waiting:
            del self._waiting[device_id]
        self._bytes -= len(unsaved.jpeg)
        return unsaved

    def _drop(self, unsaved: Unsaved) -> None:
        self.dropped[unsaved.device_id] += 1
        if unsaved.done:
            unsaved.done.set_exception(NotKept("busy", "too much waits to be saved"))

    def _run(self) -> None:
        while (unsaved := self._next()) is not None:
            try:
                self._save(unsaved)
            except Exception:  # whatever it is, the next frame is tried
                logger.exception("an image of camera %s was not saved", unsaved.device_id)
                self.failed[unsaved.device_id] += 1
                if unsaved.done and not unsaved.done.done():
                    unsaved.done.set_exception(NotKept("failing"))

    def _next(self) -> Unsaved | None:
        """The cameras take turns: one that is fast does not hold up the others."""
        with self._lock:
            while not self._waiting and not self._stopping:
                self._wake.wait()
            if not self._waiting:
                return None
            device_id = next(iter(self._waiting))
            unsaved = self._pop(device_id)
            if device_id in self._waiting:
                self._waiting[device_id] = self._waiting.pop(device_id)
            return unsaved

    def _save(self, unsaved: Unsaved) -> None:
        if not unsaved.done and not self.disk.may_try(unsaved.device_id):
            self.failed[unsaved.device_id] += 1
            return
        try:
            image = self._store(unsaved)
        except OSError as failure:
            self.failed[unsaved.device_id] += 1
            refused = self.disk.failed(unsaved.device_id, failure)
            if unsaved.done:
                unsaved.done.set_exception(refused)
            return
        except NotKept as refused:
            if unsaved.done:
                unsaved.done.set_exception(refused)
            return
        self.disk.worked(unsaved.device_id)
        self.saved[unsaved.device_id] += 1
        self._kept(image)
        if unsaved.done:
            unsaved.done.set_result(image)

    def _store(self, unsaved: Unsaved) -> ImageKept:
        folder = hour_folder(self._folder, unsaved.device_id, unsaved.at_ms)
        folder.mkdir(parents=True, exist_ok=True)
        self.disk.check_room(folder, len(unsaved.jpeg))
        last = self._last_number(folder)
        if unsaved.most_per_hour and last >= unsaved.most_per_hour:
            raise NotKept("enough", "enough images in this hour")
        number = max(last, read_last(folder)) + 1
        while (path := folder / f"{number}.jpg").exists():  # whoever put it there: it is not overwritten
            number += 1
        write_whole(path, unsaved.jpeg)
        self._numbers[folder] = number
        return ImageKept(
            unsaved.device_id, unsaved.at_ms, str(path.relative_to(self._folder)), len(unsaved.jpeg), unsaved.cause,
            unsaved.width_px, unsaved.height_px, unsaved.is_protected,
        )  # fmt: skip

    def _last_number(self, folder: Path) -> int:
        if folder not in self._numbers:
            if len(self._numbers) >= FOLDERS:
                self._numbers.clear()
            remove_parts(folder)
            self._numbers[folder] = last_number(folder)
        return self._numbers[folder]


def hour_folder(folder: Path, device_id: str, at_ms: int) -> Path:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return folder / device_id / f"{at:%Y-%m-%d}" / f"{at:%H}-00-00"


def last_number(folder: Path) -> int:
    """The highest number that a file of this hour has or had."""
    numbers = [int(path.stem) for path in folder.glob("*.jpg") if path.stem.isdecimal()]
    return max([*numbers, read_last(folder)])


def read_last(folder: Path) -> int:
    try:
        return int((folder / LAST).read_text())
    except (OSError, ValueError):
        return 0


def remove_parts(folder: Path) -> None:
    """What a killed server left half written."""
    for path in folder.glob(f".*{PART}"):
        path.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """All of it, on the disk, under its name; or nothing."""
    part = path.with_name(f".{path.name}{PART}")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """A new name is on the disk once its folder is."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def delete_image(folder: Path, path: str) -> None:
    """Its number stays taken: written down before the file goes, on a full disk as soon as it has made room."""
    file = folder / path
    number = int(file.stem) if file.stem.isdecimal() and file.parent.is_dir() else 0
    is_followed = file.with_name(f"{number + 1}.jpg").exists()  # the usual case, without a look at all the others
    if is_followed or number <= read_last(file.parent) or number < last_number(file.parent):
        file.unlink(missing_ok=True)
        return
    try:
        write_whole(file.parent / LAST, str(number).encode())
        file.unlink(missing_ok=True)
    except OSError:
        file.unlink(missing_ok=True)
        write_whole(file.parent / LAST, str(number).encode())


class AutoSaver:
    """Decides, frame by frame, what one camera saves by itself. Called on the loop; instants are monotonic."""

    def __init__(self, is_on: bool, interval_s: float) -> None:
        self.is_on, self.interval_s = is_on, interval_s
        self._next_s = 0.0

    def wants(self, now_s: float) -> bool:
        """Whether this frame is saved; it counts as saved."""
        if not self.is_on or now_s < self._next_s:
            return False
        self._next_s = now_s + self.interval_s
        return True
