"""A door's list and log under power cuts, in the real VM on LittleFS: panal/virtual/vm/power_cut_door.py."""

import json
import shutil
import subprocess

import pytest

from panal.virtual import build, collect, runner

STORY = build.PACKAGE / "virtual" / "vm" / "power_cut_door.py"
HEAP = "500k"  # the flash lies in the heap too, several times over


def tell(folder):
    command = [str(runner.find_vm()), "-X", f"heapsize={HEAP}", "-m", f"panal.virtual.vm.{STORY.stem}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=150, check=False)


def test_the_list_is_the_old_or_the_new_one_and_no_line_is_lost_wherever_the_power_goes():
    done = tell(collect.folder_for(STORY))
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["list"] > 20
    assert found["log"] > 100


@pytest.mark.parametrize(
    ("file", "good", "bad"),
    [
        ("cells/access/roster.py", "self._fs.rename(self._root + DRAFT, self._root + FILE)", "pass"),
        ("cells/access/roster.py", "DRAFT = FILE + ", "DRAFT = FILE or "),
        ("board/journal.py", 'self._append(text + "\\n")', "pass"),
        ("board/journal.py", "self._offset += self._oldest[1]", "pass"),
    ],
)
def test_the_story_finds_what_is_wrong(tmp_path, file, good, bad):
    """The story itself must be able to fail."""
    folder, wrong = tmp_path / "build", tmp_path / "wrong.py"
    shutil.copytree(collect.folder_for(STORY), folder)
    source = (build.PACKAGE / file).read_text(encoding="utf-8")
    assert good in source
    wrong.write_text(source.replace(good, bad), encoding="utf-8")
    build.compile_file(wrong, folder / "panal" / file.replace(".py", ".mpy"))
    assert tell(folder).returncode != 0
