"""Pages of cameras: who may do what, and what they show."""

import json
import re

import pytest
from django.urls import reverse

from panal.cells.accounts.models import AuditEntry
from panal.cells.cameras import queries
from panal.cells.cameras.models import Camera, Clip, Image, Job
from panal.cells.cameras.news import Gone, Response, StorageState
from panal.cells.devices.actions import mint_devices
from panal.cells.devices.models import Device
from panal.control.tests.cases import collected
from panal.control.tests.pages import LANGUAGES, FormCases, PageCases, mistakes_in, queries_of, text_of

from .conftest import NOON, NOON_MS, clip_of, commit, image_of

EVERYBODY = {"alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada"}
OPERATORS = {"alice", "bob", "sam", "ada"}
EDITORS = {"alice", "bob", "ada"}
MANAGERS = {"alice", "ada"}
DAY = "day=2026-09-21"
FILES = f"from={NOON_MS - 1000}&to={NOON_MS + 60_000}"
PAGES = (
    "/cameras/",
    "/cameras/{camera}/",
    "/cameras/{camera}/gallery/",
    f"/cameras/{{camera}}/gallery/?{DAY}",
    "/cameras/{camera}/timeline/",
    f"/cameras/{{camera}}/timeline/?{DAY}&{FILES}",
    "/cameras/{camera}/settings/",
    "/",
    "/devices/{camera}/",
)
ENGLISH = {"accept-language": "en"}
SAVING = {
    "form": "saving", "auto_save": "on", "save_interval_s": "5", "max_images_per_hour": "100", "image_quota_gib": "1.5",
    "image_days": "3",
}  # fmt: skip
MOTION = {"form": "motion", "motion_on": "on", "motion_sensitivity": "70", "motion_cooldown_s": "20"}


class FileCases(PageCases):
    def ask(self, client, things):
        """Read to its end, which closes the file: closing it early would close the test's database connection too."""
        response = super().ask(client, things)
        if response.streaming:
            list(response.streaming_content)
        return response


class TestWall(PageCases):
    path = "/cameras/"
    may = sees = EVERYBODY


class TestCamera(PageCases):
    path = "/cameras/{camera}/"


class TestAnswers(PageCases):
    path = "/cameras/{camera}/?part=answers"


class TestCommand(FormCases):
    path, body, may = "/cameras/{camera}/command/", {"cmd": "quality", "val": "20"}, OPERATORS


class TestSave(FormCases):
    path, body, may = "/cameras/{camera}/do/", {"do": "save"}, OPERATORS


class TestPrivate(FormCases):
    path, body, may = "/cameras/{camera}/do/", {"do": "is_private", "on": "1"}, OPERATORS


class TestGallery(PageCases):
    path = f"/cameras/{{camera}}/gallery/?{DAY}"


class TestProtect(FormCases):
    path, body, may = "/cameras/{camera}/gallery/change/", {"do": "protect", "image": "{image}"}, OPERATORS


class TestDelete(FormCases):
    path, body, may = "/cameras/{camera}/gallery/change/", {"do": "delete", "image": "{image}"}, EDITORS


class TestDeleteClips(FormCases):
    path, body, may = "/cameras/{camera}/timeline/change/", {"do": "delete", "clip": "{clip}"}, EDITORS


class TestImage(FileCases):
    path = "/cameras/{camera}/images/{image}.jpg"


class TestSmallImage(FileCases):
    path = "/cameras/{camera}/images/{image}/small.jpg"


class TestClip(FileCases):
    path = "/cameras/{camera}/clips/{clip}.mp4"


class TestFilm(FileCases):
    path = "/cameras/{camera}/films/{film}.mp4"


class TestTimeline(PageCases):
    path = f"/cameras/{{camera}}/timeline/?{DAY}"


class TestPlaylist(PageCases):
    path = f"/cameras/{{camera}}/clips.json?from={NOON_MS}"


class TestExport(FormCases):
    path, may = "/cameras/{camera}/films/", OPERATORS
    body = {"from": str(NOON_MS), "to": str(NOON_MS + 10_000)}


class TestDeleteFilm(FormCases):
    path, may = "/cameras/{camera}/films/{film}/delete/", EDITORS


class TestSettings(PageCases):
    path = "/cameras/{camera}/settings/"


class TestChangeSettings(FormCases):
    path, body, may = "/cameras/{camera}/settings/", SAVING, EDITORS


