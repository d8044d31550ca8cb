"""What sets an automation off is kept with it; it runs once, whole, and says what became of it."""

from datetime import timedelta

import pytest
from django.db import transaction

from panal.cells.automations import actions, recorder, runs
from panal.cells.automations.models import Automation, Call, Occurrence, Run
from panal.cells.contacts.models import Alert
from panal.control.events import publish_on_commit
from panal.gateway.store import DomainEvent

from .conftest import NOON, OFF, run_all, waiting, went_offline


def outcomes():
    return list(Run.objects.order_by("pk").values_list("outcome", flat=True))


def test_a_device_goes_offline_and_a_light_is_asked_to_go_on(make, device, lamp):
    make()
    went_offline(device)
    assert waiting() == [("offline", device.pk)]
    assert run_all() == 1
    lamp.refresh_from_db()
    assert (lamp.wanted_on, lamp.wanted_for_s, lamp.wanted_source) == (True, 300, "automation")
    assert outcomes() == ["done"]
    assert not Occurrence.objects.exists()


def test_nothing_is_asked_of_the_database_where_no_automation_listens(make, device, django_assert_num_queries):
    make(when={"kind": "online"})
    with django_assert_num_queries(0):
        went_offline(device)


def test_what_was_rolled_back_sets_nothing_off(make, device):
    make()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        went_offline(device)
        raise ZeroDivisionError
    assert waiting() == []


def test_another_account_s_device_sets_nothing_off(make, other_device):
    make()
    went_offline(other_device)
    assert waiting() == []


def test_one_that_is_off_is_not_set_off(make, device, actor):
    actions.turn(automation=make(), is_on=False, actor=actor)
    recorder.refresh()
    went_offline(device)
    assert waiting() == []


def test_a_condition_that_does_not_hold_is_named(make, device, lamp):
    make(conditions=[{"kind": "light", "light_id": lamp.pk, "is_on": True}])
    went_offline(device)
    run_all()
    assert outcomes() == ["skipped"]
    assert Run.objects.get().steps == [{"condition": 0}]
    lamp.refresh_from_db()
    assert lamp.wanted_at is None


def test_what_fails_does_not_keep_the_others_from_being_done(make, device, lamp):
    wanted = [{"kind": "light", "light_id": lamp.pk, "is_on": True}, {"kind": "alert", "text": "Mira la puerta"}]
    made = make(actions=wanted)
    lamp.delete()
    went_offline(device)
    run_all()
    assert [(step["is_done"], step["code"]) for step in Run.objects.get().steps] == [(False, "no_light"), (True, "")]
    assert outcomes() == ["failed"]
    alert = Alert.objects.get()
    assert (alert.kind, alert.name, alert.url) == (runs.ALARM, "Mira la puerta", f"/automations/{made.pk}/")


@pytest.mark.parametrize("at", ["_light", "_alert", "save"])
def test_a_server_that_dies_in_the_middle_has_done_nothing_and_the_next_does_it_once(
    make, device, lamp, at, monkeypatch
):
    make(actions=[{"kind": "light", "light_id": lamp.pk, "is_on": True}, {"kind": "alert", "text": "x"}])
    went_offline(device)

    class Killed(BaseException):
        """Nothing catches it, as nothing catches a kill."""

    def die(*_arguments, **_more):
        raise Killed

    with monkeypatch.context() as patched:
        if at == "save":
            patched.setattr(Occurrence, "delete", die)
        else:
            patched.setitem(runs.DO, at.lstrip("_"), die)
        with pytest.raises(Killed):
            run_all()
    lamp.refresh_from_db()
    assert (lamp.wanted_at, Alert.objects.count(), Run.objects.count()) == (None, 0, 0)
    assert run_all() == 1
    assert run_all() == 0
    lamp.refresh_from_db()
    assert (lamp.wanted_on, Alert.objects.count(), Run.objects.count()) == (True, 1, 1)


def test_what_waited_too_long_is_not_done_any_more(make, device, lamp):
    make()
    went_offline(device)
    Occurrence.objects.update(at=NOON)
    run_all(NOON + timedelta(minutes=11))
    assert outcomes() == ["late"]
    lamp.refresh_from_db()
    assert lamp.wanted_at is None


