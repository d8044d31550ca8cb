"""How one camera is set: plain data, read by both planes. The defaults are those of a camera that nobody has set."""

from typing import Any, NamedTuple

from . import messages

GIB = 1024**3

RECORD = ("off", "always", "motion")
CONTROLS = {name: bounds for name, bounds in messages.COMMANDS.items() if bounds is not None and name != "idle"}
"""Commands whose newest value is a setting, least and most of each."""
ACTIONS = ("stats", "reboot")
"""Commands without a value."""

Polygon = tuple[tuple[float, float], ...]

MOST_ZONES = 8
MOST_CORNERS = 16

BOUNDS: dict[str, tuple[float, float]] = {
    "save_interval_s": (0, 86_400),
    "max_images_per_hour": (1, 100_000),
    "image_quota_bytes": (1024**2, 10_000 * GIB),
    "image_days": (0.01, 3650),
    "clip_quota_bytes": (1024**2, 10_000 * GIB),
    "clip_days": (0.01, 3650),
    "pre_roll_s": (0, 10),
    "post_roll_s": (1, 120),
    "motion_sensitivity": (1, 100),
    "motion_cooldown_s": (0, 3600),
}
"""Least and most of each number."""


class CameraSettings(NamedTuple):
    device_id: str
    account_id: int | None = None
    is_private: bool = False
    """Nobody sees, nothing is stored, the board idles."""

    auto_save: bool = False
    save_interval_s: float = 10.0
    """Least time between two images that are saved by themselves; 0 saves every frame."""
    max_images_per_hour: int = 1000
    image_quota_bytes: int = 2 * GIB
    image_days: float = 30.0

    record: str = "off"
    """off · always · motion."""
    clip_quota_bytes: int = 10 * GIB
    clip_days: float = 7.0
    pre_roll_s: float = 5.0
    post_roll_s: float = 10.0

    motion_on: bool = False
    motion_sensitivity: int = 50
    """1 sees only what is large, 100 everything that moves."""
    motion_zones: tuple[Polygon, ...] = ()
    """Where motion counts, corners as parts of width and height; none: everywhere."""
    motion_cooldown_s: float = 30.0

    resolution: int | None = None
    """From here on None means: as the board has it, nobody has set it."""
    quality: int | None = None
    fps: int | None = None
    mode: int | None = None
    brightness: int | None = None
    contrast: int | None = None
    saturation: int | None = None
    exposure: int | None = None
    gain: int | None = None
    whitebalance: int | None = None
    hmirror: int | None = None
    vflip: int | None = None
    flash: int | None = None

    pending: tuple[tuple[str, str, int], ...] = ()
    """Commands that the camera has not answered yet: name, value, when they were asked for in ms."""

    @property
    def watches_motion(self) -> bool:
        return not self.is_private and (self.motion_on or self.record == "motion")

    @property
    def needs_frames(self) -> bool:
        """Whether the camera must not idle although nobody looks."""
        return not self.is_private and (self.auto_save or self.record == "always" or self.watches_motion)


STORED = tuple(name for name in CameraSettings._fields if name not in ("device_id", "account_id", "pending", *CONTROLS))
"""What a person sets, as it stands in the row's columns."""


def defaults() -> dict[str, Any]:
    """The value of each stored setting of a camera that nobody has set."""
    return {name: CameraSettings._field_defaults[name] for name in STORED}
