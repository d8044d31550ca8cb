"""The image saver: nothing waits for it, no number comes twice, no half file, whatever the disk and the clock do."""

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from panal.cells.cameras import saver
from panal.cells.cameras.saver import AutoSaver, Disk, NotKept, Saver, Unsaved

HOUR_MS = 3_600_000
NOON_MS = 1_790_000_000_000 - 1_790_000_000_000 % HOUR_MS
JPEG = b"\xff\xd8" + b"x" * 1000 + b"\xff\xd9"


def unsaved(at_ms=NOON_MS, jpeg=JPEG, device="CAMA2345", most=0, waits=False):
    return Unsaved(device, jpeg, at_ms, "auto", 320, 240, False, most, Future() if waits else None)


@pytest.fixture
def told():
    return []


@pytest.fixture
def kept():
    return []


@pytest.fixture
def new_saver(tmp_path, kept, told):
    savers = []

    def new(**options):
        made = Saver(tmp_path, kept.append, Disk(told.append, **{"reserve_bytes": 0} | options))
        savers.append(made)
        return made

    yield new
    for made in savers:
        made.stop()


def save_all(saver, *frames):
    saver.start()
    for frame in frames:
        saver.save(frame)
    saver.stop()


def test_files_lie_by_camera_day_and_hour_and_count_up(new_saver, tmp_path, kept):
    save_all(new_saver(), unsaved(), unsaved(NOON_MS + 1), unsaved(NOON_MS + HOUR_MS))
    names = [image.path for image in kept]
    assert [name.rsplit("/", 2)[1:] for name in names] == [
        ["14-00-00", "1.jpg"],
        ["14-00-00", "2.jpg"],
        ["15-00-00", "1.jpg"],
    ]
    assert names[0].startswith("CAMA2345/2026-09-21/")
    assert all((tmp_path / name).read_bytes() == JPEG for name in names)


def test_a_restarted_server_takes_no_number_again_that_was_given(new_saver, tmp_path, kept):
    save_all(new_saver(), unsaved(), unsaved(), unsaved())
    saver.delete_image(tmp_path, kept[2].path)
    saver.delete_image(tmp_path, kept[0].path)
    save_all(new_saver(), unsaved())
    assert kept[-1].path.endswith("/4.jpg")


def test_a_clock_that_is_set_back_overwrites_nothing(new_saver, tmp_path, kept):
    save_all(
        new_saver(), unsaved(NOON_MS), unsaved(NOON_MS + 3 * HOUR_MS), unsaved(NOON_MS), unsaved(NOON_MS - HOUR_MS)
    )
    assert len({image.path for image in kept}) == 4
    assert len(list(tmp_path.rglob("*.jpg"))) == 4


def test_a_file_of_somebody_else_is_not_overwritten(new_saver, tmp_path, kept):
    saver = new_saver()
    saver.start()
    first = unsaved(waits=True)
    saver.save(first)
    path = tmp_path / first.done.result(60).path
    path.with_name("2.jpg").write_bytes(b"theirs")
    saver.save(unsaved())
    saver.stop()
    assert kept[-1].path.endswith("/3.jpg")
    assert path.with_name("2.jpg").read_bytes() == b"theirs"


def test_no_more_than_so_many_in_an_hour_unless_somebody_asks(new_saver, kept):
    save_all(
        new_saver(), unsaved(most=2), unsaved(most=2), unsaved(most=2), unsaved(), unsaved(NOON_MS + HOUR_MS, most=2)
    )
    assert [image.path.rsplit("/", 1)[1] for image in kept] == ["1.jpg", "2.jpg", "3.jpg", "1.jpg"]


def test_of_what_waits_the_oldest_is_dropped_and_counted(new_saver, kept):
    saver = new_saver()
    for at in range(12):
        saver.save(unsaved(NOON_MS + at))
    saver.start()
    saver.stop()
    assert [image.at_ms - NOON_MS for image in kept] == list(range(4, 12))
    assert saver.dropped["CAMA2345"] == 4


def test_all_cameras_together_have_a_bound_in_bytes_and_the_largest_gives_way(new_saver, monkeypatch, kept):
    monkeypatch.setattr(saver, "ROOM_BYTES", 10 * len(JPEG))
    made = new_saver()
    made.save(unsaved(device="SMALL"))
    for at in range(8):
        made.save(unsaved(NOON_MS + at, JPEG * 3, device="LARGE"))
    assert made._bytes <= 10 * len(JPEG)
    made.start()
    made.stop()
    assert "SMALL" in {image.device_id for image in kept}
    assert made.dropped == {"LARGE": 5}


def test_whoever_asked_hears_that_it_could_not_be_kept(new_saver, tmp_path, told):
    made = new_saver(reserve_bytes=2**60)
    frame = unsaved(waits=True)
    save_all(made, frame)
    with pytest.raises(NotKept) as refused:
        frame.done.result(0)
    assert refused.value.error == "full"
    assert [state.error for state in told] == ["full"]
    assert not list(tmp_path.rglob("*.jpg*"))


