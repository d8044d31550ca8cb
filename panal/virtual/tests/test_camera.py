"""Virtual cameras: what they see, the module `camera` that stands in for the real one, what a camera's board weighs."""

import io
import json
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from PIL import Image, ImageChops, ImageStat
from websockets.sync.server import serve

from panal.virtual import build, camera, runner, scene
from tests.running import PATIENCE_S, until

NOON = 1_000_000.0
BESIDE = scene.EVERY_S * 25_000 + scene.CROSSING_S + 1
"""An instant at which nobody walks by."""
LIVE_MAX_BYTES = 90 * 1024
"""Firmware of a camera while it streams, frames apart. Its board has megabytes; growth is noticed all the same."""


def picture(look: scene.Look, kind: str = "garden", now_s: float = BESIDE) -> Image.Image:
    image = Image.open(io.BytesIO(scene.draw(look, kind, now_s)))
    image.load()
    return image


def plain(**changes: object) -> scene.Look:
    return scene.Look((320, 240), 85, night=False)._replace(**changes)


def light(image: Image.Image) -> float:
    return ImageStat.Stat(image.convert("L").crop((0, 40, 320, 240))).mean[0]


def difference(one: Image.Image, other: Image.Image) -> float:
    return ImageStat.Stat(ImageChops.difference(one.convert("L"), other.convert("L"))).mean[0]


@pytest.mark.parametrize("size", [*camera.SIZES.values()])
def test_every_size_is_a_whole_picture_of_that_size(size):
    assert picture(plain(size=size)).size == size


@pytest.mark.parametrize("kind", scene.KINDS)
def test_somebody_who_walks_by_is_seen(kind):
    """Motion detection has work: much more changes than while only a cloud drifts."""
    still = difference(picture(plain(), kind, BESIDE), picture(plain(), kind, BESIDE + 0.5))
    walked = plain(walk_ms=int((BESIDE - 3) * 1000))
    assert difference(picture(plain(), kind), picture(walked, kind)) > 2 * still


def test_the_settings_of_the_sensor_are_seen():
    usual = picture(plain())
    assert light(picture(plain(brightness=2))) > light(usual) + 20
    assert light(picture(plain(brightness=-2))) < light(usual) - 20
    assert light(picture(plain(exposure_ctrl=0))) < light(usual) - 20
    assert light(picture(plain(night=True))) < light(usual) / 2
    assert light(picture(plain(night=True, flash=255))) > light(picture(plain(night=True))) * 1.5
    assert light(picture(plain(covered=True))) < 12
    grey = ImageStat.Stat(picture(plain(saturation=-2)).convert("HSV")).mean[1]
    assert grey < ImageStat.Stat(usual.convert("HSV")).mean[1] / 1.5
    deviation = ImageStat.Stat(usual.convert("L")).stddev[0]
    assert ImageStat.Stat(picture(plain(contrast=2)).convert("L")).stddev[0] > deviation * 1.1
    for turned in ("hmirror", "vflip", "whitebal", "gain_ctrl"):
        changed = plain(**{turned: 1 - getattr(plain(), turned)})
        assert difference(usual, picture(changed)) > 2


def test_a_better_quality_is_larger():
    sizes = [len(scene.draw(plain(quality=quality), "garden", NOON)) for quality in (10, 50, 90)]
    assert sizes == sorted(sizes)
    assert sizes[2] > 1.5 * sizes[0]


# the module


@pytest.fixture
def sensor(monkeypatch: pytest.MonkeyPatch) -> Iterator[camera.Camera]:
    option, seen = runner.start_scene("garden")
    monkeypatch.setattr(camera, "address", ("127.0.0.1", port_of(option)))
    monkeypatch.setattr(camera, "sensor", "OV2640")
    made = camera.Camera(pixel_format=camera.PixelFormat.JPEG, frame_size=camera.FrameSize.VGA, fb_count=2)
    yield made
    made.deinit()
    seen.kill()
    seen.wait()


def port_of(option: str) -> int:
    return int(option.removeprefix("--scene="))


def test_the_module_gives_pictures_as_set(sensor):
    assert Image.open(io.BytesIO(sensor.capture())).size == (640, 480)
    sensor.set_frame_size(camera.FrameSize.QVGA)
    assert Image.open(io.BytesIO(sensor.capture())).size == (320, 240)
    sensor.reconfigure(frame_size=camera.FrameSize.QXGA)
    assert Image.open(io.BytesIO(sensor.capture())).size == (1600, 1200), "an OV2640 has no more"


