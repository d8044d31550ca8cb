"""Alerts as other cells raise, clear and acknowledge them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from panal.cells.accounts.api import person
from panal.cells.contacts import inquiries
from panal.cells.contacts.api import Alarm, acknowledge, clear_alarms, clear_of_devices, raise_alarms
from panal.cells.contacts.models import Alert, Escalation

from .conftest import NOON

pytestmark = pytest.mark.django_db


def alarm(account, number=1, **other):
    values = {"kind": "care.fall", "device_id": "D", "name": "Rosa", "url": "/events/", "at": timezone.now()}
    return Alarm(**{"account_id": account.pk, "uid": f"u{number}", **values, **other})


def test_an_alarm_raised_twice_is_one_alert_with_one_outbox_row(account):
    now = timezone.now()
    assert raise_alarms([alarm(account), alarm(account)], now) == 1
    assert raise_alarms([alarm(account)], now) == 0
    assert Alert.objects.count() == Escalation.objects.count() == 1


def test_nobody_is_told_of_what_nobody_owns(account):
    assert raise_alarms([alarm(account, account_id=None)], timezone.now()) == 0


def test_a_hundred_alarms_cost_as_many_statements_as_one(account):
    now = timezone.now()
    with CaptureQueriesContext(connection) as one:
        raise_alarms([alarm(account)], now)
    with CaptureQueriesContext(connection) as many:
        raise_alarms([alarm(account, n) for n in range(2, 102)], now)
    assert len(one) == len(many)
    assert Alert.objects.count() == 101


def test_the_first_who_acknowledges_stays(account, alice, bob):
    now = timezone.now()
    raise_alarms([alarm(account)], now)
    assert acknowledge(["u1"], person(bob), now) == 1
    assert acknowledge(["u1"], person(alice), now + timedelta(seconds=1)) == 0
    found = Alert.objects.get()
    assert (found.state, found.acknowledged_by) == ("acknowledged", bob.email)
    assert not Escalation.objects.exists()


def test_all_clear_ends_what_is_open_and_what_somebody_knows_of(account, bob):
    now = timezone.now()
    raise_alarms([alarm(account, 1), alarm(account, 2, kind="door.forced"), alarm(account, 3, kind="door.held")], now)
    acknowledge(["u1"], person(bob), now)
    assert clear_alarms(["u1", "u2"], "Bob", now, "went there") == 2
    assert clear_of_devices(["D"], ["door.held"], "the door", now) == 1
    assert clear_of_devices(["D"], ["door.held"], "the door", now) == 0
    assert set(Alert.objects.values_list("state", flat=True)) == {"cleared"}
    assert not Escalation.objects.exists()


def test_what_is_over_for_two_years_goes_and_what_is_open_stays(account):
    raise_alarms([alarm(account, 1), alarm(account, 2)], NOON)
    clear_alarms(["u1"], "", NOON)
    inquiries.prune(NOON + timedelta(days=729))
    assert Alert.objects.count() == 2
    inquiries.prune(NOON + timedelta(days=731))
    assert [alert.uid for alert in Alert.objects.all()] == ["u2"]
