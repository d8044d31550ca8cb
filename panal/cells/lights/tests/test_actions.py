import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from panal.cells.accounts.actor import Actor
from panal.cells.accounts.models import AuditEntry
from panal.cells.devices import api as devices
from panal.cells.devices.models import Device
from panal.cells.lights import actions, machine, queries, schedules
from panal.cells.lights.models import Home, Light, Scene
from panal.control.instants import milliseconds
from panal.control.tests.cases import collected
from panal.protocol.errors import BadRequest, Conflict

from .conftest import NOW, NOW_MS, SECOND, light_of, mint, obey, record, report

ALICE = Actor("alice@example.com")


def desired(light):
    return devices.desired(light.device_id).state["lights"]


def test_the_board_understands_what_is_asked_of_it(light, lights):
    """The same machine as the firmware's takes the desired document and reports it; then all agree."""
    actions.switch_many(
        [actions.Wish(light, True, 40, 600), actions.Wish(lights[1], False)], by=ALICE, now=NOW, source="scene"
    )
    board = machine.Lights(4, None, 0)
    board.receive_clock(NOW_MS, 0)
    board.receive_desired({"settings": {"channels": {"1": {"kind": "dimmer"}}}}, 0)
    board.receive_desired(desired(light), 5)
    assert (board.shine(1), board.lights[0].until_ms) == (40, NOW_MS + 600_000)
    record((light.device_id, board.reported(), NOW_MS + 20, 1))
    found = Light.objects.get(pk=light.pk)
    assert (found.is_on, found.level_pct, found.wanted_at, found.by) == (True, 40, None, "scene")
    assert milliseconds(found.until_at) == NOW_MS + 600_000


@pytest.mark.parametrize("wish", [{"level": 0}, {"level": 101}, {"for_s": 0}, {"for_s": 86401}, {"level": True}])
def test_what_no_board_takes_is_refused(light, wish):
    with pytest.raises(BadRequest):
        actions.switch(light, True, **wish, by=ALICE, now=NOW)
    assert "by" not in desired(light)["1"]


def test_a_revoked_board_takes_nothing(light):
    Device.objects.update(state="revoked")
    with pytest.raises(Conflict, match="revoked"):
        actions.switch(light, True, by=ALICE, now=NOW)


def test_among_others_a_light_that_must_not_wait_is_passed_over(light, lights):
    Light.objects.filter(pk=light.pk).update(when_away="drop")
    Device.objects.update(is_online=False)
    fresh = list(queries.Light.objects.order_by("channel"))
    assert actions.switch_many([actions.Wish(one, True) for one in fresh], by=ALICE, now=NOW) == 3
    assert "by" not in desired(light)["1"]
    with pytest.raises(Conflict, match="light_away"):
        actions.switch(fresh[0], True, by=ALICE, now=NOW)


def test_a_hundred_lights_cost_as_many_statements_as_one(account, actor):
    ids = [f"MANY{n:04}" for n in range(25)]
    for id in ids:
        mint(account.pk, actor, id)
    record(*((id, {str(n): light_of() for n in (1, 2, 3, 4)}, NOW_MS, 0) for id in ids))
    lights = list(Light.objects.all())

    def cost(some):
        with CaptureQueriesContext(connection) as captured, collected() as heard:
            actions.switch_many([actions.Wish(light, True) for light in some], by=ALICE, now=NOW)
        assert len(heard) == 2 * len({light.device_id for light in some})
        return len([q for q in captured if not q["sql"].startswith("UPDATE")])

    assert cost(lights[:1]) == cost(lights)
    assert Light.objects.filter(wanted_on=True).count() == 100


def test_all_off_asks_again_what_did_not_answer(light):
    report(light.device_id, _1=light_of(True, NOW_MS - 5))
    for _ in range(2):
        assert actions.all_off(queries.Light.objects.all(), by=ALICE, now=NOW) == 1
        Light.objects.update(deadline_at=None)
    obey(light.device_id)
    assert actions.all_off(queries.Light.objects.all(), by=ALICE, now=NOW) == 0


def test_a_scene_is_captured_changed_and_run(light, lights, account, actor):
    report(light.device_id, _2=light_of(True, NOW_MS - 5))
    scene = actions.save_scene(
        account_id=account.pk, name="Cena", actor=actor, lines=actions.states_of(Light.objects.all())
    )
    assert list(scene.lines.order_by("light__channel").values_list("is_on", flat=True)) == [False, True, False, False]
    assert actions.run_scene(scene=scene, by=ALICE, now=NOW) == 4
    obey(light.device_id)
    assert Light.objects.get(channel=2).by == "scene"
    with pytest.raises(Conflict, match="name_taken"):
        actions.save_scene(account_id=account.pk, name="Cena", actor=actor, lines=[])
    actions.delete_scene(scene=scene, actor=actor)
    assert not Scene.objects.exists()
    verbs = set(AuditEntry.objects.filter(object_type="scene").values_list("verb", flat=True))
    assert verbs == {"scene.created", "scene.deleted"}


def test_a_scene_holds_no_stranger_s_light(account, other_light, actor):
    with pytest.raises(BadRequest):
        actions.save_scene(account_id=account.pk, name="x", actor=actor, lines=[(other_light, True, None)])