class TestWhoMayLook(FormCases):
    path, body, may = "/cameras/{camera}/settings/", {"form": "access", "is_restricted": "on"}, MANAGERS


@pytest.fixture
def signed(client, alice):
    client.force_login(alice)
    return client


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_well_formed(signed, things, path, language):
    html = signed.get(path.format(**things), headers={"accept-language": language}).content.decode()
    assert mistakes_in(html) == {}


# the wall


def _cameras(account, actor, count):
    made = mint_devices(model="camera-1", count=count, account_id=account.pk, actor=actor)
    return [secrets.device_id for secrets in made]


def test_the_wall_says_that_there_are_no_cameras(signed):
    assert "No cameras yet" in text_of(signed.get("/cameras/", headers=ENGLISH))
    assert "part-cameras" not in signed.get("/").content.decode()


@pytest.mark.parametrize(("count", "shown"), [(1, 1), (9, 9), (60, 24)])
def test_the_wall_has_a_tile_for_each_camera_of_a_page(signed, account, actor, count, shown):
    Camera.objects.bulk_create(Camera(device_id=id, connected_at=NOON) for id in _cameras(account, actor, count))
    html = signed.get("/cameras/").content.decode()
    assert html.count("data-tile") == shown
    assert ("page=2" in html) == (count > shown)


def test_the_wall_asks_the_same_for_one_camera_and_for_many(signed, account, actor, eye):
    Camera.objects.create(device=eye)
    one = queries_of(signed, "/cameras/")
    Camera.objects.bulk_create(Camera(device_id=id) for id in _cameras(account, actor, 40))
    assert queries_of(signed, "/cameras/") == one


def shown_on(client, query):
    return [tile["camera"].pk for tile in client.get(f"/cameras/{query}").context["tiles"]]


def test_a_camera_that_is_away_shows_its_newest_picture(signed, things):
    commit(Gone(things["camera"], NOON_MS + 1, NOON_MS + 1))
    small = "/cameras/{camera}/images/{image}/small.jpg".format(**things)
    html = signed.get("/cameras/").content.decode()
    assert small in html
    assert "data-tile" not in html
    Device.objects.update(owned_at=NOON.replace(hour=13))  # sold
    assert small not in signed.get("/cameras/").content.decode()


def test_cameras_are_found_by_name_and_by_id(signed, account, actor):
    first, second = _cameras(account, actor, 2)
    Device.objects.filter(pk=first).update(name="Portón")
    assert shown_on(signed, "?q=portón") == [first]
    assert shown_on(signed, f"?q={second.lower()}") == [second]
    assert "No camera matches" in text_of(signed.get("/cameras/?q=nowhere", headers=ENGLISH))


def test_a_private_camera_has_no_stream_in_the_page(signed, connected):
    Camera.objects.update(is_private=True)
    html = signed.get("/cameras/").content.decode()
    assert "data-socket" not in html
    assert "snapshot.jpg" not in html


# controls


def row_of(response, cmd):
    return next(row for row in response.context["rows"] if row["control"].cmd == cmd)


def test_a_control_waits_until_the_camera_has_answered(signed, connected):
    path = reverse("camera", args=[connected.pk])
    signed.post(reverse("camera_command", args=[connected.pk]), {"cmd": "brightness", "val": "-2"})
    row = row_of(signed.get(path), "brightness")
    assert (row["value"], row["is_pending"]) == (-2, True)
    commit(Response(connected.pk, NOON_MS, "brightness", "ok", "-2"))
    row = row_of(signed.get(path), "brightness")
    assert (row["value"], row["is_pending"], row["is_set"]) == (-2, False, True)


def test_a_control_that_was_refused_shows_what_the_camera_has(signed, connected):
    Camera.objects.update(health={"resolution": "5"})
    signed.post(reverse("camera_command", args=[connected.pk]), {"cmd": "resolution", "val": "12"})
    commit(Response(connected.pk, NOON_MS, "resolution", "error", ""))
    row = row_of(signed.get(reverse("camera", args=[connected.pk])), "resolution")
    assert (row["value"], row["is_pending"], row["is_set"]) == (5, False, False)


def test_every_control_of_the_contract_is_there(signed, connected):
    html = signed.get(reverse("camera", args=[connected.pk])).content.decode()
    named = set(re.findall(r'data-control="(\w+)"', html)) | set(re.findall(r'name="cmd" value="(\w+)"', html))
    from panal.cells.cameras.messages import COMMANDS

    assert named == set(COMMANDS) - {"idle"}


