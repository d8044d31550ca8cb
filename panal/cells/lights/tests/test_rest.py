import pytest

from panal.cells.devices import api as devices
from panal.cells.lights import actions
from panal.cells.lights.models import Light, Scene, Schedule
from panal.control.tests.cases import PermissionCases
from panal.control.tests.pages import queries_of

from .conftest import NOW, light_of, obey, report

EVERYBODY = {"alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada"}
SWITCHERS = {"alice", "bob", "sam", "ada"}
EDITORS = {"alice", "bob", "ada"}


@pytest.fixture
def things(light, sector, account, actor):
    """What these addresses name, and no more: it is made for each of hundreds of tests."""
    scene = actions.save_scene(account_id=account.pk, name="Cine", actor=actor, lines=[(light, True, None)])
    schedule = actions.save_schedule(account_id=account.pk, lights=[light], actor=actor, now=NOW, minutes=1260)
    ids = {"account": account.pk, "sector": sector.pk}
    return {**ids, "light": light.pk, "scene": scene.pk, "schedule": schedule.pk}


class TestLights(PermissionCases):
    path, may = "/lights", EVERYBODY


class TestHistory(PermissionCases):
    path, may = "/lights-history", EVERYBODY


class TestScenes(PermissionCases):
    path, may = "/light-scenes", EVERYBODY


class TestSchedules(PermissionCases):
    path, may = "/light-schedules", EVERYBODY


class TestLight(PermissionCases):
    path = "/lights/{light}"


class TestSwitch(PermissionCases):
    method, path, may, body = "post", "/lights/{light}/switch", SWITCHERS, {"on": True}


class TestAllOff(PermissionCases):
    method, path, may, body = "post", "/lights/off", SWITCHERS, {"account": "{account}"}


class TestChangeLight(PermissionCases):
    method, path, may, body = "patch", "/lights/{light}", EDITORS, {"name": "Techo", "sector": "{sector}"}


class TestRemoveLight(PermissionCases):
    method, path, may, done = "delete", "/lights/{light}", EDITORS, 204


class TestScene(PermissionCases):
    path = "/light-scenes/{scene}"


class TestAddScene(PermissionCases):
    method, path, may, done = "post", "/light-scenes", EDITORS, 201
    body = {"account": "{account}", "name": "Noche", "lights": []}


class TestRunScene(PermissionCases):
    method, path, may = "post", "/light-scenes/{scene}/run", SWITCHERS


class TestDeleteScene(PermissionCases):
    method, path, may, done = "delete", "/light-scenes/{scene}", EDITORS, 204


class TestAddSchedule(PermissionCases):
    method, path, may, done = "post", "/light-schedules", EDITORS, 201
    body = {"account": "{account}", "minutes": 420, "lights": ["{light}"]}


class TestChangeSchedule(PermissionCases):
    method, path, may, body = "put", "/light-schedules/{schedule}", EDITORS, {"minutes": 420, "lights": ["{light}"]}


class TestDeleteSchedule(PermissionCases):
    method, path, may, done = "delete", "/light-schedules/{schedule}", EDITORS, 204


@pytest.fixture
def api(client, alice, things):
    client.force_login(alice)

    def ask(method, path, body=None):
        return getattr(client, method)("/api/v1/manage" + path.format(**things), body, "application/json")

    return ask


def test_a_switch_is_asked_then_done(api, light):
    asked = api("post", "/lights/{light}/switch", {"on": True, "for_s": 60}).json()
    assert (asked["on"], asked["wish"], asked["wanted_on"]) == (False, "pending", True)
    obey(light.device_id)
    done = api("get", "/lights/{light}").json()
    assert (done["on"], done["wish"], done["by"]) == (True, "", "page")
    [line] = api("get", "/lights-history").json()["items"]
    assert (line["light"], line["on"], line["who"]) == (light.pk, True, "alice@example.com")


@pytest.mark.parametrize(
    "body", [{}, {"on": "maybe"}, {"on": True, "level": 0}, {"on": True, "level": 101}, {"on": True, "x": 1}]
)
def test_a_switch_that_cannot_be_is_refused(api, body, light):
    assert api("post", "/lights/{light}/switch", body).status_code == 400
    assert Light.objects.get(pk=light.pk).wanted_at is None


def test_a_scene_as_a_whole(api, lights):
    body = {"name": "Noche", "icon": "moon", "lights": [{"light": lights[1].pk, "on": True, "level": 30}]}
    assert api("put", "/light-scenes/{scene}", body).json()["lights"] == body["lights"]
    assert api("post", "/light-scenes/{scene}/run").json() == {"asked": 1}
    wish = devices.desired(lights[1].device_id).state["lights"]["2"]
    assert (wish["on"], wish["level"]) == (True, 30)


def test_a_stranger_s_light_is_in_no_scene_and_no_schedule(api, other_light):
    line = {"light": other_light.pk, "on": True}
    assert api("put", "/light-scenes/{scene}", {"name": "x", "lights": [line]}).status_code == 400
    assert api("put", "/light-schedules/{schedule}", {"minutes": 1, "lights": [other_light.pk]}).status_code == 400
    assert Scene.objects.get().lines.count() == 1
    assert Schedule.objects.get().lights.count() == 1


def test_a_schedule_says_when_it_runs_next(api):
    [found] = api("get", "/light-schedules").json()["items"]
    assert found["next_at"].endswith("21:00:00Z")
    api("put", "/light-schedules/{schedule}", {"minutes": 420, "lights": found["lights"], "is_enabled": False})
    assert api("get", "/light-schedules/{schedule}").json()["next_at"] is None


def test_lists_are_filtered(api, light, lights):
    report(light.device_id, _1=light_of(True, light.at_ms + 5))
    assert [one["id"] for one in api("get", "/lights?on=true").json()["items"]] == [light.pk]
    assert api("get", f"/lights?device={light.device_id}").json()["count"] == len(lights)
    assert api("get", "/lights-history?by=schedule").json()["count"] == 0


def test_a_list_costs_the_same_queries_however_long_it_is(api, client, things, account, actor, lights):
    paths = ("/lights?limit=1", "/light-scenes", "/light-schedules")
    few = [queries_of(client, "/api/v1/manage" + path) for path in paths]
    for n in range(3):
        actions.save_scene(
            account_id=account.pk, name=f"s{n}", actor=actor, lines=[(one, True, None) for one in lights]
        )
        actions.save_schedule(account_id=account.pk, lights=lights, actor=actor, now=NOW, minutes=n)
    assert [queries_of(client, "/api/v1/manage" + path) for path in ("/lights", *paths[1:])] == few
