import pytest
from django.urls import reverse

from panal.cells.devices import api as devices
from panal.cells.devices.models import Device, Sector
from panal.cells.lights import actions
from panal.cells.lights.models import Change, Light, Scene, Schedule
from panal.control.tests.pages import LANGUAGES, FormCases, PageCases, mistakes_in, queries_of, text_of
from panal.protocol import keys

from .conftest import NOW, NOW_MS, light_of, mint, obey, record, report

EVERYBODY = {"alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada"}
EDITORS = {"alice", "bob", "ada"}
SWITCHERS = {"alice", "bob", "sam", "ada"}
SEERS = {"alice", "bob", "carla", "vera", "sam", "ada"}
MEMBERS = {"alice", "bob"}
ENGLISH = {"accept-language": "en"}
LIVE = {"hx-request": "true", **ENGLISH}
PATHS = (
    "/lights/", "/lights/?add=room", "/lights/rooms/{sector}/", "/lights/rooms/none/",
    "/lights/rooms/{sector}/?edit=name",
    "/lights/{light}/", "/lights/{light}/?confirm=remove", "/lights/add/", "/lights/scenes/", "/lights/scenes/new/",
    "/lights/scenes/{scene}/", "/lights/schedules/", "/lights/schedules/new/", "/lights/schedules/{schedule}/",
    "/lights/history/", "/lights/history/?by=wall&q=x", "/lights/home/", "/lights/state/",
    "/devices/HOME2345/", "/", "/me/",
)  # fmt: skip


@pytest.fixture
def things(light, lights, sector, account, actor):
    """What these addresses name, and no more: it is made for each of hundreds of tests."""
    actions.change_light(light=light, actor=actor, name="Techo", icon="lamp-ceiling", sector=sector)
    scene = actions.save_scene(account_id=account.pk, name="Cine", actor=actor, lines=[(light, True, None)])
    schedule = actions.save_schedule(account_id=account.pk, lights=lights[:2], actor=actor, now=NOW, minutes=1260)
    actions.remove_light(light=lights[3], actor=actor, now=NOW)
    return {"sector": sector.pk, "light": light.pk, "scene": scene.pk, "schedule": schedule.pk, "removed": lights[3].pk}


class TestLights(PageCases):
    path, may, sees = "/lights/", EVERYBODY, EVERYBODY


class TestScenes(PageCases):
    path, may, sees = "/lights/scenes/", EVERYBODY, EVERYBODY


class TestSchedules(PageCases):
    path, may, sees = "/lights/schedules/", EVERYBODY, EVERYBODY


class TestHistory(PageCases):
    path, may, sees = "/lights/history/", EVERYBODY, EVERYBODY


class TestHomeState(PageCases):
    path, may, sees = "/lights/state/", EVERYBODY, EVERYBODY


class TestRoom(PageCases):
    path, may, sees = "/lights/rooms/{sector}/", SEERS, SEERS


class TestLight(PageCases):
    path, may, sees = "/lights/{light}/", SEERS, SEERS


class TestHistoryOfOne(PageCases):
    path, may, sees = "/lights/history/?light={light}", SEERS, SEERS


class TestScene(PageCases):
    path, may, sees = "/lights/scenes/{scene}/", SEERS, SEERS


class TestSchedule(PageCases):
    path, may, sees = "/lights/schedules/{schedule}/", EDITORS, SEERS


class TestSwitch(FormCases):
    path, may, sees, body = "/lights/{light}/switch/", SWITCHERS, SEERS, {"on": "1"}


class TestAllOffInRoom(FormCases):
    path, may, sees, body = "/lights/off/", SWITCHERS, SEERS, {"room": "{sector}"}

    def _value(self, value, things):
        return str(super()._value(value, things))


class TestRunScene(FormCases):
    path, may, sees = "/lights/scenes/{scene}/run/", SWITCHERS, SEERS


class TestCaptureScene(FormCases):
    path, may, sees = "/lights/scenes/{scene}/capture/", EDITORS, SEERS


class TestChangeScene(FormCases):
    path, may, sees, body = "/lights/scenes/{scene}/", EDITORS, SEERS, {"name": "Cine", "icon": "tv"}


class TestDeleteScene(FormCases):
    path, may, sees = "/lights/scenes/{scene}/delete/", EDITORS, SEERS


