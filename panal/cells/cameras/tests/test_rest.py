"""REST of cameras: who may do what, and what it says."""

import json

import pytest

from panal.cells.accounts.models import AuditEntry
from panal.cells.cameras import actions, queries
from panal.cells.cameras.models import Camera, Image, Job
from panal.control.tests.cases import CUSTOMERS, PermissionCases, collected

from .conftest import NOON, clip_of, commit

OPERATORS = {"alice", "bob", "sam", "ada"}
EDITORS = {"alice", "bob", "ada"}
MANAGERS = {"alice", "ada"}
ROOT = "/api/v1/manage/cameras"
SPAN = "?since=2026-09-21T00:00:00Z&until=2026-09-22T00:00:00Z"
FILM = {"kind": "timelapse", "since": "2026-09-21T00:00:00Z", "until": "2026-09-22T00:00:00Z", "fps": 10}


class FileCases(PermissionCases):
    def ask(self, client, things):
        return whole(super().ask(client, things))


def whole(response):
    """Read to its end, which closes the file: closing it early would close the test's database connection too."""
    if response.streaming:
        list(response.streaming_content)
    return response


class TestCameras(PermissionCases):
    path = "/cameras"
    may = sees = CUSTOMERS | {"charlie", "sam", "fay", "ada"}


class TestCamera(PermissionCases):
    path = "/cameras/{camera}"


class TestChange(PermissionCases):
    method, path, body = "patch", "/cameras/{camera}", {"auto_save": True}
    may = EDITORS


class TestWatchers(PermissionCases):
    path = "/cameras/{camera}/watchers"
    may = MANAGERS


class TestRestrict(PermissionCases):
    method, path, body = "put", "/cameras/{camera}/watchers", {"is_restricted": True, "watchers": []}
    may = MANAGERS


class TestCommand(PermissionCases):
    method, path, done = "post", "/cameras/{camera}/commands", 202
    body = {"cmd": "resolution", "val": "7"}
    may = OPERATORS


class TestImages(PermissionCases):
    path = "/cameras/{camera}/images"


class TestSave(PermissionCases):
    method, path, done, body = "post", "/cameras/{camera}/images", 202, {}
    may = OPERATORS


class TestDeleteImages(PermissionCases):
    method, path, body = "post", "/cameras/{camera}/images/delete", {"ids": ["{image}"]}
    may = EDITORS


class TestImage(PermissionCases):
    path = "/cameras/{camera}/images/{image}"


class TestImageFile(FileCases):
    path = "/cameras/{camera}/images/{image}/file"


class TestProtectImage(PermissionCases):
    method, path, body = "patch", "/cameras/{camera}/images/{image}", {"is_protected": True}
    may = OPERATORS


class TestClips(PermissionCases):
    path = "/cameras/{camera}/clips"


class TestRecord(PermissionCases):
    method, path, done, body = "post", "/cameras/{camera}/clips", 202, {"seconds": 30}
    may = OPERATORS


class TestDeleteClips(PermissionCases):
    method, path, body = "post", "/cameras/{camera}/clips/delete", {"ids": ["{clip}"]}
    may = EDITORS


class TestClip(PermissionCases):
    path = "/cameras/{camera}/clips/{clip}"


class TestClipFile(FileCases):
    path = "/cameras/{camera}/clips/{clip}/file"


class TestProtectClip(PermissionCases):
    method, path, body = "patch", "/cameras/{camera}/clips/{clip}", {"is_protected": True}
    may = OPERATORS


class TestMotions(PermissionCases):
    path = "/cameras/{camera}/motions"


class TestTimeline(PermissionCases):
    path = "/cameras/{camera}/timeline" + SPAN


class TestFilms(PermissionCases):
    path = "/cameras/{camera}/films"


class TestRequestFilm(PermissionCases):
    method, path, done, body = "post", "/cameras/{camera}/films", 201, FILM
    may = OPERATORS


class TestFilm(PermissionCases):
    path = "/cameras/{camera}/films/{film}"


