"""The wearable's one button held after power-on, on the board's own firmware in the MicroPython VM."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from panal.cells.wifi.messages import ssid_hash
from tests.end_to_end.boards import VirtualBoard
from tests.running import Panal

pytestmark = pytest.mark.serial  # the hold counts only in the first minute

HOME = {"ssid": "Panal", "password": "panal panal"}
PORTAL_HOLD_MS = 7500  # as far from the five seconds as from the ten
RESET_HOLD_MS = 60_000  # it restarts under the finger


@pytest.fixture(scope="module")
def panal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panal]:
    with Panal(tmp_path_factory.mktemp("panal")) as running:
        yield running


@pytest.fixture
def board(panal: Panal, tmp_path: Path) -> Iterator[VirtualBoard]:
    [device] = panal.mint()
    with VirtualBoard(panal, device, tmp_path / "flash", "--radio", json.dumps([HOME])) as board:
        board.wait_for(link="up", led="steady")
        yield board


def test_held_five_seconds_it_opens_the_access_point_and_the_light_says_so(panal: Panal, board: VirtualBoard) -> None:
    board.do("press", part="button", ms=PORTAL_HOLD_MS)
    answer = requests.get(board.portal() + "state", timeout=60).json()
    assert [network[0] for network in answer["networks"]] == [HOME["ssid"]]
    board.wait_for(led="flash_2")
    assert board.last()["link"] == "up", "its network is kept meanwhile"
    assert not any("factory reset" in str(said) for said in board.said)
    board.wait_for(queue=0)
    assert panal.count("care_event", board.device["device_id"]) == 1, "it is the emergency button too"


def test_held_ten_seconds_it_forgets_its_networks_and_waits_for_a_person(panal: Panal, board: VirtualBoard) -> None:
    board.do("press", part="button", ms=RESET_HOLD_MS)
    board.wait_for_log("factory reset")
    board.wait_for_log("boot 2")
    board.wait_for(led="flash_2", link="down")
    portal = board.portal()
    assert requests.post(portal + "join", json=HOME, timeout=60).status_code == 200
    board.wait_for(wifi={"ssid_hash": ssid_hash(HOME["ssid"])}, link="up", queue=0)
    assert panal.count("care_event", board.device["device_id"]) == 1, "what nobody had heard survives the reset"
