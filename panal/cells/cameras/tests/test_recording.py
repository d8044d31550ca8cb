"""Recording: what goes into which clip, at the speed of life; a killed server's last clip is read by any player."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from panal.cells.cameras import recording
from panal.cells.cameras.recording import Add, Close, Cutter, Open, Recorder, rescue_all
from panal.cells.cameras.saver import Disk

from .pictures import jpeg

NOON_MS = 1_790_000_000_000


class Frame(NamedTuple):
    jpeg: bytes
    received_ms: int
    width: int = 64
    height: int = 48


def frame(at_s, data=b"x", width=64, wall_ms=None):
    return Frame(data, NOON_MS + round(at_s * 1000) if wall_ms is None else wall_ms, width)


def clips_of(steps):
    """[(cause, first instant, [instants])] of closed clips, and whether one is open."""
    found, is_open = [], False
    for step in steps:
        if isinstance(step, Open):
            assert not is_open
            found.append((step.cause, (step.at_ms - NOON_MS) / 1000, []))
            is_open = True
        elif isinstance(step, Add):
            assert is_open
            found[-1][2].append(step.at_s)
        else:
            assert is_open
            is_open = False
    return found, is_open


def run(cutter, instants, each=lambda at_s: None):
    steps = []
    for at_s in instants:
        each(at_s)
        steps += cutter.frame(frame(at_s), at_s)
    return steps


def test_a_continuous_recording_is_cut_every_ten_seconds_and_loses_nothing():
    cutter = Cutter()
    cutter.record = "always"
    found, is_open = clips_of(run(cutter, range(25)))
    assert [(cause, first, len(instants)) for cause, first, instants in found] == [
        ("always", 0, 10),
        ("always", 10, 10),
        ("always", 20, 5),
    ]
    assert is_open
    assert cutter.end() == [Close()]
    assert cutter.end() == []


def test_a_clip_of_motion_begins_five_seconds_before_and_ends_some_after():
    cutter = Cutter()
    cutter.record = "motion"
    steps = run(cutter, range(60), lambda at_s: cutter.motion(at_s) if at_s in (20, 24) else None)
    [(cause, first, instants)], is_open = clips_of(steps)
    assert (cause, first, is_open) == ("motion", 15, False)
    assert instants == list(range(15, 34))


def test_somebody_who_asks_gets_a_clip_with_what_was_before():
    cutter = Cutter()
    found, is_open = clips_of(run(cutter, range(40), lambda at_s: cutter.ask(at_s, 10) if at_s == 20 else None))
    assert [(cause, instants[0], instants[-1]) for cause, _, instants in found] == [("person", 15, 29)]
    assert not is_open


def test_what_somebody_asked_for_goes_on_when_the_camera_is_back():
    cutter = Cutter()
    cutter.ask(0, 10)
    steps = run(cutter, (1, 2)) + cutter.end() + run(cutter, (8, 9, 10, 11))
    found, is_open = clips_of(steps)
    assert ([(cause, instants) for cause, _, instants in found], is_open) == (
        [("person", [1, 2]), ("person", [8, 9])],
        False,
    )


def test_another_size_begins_another_clip_and_does_not_mix_with_the_past():
    cutter = Cutter()
    cutter.record = "motion"
    cutter.frame(frame(0, width=32), 0)
    cutter.frame(frame(1), 1)
    cutter.motion(2)
    steps = cutter.frame(frame(2), 2) + cutter.frame(frame(3, width=32), 3)
    found, _ = clips_of(steps)
    assert [instants for _, _, instants in found] == [[1, 2], [3]]


def test_the_past_is_bounded_in_bytes():
    cutter = Cutter()
    for at in range(100):
        cutter.frame(frame(at / 100, bytes(200_000)), at / 100)
    assert cutter._ring_bytes <= recording.RING_BYTES


@pytest.fixture
def kept():
    return []


@pytest.fixture
def told():
    return []


@pytest.fixture
def recorder(tmp_path, kept, told):
    recorder = Recorder(tmp_path, kept.append, Disk(told.append, reserve_bytes=0))
    yield recorder
    recorder.stop()


def read(path):
    """Packets as (bytes, second, seconds)."""
    with av.open(str(path)) as container:
        return [
            (bytes(p), round(float(p.pts * p.time_base), 3), round(float(p.duration * p.time_base), 3))
            for p in container.demux(video=0)
            if p.size
        ]


def test_a_clip_holds_the_very_frames_each_for_as_long_as_it_was_seen(recorder, tmp_path, kept):
    pictures = [jpeg(64, 48, box=(n, 0, n + 9, 9)) for n in range(8)]
    instants = [100 + at for at in (0, 0.1, 0.9, 1.0, 3.5, 3.6, 3.7, 4.0)]
    steps = [Open("always", NOON_MS, 64, 48), *map(Add, pictures, instants), Close()]
    recorder.do("CAMA2345", steps)
    recorder.start()
    recorder.stop()
    [clip] = kept
    assert clip.path == "CAMA2345/2026-09-21/14-13-20-000.mp4"
    assert (clip.frames, clip.ended_ms - clip.at_ms, clip.size_bytes) == (
        8,
        4300,
        (tmp_path / clip.path).stat().st_size,
    )
    packets = read(tmp_path / clip.path)
    assert [data for data, _, _ in packets] == pictures
    assert [at for _, at, _ in packets] == [0, 0.1, 0.9, 1.0, 3.5, 3.6, 3.7, 4.0]
    assert [seen for _, _, seen in packets][:4] == [0.1, 0.8, 0.1, 2.5]


def test_two_clips_of_the_same_millisecond_are_two_files(recorder, kept):
    for _ in range(2):
        recorder.do("CAMA2345", [Open("always", NOON_MS, 64, 48), Add(jpeg(64, 48), 1.0), Close()])
    recorder.start()
    recorder.stop()
    assert [Path(clip.path).name for clip in kept] == ["14-13-20-000.mp4", "14-13-20-000-2.mp4"]


def test_an_empty_clip_leaves_nothing(recorder, tmp_path, kept):
    recorder.do("CAMA2345", [Open("always", NOON_MS, 64, 48), Close()])
    recorder.start()
    recorder.stop()
    assert kept == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_server_that_stops_closes_what_it_records(recorder, tmp_path, kept):
    recorder.do("CAMA2345", [Open("motion", NOON_MS, 64, 48), Add(jpeg(64, 48), 1.0), Add(jpeg(64, 48), 1.5)])
    recorder.start()
    recorder.stop()
    assert [(clip.frames, clip.cause) for clip in kept] == [(2, "motion")]
    assert len(read(tmp_path / kept[0].path)) == 2


def test_what_waits_for_the_disk_is_bounded_and_clips_end_all_the_same(recorder, kept, monkeypatch):
    picture = jpeg(64, 48)
    monkeypatch.setattr(recording, "ROOM_BYTES", 5 * len(picture))
    steps = [Open("always", NOON_MS, 64, 48), *(Add(picture, at) for at in range(9)), Close()]
    recorder.do("CAMA2345", steps)
    assert recorder.dropped["CAMA2345"] == 4
    recorder.start()
    recorder.stop()
    assert kept[0].frames == 5


ENDLESS = """
import sys, time
from pathlib import Path
from panal.cells.cameras.recording import *
from panal.cells.cameras.saver import Disk
from panal.cells.cameras.tests.pictures import jpeg
recorder = Recorder(Path(sys.argv[1]), print, Disk(print, reserve_bytes=0))
recorder.start()
pictures = [jpeg(64, 48, box=(n, 0, n + 9, 9)) for n in range(20)]
recorder.do("CAMA2345", [Open("motion", 1_790_000_000_000, 64, 48)])
for at in range(100_000):
    recorder.do("CAMA2345", [Add(pictures[at % 20], at / 5)])
    while len(recorder._waiting) > 50:
        time.sleep(0.001)
    if at % 100 == 0:
        print(recorder.frames["CAMA2345"], flush=True)
