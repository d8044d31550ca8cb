"""The board's queue and networks under power cuts, in the real VM on LittleFS; the stories are in panal/virtual/vm."""

import json
import shutil
import subprocess

import pytest

from panal.virtual import build, collect, runner

POWER_CUT = build.PACKAGE / "virtual" / "vm" / "power_cut.py"
POWER_CUT_WIFI = POWER_CUT.with_name("power_cut_wifi.py")
HEAP = "400k"  # the flash lies in the heap too, several times over


def tell(folder, story=POWER_CUT):
    command = [str(runner.find_vm()), "-X", f"heapsize={HEAP}", "-m", f"panal.virtual.vm.{story.stem}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_no_event_is_lost_or_comes_back_wherever_the_power_goes():
    done = tell(collect.folder_for(POWER_CUT))
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    # Before the last line stands what the collector says when it closes files on a flash that is gone.
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["cuts"] > 30
    assert found["pairs"] > 300


NAMES = "sorted(int(name) for name in self._storage.names(FOLDER) if name.isdigit())"


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("self._storage.rename(DRAFT, _name(number))", "pass"),
        ("self._storage.remove(_name(entry[0]))", "pass"),
        (NAMES, f"list(reversed({NAMES}))"),
    ],
)
def test_the_story_finds_a_queue_that_is_wrong(tmp_path, good, bad):
    """The story itself must be able to fail."""
    folder, wrong = tmp_path / "build", tmp_path / "queue.py"
    shutil.copytree(collect.folder_for(POWER_CUT), folder)
    source = (build.PACKAGE / "board" / "queue.py").read_text(encoding="utf-8")
    assert good in source
    wrong.write_text(source.replace(good, bad), encoding="utf-8")
    build.compile_file(wrong, folder / "panal" / "board" / "queue.mpy")
    assert tell(folder).returncode != 0


def test_a_board_knows_the_old_networks_or_the_new_ones_wherever_the_power_goes():
    done = tell(collect.folder_for(POWER_CUT_WIFI), POWER_CUT_WIFI)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["cuts"] > 50
    assert found["pairs"] > 20


def test_the_story_of_networks_finds_a_reset_that_forgets_the_last_order(tmp_path):
    folder, wrong = tmp_path / "build", tmp_path / "networks.py"
    shutil.copytree(collect.folder_for(POWER_CUT_WIFI), folder)
    source = (build.PACKAGE / "board" / "networks.py").read_text(encoding="utf-8")
    good = 'storage.write(FILE, json.dumps({"rev": record.get("rev", 0)}))'
    assert good in source
    wrong.write_text(source.replace(good, 'storage.write(FILE, "{}")'), encoding="utf-8")
    build.compile_file(wrong, folder / "panal" / "board" / "networks.mpy")
    assert tell(folder, POWER_CUT_WIFI).returncode != 0
