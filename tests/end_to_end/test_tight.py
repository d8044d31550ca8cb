"""A wearable with little memory: detector, queue and link together, on the real MicroPython VM.

With 100 KB of heap for its firmware it finds the fall, keeps what happened and hands it over, and misses no sample. To
send the acceleration around the fall too it needs what an ESP32 has, 109.
"""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from panal.virtual.runner import CHIP_KB, TIGHT_KB
from tests.end_to_end.boards import VirtualBoard
from tests.running import Panal, until
from tests.visitor import Visitor

ALICE, PASSWORD = "alice@panal.example", "una clave larga 1"
PRESS_S = 0.5  # with some distance to the next one
PRESSES = 8  # with the fall nine events, of the ten that the queue holds


@pytest.fixture(scope="module")
def panal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panal]:
    with Panal(tmp_path_factory.mktemp("panal")) as running:
        running.user(ALICE, password=PASSWORD)
        yield running


@pytest.mark.parametrize("heap_kb", [TIGHT_KB, CHIP_KB])
@pytest.mark.parametrize("transport", ["mqtt", "http"])
def test_it_keeps_feeling_while_its_events_wait_for_the_server(
    panal: Panal, tmp_path: Path, transport: str, heap_kb: int
) -> None:
    [device] = panal.mint("wearable-1")
    options = ("--transport", transport, "--heap", str(heap_kb))
    with VirtualBoard(panal, device, tmp_path / "flash", *options) as board:
        board.wait_for(link="up")
        assert knew_its_network_first(board)
        with stalled(panal):
            for number in range(PRESSES):
                let_go = time.monotonic() + PRESS_S
                board.press()
                board.wait_for(queue=number + 1)
                until(lambda let_go=let_go: time.monotonic() > let_go)
            board.do("shake", motion="fall")
            board.wait_for(queue=PRESSES + 1)
        board.wait_for(queue=0)
        kinds = [kind for (kind,) in panal.rows(EVENTS.format(device["device_id"]))]
        assert kinds == ["EMERGENCY_BUTTON"] * PRESSES + ["FALL"]
        if heap_kb > TIGHT_KB:
            until(lambda: panal.rows(SAMPLES.format(device["device_id"])), why=lambda: str(board.said[-20:]))
        assert felt(panal, device["device_id"]) == {"state": "ok", "lost": 0, "buzzer": True}
        assert "memory" not in str(board.said).lower(), board.said[-20:]


@pytest.mark.parametrize("heap_kb", [TIGHT_KB, CHIP_KB])
@pytest.mark.parametrize("transport", ["mqtt", "http"])
def test_it_asks_for_an_update_beside_its_cells(panal: Panal, tmp_path: Path, transport: str, heap_kb: int) -> None:
    """It does so daily: it must not stop looking for falls for it, as it may for an update."""
    [device] = panal.mint("wearable-1", 1, "--account", "Casa")
    page, wanted = f"/devices/{device['device_id']}/", json.dumps({"update": {"release": "another"}})
    Visitor(panal, ALICE, PASSWORD).post(page, f"{page}desired/", others=wanted)
    before, options = asked(panal), ("--transport", transport, "--heap", str(heap_kb))
    with VirtualBoard(panal, device, tmp_path / "flash", *options) as board:
        until(lambda: asked(panal) > before, why=lambda: str(board.said[-20:]))
        board.press()
        until(lambda: panal.rows(EVENTS.format(device["device_id"])), why=lambda: str(board.said[-20:]))
        assert str(board.said).count("started: ") == 1
        assert "memory" not in str(board.said).lower(), board.said[-20:]


def asked(panal: Panal) -> int:
    """How often boards have asked for an update, and there was none."""
    metrics = requests.get(f"{panal.url}/metrics", timeout=30).text
    found = re.search(r'^panal_http_total{path="updates/next",status="204"} (\d+)', metrics, re.MULTILINE)
    return int(found[1]) if found else 0


EVENTS = "SELECT kind FROM care_event WHERE device_id = '{}' ORDER BY kind"
SAMPLES = "SELECT 1 FROM care_samples JOIN care_event ON care_event.id = event_id WHERE device_id = '{}'"


def knew_its_network_first(board: VirtualBoard) -> bool:
    """Whether the link waited for the Wi-Fi's machine, which leaves the memory then: there is no room for both."""
    said = list(board.said)
    seen = [str(one.get("log", {}).get("message")).startswith("wifi up") for one in said].index(True)
    return seen < said.index({"link": "up"})


@contextmanager
def stalled(panal: Panal) -> Iterator[None]:
    """A server that answers nobody: what the board asks of it is in flight."""
    assert panal.process
    os.kill(panal.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(panal.process.pid, signal.SIGCONT)


def felt(panal: Panal, device_id: str) -> object:
    """What the board reports of its accelerometer."""
    [(reported,)] = panal.rows(f"SELECT reported FROM devices_twin WHERE device_id = '{device_id}'")
    return (json.loads(reported) if isinstance(reported, str) else reported)["accelerometer"]
