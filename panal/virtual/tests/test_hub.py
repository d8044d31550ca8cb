"""The bench's side of a virtual device: what is done around it, and what of that stays."""

import asyncio
import json

from panal.virtual.hub import Bench, Board


class Pipe:
    """A child that writes down what it is told."""

    returncode = None

    def __init__(self):
        self.stdin = self
        self.told = []

    def write(self, line):
        self.told.append(json.loads(line))


async def bench(tmp_path, scene):
    made = Bench([Board("CAM", "0" * 64, "camera-1", 1, scene=scene)], tmp_path, lambda board: None)
    made.loop = asyncio.get_running_loop()
    child = made.children["CAM"]
    child.process = Pipe()
    return made, child


async def test_what_lies_around_a_camera_stays_and_who_walks_by_does_not(tmp_path):
    made, child = await bench(tmp_path, "garden")
    for message in ({"covered": True}, {"walk": True}, {"night": True}, {"covered": False}):
        assert made.send("CAM", {"do": "camera", **message})
    await asyncio.sleep(0)
    covered, walked, night, uncovered = child.process.told
    assert covered == {"do": "camera", "covered": True}
    assert walked.pop("walk_ms") > 1_700_000_000_000
    assert walked == covered
    assert night == {"do": "camera", "covered": True, "night": True}
    assert uncovered == {"do": "camera", "covered": False, "night": True}
    state = made.states()["CAM"]
    assert (state["has_camera"], state["covered"], state["night"]) == (True, False, True)


async def test_a_camera_s_stream_and_flash_are_shown_while_it_has_power(tmp_path):
    made, child = await bench(tmp_path, "garden")
    child._hear(b'{"stream": "up"}')
    child._hear(b'{"flash": 9}')
    assert (made.states()["CAM"]["stream"], made.states()["CAM"]["flash"]) == ("up", 9)
    child.power.clear()
    assert (made.states()["CAM"]["stream"], made.states()["CAM"]["flash"]) == ("", 0)


async def test_a_device_is_started_with_its_scene_and_the_stream_port(tmp_path):
    _made, child = await bench(tmp_path, "garden")
    command = child._command("http://s:1", "s:2", "s:3")
    assert command[command.index("--stream") + 1] == "s:3"
    assert command[command.index("--scene") + 1] == "garden"
