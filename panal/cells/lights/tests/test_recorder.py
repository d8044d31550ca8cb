from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from panal.cells.accounts.actor import Actor
from panal.cells.devices import api as devices
from panal.cells.devices.models import Device
from panal.cells.lights import actions, queries, recorder
from panal.cells.lights.gateway import About
from panal.cells.lights.models import Change, Light
from panal.control.tests.cases import collected

from .conftest import NOW, NOW_MS, SECOND, light_of, mint, obey, record, report

ALICE = Actor("alice@example.com")


def fresh(light):
    return Light.objects.select_related("device").get(pk=light.pk)


def wanted(light):
    return devices.desired(light.device_id).state["lights"][str(light.channel)]


def test_a_board_makes_its_lights_by_reporting_them(lights, account):
    assert [(light.channel, light.account, light.is_on) for light in lights] == [
        (n, account, False) for n in (1, 2, 3, 4)
    ]
    assert not Change.objects.exists()


def test_new_lights_are_in_the_room_of_their_board(account, actor, sector):
    board = mint(account.pk, actor)
    Device.objects.filter(pk=board.pk).update(sector=sector)
    report(board.pk, _1=light_of())
    assert Light.objects.get().sector == sector


def test_a_wall_switch_is_on_the_page_and_in_the_history(light):
    with collected() as heard:
        report(light.device_id, NOW_MS + 1000, _1=light_of(True, NOW_MS + 900, "wall", 100))
    found = fresh(light)
    assert (found.is_on, found.by, found.state_at(NOW)) == (True, "wall", "")
    assert list(Change.objects.values_list("light", "is_on", "by", "who")) == [(light.pk, True, "wall", "")]
    [about] = [event for event in heard if event.topic == "lights"]
    assert (about.name, about.account_id) == ("light.changed", light.account_id)
    assert about.data == {"lights": [{"id": light.pk, "on": True, "level": 100, "by": "wall"}]}


def test_the_same_report_twice_is_one_line(light):
    for _ in range(2):
        report(light.device_id, NOW_MS + 1000, _1=light_of(True, NOW_MS + 900))
    assert Change.objects.count() == 1


def test_several_changes_in_one_group_are_several_lines(light):
    record(
        *(
            (light.device_id, {"1": light_of(on, NOW_MS + n)}, NOW_MS + n, 0)
            for n, on in ((1, True), (2, False), (3, True))
        )
    )
    assert list(Change.objects.order_by("id").values_list("is_on", flat=True)) == [True, False, True]
    assert fresh(light).is_on


def test_a_click_is_pending_until_the_board_has_seen_it(light):
    actions.switch(light, True, by=ALICE, now=NOW)
    assert fresh(light).state_at(NOW) == "pending"
    assert Light.objects.filter(queries.SHINING).get() == light
    report(light.device_id, NOW_MS + 50, _1=light_of(False, NOW_MS - 3_600_000))  # of something else, from before
    assert fresh(light).state_at(NOW) == "pending"
    obey(light.device_id, NOW_MS + 90)
    found = fresh(light)
    assert (found.state_at(NOW), found.is_on, found.by) == ("", True, "page")
    [line] = Change.objects.all()
    assert (line.by, line.who) == ("page", ALICE.text)


def test_a_click_that_changes_nothing_settles_too(light):
    actions.switch(light, False, by=ALICE, now=NOW)
    obey(light.device_id)
    assert fresh(light).wanted_at is None


def test_a_board_that_does_not_answer_is_said_so_and_may_answer_later(light):
    actions.switch(light, True, by=ALICE, now=NOW)
    recorder.expire(NOW + 9 * SECOND)
    assert fresh(light).state_at(NOW + 9 * SECOND) == "pending"
    with collected() as heard:
        recorder.expire(NOW + 10 * SECOND)
    assert [event.name for event in heard] == ["light.unanswered"]
    assert fresh(light).state_at(NOW + 10 * SECOND) == "unanswered"
    assert not Light.objects.filter(queries.SHINING).exists()
    obey(light.device_id)
    assert fresh(light).state_at(NOW + 11 * SECOND) == ""


def test_a_local_change_made_offline_wins_over_an_older_click(light):
    Device.objects.update(is_online=False)
    actions.switch(light, True, by=ALICE, now=NOW)
    assert fresh(light).state_at(NOW) == "kept"
    version = devices.desired(light.device_id).version
    report(light.device_id, NOW_MS + 60_000, version, _1=light_of(False, NOW_MS + 5_000, "wall", set_at_ms=NOW_MS))
    found = fresh(light)
    assert (found.is_on, found.wanted_at) == (False, None)
    assert wanted(light) == {"on": False, "level": 100, "set_at_ms": NOW_MS + 5_000}
    assert devices.desired(light.device_id).version == version  # the board has decided it: nothing new is asked


