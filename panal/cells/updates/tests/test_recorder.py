"""What boards ask and tell, late, twice and in the wrong order; and how a rollout goes on by it."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from panal.cells.devices.models import Device, Twin
from panal.cells.updates import actions, recorder
from panal.cells.updates.gateway import Told
from panal.cells.updates.models import Rollout, Update
from panal.control.tests.cases import collected
from panal.protocol.errors import BadRequest, Forbidden, NotFound

from .boards import ask, say, stage, states, take, tell
from .conftest import make_fleet


def now_of(rollout):
    rollout.refresh_from_db()
    return rollout.state, rollout.reason


def test_only_the_first_stage_is_offered_anything(rollout, fleet):
    [first] = stage(rollout, 0)
    offers = dict(zip(fleet, ask(*fleet), strict=True))
    assert {id for id, offer in offers.items() if offer} == {first}
    assert offers[first]["manifest"]["version"] == "9.1.0"


def test_a_stage_that_went_well_begins_the_next_one(rollout):
    take(*stage(rollout, 0))
    assert [one.state for one in rollout.stages.all()] == ["done", "running", "waiting"]
    take(*stage(rollout, 1))
    assert [one.state for one in rollout.stages.all()] == ["done", "done", "running"]
    take(*stage(rollout, 2))
    assert now_of(rollout) == ("done", "")
    assert {state: len(ids) for state, ids in states(rollout).items()} == {"done": 20}


def test_too_much_trouble_stops_it_and_nobody_else_begins(rollout):
    take(*stage(rollout, 0))
    bad, *others = stage(rollout, 1)
    take(bad, reason="self_test")
    assert now_of(rollout) == ("stopped", "errors")
    assert ask(*others) == [None] * 3
    assert states(rollout)["rolled_back"] == {bad}


def test_a_board_that_has_begun_goes_on_when_its_rollout_stops(rollout):
    take(*stage(rollout, 0))
    bad, other, *_rest = stage(rollout, 1)
    ask(other)
    tell("downloading", other, percent=40)
    take(bad, reason="crash_loop")
    [offer] = ask(other)
    assert offer["manifest"]["version"] == "9.1.0"
    tell("done", other)
    assert other in states(rollout)["done"]


def test_a_version_that_was_rolled_back_is_never_offered_again(rollout, release, actor):
    [first] = stage(rollout, 0)
    take(first, reason="no_server")
    assert ask(first) == [None]
    actions.resume_rollout(rollout=Rollout.objects.get(), actor=actor)
    assert ask(first) == [None]
    with pytest.raises(BadRequest, match="no_takers"):
        actions.begin_rollout(release=release, device_ids=[first], actor=actor)


def test_not_even_another_rollout_offers_what_a_board_rolled_back(release, fleet, actor):
    """Both were begun before it did: so the second one has a row for it too."""
    one, two = (
        actions.begin_rollout(release=release, device_ids=fleet[:1], actor=actor, pace=actions.AT_ONE_STROKE)
        for _ in range(2)
    )
    ask(fleet[0])
    tell("rolled_back", fleet[0], rollout=one, reason="self_test")
    assert states(two) == {"waiting": set(fleet[:1])}
    assert ask(fleet[0]) == [None]


def test_never_a_lower_or_an_equal_version(rollout):
    [first] = stage(rollout, 0)
    assert ask(first, version="9.1.0") == [None]
    assert states(rollout)["skipped"] == {first}
    assert ask(*stage(rollout, 1), version="9.10.0") == [None] * 4


def test_never_another_board_s(rollout):
    [first] = stage(rollout, 0)
    assert ask(first, board="camera-1") == [None]
    assert Update.objects.get(rollout=rollout, device=first).reason == "wrong_board"


def test_of_two_rollouts_the_newer_version_is_offered(rollout, newer, actor):
    [first] = stage(rollout, 0)
    actions.begin_rollout(release=newer, device_ids=[first], actor=actor, pace=actions.AT_ONE_STROKE)
    [offer] = ask(first)
    assert offer["manifest"]["version"] == "9.2.0"
    tell("done", first)
    assert ask(first, version="9.2.0") == [None]
    assert first in states(rollout)["skipped"]


@pytest.mark.parametrize("late", ["downloading", "installing", "confirming", "rolled_back", "refused"])
def test_what_comes_late_or_twice_changes_nothing(rollout, late):
    [first] = stage(rollout, 0)
    take(first)
    before = Update.objects.filter(rollout=rollout, device=first).values().get()
    tell("done", first)
    if late != "rolled_back":
        assert tell(late, first) == [None]
    assert Update.objects.filter(rollout=rollout, device=first).values().get() == before
    assert [one.state for one in rollout.stages.all()] == ["done", "running", "waiting"]


def test_a_board_that_lost_power_may_tell_its_steps_in_any_order(rollout):
    [first] = stage(rollout, 0)
    ask(first)
    tell("installing", first)
    tell("downloading", first, percent=10)
    assert Update.objects.get(rollout=rollout, device=first).state == "installing"
    tell("done", first)
    assert states(rollout)["done"] == {first}


def test_a_report_that_was_lost_is_made_up_for_by_the_version_that_runs(rollout):
    [first] = stage(rollout, 0)
    ask(first)
    tell("installing", first)
    assert ask(first, version="9.1.0") == [None]
    assert states(rollout)["done"] == {first}


def test_strangers_updates_are_not_theirs_to_tell_of(rollout, other_device):
    row = Update.objects.filter(rollout=rollout, stage_number=0).get()
    [answer] = say("updates.told", Told(other_device.pk, row.pk, "done", None, ""))
    assert isinstance(answer, Forbidden)
    [answer] = say("updates.told", Told(other_device.pk, uuid.uuid4(), "done", None, ""))
    assert isinstance(answer, NotFound)
    row.refresh_from_db()
    assert row.state == "waiting"


def test_who_falls_silent_is_trouble_and_goes_on_when_it_is_back(rollout):
    [first] = stage(rollout, 0)
    ask(first)
    tell("downloading", first, percent=30)
    recorder.on_time(timezone.now() + timedelta(minutes=61))
    assert states(rollout)["silent"] == {first}
    assert now_of(rollout) == ("stopped", "errors")
    tell("done", first)
    assert states(rollout)["done"] == {first}


def test_a_revoked_device_is_not_waited_for(rollout):
    [first] = stage(rollout, 0)
    Device.objects.filter(pk=first).update(state="revoked", is_online=False)
    recorder.on_time(timezone.now())
    assert states(rollout)["skipped"] == {first}
    assert [one.state for one in rollout.stages.all()] == ["done", "running", "waiting"]


def test_boards_that_are_online_hear_of_it_once_and_no_more_when_it_is_over(rollout):
    [first] = stage(rollout, 0)
    for _ in range(2):
        recorder.on_time(timezone.now())
    twin = Twin.objects.get(device=first)
    assert (twin.desired["update"]["release"], twin.desired_version) == (rollout.release_id, 1)
    assert not any("update" in twin.desired for twin in Twin.objects.exclude(device=first))
    take(first)
    recorder.on_time(timezone.now())
    assert "update" not in Twin.objects.get(device=first).desired


def test_the_end_of_one_update_does_not_take_back_the_word_of_the_next(release, newer, fleet, actor):
    first = fleet[0]
    actions.begin_rollout(release=release, device_ids=[first], actor=actor, pace=actions.AT_ONE_STROKE)
    now = timezone.now()
    recorder.on_time(now)
    take(first)
    Device.objects.filter(pk=first).update(fw="9.1.0")
    actions.begin_rollout(release=newer, device_ids=[first], actor=actor, pace=actions.AT_ONE_STROKE)
    for seconds in range(1, 4):
        recorder.on_time(now + timedelta(seconds=seconds))
        assert Twin.objects.get(device=first).desired["update"]["release"] == newer.pk


def test_a_board_that_asked_while_it_was_paused_is_told_again_when_it_goes_on(rollout, actor):
    [first] = stage(rollout, 0)
    recorder.on_time(timezone.now())
    actions.pause_rollout(rollout=rollout, actor=actor)
    assert ask(first) == [None]
    actions.resume_rollout(rollout=rollout, actor=actor)
    before = Twin.objects.get(device=first).desired_version
    recorder.on_time(timezone.now() + timedelta(seconds=2))
    assert Twin.objects.get(device=first).desired_version == before + 1


def test_jitter_spreads_the_boards_of_a_stage(release, fleet, actor):
    pace = actions.Pace((actions.stages.Plan(100),), jitter_s=3600)
    rollout = actions.begin_rollout(release=release, device_ids=fleet, actor=actor, pace=pace)
    offers = ask(*fleet)
    begin_ms = int(rollout.turns_from.timestamp() * 1000)
    waits = sorted((offer["not_before_ms"] or begin_ms) - begin_ms for offer in offers)
    assert 0 <= waits[0] < waits[9] < waits[-1] <= 3600_000
    assert len(set(waits)) > 15
    recorder.on_time(rollout.turns_from + timedelta(minutes=30))
    assert 1 < Update.objects.filter(is_nudged=True).count() < 19


def test_a_stage_does_not_wait_for_ever_for_boards_that_are_away(release, fleet, actor):
    pace = actions.Pace((actions.stages.Plan(50), actions.stages.Plan(100)), jitter_s=0, patience_s=3600)
    rollout = actions.begin_rollout(release=release, device_ids=fleet, actor=actor, pace=pace)
    take(*stage(rollout, 0)[:6])
    recorder.on_time(timezone.now() + timedelta(minutes=59))
    assert [one.state for one in rollout.stages.all()] == ["running", "waiting"]
    recorder.on_time(timezone.now() + timedelta(minutes=61))
    assert [one.state for one in rollout.stages.all()] == ["done", "running"]


@pytest.mark.parametrize(("error_pct", "end"), [(10, "done"), (3, "stopped")])
def test_two_hundred_boards_of_which_one_in_twenty_fails(release, account, actor, error_pct, end):
    """It goes on or stops by its thresholds, and no board is updated twice, however often it asks and tells."""
    ids = make_fleet(account, actor, 200)
    pace = actions.Pace([actions.stages.Plan(percent, 60, error_pct) for percent in (20, 50, 100)], jitter_s=0)
    rollout = actions.begin_rollout(release=release, device_ids=ids, actor=actor, pace=pace)
    bad = {id for number in range(3) for id in stage(rollout, number)[::20]}
    good, taken = set(), []
    for _ in range(5):
        old = [id for id in ids if id not in good]
        offered = [id for id, offer in zip(old, ask(*old), strict=True) if offer]
        assert not any(ask(*good, version="9.1.0"))
        taken += offered
        for word in ("downloading", "confirming", "done", "done"):
            tell(word, *(id for id in offered if id not in bad))
        for word in ("downloading", "rolled_back", "rolled_back"):
            tell(word, *(id for id in offered if id in bad), reason="self_test")
        good |= {id for id in offered if id not in bad}
    assert now_of(rollout)[0] == end
    assert len(taken) == len(set(taken))
    found = {state: len(rows) for state, rows in states(rollout).items()}
    held = {"done": 38, "rolled_back": 2, "waiting": 60, "queued": 100}
    assert found == ({"done": 190, "rolled_back": 10} if end == "done" else held)


def test_a_group_of_boards_costs_the_same_as_one(rollout):
    take(*stage(rollout, 0))
    one, *others = stage(rollout, 1)
    counts = []
    for ids in ([one], others):
        with CaptureQueriesContext(connection) as asked:
            ask(*ids)
        with CaptureQueriesContext(connection) as told:
            tell("downloading", *ids, percent=10)
        counts.append((len(asked), len(told)))
    assert counts[0] == counts[1]


def test_pages_hear_of_each_device_and_of_the_rollout(rollout):
    [first] = stage(rollout, 0)
    with collected() as heard:
        take(first)
    assert ("update.progressed", "updates", first) in {(e.name, e.topic, e.device_id) for e in heard}
    assert "rollout.advanced" in {event.name for event in heard}
