"""Pytest's half of running board tests as a board would: two more items for each file of pure tests.

`…[vm]`: compiled by mpy-cross together with what it tests, run in the real 32-bit VM in a heap of 100 KB. A missing VM
is a failure. `…[strict]`: on CPython narrowed to what a board has (panal/virtual/strict.py).
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from panal.virtual import build, runner

HEAP = "100k"
TIMEOUT_S = 120
PURE = (
    "panal/protocol/tests/*.py",
    "panal/board/tests/*.py",
    "panal/cells/*/tests/test_messages.py",
    "panal/cells/*/tests/test_machine.py",
    "panal/cells/*/tests/test_device.py",
    "panal/cells/access/tests/test_rules.py",
    "panal/cells/access/tests/test_roster.py",
    "panal/cells/care/tests/test_detector.py",
    "panal/cells/care/tests/test_falls.py",
    "panal/cells/devices/tests/test_orders.py",
    "panal/cells/lights/tests/test_sun.py",
    "panal/cells/lights/tests/test_timetable.py",
    "panal/cells/updates/tests/test_asking.py",
    "panal/board/drivers/tests/test_*.py",
)
SUPPORT = r"^from (panal[\w.]*\.tests|panal\.virtual\.vm)(?: import |\.)(\w+)"  # what a test shares with others
SOURCES = (*build.FIRMWARE, "cells/*/messages.py", "virtual/hardware.py", "virtual/motion.py", "virtual/chips/*.py")


class Failed(Exception):
    pass


class VmFile(pytest.File):
    def collect(self) -> Iterable[pytest.Item]:
        yield VmItem.from_parent(self, name="[vm]")
        yield StrictItem.from_parent(self, name="[strict]")


class BoardItem(pytest.Item):
    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"{self.path.relative_to(build.ROOT)}{self.name}"


class VmItem(BoardItem):
    def runtest(self) -> None:
        said = run_in_vm(self.path, heap_of(self.path))
        last = said.strip().splitlines()[-1] if said.strip() else ""
        if not last.startswith("ran ") or last.startswith("ran 0 ") or not last.endswith(" failed 0"):
            raise Failed(said)


class StrictItem(BoardItem):
    def runtest(self) -> None:
        command = [sys.executable, "-m", "panal.virtual.strict", str(self.path)]
        done = subprocess.run(  # noqa: S603
            command, cwd=build.ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
        if done.returncode:
            raise Failed(done.stdout + done.stderr)


def is_pure(path: Path) -> bool:
    """Whether the tests in this file are for the VM too; one that needs more than unittest says so by its imports."""
    if not any(path.match(pattern) for pattern in PURE) or not path.name.startswith("test_"):
        return False
    return "import unittest" in path.read_text(encoding="utf-8")


def heap_of(test: Path) -> str:
    """What the tests in this file get: more only where they say that their board has PSRAM, `VM_HEAP = "256k"`."""
    found = re.search(r'^VM_HEAP = "(\d+k)"', test.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else HEAP


def run_in_vm(test: Path, heap: str = HEAP) -> str:
    """What the VM prints when it runs the tests of a file. Raises Failed where there is no VM."""
    vm = runner.find_vm()
    if vm is None:
        raise Failed("There is no MicroPython VM: run tools/micropython.sh once.")
    folder = folder_for(test)
    module = ".".join(test.relative_to(build.ROOT).with_suffix("").parts)
    done = subprocess.run(  # noqa: S603
        [str(vm), "-X", f"heapsize={heap}", "-c", _program(module)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.stdout + done.stderr


def _program(module: str) -> str:
    return f"import unittest, sys; __import__({module!r}); unittest.run(sys.modules[{module!r}])"


def folder_for(test: Path) -> Path:
    """The firmware (not shrunk: tests reach every name), the shim, and the test, compiled; only what changed."""
    folder = build.cache_folder() / "board" / "tests"
    sources = [path for pattern in SOURCES for path in build.PACKAGE.glob(pattern)]
    named = re.findall(SUPPORT, test.read_text(encoding="utf-8"), re.MULTILINE)
    support = [build.ROOT.joinpath(*package.split("."), f"{name}.py") for package, name in named]
    for source in [*sources, *support, test]:
        _compile(source, (folder / source.relative_to(build.ROOT)).with_suffix(".mpy"))
    _compile(build.PACKAGE / "virtual" / "vm" / "unittest.py", folder / "unittest.mpy")
    return folder


def _compile(source: Path, target: Path) -> None:
    if not target.exists() or target.stat().st_mtime_ns != source.stat().st_mtime_ns:
        draft = target.with_name(f"{target.name}.{os.getpid()}")
        build.compile_file(source, draft, str(source.relative_to(build.ROOT)))
        shutil.copystat(source, draft)
        draft.replace(target)