class TestFilmFile(FileCases):
    path = "/cameras/{camera}/films/{film}/file"


class TestDeleteFilm(PermissionCases):
    method, path, done = "delete", "/cameras/{camera}/films/{film}", 204
    may = EDITORS


LOOKS = ("", "/images", "/images/{image}", "/images/{image}/file", "/clips", "/clips/{clip}/file", "/motions", "/films")


@pytest.mark.parametrize("who", ["alice", "bob", "vera", "sam", "ada"])
@pytest.mark.parametrize("path", LOOKS)
def test_a_restricted_camera_is_there_for_its_watchers_and_managers_only(path, who, request, client, things):
    vera, alice = request.getfixturevalue("vera"), request.getfixturevalue("alice")
    camera = queries.camera_for(alice, things["camera"])
    actions.restrict_camera(camera=camera, is_restricted=True, watchers=[vera.pk], actor=actions.Actor("a test"))
    client.force_login(request.getfixturevalue(who))
    expected = 200 if who in {"alice", "ada", "vera"} else 404
    response = whole(client.get(f"{ROOT}/{things['camera']}{path.format(**things)}"))
    assert response.status_code == expected


def test_a_restricted_camera_is_not_in_the_list_of_others(client, bob, alice, things):
    camera = queries.camera_for(alice, things["camera"])
    actions.restrict_camera(camera=camera, is_restricted=True, watchers=[], actor=actions.Actor("a test"))
    client.force_login(bob)
    assert client.get(ROOT).json() == []


@pytest.mark.parametrize("path", LOOKS[1:])
def test_a_private_camera_shows_nothing_to_anybody(path, client, alice, things):
    Camera.objects.update(is_private=True)
    client.force_login(alice)
    assert client.get(f"{ROOT}/{things['camera']}{path.format(**things)}").status_code == 409


def test_watchers_are_people_of_the_account(client, alice, charlie, things):
    client.force_login(alice)
    said = put(client, f"/{things['camera']}/watchers", is_restricted=True, watchers=[charlie.pk])
    assert (said.status_code, said.json()["error"]["code"]) == (400, "bad_watchers")


def put(client, path, **body):
    return client.put(ROOT + path, json.dumps(body), "application/json")


def post(client, path, **body):
    return client.post(ROOT + path, json.dumps(body), "application/json")


def test_what_was_kept_before_it_was_theirs_is_nobodys_to_see(client, alice, things, eye):
    eye.owned_at = NOON.replace(hour=23)
    eye.save()
    client.force_login(alice)
    for path in LOOKS[2:4]:
        assert client.get(f"{ROOT}/{things['camera']}{path.format(**things)}").status_code == 404
    assert client.get(f"{ROOT}/{things['camera']}/images").json()["count"] == 0
    assert client.get(f"{ROOT}/{things['camera']}/films").json()["count"] == 0


def test_another_cameras_image_is_not_this_ones(client, ada, things, other_account, actor):
    from panal.cells.devices.actions import mint_devices

    mint_devices(model="camera-1", device_id="CAMB2345", account_id=other_account.pk, actor=actor)
    client.force_login(ada)
    assert client.get(f"{ROOT}/CAMB2345/images/{things['image']}").status_code == 404


def test_a_device_that_is_no_camera_is_not_there(client, alice, device):
    client.force_login(alice)
    assert client.get(f"{ROOT}/{device.pk}").status_code == 404


def test_a_camera_tells_how_it_is_set_and_what_waits(client, alice, things):
    client.force_login(alice)
    post(client, f"/{things['camera']}/commands", cmd="resolution", val="9")
    found = client.get(f"{ROOT}/{things['camera']}").json()
    assert found["controls"] == {"resolution": 9}
    assert [(waiting["cmd"], waiting["val"]) for waiting in found["pending"]] == [("resolution", "9")]
    assert found["usage"] == {"image_count": 1, "image_bytes": 100, "clip_count": 1, "clip_bytes": 1000}
    assert found["settings"]["image_days"] == 30


