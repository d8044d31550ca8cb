"""The files behind the rows: where they lie, and which of them retention takes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import F, Q

from panal.control.events import publish_on_commit
from panal.gateway.store import DomainEvent

from . import queries
from .models import Camera, Clip, Image, Job, JobState, Motion
from .saver import delete_image

AT_ONCE = 500
"""Files that retention takes in one go, so that a transaction stays short."""
AGE_EVERY_S = 60
FILM_DAYS = 7
FOLDERS: dict[Any, str] = {Clip: "clips", Job: "films"}


def folder_of(model: Any) -> Path:
    if model is Image:
        return Path(settings.PANAL.images_path)
    return Path(settings.PANAL.data).absolute() / FOLDERS[model]


def path_of(kept: Image | Clip | Job) -> Path:
    """Where its file lies."""
    return folder_of(type(kept)) / kept.path


def remove(model: type[Image] | type[Clip], found: Sequence[Any]) -> None:
    """Files, then rows, inside the caller's transaction."""
    changes: dict[str, tuple[int, int]] = {}
    for kept in found:
        if model is Image:
            delete_image(folder_of(Image), kept.path)
        else:
            path_of(kept).unlink(missing_ok=True)
        count, size = changes.get(kept.device_id, (0, 0))
        changes[kept.device_id] = (count - 1, size - (0 if kept.is_protected else kept.size_bytes))
    model.objects.filter(pk__in=[kept.pk for kept in found]).delete()
    queries.count_kept(model, changes)


def remove_film(job: Job) -> None:
    if job.path:
        path_of(job).unlink(missing_ok=True)


def on_time(now: datetime) -> None:
    """Retention: bytes every time, ages once a minute."""
    is_due = cache.add("cameras-ages", 1, AGE_EVERY_S)
    cameras = Camera.objects.select_related("device")
    over = Q(image_bytes__gt=F("image_quota_bytes")) | Q(clip_bytes__gt=F("clip_quota_bytes"))
    for camera in cameras if is_due else cameras.filter(over):
        for model in (Image, Clip):
            take_over_quota(camera, model)
            if is_due and _old(camera, model, now).exists():
                take_old(camera, model, now)
        if is_due:
            forget_motions(camera, now)
    if is_due:
        take_old_films(now)


def take_over_quota(camera: Camera, model: type[Image] | type[Clip]) -> int:
    """The oldest that are not protected, until the rest has room. How many went."""
    name = str(model._meta.model_name)
    over = getattr(camera, f"{name}_bytes") - getattr(camera, f"{name}_quota_bytes")
    if over <= 0:
        return 0
    with transaction.atomic():
        oldest = model.objects.filter(device_id=camera.pk, is_protected=False).order_by("at", "id")
        found = []
        for kept in oldest.select_for_update()[:AT_ONCE]:
            if over <= 0:
                break
            over -= kept.size_bytes
            found.append(kept)
        return _take(camera, model, found)


@transaction.atomic
def take_old(camera: Camera, model: type[Image] | type[Clip], now: datetime) -> int:
    """What is older than the camera keeps it, and everything of whoever owned it before. How many went."""
    return _take(camera, model, list(_old(camera, model, now).order_by("at", "id").select_for_update()[:AT_ONCE]))


def _old(camera: Camera, model: type[Image] | type[Clip], now: datetime) -> Any:
    days = camera.image_days if model is Image else camera.clip_days
    old = Q(is_protected=False, at__lt=now - timedelta(days=days))
    owned_at = camera.device.owned_at
    return model.objects.filter(old | Q(at__lt=owned_at) if owned_at else old, device_id=camera.pk)


def forget_motions(camera: Camera, now: datetime) -> None:
    """Motion is remembered for as long as anything of its time is."""
    begins = now - timedelta(days=max(camera.image_days, camera.clip_days))
    owned_at = camera.device.owned_at
    Motion.objects.filter(device_id=camera.pk, at__lt=max(begins, owned_at) if owned_at else begins).delete()


def _take(camera: Camera, model: type[Image] | type[Clip], found: Sequence[Any]) -> int:
    remove(model, found)
    if found:
        account_id = camera.device.account_id
        publish_on_commit(DomainEvent("camera.kept_changed", "cameras", account_id, camera.pk, {}))
    return len(found)


@transaction.atomic
def take_old_films(now: datetime) -> None:
    """Films are made again where somebody wants them again."""
    old = Job.objects.filter(finished_at__lt=now - timedelta(days=FILM_DAYS)).exclude(state=JobState.RUNNING)
    for job in old[:AT_ONCE]:
        remove_film(job)
        job.delete()
