"""An update under power cuts, in the real VM on LittleFS; the story is in panal/virtual/vm."""

import json
import shutil
import subprocess

import pytest

from panal.virtual import build, collect, runner

STORY = build.PACKAGE / "virtual" / "vm" / "power_cut_update.py"
HEAP = "600k"  # the flash lies in the heap too, several times over


def folder_of_story():
    collect.folder_for(STORY.with_name("power_cut.py"))  # whose flash it is
    return collect.folder_for(STORY)


def tell(folder):
    command = [str(runner.find_vm()), "-X", f"heapsize={HEAP}", "-m", f"panal.virtual.vm.{STORY.stem}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_the_board_ends_on_a_version_that_works_wherever_the_power_goes():
    done = tell(folder_of_story())
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == 3 and min(found.values()) > 60


SAVE, SWITCH = '            self._do("save")  # before the pointer', '            self._do("switch", record["slot"])\n'
ORDER = SAVE + ": a slot that starts must find out what it is\n" + SWITCH


@pytest.mark.parametrize(
    ("file", "good", "bad"),
    [
        ("cells/updates/machine.py", ORDER, SWITCH + SAVE + "\n"),
        ("board/boot.py", 'self._write(self.good, slot, STARTS, "")', 'self._write(slot, "", 0, "")'),
        ("board/boot.py", 'self._write(self.trial, "", 0, "")', "pass"),
    ],
)
def test_the_story_finds_an_update_that_is_wrong(tmp_path, file, good, bad):
    """The story itself must be able to fail."""
    folder, wrong = tmp_path / "build", tmp_path / "wrong.py"
    shutil.copytree(folder_of_story(), folder)
    source = (build.PACKAGE / file).read_text(encoding="utf-8")
    assert good in source
    wrong.write_text(source.replace(good, bad), encoding="utf-8")
    build.compile_file(wrong, (folder / "panal" / file).with_suffix(".mpy"))
    assert tell(folder).returncode != 0