class TestSchedules:
    def save(self, account, lights, actor, **more):
        values = {"minutes": 1260, "now": NOW, **more}
        return actions.save_schedule(account_id=account.pk, lights=lights, actor=actor, **values)

    def test_a_board_is_told_its_own_lights_and_understands_them(self, account, lights, actor):
        schedule = self.save(account, lights[:2], actor, days=31, level=40, for_s=600)
        settings = desired(lights[0])["settings"]
        assert settings["schedules"] == [[schedule.pk, 31, "time", 1260, 0b11, True, 40, 600]]
        assert machine.understood(settings)["schedules"] == settings["schedules"]
        assert settings["zone"][0][0] == 0

    def test_the_next_time_is_the_board_s(self, account, lights, actor):
        actions.change_home(
            account_id=account.pk,
            actor=actor,
            now=NOW,
            time_zone="Europe/Madrid",
            latitude_deg=40.4,
            longitude_deg=-3.7,
        )
        for at, minutes in (("time", 1260), ("sunset", -20), ("sunrise", 30)):
            schedule = self.save(account, lights[:1], actor, at=at, minutes=minutes)
            board = machine.Lights(4, None, 0)
            board.receive_clock(NOW_MS, 0)
            board.receive_desired({"settings": desired(lights[0])["settings"]}, 0)
            board.handle_deadline(0)
            [found] = schedules.next_times([schedule], {account.pk: Home.objects.get()}, NOW).values()
            assert board.next == [schedule.pk, milliseconds(found)]
            actions.delete_schedule(schedule=schedule, actor=actor, now=NOW)
        assert desired(lights[0])["settings"]["schedules"] == []

    def test_a_clock_that_moves_is_told_to_the_boards(self, account, lights, actor):
        self.save(account, lights[:1], actor)
        before = desired(lights[0])["settings"]["zone"]
        actions.change_home(account_id=account.pk, actor=actor, now=NOW, time_zone="Asia/Kolkata")
        assert desired(lights[0])["settings"]["zone"] == [[0, 330]] != before

    def test_what_is_not_in_use_is_not_told(self, account, lights, actor):
        schedule = self.save(account, lights[:1], actor)
        self.save(account, lights[:1], actor, schedule=schedule, is_enabled=False)
        assert desired(lights[0])["settings"]["schedules"] == []

    def test_a_light_that_goes_takes_its_schedules_along(self, account, lights, actor):
        self.save(account, lights[:2], actor)
        actions.remove_light(light=lights[0], actor=actor, now=NOW)
        assert desired(lights[0])["settings"]["schedules"][0][4] == 0b10

    def test_a_board_holds_sixteen(self, account, lights, actor):
        for minutes in range(machine.MAX_SCHEDULES):
            self.save(account, lights[:1], actor, minutes=minutes)
        with pytest.raises(Conflict, match="too_many"):
            self.save(account, lights[:1], actor)

    @pytest.mark.parametrize(
        "values",
        [
            {"days": 0},
            {"days": 128},
            {"minutes": -1},
            {"minutes": 1440},
            {"at": "noon"},
            {"at": "sunset", "minutes": 0},
        ],
    )
    def test_what_cannot_be_is_refused(self, account, lights, actor, values):
        with pytest.raises(BadRequest):
            self.save(account, lights[:1], actor, **values)

    def test_without_lights_or_with_a_stranger_s_it_is_refused(self, account, lights, other_light, actor):
        for chosen in ([], [other_light]):
            with pytest.raises(BadRequest):
                self.save(account, chosen, actor)

    def test_a_home_that_schedules_need_stays_somewhere(self, account, lights, actor):
        place = {"latitude_deg": 40.4, "longitude_deg": -3.7}
        actions.change_home(account_id=account.pk, actor=actor, now=NOW, **place)
        self.save(account, lights[:1], actor, at="sunset", minutes=0)
        for values in ({}, {"latitude_deg": 91.0, "longitude_deg": 0.0}, {"latitude_deg": 1.0}, {"time_zone": "Mars"}):
            with pytest.raises(BadRequest):
                actions.change_home(account_id=account.pk, actor=actor, now=NOW, **values)


def test_wiring_is_asked_of_the_board(light, actor):
    actions.change_channel(light=light, actor=actor, now=NOW, kind="dimmer", switch="push", power="off")
    settings = desired(light)["settings"]
    assert machine.understood(settings)["channels"] == {"1": {"kind": "dimmer", "switch": "push", "power": "off"}}
    with pytest.raises(BadRequest):
        actions.change_channel(light=light, actor=actor, now=NOW, kind="laser")


def test_a_second_click_is_later_than_the_first_in_the_same_millisecond(light):
    for on in (True, False, True):
        actions.switch(light, on, by=ALICE, now=NOW)
    assert desired(light)["1"]["set_at_ms"] == NOW_MS + 2
    assert desired(light)["1"]["on"]
    assert Light.objects.get(pk=light.pk).deadline_at == NOW + 10 * SECOND


def test_its_board_is_told_the_name_and_the_room_for_its_own_page(light, sector, actor):
    actions.change_light(light=light, actor=actor, name="Techo", icon="lamp", sector=sector)
    told = desired(light)["settings"]["channels"]["1"]
    assert (told["name"], told["room"]) == ("Techo", sector.name)
    assert machine.is_channel(told)
    actions.move_lights(lights=[light], sector=None, actor=actor)
    assert desired(light)["settings"]["channels"]["1"]["room"] == ""
