"""What cameras say of themselves and what was kept of them, as it comes through the ledger."""

from datetime import timedelta

from panal.cells.accounts.actor import person
from panal.cells.cameras import actions, queries
from panal.cells.cameras.models import Camera, Image, Motion
from panal.cells.cameras.news import Gone, JobProgress, MotionSeen, Response, Seen, StorageState
from panal.control.tests.cases import collected
from panal.gateway.store import DomainEvent
from panal.protocol.errors import Unauthorized

from .conftest import NOON, NOON_MS, clip_of, commit, image_of


def test_a_camera_that_comes_is_known_and_announced(eye):
    with collected() as heard:
        commit(Seen(eye.pk, NOON_MS, is_new=True, ip="192.0.2.9", info={"fps": 20}))
    camera = queries.camera_of(eye)
    assert (camera.is_connected, camera.ip, camera.info) == (True, "192.0.2.9", {"fps": 20})
    eye.refresh_from_db()
    assert eye.is_online
    assert DomainEvent("camera.came_online", "cameras", eye.account_id, eye.pk, {}) in heard


def test_health_is_kept_and_announced(connected):
    with collected() as heard:
        commit(Seen(connected.pk, NOON_MS + 10_000, health={"heap": 70_000}))
    camera = queries.camera_of(connected.device)
    assert (camera.health, camera.is_connected) == ({"heap": 70_000}, True)
    assert "camera.health" in [event.name for event in heard]


def test_a_late_goodbye_of_an_older_connection_changes_nothing(connected):
    commit(Seen(connected.pk, NOON_MS + 5000, is_new=True))
    commit(Gone(connected.pk, NOON_MS + 6000, NOON_MS))
    assert queries.camera_of(connected.device).is_connected
    commit(Gone(connected.pk, NOON_MS + 7000, NOON_MS + 5000))
    camera = queries.camera_of(connected.device)
    assert (camera.is_connected, camera.gone_at) == (False, NOON + timedelta(seconds=7))


def test_which_cameras_are_connected_is_known_after_a_restart(connected):
    assert queries.connected() == [connected.pk]
    commit(Gone(connected.pk, NOON_MS + 7000, NOON_MS))
    assert queries.connected() == []


def test_a_stranger_is_refused_and_the_others_are_recorded(eye):
    answers = commit(Seen("NOBODY", NOON_MS, is_new=True), Seen(eye.pk, NOON_MS, is_new=True))
    assert isinstance(answers[0], Unauthorized)
    assert answers[1] is None
    assert list(Camera.objects.values_list("pk", flat=True)) == [eye.pk]


def test_an_answered_command_waits_no_longer(connected, alice):
    actions.command_camera(camera=connected, cmd="quality", val="12", actor=person(alice))
    actions.command_camera(camera=connected, cmd="fps", val="9", actor=person(alice))
    with collected() as heard:
        commit(
            Response(connected.pk, NOON_MS, "quality", "ok", "12"), Response(connected.pk, NOON_MS, "fps", "error", "5")
        )
    settings = queries.settings_of(connected.pk)
    assert settings.pending == ()
    assert (settings.quality, settings.fps) == (12, None)
    assert [event.name for event in heard] == ["camera.responded"] * 2


def test_an_image_that_is_told_twice_is_one(eye):
    with collected() as heard:
        first = commit(image_of(eye.pk), image_of(eye.pk), image_of(eye.pk, 2))
        again = commit(image_of(eye.pk))
    assert first[0] == first[1] == again[0] != first[2]
    assert Image.objects.count() == 2
    camera = queries.camera_of(eye)
    assert (camera.image_count, camera.image_bytes) == (2, 200)
    assert [event.name for event in heard if event.topic == "cameras"] == ["camera.image_saved"]


def test_protected_ones_do_not_count_for_the_quota(eye):
    commit(clip_of(eye.pk), clip_of(eye.pk, 2, is_protected=True))
    camera = queries.camera_of(eye)
    assert (camera.clip_count, camera.clip_bytes) == (2, 1000)


def test_a_motion_has_a_beginning_a_picture_and_an_end(eye):
    commit(MotionSeen("m1", eye.pk, NOON_MS, None, 2.5))
    commit(image_of(eye.pk), MotionSeen("m1", eye.pk, NOON_MS + 50, None, 2.5, image_of(eye.pk).path))
    commit(MotionSeen("m1", eye.pk, NOON_MS + 9000, NOON_MS + 9000, 0.0))
    motion = Motion.objects.get()
    assert (motion.at, motion.ended_at, motion.area_pct) == (NOON, NOON + timedelta(seconds=9), 2.5)
    assert motion.image == Image.objects.get()


def test_that_nothing_can_be_stored_stands_on_the_camera_until_it_can(eye):
    with collected() as heard:
        commit(StorageState(eye.pk, NOON_MS, "full"))
    camera = queries.camera_of(eye)
    assert (camera.storage_error, camera.storage_error_at) == ("full", NOON)
    assert [event.name for event in heard] == ["camera.storage_changed"]
    commit(StorageState(eye.pk, NOON_MS, ""))
    assert queries.camera_of(eye).storage_error == ""


def test_a_film_tells_how_far_it_is(film):
    film.state = "running"
    film.save()
    commit(JobProgress(film.device_id, str(film.pk), "running", 40))
    film.refresh_from_db()
    assert (film.progress_pct, film.state) == (40, "running")
    commit(JobProgress(film.device_id, str(film.pk), "failed", 0, reason="no room"))
    film.refresh_from_db()
    assert (film.state, film.reason) == ("failed", "no room")
    commit(JobProgress(film.device_id, str(film.pk), "running", 90))
    film.refresh_from_db()
    assert film.state == "failed"