@pytest.mark.parametrize(("sensor", "marked"), [("OV2640", 2), ("OV5640", 0)])
def test_resolutions_that_the_board_may_not_manage_are_marked(signed, connected, sensor, marked):
    Camera.objects.update(info={"sensor": sensor})
    found = signed.get(reverse("camera", args=[connected.pk])).context["resolutions"]
    assert sum(is_doubtful for _number, _words, is_doubtful in found) == marked


def test_a_bad_value_is_said_and_changes_nothing(signed, connected):
    response = signed.post(
        reverse("camera_command", args=[connected.pk]), {"cmd": "quality", "val": "99"}, follow=True, headers=ENGLISH
    )
    assert "value" in text_of(response)
    assert Camera.objects.get().pending == {}


def test_a_camera_that_is_away_is_told_later_and_keeps_no_picture(signed, connected):
    commit(Gone(connected.pk, NOON_MS + 1, NOON_MS + 1))
    do = reverse("camera_do", args=[connected.pk])
    response = signed.post(do, {"do": "save"}, follow=True, headers=ENGLISH)
    assert "not connected" in text_of(response)
    response = signed.post(
        reverse("camera_command", args=[connected.pk]), {"cmd": "fps", "val": "5"}, follow=True, headers=ENGLISH
    )
    assert "as soon as it is back" in text_of(response)


def test_what_the_board_says_of_itself_is_text_and_never_markup(signed, connected):
    Camera.objects.update(health={"model": "<script>x</script>", "rssi": "<b>", "heap": "NaN", "resolution": "1e999"})
    html = signed.get(reverse("camera", args=[connected.pk])).content.decode()
    assert "<script>x" not in html
    assert "<b>" not in html


def test_a_full_disk_is_said_on_the_page(signed, connected):
    commit(StorageState(connected.pk, NOON_MS, "full"))
    assert "disk is full" in text_of(signed.get(reverse("camera", args=[connected.pk]), headers=ENGLISH))


@pytest.mark.parametrize(("do", "name"), [("save", "save_requested"), ("record", "record_requested")])
def test_a_button_asks_for_a_picture_or_a_recording(signed, connected, do, name):
    with collected() as events:
        signed.post(reverse("camera_do", args=[connected.pk]), {"do": do})
    assert f"camera.{name}" in [event.name for event in events]


def test_switches_turn_over(signed, connected):
    do = reverse("camera_do", args=[connected.pk])
    for name in ("auto_save", "is_private"):
        signed.post(do, {"do": name, "on": "1"})
        assert getattr(Camera.objects.get(), name)
        signed.post(do, {"do": name, "on": "0"})
        assert not getattr(Camera.objects.get(), name)


# the gallery


def test_pictures_are_found_by_day_and_by_hour(signed, connected):
    Device.objects.update(owned_at=None)
    commit(image_of(connected.pk, 1), image_of(connected.pk, 2, NOON_MS + 3_600_000))
    path = reverse("camera_gallery", args=[connected.pk])
    shown = signed.get(f"{path}?{DAY}").context
    assert len(shown["images"]) == 2
    busy = [each["hour"] for each in shown["hours"] if each["count"]]
    assert len(busy) == 2
    assert len(signed.get(f"{path}?{DAY}&hour={busy[0]}").context["images"]) == 1
    assert "No pictures on this day" in text_of(signed.get(f"{path}?day=2026-09-20", headers=ENGLISH))
    assert signed.get(f"{path}?day=nonsense&hour=99").status_code == 200


def test_a_private_camera_shows_nothing_that_it_has_kept(signed, things):
    Camera.objects.update(is_private=True)
    for path in (
        "images/{image}.jpg",
        "images/{image}/small.jpg",
        "clips/{clip}.mp4",
        "films/{film}.mp4",
        "clips.json",
    ):
        assert signed.get("/cameras/{camera}/".format(**things) + path.format(**things)).status_code == 404
    for path in ("gallery", "timeline"):
        response = signed.get(f"/cameras/{things['camera']}/{path}/?{DAY}", headers=ENGLISH)
        assert "This camera is private" in text_of(response)
        assert f"images/{things['image']}" not in response.content.decode()