class TestDeleteSchedule(FormCases):
    path, may, sees = "/lights/schedules/{schedule}/delete/", EDITORS, SEERS


class TestChangeLight(FormCases):
    path, may, sees = "/lights/{light}/change/", EDITORS, SEERS
    body = {"name": "Mesa", "sector": "", "icon": "lamp-desk", "when_away": "keep"}


class TestWiring(FormCases):
    path, may, sees = "/lights/{light}/wiring/", EDITORS, SEERS
    body = {"kind": "dimmer", "switch": "push", "power": "last"}


class TestRemove(FormCases):
    path, may, sees = "/lights/{light}/remove/", EDITORS, SEERS


class TestRenameRoom(FormCases):
    path, may, sees, body = "/lights/rooms/{sector}/rename/", EDITORS, SEERS, {"name": "Cocina"}


class TestDeleteRoom(FormCases):
    path, may, sees = "/lights/rooms/{sector}/delete/", EDITORS, SEERS


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/lights/rooms/new/", {"name": "Patio"}),
        ("/lights/home/", {"time_zone": "Europe/Madrid", "latitude_deg": "40.4", "longitude_deg": "-3.7"}),
        ("/lights/scenes/new/", {"name": "Noche", "icon": "moon", "rooms": ["none"]}),
        (
            "/lights/schedules/new/",
            {"at": "time", "time": "07:30", "days": ["1", "2"], "on": "1", "lights": ["{light}"]},
        ),
        ("/lights/add/", {"light": "{removed}", "name": "Otra", "sector": ""}),
        ("/lights/off/", {}),
    ],
)
@pytest.mark.parametrize("who", ["alice", "bob", "vera", "carla"])
def test_what_is_new_is_made_in_the_account_looked_at_by_who_may(who, path, body, client, request, things):
    client.force_login(request.getfixturevalue(who))
    filled = {
        name: [str(one).format(**things) for one in value] if isinstance(value, list) else str(value).format(**things)
        for name, value in body.items()
    }
    assert client.post(path, filled).status_code == (302 if who in MEMBERS else 403)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", PATHS)
def test_pages_are_sound_html_in_both_languages(path, language, client, alice, things):
    client.force_login(alice)
    response = client.get(path.format(**things), headers={"accept-language": language})
    assert response.status_code == 200
    assert not mistakes_in(response.content.decode())


@pytest.mark.usefixtures("alice")
def test_an_account_without_lights_says_how_one_comes_in(client, alice):
    client.force_login(alice)
    for path in ("/lights/", "/lights/scenes/", "/lights/schedules/", "/lights/history/", "/lights/add/"):
        response = client.get(path, headers=ENGLISH)
        assert not mistakes_in(response.content.decode())
        assert "empty" in response.content.decode()
    assert "There are no lights yet" in text_of(client.get("/lights/", headers=ENGLISH))


def test_a_board_that_has_not_spoken_yet_is_named(client, alice, account, actor):
    mint(account.pk, actor)
    client.force_login(alice)
    assert "have not reported yet" in text_of(client.get("/lights/", headers=ENGLISH))


def test_a_click_is_pending_then_as_the_board_says(client, alice, light):
    client.force_login(alice)
    response = client.post(f"/lights/{light.pk}/switch/", {"on": "1"}, headers=LIVE)
    assert response.status_code == 204
    assert "Switching on…" in text_of(client.get("/lights/?part=rooms", headers=LIVE))
    obey(light.device_id)
    assert "1 of 4 on" in text_of(client.get("/lights/?part=rooms", headers=LIVE))
    assert "Switching" not in text_of(client.get("/lights/?part=rooms", headers=LIVE))
    assert Change.objects.get().who == "alice@example.com"


def test_a_click_for_a_board_that_is_away_says_that_it_is_kept(client, alice, light):
    Device.objects.update(is_online=False)
    client.force_login(alice)
    response = client.post(f"/lights/{light.pk}/switch/", {"on": "1"}, headers=LIVE)
    assert "when it returns" in response.headers["HX-Trigger"]
    assert "Goes on when it returns" in text_of(client.get("/lights/?part=rooms", headers=LIVE))


