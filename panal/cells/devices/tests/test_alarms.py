"""Silence and low batteries: raised once, after a grace, and over by themselves."""

from datetime import UTC, datetime, timedelta

import pytest

from panal.cells.contacts.models import Alert
from panal.cells.devices import alarms
from panal.cells.devices.models import Device

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
GRACE = timedelta(seconds=600)


@pytest.fixture
def board(device):
    """A door controller that was online until now."""
    Device.objects.filter(pk=device.pk).update(
        model_code="door-1", state="activated", is_online=False, online_changed_at=NOW, last_seen_at=NOW
    )
    return device.pk


def states():
    return list(Alert.objects.order_by("raised_at").values_list("kind", "state"))


def test_a_device_that_is_only_late_is_no_alarm(board):
    alarms.watch(NOW + GRACE - timedelta(seconds=1))
    assert states() == []


def test_a_device_that_stays_silent_is_raised_once_and_clears_itself(board):
    for seconds in (0, 5, 10):
        alarms.watch(NOW + GRACE + timedelta(seconds=seconds))
    assert states() == [("devices.offline", "open")]
    Device.objects.filter(pk=board).update(is_online=True, online_changed_at=NOW + 2 * GRACE)
    alarms.watch(NOW + 2 * GRACE)
    assert states() == [("devices.offline", "cleared")]


def test_the_next_silence_is_another_alert(board):
    alarms.watch(NOW + GRACE)
    Device.objects.filter(pk=board).update(is_online=True)
    alarms.watch(NOW + GRACE)
    Device.objects.filter(pk=board).update(is_online=False, online_changed_at=NOW + 2 * GRACE)
    alarms.watch(NOW + 3 * GRACE)
    assert states() == [("devices.offline", "cleared"), ("devices.offline", "open")]


def test_a_wearable_and_a_camera_are_watched_by_their_own_cells(board):
    for model in ("wearable-1", "camera-1"):
        Device.objects.filter(pk=board).update(model_code=model, battery_pct=3)
        alarms.watch(NOW + GRACE)
    assert states() == []


def test_what_changed_hands_is_over_for_who_had_it(board, other_account):
    alarms.watch(NOW + GRACE)
    Device.objects.filter(pk=board).update(account=other_account)
    alarms.watch(NOW + GRACE)
    assert states() == [("devices.offline", "cleared")]


def test_a_low_battery_is_raised_once_and_clears_when_it_is_well_charged(board):
    Device.objects.filter(pk=board).update(is_online=True, battery_pct=14)
    alarms.watch(NOW)
    Device.objects.filter(pk=board).update(battery_pct=16)
    alarms.watch(NOW + timedelta(hours=2))
    assert states() == [("devices.battery", "open")]
    Device.objects.filter(pk=board).update(battery_pct=90)
    alarms.watch(NOW + timedelta(hours=3))
    assert states() == [("devices.battery", "cleared")]