def test_a_picture_is_protected_then_stays_then_goes(signed, things):
    change = reverse("camera_images_change", args=[things["camera"]])
    signed.post(change, {"do": "protect", "image": things["image"]})
    assert Image.objects.get(pk=things["image"]).is_protected
    text = text_of(signed.post(change, {"do": "delete", "image": things["image"]}, follow=True, headers=ENGLISH))
    assert "protection" in text
    assert Image.objects.filter(pk=things["image"]).exists()
    signed.post(change, {"do": "unprotect", "image": things["image"]})
    signed.post(change, {"do": "delete", "image": things["image"]})
    assert not Image.objects.filter(pk=things["image"]).exists()


def test_a_picture_of_another_camera_stays(signed, things, other_account, actor):
    mint_devices(model="camera-1", device_id="CAMB2345", account_id=other_account.pk, actor=actor)
    [id] = commit(image_of("CAMB2345"))
    signed.post(reverse("camera_images_change", args=[things["camera"]]), {"do": "delete", "image": id})
    assert Image.objects.filter(pk=id).exists()
    assert signed.get(f"/cameras/{things['camera']}/images/{id}.jpg").status_code == 404


def test_a_download_is_named_and_stands_in_the_audit_log(signed, things):
    response = signed.get("/cameras/{camera}/images/{image}.jpg?download".format(**things))
    assert b"".join(response.streaming_content)[:2] == b"\xff\xd8"
    assert 'filename="CAMA2345-2026-09-21-' in response["Content-Disposition"]
    assert response["Cache-Control"].startswith("private")
    assert AuditEntry.objects.filter(verb="camera.downloaded").count() == 1


def test_a_thumbnail_is_a_small_jpeg(signed, things):
    response = signed.get("/cameras/{camera}/images/{image}/small.jpg".format(**things))
    assert response["Content-Type"] == "image/jpeg"
    assert response.content[:2] == b"\xff\xd8"


def test_a_file_that_has_gone_meanwhile_is_not_found(signed, things):
    from panal.cells.cameras import files

    files.path_of(Image.objects.get(pk=things["image"])).unlink()
    for name in (".jpg", "/small.jpg"):
        assert signed.get(f"/cameras/{things['camera']}/images/{things['image']}{name}").status_code == 404


# the timeline


def test_a_player_gets_the_stretch_it_asks_for(signed, things):
    path = "/cameras/{camera}/clips/{clip}.mp4".format(**things)
    part = signed.get(path, headers={"range": "bytes=1-2"})
    assert (part.status_code, b"".join(part.streaming_content), part["Content-Range"]) == (206, b"il", "bytes 1-2/4")
    assert signed.get(path, headers={"range": "bytes=9-"}).status_code == 416
    whole = signed.get(path)
    assert (whole.status_code, b"".join(whole.streaming_content)) == (200, b"film")


def test_segments_without_a_gap_are_one_recording(signed, connected):
    commit(
        *(clip_of(connected.pk, n, NOON_MS + n * 10_000) for n in range(6)),
        clip_of(connected.pk, 9, NOON_MS + 3_600_000),
    )
    path = reverse("camera_timeline", args=[connected.pk])
    shown = signed.get(f"{path}?{DAY}").context
    assert [one["duration_s"] for one in shown["stretches"]] == [10, 60]
    assert len(shown["line"]["stretches"]) == 2
    assert shown["clips"] is None
    files = signed.get(f"{path}?{DAY}&from={NOON_MS}&to={NOON_MS + 60_000}").context["clips"]
    assert len(files) == 6


def test_what_is_played_follows_in_order(signed, connected):
    commit(*(clip_of(connected.pk, n, NOON_MS + n * 10_000) for n in range(3)))
    address = reverse("camera_playlist", args=[connected.pk])
    played = json.loads(signed.get(f"{address}?from={NOON_MS + 12_000}").content)["clips"]
    assert [clip["at_ms"] for clip in played] == [NOON_MS + 10_000, NOON_MS + 20_000]
    assert json.loads(signed.get(f"{address}?from=-5").content) == {"clips": []}


def test_a_day_costs_the_same_however_much_was_recorded(signed, connected, things):
    path = f"/cameras/{connected.pk}/timeline/?{DAY}&{FILES}"
    one = queries_of(signed, path)
    commit(*(clip_of(connected.pk, n, NOON_MS + n * 1000, seconds=1) for n in range(2, 200)))
    assert queries_of(signed, path) == one


