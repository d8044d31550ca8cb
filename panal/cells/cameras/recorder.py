"""Writes what cameras say and what was kept of them, a batch at a time."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from panal.cells.devices import api as devices
from panal.control import rows
from panal.control.events import publish_on_commit
from panal.control.instants import instant
from panal.gateway.store import DomainEvent
from panal.protocol.errors import Unauthorized

from . import queries
from .models import Camera, Clip, Image, Job, JobState, Motion
from .news import TIMELAPSE, ClipKept, Gone, ImageKept, JobProgress, MotionSeen, Order, Response, Seen, StorageState

UNKNOWN = Unauthorized("unknown_device", "no such device, or the wrong key")
ABOUT_ITSELF = ["connected_at", "gone_at", "info", "health", "health_at", "ip"]


def record_seen(batch: list[Seen], now: datetime) -> list[Any]:
    accounts = devices.heard_from({message.device_id for message in batch}, now)
    found = _cameras(accounts)
    came: set[str] = set()
    told: set[str] = set()
    for message in batch:
        if message.device_id in found:
            (came if message.is_new else told).add(message.device_id)
            _apply_seen(found[message.device_id], message)
    Camera.objects.bulk_update(found.values(), ABOUT_ITSELF, batch_size=100)
    _publish("camera.came_online", came, accounts)
    _publish("camera.health", told - came, accounts)
    return [None if message.device_id in accounts else UNKNOWN for message in batch]


def _apply_seen(camera: Camera, message: Seen) -> None:
    if message.is_new:
        camera.connected_at, camera.gone_at = instant(message.at_ms), None
    if message.ip:
        camera.ip = message.ip[:64]
    if message.info is not None:
        camera.info = message.info
    if message.health is not None:
        camera.health, camera.health_at = message.health, instant(message.at_ms)


def record_gone(batch: list[Gone], now: datetime) -> list[Any]:
    """A late goodbye of an older connection changes nothing."""
    found = _cameras(_accounts(message.device_id for message in batch))
    gone = {}
    for message in batch:
        camera = found.get(message.device_id)
        if camera is not None and _is_of(camera, message):
            camera.connected_at, camera.gone_at = None, instant(message.at_ms)
            gone[camera.device_id] = camera.device.account_id
    Camera.objects.bulk_update([found[id] for id in gone], ["connected_at", "gone_at"], batch_size=100)
    _publish("camera.went_offline", gone, gone)
    return [None] * len(batch)


def _is_of(camera: Camera, message: Gone) -> bool:
    return camera.connected_at is not None and camera.connected_at <= instant(message.connected_ms)


def record_response(batch: list[Response], now: datetime) -> list[Any]:
    """A command that was answered does not wait any more; one that was refused keeps the value that the board has."""
    found = _cameras(_accounts(message.device_id for message in batch))
    events = []
    for message in batch:
        camera = found.get(message.device_id)
        if camera is not None:
            _apply_response(camera, message)
            data = {"cmd": message.cmd, "status": message.status, "value": message.value}
            account_id = camera.device.account_id
            events.append(DomainEvent("camera.responded", "cameras", account_id, camera.device_id, data))
    Camera.objects.bulk_update(found.values(), ["pending", "controls"], batch_size=100)
    publish_on_commit(*events)
    return [None] * len(batch)


def _apply_response(camera: Camera, message: Response) -> None:
    camera.pending = {cmd: waiting for cmd, waiting in camera.pending.items() if cmd != message.cmd}
    if message.status != "ok":
        camera.controls = {cmd: value for cmd, value in camera.controls.items() if cmd != message.cmd}


def _accounts(ids: Iterable[str]) -> dict[str, int | None]:
    return {device.pk: device.account_id for device in devices.locked(set(ids))}


def _cameras(accounts: Iterable[str]) -> dict[str, Camera]:
    """The rows of these cameras, held until the end of the transaction, made where there is none yet."""
    held = {row.pk: row for row in Camera.objects.filter(pk__in=list(accounts)).order_by("pk").select_for_update()}
    found = {device.pk: queries.own(device, held.get(device.pk)) for device in devices.locked(accounts)}
    for camera in found.values():
        if camera._state.adding:
            camera.save()
    return found


def _publish(name: str, ids: Iterable[str], accounts: dict[str, Any]) -> None:
    publish_on_commit(*(DomainEvent(name, "cameras", accounts[id], id, {}) for id in sorted(ids)))


KEPT = ("device", "account", "at", "path", "size_bytes", "is_protected", "cause")


def record_image(batch: list[ImageKept], now: datetime) -> list[Any]:
    """The row's id; the same for a file that has one already."""
    accounts = _accounts(message.device_id for message in batch)
    known = [message for message in batch if message.device_id in accounts]
    fields = (*KEPT, "width_px", "height_px")
    values = [(*_kept_row(m, accounts), m.width_px, m.height_px) for m in known]
    fresh = rows.insert_missing(Image, fields, values, ("path",), "path")
    _count(Image, known, set(fresh))
    _publish_kept("camera.image_saved", known, set(fresh), accounts)
    return _ids(Image, batch)


