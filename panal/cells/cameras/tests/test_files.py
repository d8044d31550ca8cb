"""Retention: what is over quota or too old goes, oldest first, file and row; protected ones stay."""

from datetime import timedelta

import pytest
from django.core.cache import cache

from panal.cells.accounts.actor import person
from panal.cells.cameras import actions, files, queries
from panal.cells.cameras.models import Camera, Clip, Image, Job, Motion
from panal.cells.cameras.news import MotionSeen
from panal.protocol.errors import Conflict

from .conftest import NOON, NOON_MS, clip_of, commit, image_of


def paths(model):
    return list(model.objects.order_by("at").values_list("path", flat=True))


def test_over_quota_the_oldest_go_and_protected_ones_stay(eye):
    images = [image_of(eye.pk, n, NOON_MS + n, size=1000, is_protected=n == 1) for n in range(1, 8)]
    commit(*images)
    Camera.objects.update(image_quota_bytes=3500)
    files.on_time(NOON)
    assert paths(Image) == [images[0].path, *(image.path for image in images[4:])]
    assert all(not (files.folder_of(Image) / image.path).exists() for image in images[1:4])
    assert (files.folder_of(Image) / images[0].path).exists()
    camera = queries.camera_of(eye)
    assert (camera.image_count, camera.image_bytes) == (4, 3000)


def test_what_is_too_old_goes(eye):
    old, young = clip_of(eye.pk, 1, NOON_MS - 8 * 86_400_000), clip_of(eye.pk, 2, NOON_MS)
    kept = clip_of(eye.pk, 3, NOON_MS - 9 * 86_400_000, is_protected=True)
    commit(old, young, kept)
    files.on_time(NOON)
    assert paths(Clip) == [kept.path, young.path]
    assert not (files.folder_of(Clip) / old.path).exists()
    assert queries.camera_of(eye).clip_count == 2


def test_motion_is_forgotten_with_the_last_picture_of_its_time(eye):
    for number, days in enumerate((29, 31)):
        at_ms = NOON_MS - days * 86_400_000
        commit(MotionSeen(f"m{number}", eye.pk, at_ms, at_ms + 1000, 2.0), image_of(eye.pk, number + 1))
    files.on_time(NOON)
    assert list(Motion.objects.values_list("uid", flat=True)) == ["m0"]


def test_ages_are_looked_at_once_a_minute(eye):
    files.on_time(NOON)
    commit(clip_of(eye.pk, 1, NOON_MS - 30 * 86_400_000))
    files.on_time(NOON)
    assert Clip.objects.count() == 1


def test_what_the_owner_before_has_kept_goes_protected_or_not(eye):
    commit(image_of(eye.pk, 1, is_protected=True), image_of(eye.pk, 2, NOON_MS + 7_200_000))
    eye.owned_at = NOON + timedelta(hours=1)
    eye.save()
    files.on_time(NOON + timedelta(hours=3))
    assert [path.rsplit("/", 1)[1] for path in paths(Image)] == ["2.jpg"]


def test_a_row_whose_file_has_gone_goes_too(eye):
    image = image_of(eye.pk, size=5000)
    commit(image)
    (files.folder_of(Image) / image.path).unlink()
    Camera.objects.update(image_quota_bytes=1000)
    files.on_time(NOON)
    assert not Image.objects.exists()


def test_films_go_after_a_week(film):
    files.on_time(NOON + timedelta(days=6))
    assert files.path_of(film).exists()
    cache.clear()
    files.on_time(NOON + timedelta(days=8))
    assert not Job.objects.exists()
    assert not (files.folder_of(Job) / film.path).exists()


def test_protecting_takes_it_out_of_the_quota_and_back(camera, image, alice):
    actions.protect(camera=camera, kept=image, is_protected=True, actor=person(alice))
    actions.protect(camera=camera, kept=image, is_protected=True, actor=person(alice))
    assert queries.camera_of(camera.device).image_bytes == 0
    with pytest.raises(Conflict):
        actions.delete_kept(camera=camera, model=Image, ids=[image.pk], actor=person(alice))
    actions.protect(camera=camera, kept=image, is_protected=False, actor=person(alice))
    assert queries.camera_of(camera.device).image_bytes == 100


def test_a_deleted_image_is_gone_and_its_number_stays_taken(camera, image, alice):
    file = files.path_of(image)
    assert actions.delete_kept(camera=camera, model=Image, ids=[image.pk], actor=person(alice)) == 1
    assert not file.exists()
    assert (file.parent / ".last").read_text() == "1"
    assert queries.camera_of(camera.device).image_count == 0