def test_a_timelapse_is_asked_for_by_its_form(signed, things):
    films = reverse("camera_films", args=[things["camera"]])
    Job.objects.all().delete()
    signed.post(films, {"since": "2026-09-21T00:00", "until": "2026-09-22T12:00", "fps": "12"})
    job = Job.objects.get()
    assert (job.kind, job.fps, job.state) == ("timelapse", 12, "waiting")
    response = signed.post(films, {"since": "2026-09-21T00:00", "until": "", "fps": "12"}, follow=True, headers=ENGLISH)
    assert "required" in text_of(response)
    assert Job.objects.count() == 1


def test_a_film_shows_how_far_it_is(signed, things):
    Job.objects.update(state="running", progress_pct=42, path="")
    html = signed.get(f"/cameras/{things['camera']}/timeline/?part=films").content.decode()
    assert 'aria-valuenow="42"' in html
    assert signed.get("/cameras/{camera}/films/{film}.mp4".format(**things)).status_code == 404


# settings


def test_settings_are_said_in_gib_and_kept_in_bytes(signed, connected):
    signed.post(reverse("camera_settings", args=[connected.pk]), SAVING)
    changed = Camera.objects.get()
    assert (changed.auto_save, changed.save_interval_s, changed.image_quota_bytes) == (True, 5, 3 * 1024**3 // 2)


def test_zones_are_kept_as_they_were_drawn(signed, connected):
    zones = [[[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]]
    signed.post(reverse("camera_settings", args=[connected.pk]), {**MOTION, "motion_zones": json.dumps(zones)})
    assert Camera.objects.get().motion_zones == zones
    html = signed.get(reverse("camera_settings", args=[connected.pk])).content.decode()
    assert 'points="100,100 900,100 500,900"' in html


@pytest.mark.parametrize("zones", ["nonsense", "[[[0,0],[2,0],[1,1]]]", "[[[0,0]]]", "{}", "[" * 5000, '[[["a","b"]]]'])
def test_zones_that_are_none_are_refused_on_the_form(signed, connected, zones):
    path = reverse("camera_settings", args=[connected.pk])
    response = signed.post(path, {**MOTION, "motion_zones": zones}, headers=ENGLISH)
    if zones == "{}":  # no zone at all
        assert response.status_code == 302
        return
    assert response.context["forms"]["motion"].errors["motion_zones"]
    assert not Camera.objects.get().motion_on


def test_only_who_is_named_may_look(signed, client, connected, vera, carla):
    signed.post(
        reverse("camera_settings", args=[connected.pk]),
        {"form": "access", "is_restricted": "on", "watchers": [vera.pk]},
    )
    for person, status in ((vera, 200), (carla, 404)):
        client.force_login(person)
        assert client.get(reverse("camera", args=[connected.pk])).status_code == status
        assert (connected.pk in client.get("/cameras/").content.decode()) == (status == 200)
        assert client.get(f"/devices/{connected.pk}/").status_code == 200
        shown = [part.name for part in client.get(f"/devices/{connected.pk}/").context["cell_parts"]]
        assert ("camera" in shown) == (status == 200)


def test_the_overview_has_the_first_cameras(signed, account, actor):
    _cameras(account, actor, 9)
    [part] = [part for part in signed.get("/").context["parts"] if part.name == "cameras"]
    assert (len(part.context["tiles"]), part.context["count"]) == (6, 9)


def test_a_device_that_is_no_camera_has_no_camera_page(signed, device):
    assert signed.get(f"/cameras/{device.pk}/").status_code == 404
    assert "camera" not in [part.name for part in signed.get(f"/devices/{device.pk}/").context["cell_parts"]]


def test_what_was_kept_before_a_sale_is_not_the_next_owner_s(client, charlie, other_account, things):
    Device.objects.filter(pk=things["camera"]).update(account=other_account, owned_at=NOON.replace(hour=13))
    client.force_login(charlie)
    assert client.get("/cameras/{camera}/images/{image}.jpg".format(**things)).status_code == 404
    assert not client.get(f"/cameras/{things['camera']}/gallery/?{DAY}").context["images"]
    camera = queries.camera_for(charlie, things["camera"])
    assert queries.newest_images_of([camera]) == {}, "nor does the wall show it as the newest"
    assert Clip.objects.count() == 1
