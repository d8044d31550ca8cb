"""kill -9 of the server while a camera is saved and recorded: no number twice, every file whole and with its row."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import pytest
import requests

from panal.cells.cameras.recording import PART
from panal.cells.cameras.tests.pictures import jpeg
from panal.cells.cameras.tests.streams import Cam
from tests.running import Panal

SETTINGS = {"auto_save": True, "save_interval_s": 0, "record": "always"}
PICTURES = [jpeg(320, 240, box=(n * 5, 40, n * 5 + 60, 140)) for n in range(50)]
SECOND_BYTES = sum(map(len, PICTURES))  # at the most: a camera's pace is 50 a second
KILLS = 3


@pytest.mark.timeout(600)
async def test_a_killed_server_keeps_what_it_has_stored_and_takes_no_number_again(tmp_path: Path) -> None:
    with Panal(tmp_path / "data") as panal:
        device = await asyncio.to_thread(_camera, panal)
        before: dict[str, bytes] = {}
        for kill in range(KILLS):
            camera = await _streaming(panal, device, _enough(panal))
            await asyncio.to_thread(panal.kill)
            camera.close()
            now = _images(panal)
            assert before.items() <= now.items(), f"an image was overwritten or lost by kill {kill}"
            assert set(now.values()) <= set(PICTURES)
            before = now
            await asyncio.to_thread(panal.start)
        await _until(lambda: {path for (path,) in panal.rows("SELECT path FROM cameras_image")} == set(before))
        await _until(lambda: len(panal.rows("SELECT path FROM cameras_clip")) >= KILLS)
        clips = panal.rows("SELECT path, frames FROM cameras_clip")
        assert all(_frames(panal.folder / "clips" / path) == frames for path, frames in clips)
        assert sum(frames for _path, frames in clips) > 0
        camera = await _streaming(panal, device, lambda: len(_images(panal)) > len(before))
        camera.close()
        await _until(lambda: not list(panal.folder.rglob("*.part")))  # half an image goes with the next one


def _camera(panal: Panal) -> dict[str, Any]:
    """A camera that is saved and recorded; set as a program sets it."""
    panal.user("alice@example.com")
    [device] = panal.mint("camera-1", 1, "--account", "Casa")
    token = panal.run("token", "create", "alice@example.com", "--scopes", "read,configure").split()[-1]
    address = f"{panal.url}/api/v1/manage/cameras/{device['device_id']}"
    answer = requests.patch(address, json.dumps(SETTINGS), headers={"Authorization": f"Bearer {token}"}, timeout=60)
    assert answer.status_code == 200, answer.text
    return device


async def _streaming(panal: Panal, device: dict[str, Any], enough: Any) -> Cam:
    """A camera that has sent until there is enough."""
    camera = await Cam.register(panal.ports["stream"], device["device_id"], device["token"])
    for n in range(10_000):
        with suppress(asyncio.QueueEmpty):
            camera.heard.get_nowait()
        camera.frame_out(PICTURES[n % 50], 320, 240)
        await asyncio.sleep(0.02)  # a camera's pace
        if n > 75 and enough():
            return camera
    raise AssertionError("too little was saved")


def _images(panal: Panal) -> dict[str, bytes]:
    root = panal.folder / "images"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.jpg")}


def _enough(panal: Panal) -> Callable[[], bool]:
    """Whether 30 more pictures are there, and more than a second of a new recording: it is written second by second."""
    images, older = len(_images(panal)), set(_parts(panal))

    def is_enough() -> bool:
        new = set(_parts(panal)) - older
        return len(_images(panal)) >= images + 30 and any(_size(part) > SECOND_BYTES for part in new)

    return is_enough


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except FileNotFoundError:  # a whole clip by now
        return 0


def _parts(panal: Panal) -> Iterator[Path]:
    return (panal.folder / "clips").rglob(f"*{PART}")


async def _until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  another process does it
            await asyncio.sleep(0.05)


def _frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return len([packet for packet in container.demux(video=0) if packet.size])