def test_a_light_that_must_not_start_late_is_refused_while_its_board_is_away(client, alice, light):
    Light.objects.filter(pk=light.pk).update(when_away="drop")
    Device.objects.update(is_online=False)
    client.force_login(alice)
    response = client.post(f"/lights/{light.pk}/switch/", {"on": "1"}, headers=ENGLISH, follow=True)
    assert "not connected: nothing was sent" in text_of(response)
    assert not devices.desired(light.device_id).state["lights"]["1"].get("by")


def test_a_dimmer_and_a_timer_by_form(client, alice, light):
    report(light.device_id, settings={"channels": {"1": {"kind": "dimmer"}}})
    client.force_login(alice)
    assert b'type="range"' in client.get(f"/lights/{light.pk}/").content
    client.post(f"/lights/{light.pk}/switch/", {"on": "1", "level": "35", "minutes": "5"})
    wish = devices.desired(light.device_id).state["lights"]["1"]
    assert (wish["on"], wish["level"], wish["for_s"]) == (True, 35, 300)
    for level in ("0", "101", "x", "３５"):
        client.post(f"/lights/{light.pk}/switch/", {"on": "1", "level": level})
    assert devices.desired(light.device_id).state["lights"]["1"] == wish


def test_a_viewer_s_switches_are_still(client, vera, light):
    client.force_login(vera)
    html = client.get("/lights/").content.decode()
    assert 'role="switch" aria-checked="false" disabled' in html
    assert reverse("lights_off") not in html


def test_all_off_reaches_a_room_and_the_home(client, alice, things, board):
    record((board.pk, {str(n): light_of(True, NOW_MS + n) for n in (1, 2, 3)}, NOW_MS, 0))
    client.force_login(alice)
    client.post("/lights/off/", {"room": str(things["sector"])})

    def asked():
        wishes = devices.desired(board.pk).state["lights"].items()
        return sorted(number for number, wish in wishes if wish.get("by") == "page")

    assert asked() == ["1"]
    client.post("/lights/off/", {})
    assert asked() == ["1", "2", "3"]


def test_a_light_moves_to_another_room_and_back_out(client, alice, light, account, actor, sector):
    client.force_login(alice)
    said = {"name": "Techo", "icon": "lamp", "when_away": "keep"}
    client.post(f"/lights/{light.pk}/change/", {**said, "sector": str(sector.pk)})
    assert "Techo" in text_of(client.get(f"/lights/rooms/{sector.pk}/"))
    client.post(f"/lights/rooms/{sector.pk}/delete/")
    assert Light.objects.get(pk=light.pk).sector is None
    assert not Sector.objects.exists()


def test_a_stranger_s_room_is_no_choice(client, alice, light, other_account, actor):
    theirs = devices.create_sector(account_id=other_account.pk, name="Suyo", actor=actor)
    client.force_login(alice)
    client.post(
        f"/lights/{light.pk}/change/", {"name": "x", "icon": "lamp", "when_away": "keep", "sector": str(theirs.pk)}
    )
    assert Light.objects.get(pk=light.pk).sector is None


def test_a_scene_is_edited_line_by_line(client, alice, things, light, lights):
    client.force_login(alice)
    body = {"name": "Cena", "icon": "moon", f"state-{light.pk}": "off", "add": [str(lights[1].pk)]}
    client.post(f"/lights/scenes/{things['scene']}/", body)
    scene = Scene.objects.get()
    assert scene.name == "Cena"
    assert list(scene.lines.values_list("light", "is_on")) == [(light.pk, False), (lights[1].pk, False)]
    client.post(f"/lights/scenes/{scene.pk}/", {"name": "Cena", "icon": "moon", f"state-{light.pk}": "leave"})
    assert list(scene.lines.values_list("light", flat=True)) == [lights[1].pk]


