"""A fall, from the accelerometer of the virtual wearable to the history that its caregivers read.

Shapes of motion are synthesised (panal/virtual/motion.py); the board finds the fall by itself, in four seconds.
"""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.boards import VirtualBoard
from tests.running import Panal, until
from tests.visitor import Visitor

ALICE, CARLA, PASSWORD = "alice@panal.example", "carla@panal.example", "una clave larga 1"


@pytest.fixture(scope="module")
def panal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panal]:
    with Panal(tmp_path_factory.mktemp("panal")) as running:
        running.user(ALICE, password=PASSWORD)
        running.user(CARLA, role="caregiver", password=PASSWORD)
        yield running


def test_a_fall_is_counted_down_told_judged_taken_and_kept(panal: Panal, tmp_path: Path) -> None:
    [device] = panal.mint("wearable-1", 1, "--account", "Casa")
    alice, carla = Visitor(panal, ALICE, PASSWORD), Visitor(panal, CARLA, PASSWORD)
    wearer = alice.post("/wearers/new/", name="Carmen", position="chest").url.rstrip("/").rsplit("/", 1)[1]
    alice.post(f"/wearers/{wearer}/", f"/wearers/{wearer}/device/", device=device["device_id"])
    device_page = f"/devices/{device['device_id']}/"
    alice.post(device_page, f"{device_page}desired/", others='{"care": {"countdown_s": 12}}')
    with VirtualBoard(panal, device, tmp_path / "flash") as board:
        board.wait_for(link="up")
        until(lambda: panal.rows("SELECT 1 FROM devices_twin WHERE reported_version = desired_version"))
        board.do("shake", motion="fall")
        until(lambda: board.last().get("countdown"))
        assert panal.rows("SELECT 1 FROM care_event") == [], "nobody is told while it counts"
        [(event, kind, state)] = until(lambda: panal.rows("SELECT id, kind, state FROM care_event"))
        assert (kind, state) == ("FALL", "open")
        assert panal.rows("SELECT kind, name, state FROM contacts_alert") == [("care.fall", "Carmen", "open")]
        [(p_fall,)] = until(lambda: panal.rows("SELECT p_fall FROM care_judgement"))
        assert p_fall > 0.5
    page = f"/events/{uuid.UUID(str(event))}/"
    assert CARLA in carla.post(page, f"{page}review/", action="acknowledge").text
    assert panal.rows("SELECT state, acknowledged_by FROM contacts_alert") == [("acknowledged", CARLA)]
    carla.post(page, f"{page}review/", action="confirm", comment="in the kitchen")
    assert "in the kitchen" in alice.post(page, f"{page}review/", action="resolve").text
    assert panal.rows("SELECT state FROM contacts_alert") == [("cleared",)]
    said = panal.rows("SELECT action, by, comment FROM care_review ORDER BY id")
    assert said == [("acknowledge", CARLA, ""), ("confirm", CARLA, "in the kitchen"), ("resolve", ALICE, "")]