def test_a_folder_that_cannot_be_written_is_said_and_healed(new_saver, tmp_path, told, kept):
    (tmp_path / "CAMA2345").write_text("a file where a folder should be")
    made = new_saver()
    made.start()
    first, second = unsaved(waits=True), unsaved(waits=True)
    made.save(first)
    with pytest.raises(NotKept):
        first.done.result(60)
    (tmp_path / "CAMA2345").unlink()
    made.save(second)
    assert second.done.result(60).path.endswith("/1.jpg")
    assert [state.error for state in told] == ["failing", ""]


def test_while_the_disk_is_full_it_is_tried_again_only_now_and_then(new_saver, told):
    now = [100.0]
    made = new_saver(reserve_bytes=2**60, clock=lambda: now[0])
    made._save(unsaved())
    made._save(unsaved())
    now[0] += saver.RETRY_S
    made._save(unsaved())
    assert len(told) == 2
    assert made.failed["CAMA2345"] == 3


def test_frames_are_saved_by_themselves_in_the_interval_by_a_clock_that_nobody_sets():
    auto = AutoSaver(True, 10)
    assert [auto.wants(at) for at in (0, 5, 9.9, 10, 11, 25)] == [True, False, False, True, False, True]
    assert not AutoSaver(False, 0).wants(1e9)


FILL = """
import json, sys, threading
from pathlib import Path
from concurrent.futures import Future
from panal.cells.cameras.saver import *
told, kept = [], []
saver = Saver(Path(sys.argv[1]), kept.append, Disk(told.append, reserve_bytes=-(2**40)))
saver.start()
frame = lambda n: Unsaved("CAMA2345", b"x" * 200_000, 1_790_000_000_000 + n, "auto", 0, 0, False, 0, Future())
refused = 0
for n in range(20):
    unsaved = frame(n)
    saver.save(unsaved)
    try:
        unsaved.done.result(30)
    except NotKept as error:
        refused += error.error == "full"
sizes = [path.stat().st_size for path in Path(sys.argv[1]).rglob("*.jpg")]
parts = [path.name for path in Path(sys.argv[1]).rglob("*.part")]
delete_image(Path(sys.argv[1]), kept[-1].path)
after = frame(99)
saver.save(after)
after = after.done.result(30).path
saver.stop()
print(json.dumps({"kept": len(kept), "refused": refused, "sizes": sizes, "parts": parts, "last": kept[-2].path,
    "after": after, "told": [state.error for state in told]}))
"""


def test_a_full_disk_leaves_no_half_file_and_goes_on_when_there_is_room(tmp_path):
    """On a file system of 2 MB of its own, in a namespace of its own: any user may make one."""
    mount = f"mount -t tmpfs -o size=2m none {tmp_path} && exec {sys.executable} -c '{FILL}' {tmp_path}".replace(
        "'", "'"
    )
    run = subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert 5 <= found["kept"] - 1 <= 10
    assert found["kept"] - 1 + found["refused"] == 20
    assert set(found["sizes"]) == {200_000}
    assert found["parts"] == []
    assert set(found["told"][:-1]) == {"full"} and found["told"][-1] == ""
    assert "nothing of camera CAMA2345 can be stored" in run.stderr
    number = int(Path(found["last"]).stem)
    assert int(Path(found["after"]).stem) == number + 1


POUR = """
import sys
from pathlib import Path
from panal.cells.cameras.saver import *
def kept(image):
    print(image.path, flush=True)
saver = Saver(Path(sys.argv[1]), kept, Disk(print, reserve_bytes=0))
saver.start()
n = 0
while True:
    n += 1
    jpeg = b"\\xff\\xd8" + b"%d" % n * 50_000 + b"\\xff\\xd9"
    saver.save(Unsaved("CAMA2345", jpeg, 1_790_000_000_000, "auto", 0, 0, False, 0, None))
"""


def test_a_killed_server_leaves_whole_files_and_takes_no_number_again(tmp_path, kept, new_saver):
    pouring = subprocess.Popen([sys.executable, "-c", POUR, tmp_path], stdout=subprocess.PIPE, text=True)
    said = [pouring.stdout.readline().strip() for _ in range(20)]
    os.kill(pouring.pid, signal.SIGKILL)
    said += pouring.stdout.read().split()
    pouring.wait()
    pouring.stdout.close()
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.jpg")}
    assert there >= set(said) - {""}
    assert all(data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9") for data in contents(tmp_path))
    (tmp_path / said[0]).with_name(".900.jpg.part").write_bytes(b"half")
    save_all(new_saver(), unsaved(1_790_000_000_000))
    assert kept[-1].path not in there
    assert not list(tmp_path.rglob("*.part"))


def contents(folder):
    return [path.read_bytes() for path in folder.rglob("*.jpg")]


def test_many_threads_may_save(new_saver, kept):
    made = new_saver()
    made.start()
    threads = [threading.Thread(target=lambda: [made.save(unsaved()) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made.stop()
    assert len(kept) + made.dropped["CAMA2345"] == 200
    assert len({image.path for image in kept}) == len(kept)
