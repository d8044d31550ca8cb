"""When an automation is set off, whether its conditions hold, when its time comes."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panal.cells.automations import parts, rules
from panal.cells.automations.rules import Facts
from panal.protocol.errors import BadRequest

NOON = Facts(720, 0, {1: True, 2: False}, {"ABCD2345": True})
MADRID = [[0, 60], [1774746000, 120], [1792890000, 60]]


def when(kind, device_id="", light_id=0):
    return {"kind": kind, "device_id": device_id, "light_id": light_id}


def test_an_event_of_any_device_or_of_the_one_that_is_named():
    assert rules.is_set_off(when("motion"), "CAM", {})
    assert rules.is_set_off(when("motion", "CAM"), "CAM", {})
    assert not rules.is_set_off(when("motion", "CAM"), "OTHER", {})


def test_a_door_that_is_closed_was_not_opened():
    assert rules.is_set_off(when("door_opened"), "DOOR", {"doors": ["open"]})
    assert not rules.is_set_off(when("door_opened"), "DOOR", {"doors": ["close"]})


def test_a_fall_is_no_press_of_a_button():
    assert rules.is_set_off(when("fall"), "W", {"kinds": ["FALL"]})
    assert not rules.is_set_off(when("emergency"), "W", {"kinds": ["FALL"]})


def test_a_light_that_an_automation_switched_sets_off_none():
    told = {"lights": [{"id": 1, "on": True, "by": "wall"}, {"id": 2, "on": True, "by": "automation"}]}
    assert rules.is_set_off(when("light_on", light_id=1), "L", told)
    assert not rules.is_set_off(when("light_on", light_id=2), "L", told)
    assert not rules.is_set_off(when("light_off", light_id=1), "L", told)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"kind": "hours", "from_min": 720, "until_min": 721}, True),
        ({"kind": "hours", "from_min": 700, "until_min": 720}, False),
        ({"kind": "hours", "from_min": 1320, "until_min": 420}, False),
        ({"kind": "hours", "from_min": 700, "until_min": 60}, True),
        ({"kind": "days", "days": 1}, True),
        ({"kind": "days", "days": 126}, False),
        ({"kind": "light", "light_id": 1, "is_on": True}, True),
        ({"kind": "light", "light_id": 2, "is_on": True}, False),
        ({"kind": "light", "light_id": 3, "is_on": False}, False),
        ({"kind": "device", "device_id": "ABCD2345", "is_online": True}, True),
        ({"kind": "device", "device_id": "GONE2345", "is_online": False}, False),
    ],
)
def test_what_a_condition_says(condition, holds):
    assert rules.first_unmet([condition], NOON) == (None if holds else 0)


def test_the_first_that_does_not_hold_is_named():
    lit = {"kind": "light", "light_id": 1, "is_on": True}
    assert rules.first_unmet([lit, {**lit, "is_on": False}, lit], NOON) == 1


def test_a_time_comes_by_the_clock_of_the_home():
    said = parts.parse_when({"kind": "time", "minutes": 22 * 60, "days": 1})
    after = datetime(2026, 9, 21, 20, tzinfo=UTC)  # Monday, 22:00 in Madrid
    expected = datetime(2026, 9, 28, 20, tzinfo=UTC)
    assert rules.next_ms(said, int(after.timestamp()) * 1000, MADRID, None) == int(expected.timestamp()) * 1000


def test_without_a_place_there_is_no_sun():
    said = parts.parse_when({"kind": "sunset", "minutes": -30})
    assert rules.next_ms(said, 0, MADRID, None) is None
    assert rules.next_ms(said, 0, MADRID, [404168, -37038]) is not None


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"kind": "nothing"}, "bad_when"),
        (None, "bad_when"),
        ({"kind": "time"}, "bad_minutes"),
        ({"kind": "time", "minutes": 1440}, "bad_minutes"),
        ({"kind": "time", "minutes": True}, "bad_minutes"),
        ({"kind": "time", "minutes": 0, "days": 128}, "bad_days"),
        ({"kind": "motion", "device_id": "a b"}, "bad_device_id"),
    ],
)
def test_a_trigger_that_is_none_is_refused(said, code):
    with pytest.raises(BadRequest) as refused:
        parts.parse_when(said)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([], "no_actions"),
        ({}, "bad_actions"),
        ([{"kind": "light", "light_id": 1}], "bad_is_on"),
        ([{"kind": "light", "light_id": 1, "is_on": True, "level": 0}], "bad_level"),
        ([{"kind": "alert", "text": " "}], "bad_text"),
        ([{"kind": "webhook", "url": "ftp://example.com"}], "bad_url"),
        ([{"kind": "webhook", "url": "https://a:b@example.com"}], "bad_url"),
        ([{"kind": "webhook", "url": "https://example.com"}] * 2, "too_many_webhooks"),
        ([{"kind": "scene", "scene_id": 1}] * 6, "bad_actions"),
    ],
)
def test_actions_that_are_none_are_refused(said, code):
    with pytest.raises(BadRequest) as refused:
        parts.parse_actions(said)
    assert refused.value.code == code


KEYS = st.sampled_from(["kind", "minutes", "days", "light_id", "is_on", "level", "for_s", "url", "text", "device_id"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)


@given(ANYTHING)
def test_whatever_is_said_is_parsed_or_refused(said):
    for parse in (parts.parse_when, parts.parse_conditions, parts.parse_actions):
        try:
            found = parse(said)
        except BadRequest:
            continue
        assert parse(found) == found, "what was parsed is parsed to the same"
