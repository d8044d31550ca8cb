"""The stories of panal/virtual/vm (power cuts on LittleFS) told in the real VM, also with a fault in what they test."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from panal.virtual import build, collect, runner

FOLDER = build.PACKAGE / "virtual" / "vm"
HEAP = "600k"  # the flash lies in the heap too, several times over
TIMEOUT_S = 150


def tell(story: str) -> Any:
    """What a story found. Raises AssertionError with what it said where it failed."""
    done = _told(story, collect.folder_for(FOLDER / f"{story}.py"))
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    # Before the last line stands what the collector says when it closes files on a flash that is gone.
    return json.loads(done.stdout.splitlines()[-1])


def fails_with(tmp_path: Path, story: str, file: str, good: str, bad: str) -> bool:
    """Whether a story ends with an error of its own, not for want of a module, with `bad` for `good` in a file."""
    folder, wrong = tmp_path / "build", tmp_path / "wrong.py"
    shutil.copytree(collect.folder_for(FOLDER / f"{story}.py"), folder, ignore=shutil.ignore_patterns("*.mpy.*"))
    source = (build.PACKAGE / file).read_text(encoding="utf-8")
    assert good in source
    wrong.write_text(source.replace(good, bad), encoding="utf-8")
    build.compile_file(wrong, (folder / "panal" / file).with_suffix(".mpy"))
    done = _told(story, folder)
    return done.returncode != 0 and not re.search(r"ImportError|NameError|SyntaxError|MemoryError", done.stderr)


def _told(story: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(runner.find_vm()), "-X", f"heapsize={HEAP}", "-m", f"panal.virtual.vm.{story}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
