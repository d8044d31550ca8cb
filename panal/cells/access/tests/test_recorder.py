"""Events of doors: once, in their order, gaps visible; alarms with them."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from panal.cells.access import actions, recorder
from panal.cells.access.models import Alarm, Door, Event
from panal.cells.contacts.models import Alert
from panal.control.tests.cases import collected
from panal.protocol.errors import Conflict, Unauthorized

from .conftest import NOW_MS, record, said


def test_an_event_is_stored_once_however_often_it_is_sent(door):
    event = said(door.pk, 1, granted=True)
    first, second = record(event, event)
    [third] = record(event)
    assert [answer.duplicated for answer in (first, second, third)] == [False, True, True]
    assert Event.objects.count() == 1


def test_events_keep_the_order_in_which_the_door_wrote_them(door):
    lines = [said(door.pk, seq, at_ms=None if seq % 2 else NOW_MS - 1000 * seq) for seq in range(1, 30)]
    record(*lines[:10])
    record(*lines[10:])
    assert list(Event.objects.order_by("id").values_list("seq", flat=True)) == list(range(1, 30))


def test_a_gap_is_seen_at_the_line_behind_it(door):
    record(said(door.pk, 1), said(door.pk, 2))
    record(said(door.pk, 6), said(door.pk, 7), said(door.pk, 9))
    missed = dict(Event.objects.values_list("seq", "missed"))
    assert missed == {1: 0, 2: 0, 6: 3, 7: 0, 9: 1}


def test_a_repeated_line_between_new_ones_makes_no_gap(door):
    old = said(door.pk, 3)
    record(old, said(door.pk, 4), said(door.pk, 5))
    record(old, said(door.pk, 6))
    assert not Event.objects.filter(missed__gt=0).exists()


def test_a_board_that_counts_from_one_again_misses_nothing(door):
    record(said(door.pk, 900))
    record(said(door.pk, 1), said(door.pk, 2))
    assert not Event.objects.filter(missed__gt=0).exists()


def test_a_line_without_a_clock_gets_the_time_of_receipt_and_says_so(door):
    record(said(door.pk, 1, at_ms=None), said(door.pk, 2, at_ms=NOW_MS + 3_600_000))
    assert list(Event.objects.values_list("is_estimated", flat=True)) == [True, True]
    assert all(event.at == event.received_at for event in Event.objects.all())


def test_who_came_in_is_named_as_the_person_was_called_then(door, holder, actor):
    record(said(door.pk, 1, granted=True, person=holder.pk))
    actions.save_holder(account_id=holder.account_id, name="Otra", holder=holder, actor=actor)
    event = Event.objects.get()
    assert (event.who, event.holder_id) == ("Rosa", holder.pk)


def test_a_person_of_another_account_is_nobody_here(other_door, holder):
    record(said(other_door.pk, 1, granted=True, person=holder.pk))
    assert (Event.objects.get().who, Event.objects.get().holder) == ("", None)


def test_who_opened_from_afar_is_named(door, alice):
    from panal.cells.accounts.api import person

    unlock = actions.unlock_door(device=door, reason="El cartero", actor=person(alice))
    record(said(door.pk, 1, method="remote", granted=True, command=str(unlock.command_id), note="El cartero"))
    assert (Event.objects.get().who, Event.objects.get().note) == ("alice@example.com", "El cartero")


@pytest.mark.parametrize("kind", ["forced", "held", "jammed", "paused"])
def test_an_alarm_is_a_row_that_is_open(door, kind):
    with collected() as heard:
        record(said(door.pk, 1, "door.alarm", reason=kind, door="open", method="door"))
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.state, alarm.account_id, alarm.ended_at) == (kind, "open", door.account_id, None)
    names = [(event.name, event.topic, event.device_id) for event in heard]
    assert names == [("alert.raised", "alerts", door.pk), (f"door.{kind}", "doors", door.pk)]


def test_an_alarm_that_is_sent_again_is_one_alarm_and_no_news(door):
    event = said(door.pk, 1, "door.alarm", reason="forced", door="open", method="door")
    record(event)
    with collected() as heard:
        [answer] = record(event)
    assert answer.duplicated
    assert heard == []
    assert Alarm.objects.count() == 1


def test_what_is_over_is_still_open_until_somebody_knows(door, actor):
    record(said(door.pk, 1, "door.alarm", reason="held", method="door"))
    record(said(door.pk, 2, "door.note", reason="held_over", method="door"))
    alarm = Alarm.objects.get()
    assert alarm.is_open
    assert alarm.ended_at - alarm.raised_at == timedelta(milliseconds=1)
    assert actions.acknowledge_alarms(alarms=[alarm], actor=actor) == 1
    assert actions.acknowledge_alarms(alarms=[alarm], actor=actor) == 0


def test_the_newest_line_says_how_the_door_is(door):
    record(said(door.pk, 1, "door.moved", door="open", lock="unlocked"), said(door.pk, 2, door="close"))
    row = Door.objects.get()
    assert (row.door, row.lock, row.last_seq) == ("close", "unlocked", 2)


def test_the_next_owner_does_not_see_how_it_was(door, other_account, actor):
    from panal.cells.access import queries
    from panal.cells.devices.claims import move_device
    from panal.cells.devices.models import Device

    record(said(door.pk, 1, "door.moved", door="open", lock="unlocked"))
    move_device(device=door, account_id=other_account.pk, actor=actor)
    moved = Device.objects.select_related("door").get(pk=door.pk)
    assert (queries.shown(moved).lock, queries.shown(moved).door) == ("", "")
    record(said(door.pk, 2, "door.moved", door="close"))
    moved = Device.objects.select_related("door").get(pk=door.pk)
    assert (queries.shown(moved).lock, queries.shown(moved).door) == ("", "close")


def test_one_device_cannot_take_another_s_uid(door, other_door):
    uid = str(uuid.uuid4())
    record(said(door.pk, 1, uid=uid))
    [answer] = record(said(other_door.pk, 1, uid=uid))
    assert isinstance(answer, Conflict)
    assert Event.objects.get().device_id == door.pk


def test_a_device_that_is_unknown_stores_nothing(door):
    answers = record(said("NOBODY", 1), said(door.pk, 1))
    assert isinstance(answers[0], Unauthorized)
    assert not answers[1].duplicated
    assert Event.objects.count() == 1


def test_a_batch_of_many_costs_as_many_statements_as_one(door, holder):
    now = timezone.now()

    def statements(count, base):
        with CaptureQueriesContext(connection) as captured:
            recorder.record_events([said(door.pk, base + n, person=holder.pk) for n in range(count)], now)
        return len(captured)

    statements(1, 1)
    assert statements(300, 1000) == statements(1, 2)


def test_people_are_told_of_an_alarm_and_hear_when_it_is_over(door):
    record(said(door.pk, 1, "door.alarm", reason="held", door="open", method="door"))
    alert = Alert.objects.get()
    assert (alert.kind, alert.state, alert.url) == ("access.held", "open", f"/doors/{door.pk}/")
    record(said(door.pk, 2, "door.note", reason="held_over", door="close", method="door"))
    alert.refresh_from_db()
    assert alert.state == "cleared"


def test_who_knows_on_the_doors_page_knows_of_the_alert_and_the_other_way_round(door, actor):
    record(said(door.pk, 1, "door.alarm", reason="held", door="open", method="door"))
    record(said(door.pk, 2, "door.alarm", reason="jammed", door="open", method="door"))
    held, jammed = Alarm.objects.order_by("event_id")
    actions.acknowledge_alarms(alarms=[held], actor=actor)
    assert Alert.objects.get(kind="access.held").state == "acknowledged"
    assert actions.acknowledge_told(Alert.objects.get(kind="access.jammed").uid, "Ana")
    jammed.refresh_from_db()
    assert (jammed.state, jammed.acknowledged_by) == ("acknowledged", "Ana")