"""


def test_the_last_clip_of_a_killed_server_is_read_to_its_last_whole_second(tmp_path):
    recording = subprocess.Popen([sys.executable, "-c", ENDLESS, tmp_path], stdout=subprocess.PIPE, text=True)
    while int(recording.stdout.readline()) < 300:
        pass
    os.kill(recording.pid, signal.SIGKILL)
    recording.wait()
    recording.stdout.close()
    [part] = tmp_path.rglob("*.part")
    with part.open("ab") as file:
        file.write(b"\x00\x00\x40\x00mdat" + b"half of a second")
    [clip] = rescue_all(tmp_path)
    packets = read(tmp_path / clip.path)
    assert len(packets) == clip.frames >= 285  # of 300: what was in the last second is gone
    assert all(data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9") for data, _, _ in packets)
    assert (clip.cause, clip.at_ms, clip.ended_ms - clip.at_ms) == ("motion", NOON_MS, 200 * clip.frames)
    assert not list(tmp_path.rglob("*.part"))
    assert rescue_all(tmp_path) == []


def test_nothing_is_rescued_where_there_is_not_one_second(tmp_path):
    part = tmp_path / "CAMA2345" / "2026-09-21" / f".{NOON_MS}.always.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"\x00\x00\x00\x1cftypiso5" + b"x" * 9)
    assert rescue_all(tmp_path) == []
    assert not part.exists()


@pytest.fixture(scope="module")
def whole_film(tmp_path_factory):
    """The bytes of a clip of 40 frames, and the frames."""
    folder, kept = tmp_path_factory.mktemp("film"), []
    pictures = [jpeg(64, 48, box=(n, 0, n + 9, 9)) for n in range(40)]
    recorder = Recorder(folder, kept.append, Disk(print, reserve_bytes=0))
    recorder.do(
        "CAMA2345", [Open("always", NOON_MS, 64, 48), *(Add(p, n / 5) for n, p in enumerate(pictures)), Close()]
    )
    recorder.start()
    recorder.stop()
    return (folder / kept[0].path).read_bytes(), pictures


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_wherever_a_film_is_cut_off_what_is_left_is_its_beginning(whole_film, tmp_path, data):
    film, pictures = whole_film
    at = data.draw(st.integers(0, len(film)))
    tail = data.draw(st.sampled_from([b"", b"\x00" * 8, b"\x00\x00\x00\x08mdat", b"\xff" * 20]))
    part = tmp_path / "CAMA2345" / "2026-09-21" / f".{NOON_MS}.always.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(film[:at] + tail)
    clips = rescue_all(tmp_path)
    assert not part.exists()
    for clip in clips:
        frames = [data for data, _, _ in read(tmp_path / clip.path)]
        assert frames == pictures[: len(frames)] and len(frames) == clip.frames > 0
        (tmp_path / clip.path).unlink()
    assert clips or at < len(film) // 4


def test_what_cannot_be_finished_does_not_keep_the_others_from_it(whole_film, tmp_path):
    folder = tmp_path / "CAMA2345" / "2026-09-21"
    folder.mkdir(parents=True)
    (folder / ".what.part").write_bytes(b"?")
    (folder / f".{NOON_MS}.always.part").write_bytes(whole_film[0])
    assert [clip.frames for clip in rescue_all(tmp_path)] == [40]


FULL = """
import json, sys
from pathlib import Path
from panal.cells.cameras.recording import *
from panal.cells.cameras.saver import Disk
from panal.cells.cameras.tests.pictures import jpeg
told, kept = [], []
folder = Path(sys.argv[1])
now = [0.0]
recorder = Recorder(folder, kept.append, Disk(told.append, reserve_bytes=-(2**40), clock=lambda: now[0]))
picture = jpeg(64, 48) + bytes(50_000) + b"\\xff\\xd9"
def clip(at):
    frames = [Add(picture, at + n / 5) for n in range(100)]
    return [Open("always", 1_790_000_000_000 + at, 64, 48), *frames, Close()]
for step in clip(0):
    recorder._guarded("CAMA2345", step)
first = [path.stat().st_size for path in folder.rglob("*.mp4")]
for path in folder.rglob("*.mp4"):
    path.unlink()
now[0] = 60.0
for step in clip(1)[:20] + [Close()]:
    recorder._guarded("CAMA2345", step)
[second] = folder.rglob("*.mp4")
with av.open(str(second)) as container:
    frames = len([p for p in container.demux(video=0) if p.size])
print(json.dumps({"first": first, "kept": [clip._asdict() for clip in kept], "told": [state.error for state in told],
    "frames": frames, "parts": [path.name for path in folder.rglob("*.part")]}))
"""


def test_a_full_disk_ends_the_clip_at_a_whole_second_and_the_next_is_recorded_when_there_is_room(tmp_path):
    mount = f"mount -t tmpfs -o size=2m none {tmp_path} && exec {sys.executable} -c '{FULL}' {tmp_path}"
    run = subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    first, second = found["kept"]
    assert found["first"] == [first["size_bytes"]]
    assert 25 <= first["frames"] <= 40
    assert second["frames"] == found["frames"] == 19
    assert found["told"] == ["full", ""]
    assert found["parts"] == []
