"""A device's ordinary commands on the stream: to boards that have shown their token, and to nobody else."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from panal.gateway.store import DomainEvent, OpenCommand
from panal.gateway.tests.conftest import until

from .streams import Cam
from .test_gateway import World

FOREVER_MS = 1 << 50


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path, PANAL_LEGACY_CAMERA="CAM") as running:
        yield running


def queue(world: World) -> str:
    id = str(uuid4())
    world.store.commands["CAM"].append(OpenCommand(id, "ping", {}, 1, FOREVER_MS, "a mac"))
    world.store.publish([DomainEvent("command.queued", "commands", 1, "CAM", {"id": id})])
    return id


async def order(camera: Cam) -> dict[str, Any]:
    """The next ordinary command; those of a camera are passed over."""
    while "name" not in (said := await camera.text("command")):
        pass
    return said


async def test_one_that_is_queued_goes_out_at_once_and_its_answer_is_kept(world: World) -> None:
    camera = await world.cam()
    id = queue(world)
    said = await order(camera)
    assert (said["id"], said["mac"]) == (id, "a mac")
    camera.say({"type": "answer", "id": id, "status": "done", "result": {"uptime_s": 7}})
    await until(lambda: id in world.store.answers)


async def test_one_that_waited_is_said_on_the_next_connection(world: World) -> None:
    id = queue(world)
    camera = await world.cam()
    assert (await order(camera))["id"] == id


async def test_a_board_without_a_token_hears_none_and_answers_for_nobody(world: World) -> None:
    older = await Cam.register(world.gateway.ports.stream)
    id = queue(world)
    older.say({"type": "answer", "id": id, "status": "done"})
    await until(lambda: world.cameras.camera("CAM").broken.get("unknown_type") == 1)
    assert world.store.answers == {}
    assert not any(isinstance(said, dict) and "mac" in said for said in list(older.heard._queue))
