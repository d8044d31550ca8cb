"""What Home Assistant is told and what it says, by its documents; and whatever else comes on its topics."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panal.cells.homeassistant import discovery
from panal.cells.homeassistant.discovery import Command, Lamp, Thing
from tests.end_to_end.homes import check, long

LAMPS = (Lamp(1, "Lámpara", True, 60, True), Lamp(2, "Techo", False, None, False))
THINGS = (
    Thing("LIGHTS22", "Salón", "Four lights", "Salón", "1.0", True, lamps=LAMPS),
    Thing("DOOR2345", "Puerta", "Door controller", "", "", True, lock="locked", door="close", is_door=True),
    Thing("WEAR2345", "Rosa", "Fall wearable", "", "", False, battery_pct=87.4, is_wearable=True),
)
SAID = {thing.device_id: discovery.messages_of("homeassistant", thing, True) for thing in THINGS}


def said_of(thing, may_unlock=True):
    said = discovery.messages_of("homeassistant", thing, may_unlock)
    return long(json.loads(said[f"homeassistant/device/{thing.device_id}/config"]))


def config(thing, may_unlock=True):
    """Without the parts that are only said to be gone."""
    document = said_of(thing, may_unlock)
    document["components"] = {key: part for key, part in document["components"].items() if len(part) > 1}
    return document


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: thing.device_id)
def test_each_device_is_told_as_the_documents_require(thing):
    document = config(thing)
    check(document)
    said = SAID[thing.device_id]
    for part in document["components"].values():
        assert part.get("availability_topic", "homeassistant/panal/x/up/state").endswith("/up/state")
        assert part["state_topic"] in said, "every state is said"


def test_a_dimmer_says_how_bright_it_is_and_a_relay_does_not():
    parts, said = config(THINGS[0])["components"], SAID["LIGHTS22"]
    assert parts["light_1"]["brightness_scale"] == 100 and "brightness" not in parts["light_2"]
    assert json.loads(said["homeassistant/panal/LIGHTS22/light_1/state"]) == {
        "state": "ON", "brightness": 60, "color_mode": "brightness",
    }  # fmt: skip
    assert json.loads(said["homeassistant/panal/LIGHTS22/light_2/state"]) == {"state": "OFF", "color_mode": "onoff"}


def test_a_door_is_a_lock_only_where_it_may_be_opened():
    lock = config(THINGS[1])["components"]["lock"]
    assert (lock["platform"], lock["state_locked"]) == ("lock", "LOCKED")
    looked = config(THINGS[1], may_unlock=False)["components"]["lock_seen"]
    assert looked["platform"] == "binary_sensor" and "command_topic" not in looked
    assert SAID["DOOR2345"]["homeassistant/panal/DOOR2345/lock/state"] == b"LOCKED"
    assert SAID["DOOR2345"]["homeassistant/panal/DOOR2345/door/state"] == b"OFF"


def test_the_lock_that_it_was_before_is_said_to_be_gone():
    """Home Assistant 2025.4 keeps an entity that a later discovery leaves out, and shows two locks of one door."""
    worked, looked = (said_of(THINGS[1], may_unlock)["components"] for may_unlock in (True, False))
    assert worked["lock_seen"] == {"platform": looked["lock_seen"]["platform"]} == {"platform": "binary_sensor"}
    assert looked["lock"] == {"platform": worked["lock"]["platform"]} == {"platform": "lock"}


def test_a_wearable_says_its_battery_and_whether_it_is_there():
    assert SAID["WEAR2345"]["homeassistant/panal/WEAR2345/battery/state"] == b"87"
    assert SAID["WEAR2345"]["homeassistant/panal/WEAR2345/up/state"] == b"offline"


def test_nothing_of_an_account_stands_outside_its_prefix():
    for thing in THINGS:
        said = discovery.messages_of("homeassistant-7", thing, True)
        assert all(topic.startswith("homeassistant-7/") for topic in said)
        assert "homeassistant/" not in said[f"homeassistant-7/device/{thing.device_id}/config"].decode()


@pytest.mark.parametrize(
    ("payload", "command"),
    [
        (b'{"state":"ON"}', Command("A", "light_2", True)),
        (b'{"state":"ON","brightness":40}', Command("A", "light_2", True, 40)),
        (b'{"state":"ON","brightness":0}', Command("A", "light_2", False)),
        (b'{"state":"OFF","brightness":40}', Command("A", "light_2", False)),
        (b'{"state":"ON","transition":2}', Command("A", "light_2", True)),
    ],
)
def test_a_light_is_commanded(payload, command):
    assert discovery.parse_command("A", "light_2", payload) == command


def test_a_lock_is_only_opened():
    assert discovery.parse_command("A", "lock", b"UNLOCK") == Command("A", "lock", unlock=True)
    assert discovery.parse_command("A", "lock", b"LOCK") is None


@pytest.mark.parametrize(
    "payload",
    [b"", b"ON", b"[]", b"{}", b'{"state":"on"}', b'{"state":"ON","brightness":101}', b'{"state":"ON","brightness":-1}',
     b'{"state":"ON","brightness":true}', b'{"state":"ON","brightness":"9"}', b"[" * 500, b"\xff", b" " * 600],
)  # fmt: skip
def test_what_is_no_command_is_none(payload):
    assert discovery.parse_command("A", "light_1", payload) is None


@given(st.text(), st.binary(max_size=600))
def test_whatever_comes_is_a_command_or_nothing(key, payload):
    found = discovery.parse_command("A", key, payload)
    assert found is None or found.unlock or (found.level_pct is None or (found.on and 1 <= found.level_pct <= 100))
