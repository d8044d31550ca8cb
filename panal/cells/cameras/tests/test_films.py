"""Films: coded in a process of their own; a browser plays what comes out, at the speed of life."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av
import pytest

from panal.cells.cameras.news import Order
from panal.cells.cameras.recording import Add, Close, Open, Recorder
from panal.cells.cameras.saver import Disk
from panal.gateway.tests.conftest import until

from .pictures import jpeg
from .test_gateway import World
from .test_storage import told

PICTURES = [jpeg(160, 120, box=(n * 4, 20, n * 4 + 30, 60)) for n in range(20)]
START_MS = 1_790_000_000_000


def record(folder: Path, instants: list[float], size: tuple[int, int] = (160, 120)) -> str:
    kept: list[Any] = []
    recorder = Recorder(folder / "clips", kept.append, Disk(print, reserve_bytes=0))
    pictures = PICTURES if size == (160, 120) else [jpeg(*size)] * 20
    steps = [Open("always", START_MS, *size), *map(Add, pictures, instants), Close()]
    recorder.do("CAM", steps)
    recorder.start()
    recorder.stop()
    return str(kept[0].path)


def make(folder: Path, order: Order) -> tuple[int, list[Any], str]:
    """As the server does: its status, what it said, what it complained of."""
    command = [sys.executable, "-m", "panal.cells.cameras.coder", str(folder), str(folder / "images")]
    run = subprocess.run(command, input=json.dumps(order._asdict()), capture_output=True, text=True, timeout=60)
    return run.returncode, [json.loads(line) for line in run.stdout.splitlines()], run.stderr.strip()


def look(folder: Path, order: Order) -> tuple[str, tuple[int, int], list[float]]:
    with av.open(str(folder / "films" / order.device_id / f"{order.job_id}.mp4")) as container:
        stream = container.streams.video[0]
        times = [round(float(frame.pts * frame.time_base), 2) for frame in container.decode(video=0)]
        return stream.codec_context.name, (stream.width, stream.height), times


def test_clips_become_one_film_that_browsers_play_at_the_speed_of_life(tmp_path: Path) -> None:
    first = record(tmp_path, [0, 0.1, 0.2, 2.2, 2.4])
    second = record(tmp_path, [50, 50.5, 51])
    order = Order("job", "CAM", "export", (first, second), 8)
    status, said, complaint = make(tmp_path, order)
    assert (status, complaint) == (0, "")
    assert [p["progress_pct"] for p in said if "progress_pct" in p] == [12, 25, 37, 50, 62, 75, 87, 99]
    assert look(tmp_path, order) == ("h264", (160, 120), [0, 0.1, 0.2, 2.2, 2.4, 2.6, 3.1, 3.6])
    assert said[-1]["size_bytes"] == (tmp_path / "films/CAM/job.mp4").stat().st_size


def test_pictures_that_come_close_together_after_a_gap_are_all_in_the_film(tmp_path: Path) -> None:
    """With B-frames the coder's delay hides the last ones from whoever heeds the file's edit list, as browsers do."""
    instants = [0, 0.266, 0.52, 1.568, 1.569, 1.572, 1.575, 1.58]
    order = Order("job", "CAM", "export", (record(tmp_path, instants),), 8)
    assert make(tmp_path, order)[0] == 0
    assert len(look(tmp_path, order)[2]) == len(instants)


def test_a_clip_of_another_size_is_scaled_to_the_first(tmp_path: Path) -> None:
    order = Order("job", "CAM", "export", (record(tmp_path, [0, 1]), record(tmp_path, [0, 1], (320, 240))), 4)
    assert make(tmp_path, order)[0] == 0
    assert look(tmp_path, order)[1] == (160, 120)


def images(folder: Path, count: int) -> tuple[str, ...]:
    for n in range(count):
        path = folder / "images" / "CAM" / f"{n}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PICTURES[n])
    return tuple(f"CAM/{n}.jpg" for n in range(count))


def test_images_become_a_timelapse_and_broken_ones_are_left_out(tmp_path: Path) -> None:
    sources = images(tmp_path, 6)
    (tmp_path / "images" / sources[1]).write_bytes(b"\xff\xd8 not a picture")
    (tmp_path / "images" / sources[2]).unlink()
    order = Order("job", "CAM", "timelapse", sources, 6, 10)
    assert make(tmp_path, order)[0] == 0
    assert look(tmp_path, order) == ("h264", (160, 120), [0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize("kind", ["export", "timelapse"])
def test_where_there_is_nothing_to_see_no_file_is_left(tmp_path: Path, kind: str) -> None:
    status, _said, complaint = make(tmp_path, Order("job", "CAM", kind, ("CAM/gone",), 1, 10))
    assert status != 0 and complaint
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    running = World(tmp_path)
    orders = [
        tuple(Order("one", "CAM", "timelapse", images(tmp_path, 9), 9, 3)),
        tuple(Order("two", "CAM", "export", ("no",), 1)),
    ]
    running.store.questions["cameras.next_job"] = lambda is_first: orders.pop(0) if orders else None
    async with running:
        yield running


async def test_the_server_makes_films_one_after_the_other_and_says_how_far_it_is(world: World) -> None:
    await until(lambda: any(p.job_id == "two" and p.state == "failed" for p in told(world, "progress")), 60)
    said = told(world, "progress")
    one = [p for p in said if p.job_id == "one"]
    assert [p.progress_pct for p in one] == sorted(p.progress_pct for p in one)
    assert (one[-1].state, one[-1].progress_pct, one[-1].path) == ("done", 100, "CAM/one.mp4")
    assert one[-1].size_bytes > 0
    assert said[-1].reason


async def test_a_server_that_stops_does_not_wait_for_its_coder(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = world.cameras.keepers[0]
    await until(lambda: keeper.films._process is not None)
    process = keeper.films._process
    async with asyncio.timeout(60):
        await world.gateway.stop()
    assert process.returncode is not None