def test_the_module_refuses_what_the_real_one_refuses(sensor):
    with pytest.raises(ValueError, match="brightness"):
        sensor.set_brightness(3)
    with pytest.raises(ValueError, match="frame_size"):
        sensor.set_frame_size(camera.FrameSize.UXGA)
    with pytest.raises(AttributeError):
        sensor.set_smell(1)
    with pytest.raises(TypeError):
        camera.Camera(jpeg_qualty=3)


def test_a_frame_is_there_when_the_sensor_has_one(sensor):
    sensor.capture()  # the scene's process is there
    begun = time.monotonic()
    for _ in range(4):
        sensor.capture()
    while not sensor.frame_available():
        assert time.monotonic() - begun < PATIENCE_S
    assert time.monotonic() - begun >= 3 / 25, "25 frames a second at VGA"


def test_without_a_scene_there_is_no_sensor(monkeypatch):
    monkeypatch.setattr(camera, "address", None)
    with pytest.raises(OSError, match="not found"):
        camera.Camera(pixel_format=camera.PixelFormat.JPEG)


# memory

LIVE = """
import asyncio, gc, json, sys
from panal.board import config
from panal.board.board import Board
from panal.board.memory import forget
import panal.board.link_mqtt, panal.board.udp, panal.board.link, panal.board.drivers.sensor, panal.cells.cameras.device
from panal.board import networks, storage
networks.save(storage.Storage("{flash}"), "0" * 64, [("Panal", "panal panal")], 0)
del networks
for module in ("panal.board.networks", "panal.protocol.envelope", "panal.protocol.keys"):
    forget(module)
gc.collect()
imported = gc.mem_alloc()
import panal.virtual.hardware as simulated, panal.virtual.camera
values = config.parse({{"device_id": "A", "token": "0" * 64, "model": "camera-1", "server": "http://127.0.0.1:9",
                       "stream": "127.0.0.1:{stream}", "ntp": ""}}, b"123456")
del config
forget("panal.board.config")
hardware = simulated.Hardware("camera-1", "A", "pwron_reset", True, simulated.HOME, 1, None, {scene})
gc.collect()
simulation = gc.mem_alloc() - imported
board = Board(hardware, values, "{flash}")
captured, plain = [0], panal.virtual.camera.Camera.capture
def capture(self):
    captured[0] += 1
    return plain(self)
panal.virtual.camera.Camera.capture = capture
async def live():
    running = asyncio.create_task(board.run())
    turn = most = 0
    while turn < 24:
        await asyncio.sleep(0.15)
        turn = min(turn + 1, captured[0])  # the scene, the server or this board may have to wait for its turn
        board.log.say = lambda leaf, line: True  # a board with a connection has handed its log over
        board.log.flush()
        gc.collect()
        most = max(most, gc.mem_alloc() - simulation) if turn > 12 else 0
    print(imported, most)
asyncio.run(live())
"""


def test_a_camera_leaves_room_while_it_streams(tmp_path, capsys):
    """What is alive in the midst of frames, which lie outside MicroPython's heap, and without the simulation."""
    frames = []

    def take(connection) -> None:
        for message in connection:
            if isinstance(message, bytes):
                frames.append(len(message))
            elif json.loads(message)["type"] == "register":
                connection.send(json.dumps({"status": "ok"}))
                connection.send(json.dumps({"type": "command", "cmd": "resolution", "val": "10"}))

    option, seen = runner.start_scene("garden")
    with serve(take, "127.0.0.1", 0, max_size=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        program = LIVE.format(flash=tmp_path / "flash", stream=port, scene=port_of(option))
        vm = [str(runner.find_vm()), "-X", "heapsize=256k", "-c", program]
        said = subprocess.run(vm, cwd=build.build(), capture_output=True, text=True, timeout=120, check=False)
        until(lambda: len(frames) > 20, why=lambda: said.stdout + said.stderr)
    seen.kill()
    seen.wait()
    imported, alive = map(int, said.stdout.split()[-2:] or [0, 0])
    with capsys.disabled():
        print(f" camera-1: {imported} bytes of code, {alive} alive, {len(frames)} chunks", end="")  # noqa: T201
    assert alive <= LIVE_MAX_BYTES