def test_the_timeline_joins_segments_that_follow_each_other(client, alice, things):
    at_ms = int(NOON.timestamp() * 1000)
    commit(
        *(clip_of(things["camera"], n, at_ms + (n - 1) * 10_000) for n in range(2, 6)),
        clip_of(things["camera"], 9, at_ms + 90_000),
    )
    client.force_login(alice)
    found = client.get(f"{ROOT}/{things['camera']}/timeline{SPAN}").json()
    assert [(s["begun_at"][11:19], s["ended_at"][11:19]) for s in found["recorded"]] == [
        ("12:00:00", "12:00:50"),
        ("12:01:30", "12:01:40"),
    ]
    assert [motion["image"] for motion in found["motions"]] == [things["image"]]
    assert [(hour["at"][11:16], hour["count"]) for hour in found["images"]] == [("12:00", 1)]


def test_every_download_stands_in_the_audit_log_once_in_a_while(client, vera, things):
    client.force_login(vera)
    for _ in range(3):
        whole(client.get(f"{ROOT}/{things['camera']}/clips/{things['clip']}/file"))
    [entry] = AuditEntry.objects.filter(verb="camera.downloaded")
    assert (entry.user, entry.after["path"]) == (vera, "CAMA2345/2026-09-21/1.mp4")


def test_a_file_that_has_gone_is_404(client, alice, things):
    from panal.cells.cameras import files

    files.path_of(Image.objects.get()).unlink()
    client.force_login(alice)
    assert client.get(f"{ROOT}/{things['camera']}/images/{things['image']}/file").status_code == 404


def test_a_camera_that_is_away_is_asked_for_nothing(client, alice, things):
    Camera.objects.update(connected_at=None)
    client.force_login(alice)
    assert post(client, f"/{things['camera']}/images").status_code == 409
    assert post(client, f"/{things['camera']}/clips", seconds=9).status_code == 409


def test_what_is_asked_for_is_announced_to_whoever_has_the_camera(client, alice, things):
    client.force_login(alice)
    with collected() as heard:
        post(client, f"/{things['camera']}/images", is_protected=True)
        post(client, f"/{things['camera']}/clips", seconds=9)
        post(client, f"/{things['camera']}/films", **FILM)
    assert [(event.name, event.data) for event in heard] == [
        ("camera.save_requested", {"is_protected": True}),
        ("camera.record_requested", {"seconds": 9}),
        ("camera.job_requested", {}),
    ]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "opera"}, "bad_kind"),
        ({"until": "2026-09-20T00:00:00Z"}, "bad_until"),
        ({"fps": 0}, "bad_fps"),
        ({"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}, "bad_span"),
        ({"kind": "export", "since": "2026-09-01T00:00:00Z"}, "bad_span"),
        ({"kind": "export", "since": "2026-09-21T01:00:00Z", "until": "2026-09-21T02:00:00Z"}, "bad_span"),
    ],
)
def test_a_film_that_cannot_be_is_refused(client, alice, things, changes, code):
    client.force_login(alice)
    said = post(client, f"/{things['camera']}/films", **FILM | changes)
    assert (said.status_code, said.json()["error"]["code"]) == (400, code)


def test_films_that_wait_are_bounded(client, alice, things):
    client.force_login(alice)
    said = [post(client, f"/{things['camera']}/films", **FILM).status_code for _ in range(4)]
    assert said == [201, 201, 201, 409]
    Job.objects.update(state="done")
    assert post(client, f"/{things['camera']}/films", **FILM).status_code == 201


def test_a_film_that_is_not_done_has_no_file(client, alice, things):
    Job.objects.update(state="running")
    client.force_login(alice)
    assert client.get(f"{ROOT}/{things['camera']}/films/{things['film']}/file").status_code == 404
    assert client.delete(f"{ROOT}/{things['camera']}/films/{things['film']}").status_code == 409
