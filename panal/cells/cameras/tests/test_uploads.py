"""Pictures that a board sends now and then, over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from panal.gateway.tests.conftest import until

from .pictures import jpeg
from .test_gateway import World
from .test_storage import files, told

STILL = jpeg(320, 240)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as running:
        yield running


async def post(world: Any, data: bytes, **headers: str) -> Any:
    said = {"X_Device_Id": "CAM", "X_Device_Key": world.token, "Content_Type": "image/jpeg"} | headers
    return await world.http("POST", "/api/v1/cameras/images", data, **{k: v for k, v in said.items() if v})


async def test_a_picture_is_on_the_disk_when_it_is_answered_and_seen_by_who_looks(world: Any) -> None:
    viewer = await world.live()
    await viewer.text("status")
    answer = await post(world, STILL)
    assert (answer.status, answer.json["sizeBytes"]) == (201, len(STILL))
    [file] = files(world, "images")
    assert file.read_bytes() == STILL
    assert str(file).endswith(answer.json["path"])
    assert await viewer.frame() == STILL
    [image] = await until(lambda: told(world, "image"))
    assert (image.cause, image.width_px) == ("upload", 320)
    [seen] = await until(lambda: told(world, "seen"))
    assert (seen.device_id, seen.is_new) == ("CAM", False)


@pytest.mark.parametrize(
    ("data", "headers", "status", "code"),
    [
        (STILL, {"X_Device_Key": "0" * 64}, 401, "unauthorized"),
        (STILL, {"X_Device_Id": "", "X_Device_Key": ""}, 401, "unauthorized"),
        (b"GIF89a", {}, 400, "not_jpeg"),
        (STILL[:-2], {}, 400, "not_jpeg"),
        (b"", {}, 400, "not_jpeg"),
        (b"\xff\xd8\xff\xd9", {}, 400, "not_jpeg"),
        (STILL, {"Content_Type": "application/json"}, 415, "wrong_type"),
        (STILL + bytes(2 * 1024 * 1024), {}, 413, "too_large"),
    ],
)
async def test_what_is_no_picture_of_a_known_board_is_refused(
    world: Any, data: bytes, headers: Any, status: int, code: str
) -> None:
    answer = await post(world, data, **headers)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert files(world, "images") == []


async def test_a_private_camera_keeps_none_and_shows_none(world: Any) -> None:
    world.change(is_private=True)
    answer = await post(world, STILL)
    assert (answer.status, answer.json["error"]["code"]) == (409, "private")
    assert files(world, "images") == []
    assert world.cameras.camera("CAM").latest is None


async def test_no_more_than_so_many_in_an_hour(world: Any) -> None:
    world.change(max_images_per_hour=1)
    assert [(await post(world, STILL)).status for _ in range(2)] == [201, 409]


async def test_a_full_disk_is_said_so_that_the_board_tries_again(world: Any) -> None:
    world.cameras.keepers[0].saver.disk._reserve_bytes = 2**60
    answer = await post(world, STILL)
    assert (answer.status, answer.json["error"]["code"]) == (503, "full")
    assert files(world, "images") == []