def record_clip(batch: list[ClipKept], now: datetime) -> list[Any]:
    """As `record_image`."""
    accounts = _accounts(message.device_id for message in batch)
    known = [message for message in batch if message.device_id in accounts]
    fields = (*KEPT, "ended_at", "frames")
    values = [(*_kept_row(m, accounts), instant(m.ended_ms), m.frames) for m in known]
    fresh = rows.insert_missing(Clip, fields, values, ("path",), "path")
    _count(Clip, known, set(fresh))
    _publish_kept("camera.clip_saved", known, set(fresh), accounts)
    return _ids(Clip, batch)


def _kept_row(message: Any, accounts: dict[str, int | None]) -> tuple[Any, ...]:
    account_id = accounts[message.device_id]
    at = instant(message.at_ms)
    return message.device_id, account_id, at, message.path, message.size_bytes, message.is_protected, message.cause


def _count(model: Any, known: list[Any], fresh: set[str]) -> None:
    changes: dict[str, tuple[int, int]] = {}
    for message in known:
        if message.path in fresh:
            fresh.discard(message.path)
            count, size = changes.get(message.device_id, (0, 0))
            changes[message.device_id] = (count + 1, size + (0 if message.is_protected else message.size_bytes))
    _cameras(changes)
    queries.count_kept(model, changes)


def _publish_kept(name: str, known: list[Any], fresh: set[str], accounts: dict[str, int | None]) -> None:
    _publish(name, {message.device_id for message in known if message.path in fresh}, accounts)


def _ids(model: Any, batch: list[Any]) -> list[Any]:
    ids = dict(model.objects.filter(path__in=[m.path for m in batch]).order_by().values_list("path", "id"))
    return [ids.get(message.path, UNKNOWN) for message in batch]


def record_motion(batch: list[MotionSeen], now: datetime) -> list[Any]:
    """Its beginning makes the row; its end, and the picture of it, are written into the same row."""
    accounts = _accounts(message.device_id for message in batch)
    for message in batch:
        if message.device_id in accounts:
            _store_motion(message, accounts[message.device_id])
    _publish("camera.motion", {m.device_id for m in batch if m.device_id in accounts}, accounts)
    return [None if message.device_id in accounts else UNKNOWN for message in batch]


def _store_motion(message: MotionSeen, account_id: int | None) -> None:
    begun = {
        "device_id": message.device_id,
        "account_id": account_id,
        "at": instant(message.at_ms),
        "area_pct": message.area_pct,
    }
    row, _is_new = Motion.objects.get_or_create(uid=message.uid, defaults=begun)
    row.area_pct = max(row.area_pct, message.area_pct)
    row.ended_at = instant(message.ended_ms) if message.ended_ms is not None else row.ended_at
    if message.image_path:
        row.image = Image.objects.filter(path=message.image_path).first() or row.image
    row.save()


def record_storage(batch: list[StorageState], now: datetime) -> list[Any]:
    """An alert on the camera's row while its pictures cannot be stored."""
    found = _cameras(_accounts(message.device_id for message in batch))
    for message in batch:
        if message.device_id in found:
            camera = found[message.device_id]
            camera.storage_error, camera.storage_error_at = message.error, instant(message.at_ms)
    Camera.objects.bulk_update(found.values(), ["storage_error", "storage_error_at"], batch_size=100)
    _publish("camera.storage_changed", found, {id: camera.device.account_id for id, camera in found.items()})
    return [None] * len(batch)


def record_progress(batch: list[JobProgress], now: datetime) -> list[Any]:
    """How far a film is; one that has ended stays as it is."""
    accounts = _accounts(message.device_id for message in batch)
    for message in batch:
        changed: dict[str, Any] = {"state": message.state, "progress_pct": message.progress_pct}
        if message.state in ("done", "failed"):
            changed |= {"reason": message.reason[:200], "path": message.path, "size_bytes": message.size_bytes}
            changed |= {"finished_at": now}
        open_jobs = Job.objects.filter(device_id=message.device_id, state__in=queries.OPEN_JOBS)
        open_jobs.filter(pk=message.job_id).update(**changed)
    _publish("camera.job_progressed", {m.device_id for m in batch if m.device_id in accounts}, accounts)
    return [None] * len(batch)


def next_job(is_first: bool) -> tuple[Any, ...] | None:
    """The oldest film that waits, as an Order; it is being made from now on.

    `is_first`: the server has just started, so what was being made before is not any more.
    """
    with transaction.atomic():
        if is_first:
            Job.objects.filter(state=JobState.RUNNING).update(state=JobState.WAITING, progress_pct=0)
        waiting = Job.objects.filter(state=JobState.WAITING).order_by("created_at", "id")
        job = waiting.select_for_update().select_related("device").first()
        if job is None:
            return None
        job.state = JobState.RUNNING
        job.save(update_fields=["state"])
        return _order_of(job)


def _order_of(job: Job) -> Order:
    camera = queries.camera_of(job.device)
    if job.kind == TIMELAPSE:
        images = queries.theirs(Image, camera).filter(at__gte=job.since, at__lt=job.until).order_by("at", "id")
        sources = tuple(images.values_list("path", flat=True))
        return Order(str(job.pk), job.device_id, job.kind, sources, len(sources), job.fps)
    clips = list(queries.clips_within(camera, job.since, job.until).values_list("path", "frames"))
    total = sum(frames for _path, frames in clips)
    return Order(str(job.pk), job.device_id, job.kind, tuple(path for path, _frames in clips), total)
