"""What the data plane tells the ledger of cameras, and what it is asked to make: plain data, a shape for each kind."""

from typing import Any, NamedTuple

EXPORT, TIMELAPSE = "export", "timelapse"


class Seen(NamedTuple):
    """It connected (`is_new`), or said something of itself on its connection."""

    device_id: str
    at_ms: int
    is_new: bool = False
    ip: str = ""
    info: dict[str, Any] | None = None
    health: dict[str, Any] | None = None


class Gone(NamedTuple):
    """Its connection, which began at `connected_ms`, has ended."""

    device_id: str
    at_ms: int
    connected_ms: int


class Response(NamedTuple):
    """Its answer to a command. `value` is what it has now."""

    device_id: str
    at_ms: int
    cmd: str
    status: str
    value: str


class ImageKept(NamedTuple):
    """A frame lies on the disk, whole and synced. Told again after a crash: the path is what it is known by."""

    device_id: str
    at_ms: int
    path: str
    size_bytes: int
    cause: str
    width_px: int = 0
    height_px: int = 0
    is_protected: bool = False


class ClipKept(NamedTuple):
    device_id: str
    at_ms: int
    ended_ms: int
    path: str
    size_bytes: int
    frames: int
    cause: str
    is_protected: bool = False


class MotionSeen(NamedTuple):
    """Something moves (`ended_ms` None) or has stopped; `image_path` is the picture of it once it is kept."""

    uid: str
    device_id: str
    at_ms: int
    ended_ms: int | None
    area_pct: float
    image_path: str = ""


class StorageState(NamedTuple):
    """Whether what this camera gives can be stored: "" yes, "full", "denied", "failing"."""

    device_id: str
    at_ms: int
    error: str


class JobProgress(NamedTuple):
    device_id: str
    job_id: str
    state: str
    progress_pct: int
    reason: str = ""
    path: str = ""
    size_bytes: int = 0
    at_ms: int = 0


class Order(NamedTuple):
    """A film to make. `sources` are files below their folder, in order; `total` is how many frames they have in all."""

    job_id: str
    device_id: str
    kind: str
    sources: tuple[str, ...]
    total: int
    fps: int = 0