def test_a_click_wins_over_an_older_local_change(light):
    Device.objects.update(is_online=False)
    actions.switch(light, True, 40, by=ALICE, now=NOW)
    report(light.device_id, NOW_MS + 60_000, _1=light_of(False, NOW_MS - 5_000, "wall", set_at_ms=0))
    assert fresh(light).wanted_at == NOW
    assert wanted(light) == {"on": True, "level": 40, "set_at_ms": NOW_MS, "by": "page"}


def test_a_click_after_a_report_is_newer_whatever_the_clocks_say(light):
    report(light.device_id, NOW_MS, _1=light_of(False, NOW_MS + 5_000, "wall"))
    actions.switch(light, True, by=ALICE, now=NOW)
    assert wanted(light)["set_at_ms"] == NOW_MS + 5_001
    actions.switch(light, False, by=ALICE, now=NOW)
    assert wanted(light)["set_at_ms"] == NOW_MS + 5_002


def test_schedules_and_timers_are_told_by_their_names(light):
    report(light.device_id, NOW_MS, _1=light_of(True, NOW_MS + 1, "schedule", until_ms=NOW_MS + 600_000))
    assert fresh(light).left_at(NOW) == timedelta(seconds=600)
    report(light.device_id, NOW_MS + 600_000, _1=light_of(False, NOW_MS + 600_000, "timer"))
    assert [line.by for line in Change.objects.order_by("id")] == ["schedule", "timer"]
    assert fresh(light).until_at is None


def test_a_board_that_learns_the_time_has_not_changed_twice(light):
    report(light.device_id, NOW_MS, _1=light_of(True, NOW_MS + 1, "wall"))
    Light.objects.update(at_ms=7)
    report(light.device_id, NOW_MS, _1=light_of(True, NOW_MS + 3, "wall"))
    assert Change.objects.count() == 1


def test_a_clock_that_is_far_ahead_is_not_believed(light):
    report(light.device_id, NOW_MS, _1=light_of(True, NOW_MS + 86_400_000, "wall"))
    assert fresh(light).changed_at == NOW


def test_nonsense_changes_no_light(light):
    for value in ({"on": "yes"}, {"level": 400}, {"by": "a ghost"}, 7, []):
        report(light.device_id, NOW_MS, _1=value)
    report(light.device_id, NOW_MS, _9=light_of(True), _x={})
    record((light.device_id, None, NOW_MS, 0), (light.device_id, "on", NOW_MS, 0))
    assert Light.objects.count() == 4
    assert not Light.objects.filter(is_on=True).exists()


def test_a_channel_dims_where_its_board_says_so(light):
    report(light.device_id, settings={"channels": {"1": {"kind": "dimmer"}, "2": {"kind": "relay"}, "77": {}, "x": 1}})
    assert list(Light.objects.order_by("channel").values_list("dims", flat=True)) == [True, False, False, False]


def test_a_board_that_returns_gets_its_time_once_more(light):
    Device.objects.update(is_online=False)
    actions.switch(light, True, by=ALICE, now=NOW)
    Device.objects.update(is_online=True)
    later = NOW + 3600 * SECOND
    assert fresh(light).state_at(later) == "unanswered"
    recorder.record_around([About(light.device_id)], later)
    assert fresh(light).state_at(later) == "pending"


@pytest.mark.parametrize("first", ["event", "report"])
def test_the_next_owner_finds_lights_without_names(first, light, account, other_account, sector, actor):
    actions.change_light(light=light, actor=actor, name="Dormitorio de Ana", icon="bed", sector=sector)
    scene = actions.save_scene(account_id=account.pk, name="Cine", actor=actor, lines=[(light, True, 40)])
    actions.save_schedule(account_id=account.pk, lights=[light], actor=actor, now=NOW, minutes=600)
    Device.objects.update(account=other_account)
    if first == "event":
        recorder.record_around([About(light.device_id)], NOW)
    else:
        report(light.device_id, _1=light_of(True, NOW_MS + 5))
    assert devices.desired(light.device_id).state["lights"]["settings"]["schedules"] == []
    found = fresh(light)
    assert (found.account, found.name, found.sector, scene.lines.count()) == (other_account, "", None, 0)


def test_a_group_costs_the_same_statements_however_large_it_is(account, actor):
    ids = [f"MANY{n:04}" for n in range(40)]
    for id in ids:
        mint(account.pk, actor, id)
    record(*((id, {"1": light_of()}, NOW_MS, 0) for id in ids))

    def cost(some, at_ms):
        with CaptureQueriesContext(connection) as captured:
            record(*((id, {"1": light_of(True, at_ms, "wall")}, at_ms, 0) for id in some))
        return len([q for q in captured if not q["sql"].startswith("UPDATE")])  # one prepared statement for all rows

    assert cost(ids[:1], NOW_MS + 1) == cost(ids, NOW_MS + 2)
    assert Change.objects.count() == 41


def test_the_history_is_kept_for_a_year_and_a_bit(light):
    for n, age_days in enumerate((401, 399)):
        report(light.device_id, NOW_MS - age_days * 86_400_000, _1=light_of(n % 2 == 0, NOW_MS + n))
    assert recorder.prune(NOW) == 1
    assert Change.objects.count() == 1
