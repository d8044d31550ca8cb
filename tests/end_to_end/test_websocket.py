"""A board that speaks over a WebSocket: its firmware in the MicroPython VM, an event up, a command down, power cut."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.end_to_end.boards import VirtualBoard
from tests.running import Panal, until

EMAIL = "alice@panal.example"


@pytest.fixture(scope="module")
def panal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panal]:
    with Panal(tmp_path_factory.mktemp("panal")) as running:
        running.user(EMAIL)
        yield running


def test_it_raises_an_event_hears_a_command_and_goes_offline_with_its_connection(panal: Panal, tmp_path: Path) -> None:
    [device] = panal.mint("wearable-1", 1, "--account", "Casa")
    id = device["device_id"]
    address = f"{panal.url}/api/v1/manage/devices/{id}"
    with requests.Session() as api:
        api.headers["Authorization"] = "Bearer " + panal.run("token", "create", EMAIL).split()[0]
        options = ("--link", "ws", "--stream", f"127.0.0.1:{panal.ports['stream']}")
        with VirtualBoard(panal, device, tmp_path / "flash", *options) as board:
            board.press()
            board.wait_until_said(queue=1)
            board.wait_for(link="up", queue=0)
            assert panal.count("care_event", id) == 1
            assert api.get(address).json()["is_online"]
            made = api.post(address + "/commands", json={"name": "identify", "args": {}})
            assert made.status_code == 201, made.text
            command = f"{panal.url}/api/v1/manage/commands/{made.json()['id']}"
            assert until(lambda: api.get(command).json()["status"] == "done")
        until(lambda: not api.get(address).json()["is_online"])