def test_a_schedule_by_form_and_its_next_time(client, alice, things, light):
    client.force_login(alice)
    schedule = Schedule.objects.get()
    client.post("/me/", {"full_name": "Alice", "language": "en", "time_zone": "UTC"})
    body = {
        "at": "time",
        "time": "22:15",
        "days": [str(1 << n) for n in range(7)],
        "on": "",
        "lights": [str(light.pk)],
        "is_enabled": "on",
    }
    client.post(f"/lights/schedules/{schedule.pk}/", body)
    schedule.refresh_from_db()
    assert (schedule.minutes, schedule.is_on, schedule.days) == (1335, False, 127)
    assert "22:15" in text_of(client.get("/lights/schedules/"))
    sun = {**body, "at": "sunset", "offset": "-15"}
    refused = client.post(f"/lights/schedules/{schedule.pk}/", sun, headers=ENGLISH)
    assert "Say first where the home is" in text_of(refused)
    client.post("/lights/home/", {"time_zone": "UTC", "latitude_deg": "40.4", "longitude_deg": "-3.7"})
    client.post(f"/lights/schedules/{schedule.pk}/", sun)
    assert "Sunset − 15 min" in text_of(client.get("/lights/schedules/", headers=ENGLISH))


def test_a_removed_light_is_nowhere_until_it_is_added_again(client, alice, things, lights):
    client.force_login(alice)
    assert client.get(f"/lights/{things['removed']}/").status_code == 404
    client.post("/lights/add/", {"light": str(things["removed"]), "name": "Vuelve", "sector": ""})
    assert "Vuelve" in text_of(client.get("/lights/"))


def test_the_history_is_filtered(client, alice, light, lights):
    report(light.device_id, _1=light_of(True, NOW_MS, "wall"), _2=light_of(True, NOW_MS, "schedule"))
    client.force_login(alice)
    assert "Wall switch" in text_of(client.get("/lights/history/?part=list&by=wall", headers=ENGLISH))
    assert "Schedule" not in text_of(client.get("/lights/history/?part=list&by=wall", headers=ENGLISH))
    assert "HOME2345 · 2" not in text_of(client.get(f"/lights/history/?part=list&light={light.pk}", headers=ENGLISH))
    assert "Nothing matches" in text_of(client.get("/lights/history/?part=list&day=2001-01-01", headers=ENGLISH))


def test_every_page_learns_that_a_board_of_the_home_is_away(client, alice, board):
    client.force_login(alice)
    assert b'hx-get="/lights/state/"' in client.get("/devices/").content
    assert b'data-home="here"' in client.get("/lights/state/").content
    Device.objects.update(is_online=False)
    response = client.get("/lights/state/", headers=ENGLISH)
    assert b'data-home="away" data-text="HOME2345 is offline" data-sound' in response.content
    client.post("/me/", {"full_name": "Alice", "has_notices": "on"})
    assert b"data-sound" not in client.get("/lights/state/").content
    client.post("/me/", {"full_name": "Alice", "text_size": "large"})
    assert b"data-text" not in client.get("/lights/state/").content
    assert b'data-text="large"' in client.get("/me/").content


def test_a_page_costs_the_same_queries_with_one_light_and_with_three_hundred(
    client, alice, account, actor, light, sector
):
    client.force_login(alice)
    actions.save_scene(account_id=account.pk, name="Cine", actor=actor, lines=[(light, True, None)])
    paths = ("/lights/", "/lights/rooms/none/", "/lights/history/", "/lights/scenes/", "/lights/scenes/new/", "/")
    report(light.device_id, _1=light_of(True))
    before = [queries_of(client, path) for path in paths]
    rooms = [devices.create_sector(account_id=account.pk, name=f"Room {n}", actor=actor) for n in range(20)]
    ids = [f"MANY{n:04}" for n in range(75)]
    for id in ids:
        mint(account.pk, actor, id)
    record(*((id, {str(c): light_of() for c in (1, 2, 3, 4)}, NOW_MS, 0) for id in ids))
    record(*((id, {str(c): light_of(True, NOW_MS) for c in (1, 2, 3, 4)}, NOW_MS, 0) for id in ids))
    for n, id in enumerate(ids[:60]):
        Light.objects.filter(device_id=id).update(sector=rooms[n % 20])
    assert Light.objects.count() == 304
    after = [queries_of(client, path) for path in paths]
    assert all(many <= few for many, few in zip(after, before, strict=True)), (before, after)


def test_who_edits_lights_is_told_the_code_of_the_boards_own_page(client, alice, vera, light):
    code = keys.local_code(devices.token_of(light.device))
    for person, sees in ((alice, True), (vera, False)):
        client.force_login(person)
        assert (code in client.get(f"/devices/{light.device_id}/?part=lights").content.decode()) is sees