def test_one_that_runs_too_often_is_turned_off(make, device):
    made = make()
    for _ in range(25):
        went_offline(device)
    run_all()
    assert outcomes() == ["done"] * 20 + ["stopped"] * 5
    made.refresh_from_db()
    assert (made.is_on, made.stopped_at is not None) == (False, True)
    actions.turn(automation=made, is_on=True, actor=runs.system("a test"))
    assert Automation.objects.get().stopped_at is None


def test_what_an_automation_switched_sets_no_other_off(make, board, lamp):
    make(when={"kind": "light_on", "light_id": lamp.pk})
    for by in ("automation", "wall"):
        told = {"lights": [{"id": lamp.pk, "on": True, "by": by}]}
        publish_on_commit(DomainEvent("light.changed", "lights", board.account_id, board.pk, told))
    assert waiting() == [("light_on", board.pk)]


def test_a_time_sets_it_off_once_and_the_next_day_again(make):
    made = make(when={"kind": "time", "minutes": 600, "days": 127})
    due = made.next_at
    recorder.on_time(due - timedelta(seconds=1))
    assert waiting() == []
    recorder.on_time(due)
    recorder.on_time(due)
    assert waiting() == [("time", "")]
    made.refresh_from_db()
    assert made.next_at == due + timedelta(days=1)


def test_a_server_that_slept_for_days_runs_it_once(make):
    made = make(when={"kind": "time", "minutes": 600, "days": 127})
    recorder.on_time(made.next_at + timedelta(days=5, hours=1))
    assert len(waiting()) == 1
    made.refresh_from_db()
    assert made.next_at > NOON


def test_a_person_runs_it_whatever_its_conditions_are(make, lamp, actor):
    made = make(conditions=[{"kind": "light", "light_id": lamp.pk, "is_on": True}])
    actions.run_now(automation=made, actor=actor)
    run_all()
    run = Run.objects.get()
    assert (run.outcome, run.cause, run.by) == ("done", "person", actor.text)


def test_a_dry_run_does_nothing(make, lamp):
    made = make(conditions=[{"kind": "light", "light_id": lamp.pk, "is_on": True}])
    unmet, steps = runs.would(made, NOON)
    assert (unmet, [is_there for _step, is_there in steps]) == (0, [True])
    assert not Run.objects.exists()
    lamp.refresh_from_db()
    assert lamp.wanted_at is None


class TestWebhook:
    @pytest.fixture
    def called(self, make, device):
        """The call of one run that waits to be made."""
        make(actions=[{"kind": "webhook", "url": "http://127.0.0.1:9/hook?secret=1"}])
        went_offline(device)
        run_all()
        return Call.objects.get()

    def test_its_address_is_sealed(self, called):
        action = Automation.objects.get().actions[0]
        assert set(action) == {"kind", "host", "sealed"}
        assert action["host"] == "127.0.0.1"
        assert b"secret" not in bytes(called.sealed)

    def test_it_is_taken_by_one_and_again_when_that_one_is_gone(self, called):
        now_ms = int(called.due_at.timestamp() * 1000) + 1
        assert runs.take_call(now_ms) == called.pk
        assert runs.take_call(now_ms) is None
        assert runs.take_call(now_ms + 61_000) == called.pk

    def test_it_does_not_reach_this_machine_and_gives_up_in_the_end(self, called):
        now_ms = int(called.due_at.timestamp() * 1000) + 1
        for _ in range(4):
            assert runs.take_call(now_ms) == called.pk
            assert not runs.make_call(called.pk, now_ms)
            now_ms += 700_000
        called.refresh_from_db()
        assert (called.due_at, called.is_done, called.tries) == (None, False, 4)
        assert "not a public address" in called.answer

    def test_empty_keeps_the_address(self, called, actor):
        made = Automation.objects.get()
        before = made.actions
        actions.save_automation(
            account_id=made.account_id, name="x", when=OFF, conditions=[], actions=[{"kind": "webhook"}], actor=actor,
            automation=made,
        )  # fmt: skip
        assert Automation.objects.get().actions == before
