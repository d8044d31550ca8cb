"""From a camera's sensor to somebody's eyes: older boards and viewers, our own firmware in the MicroPython VM."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image

from panal.virtual import scene
from tests.end_to_end.cameras import Viewer, VirtualCamera
from tests.end_to_end.older_camera import OlderCamera
from tests.running import PATIENCE_S, Panal, until

OLDER = "VTEJACAM"
EMAIL = "ana@example.com"
WAYS = (9, 27, 90, 180, 390, 900)
"""Kilobytes: one frame for each way and each size of chunk."""


def jpeg(kilobytes: int) -> bytes:
    """A real picture of about so many bytes: what a JPEG may carry in comments fills it up."""
    drawn = scene.draw(scene.Look((320, 240), 60, night=False), "garden", 1000.0)
    left, comments = kilobytes * 1024 - len(drawn), b""
    while left > 4:
        part = min(left, 65000)
        comments += b"\xff\xfe" + (part - 2).to_bytes(2, "big") + bytes(part - 4)
        left -= part
    return drawn[:2] + comments + drawn[2:]


@pytest.fixture(scope="module")
def panal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panal]:
    with Panal(tmp_path_factory.mktemp("panal"), PANAL_LEGACY_CAMERA=OLDER) as running:
        running.user(EMAIL)
        yield running


@pytest.fixture(scope="module")
def older(panal: Panal) -> None:
    panal.mint("camera-1", 1, "--account", "Casa", "--id", OLDER)


@pytest.fixture(scope="module")
def token(panal: Panal) -> str:
    return str(json.loads(panal.run("token", "create", EMAIL, "--json"))["token"])


@pytest.fixture
def camera(panal: Panal, tmp_path: Path) -> Iterator[VirtualCamera]:
    [device] = panal.mint("camera-1", 1, "--account", "Casa")
    with VirtualCamera(panal, device, tmp_path / "flash", "--scene", "garden") as board:
        board.wait_for(stream="up")
        yield board


def stream_url(panal: Panal) -> str:
    return f"ws://127.0.0.1:{panal.ports['stream']}/"


def look(panal: Panal, token: str, board: VirtualCamera) -> Viewer:
    url = f"{panal.url.replace('http', 'ws')}/cameras/{board.device['device_id']}/live"
    return Viewer(url, None, Authorization=f"Bearer {token}")


def test_an_older_board_is_seen_by_an_older_viewer(panal: Panal, older: None) -> None:
    sent = [jpeg(kilobytes) for kilobytes in WAYS]
    with OlderCamera(stream_url(panal), sent) as board, Viewer(stream_url(panal), OLD_VIEWER) as viewer:
        viewer.wait(lambda v: {frame for _, frame in v.frames} >= set(sent))
        assert board.answers[0]["status"] == "ok"
        viewer.wait(lambda v: any(m["type"] == "camera_health" and m["model"] == "ESP32-CAM" for m in v.said))
        viewer.say(type="command", cmd="resolution", val="10")
        assert viewer.wait_for_response("resolution")["value"] == "10"
        assert {"cmd": "resolution", "val": "10"}.items() <= board.commands[-1].items()
        viewer.say(type="request_stats")
        stats = viewer.wait(lambda v: next((m for m in v.said if m["type"] == "server_stats"), None))
        assert stats["camera_connected"] is True
        assert stats["stats"]["frames_failed"] == 0


OLD_VIEWER = {"type": "register", "device": "browser"}


def test_a_camera_with_a_wrong_token_is_refused(panal: Panal, older: None) -> None:
    register = {"type": "register", "device": "camera", "device_id": OLDER, "token": "0" * 64}
    with Viewer(stream_url(panal), register) as stranger:
        stranger.wait_until_closed()
        assert stranger.said == []


def test_our_camera_shows_moving_pictures_and_obeys(panal: Panal, token: str, camera: VirtualCamera) -> None:
    with look(panal, token, camera) as viewer:
        viewer.wait_for_frames(20)
        assert viewer.size() == (640, 480)
        seen = [frame for _, frame in viewer.frames]  # more come while we look
        assert len(set(seen)) == len(seen)
        viewer.say(type="command", cmd="resolution", val="3")
        assert viewer.wait_for_response("resolution")["status"] == "ok"
        viewer.wait(lambda v: v.size() == (320, 240))
        viewer.say(type="command", cmd="resolution", val="12")
        viewer.wait(lambda v: any(m.get("value") == "this sensor has no QXGA" for m in v.said))
        assert viewer.size() == (320, 240)


def test_a_covered_lens_is_dark(panal: Panal, token: str, camera: VirtualCamera) -> None:
    with look(panal, token, camera) as viewer:
        camera.do("camera", night=False)
        viewer.wait(lambda v: v.frames and brightness(v.frames[-1][1]) > 90)
        camera.do("camera", covered=True)
        viewer.wait(lambda v: brightness(v.frames[-1][1]) < 20)


def brightness(frame: bytes) -> float:
    with Image.open(io.BytesIO(frame)) as image:
        return float(image.convert("L").resize((1, 1)).tobytes()[0])


def test_while_it_streams_the_board_answers_over_its_own_link(panal: Panal, token: str, camera: VirtualCamera) -> None:
    """Management stays reachable: a command over MQTT is done in the midst of frames as fast as they go."""
    camera.wait_for(link="up")
    with look(panal, token, camera) as viewer:
        viewer.say(type="command", cmd="fps", val="30")
        viewer.say(type="command", cmd="resolution", val="10")
        viewer.wait(lambda v: v.frames and v.size() == (1600, 1200))
        assert ping(panal, token, camera) == "done"
        viewer.wait_for_frames(5)


def ping(panal: Panal, token: str, board: VirtualCamera) -> str:
    """What became of a ping."""
    api = requests.Session()
    api.headers["Authorization"] = f"Bearer {token}"
    path = f"{panal.url}/api/v1/manage"
    order = {"name": "ping", "deadline_s": int(PATIENCE_S)}
    queued = api.post(f"{path}/devices/{board.device['device_id']}/commands", json=order, timeout=60)
    assert queued.status_code == 201, queued.text

    def outcome() -> str:
        status = str(api.get(f"{path}/commands/{queued.json()['id']}", timeout=60).json()["status"])
        return "" if status in ("queued", "sent") else status

    return str(until(outcome))


@pytest.mark.serial
def test_nobody_looks_and_it_idles_and_it_wakes_within_a_second(
    panal: Panal, token: str, camera: VirtualCamera
) -> None:
    with look(panal, token, camera) as viewer:
        viewer.wait_for_frames(5)
    # and half a second for our own connection; the quickest counts, as others on this machine make no try quicker
    assert any(waking(panal, token, camera) < 1.0 + 0.5 for _ in range(4))


def waking(panal: Panal, token: str, camera: VirtualCamera) -> float:
    """Seconds until the third picture of a camera that was idle."""
    metric = f'panal_camera_idle{{camera="{camera.device["device_id"]}"}} 1.0'
    until(lambda: metric in requests.get(f"{panal.url}/metrics", timeout=60).text)
    begun = time.monotonic()
    with look(panal, token, camera) as viewer:
        viewer.wait(lambda v: len(v.frames) >= 3)
        return float(viewer.frames[2][0] - begun)


def test_it_comes_back_after_its_wifi_and_after_the_server(panal: Panal, token: str, camera: VirtualCamera) -> None:
    with look(panal, token, camera) as viewer:
        viewer.wait_for_frames(3)
        camera.do("wifi", on=False)
        camera.wait_for(stream="down")
        camera.do("wifi", on=True)
        camera.wait_for(stream="up")
        viewer.wait_for_frames(3)
    panal.kill()
    camera.wait_for(stream="down")
    panal.start()
    camera.wait_for(stream="up")
    with look(panal, token, camera) as viewer:
        viewer.wait_for_frames(3)


def test_without_its_link_it_hears_the_device_s_commands_over_the_stream(
    panal: Panal, token: str, tmp_path: Path
) -> None:
    [device] = panal.mint("camera-1", 1, "--account", "Casa")
    with VirtualCamera(panal, device, tmp_path / "flash", "--mqtt", "127.0.0.1:1") as board:
        board.wait_for(stream="up", link="down")
        assert ping(panal, token, board) == "done"


def test_a_board_with_a_larger_sensor_sends_three_megapixels(panal: Panal, token: str, tmp_path: Path) -> None:
    [device] = panal.mint("camera-2", 1, "--account", "Casa")
    with VirtualCamera(panal, device, tmp_path / "flash", "--model", "camera-2") as board:
        board.wait_for(stream="up")
        with look(panal, token, board) as viewer:
            viewer.say(type="command", cmd="resolution", val="12")
            viewer.wait(lambda v: v.frames and v.size() == (2048, 1536))
            viewer.wait_for_frames(5)


@pytest.mark.parametrize("transport", ["mqtt", "http"])
def test_it_changes_its_network_in_the_midst_of_frames(
    panal: Panal, token: str, tmp_path: Path, transport: str
) -> None:
    [device] = panal.mint("camera-1", 1, "--account", "Casa")
    new = {"ssid": "Casa Nueva", "password": "correcta 12345"}
    air = json.dumps([{"ssid": "Panal", "password": "panal panal"}, new])
    options = ("--transport", transport, "--radio", air)
    with VirtualCamera(panal, device, tmp_path / "flash", *options) as board, look(panal, token, board) as viewer:
        board.wait_for(link="up", stream="up")
        viewer.wait_for_frames(5)
        api = f"{panal.url}/api/v1/manage/wifi/changes"
        headers = {"Authorization": f"Bearer {token}"}
        asked = requests.post(api, json={"devices": [device["device_id"]], **new}, headers=headers, timeout=60)
        assert asked.status_code == 201, asked.text
        board.wait_for_log("wifi change: changed")
        viewer.wait_for_frames(5)
        rows = f"{api}/{asked.json()['id']}/devices"
        until(lambda: requests.get(rows, headers=headers, timeout=60).json()["items"][0]["state"] == "changed")
