"""What changes cameras: one transaction each, written to the audit log, announced on commit."""

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import OperationalError, transaction
from django.utils import timezone

from panal.cells.accounts.api import OPERATE, Actor, record_audit, system
from panal.cells.devices import api as devices
from panal.control.callers import caller_of
from panal.control.events import publish_on_commit
from panal.control.instants import milliseconds
from panal.gateway.store import DomainEvent
from panal.protocol.errors import BadRequest, Conflict, NotFound, PanalError, Unauthorized

from . import files, queries
from .models import Camera, Clip, Image, Job, JobState
from .news import EXPORT, TIMELAPSE
from .settings import ACTIONS, BOUNDS, CONTROLS, MOST_CORNERS, MOST_ZONES, RECORD, STORED, CameraSettings

logger = logging.getLogger(__name__)

VIEW_EVERY = timedelta(minutes=10)
"""Who looks longer is written down once in this time."""
MOST_RECORDED_S = 3600
MOST_AT_ONCE = 500
MOST_FILMS = 3
MOST_IMAGES = 20_000
LONGEST_EXPORT = timedelta(hours=6)


@transaction.atomic
def change_camera(*, camera: Camera, actor: Actor, **values: Any) -> Camera:
    """Settings by their names, as in `settings.STORED`. Raises BadRequest."""
    checked = {name: _checked(name, value) for name, value in values.items()}
    held = _held(camera)
    before = {name: getattr(held, name) for name in checked}
    for name, value in checked.items():
        setattr(held, name, value)
    changed = [name for name in checked if before[name] != checked[name]]
    if not changed:
        return held
    held.save()
    _audit(actor, "camera.changed", held, {n: before[n] for n in changed}, {n: checked[n] for n in changed})
    publish_on_commit(news(held, "camera.changed"))
    return held


def _checked(name: str, value: Any) -> Any:
    if name not in STORED:
        raise BadRequest("unknown_field", f"{name} is no setting of a camera", name, STORED)
    if name == "record" and value not in RECORD:
        raise BadRequest("bad_record", "no such way to record", name, RECORD)
    if name == "motion_zones":
        return _checked_zones(value)
    if name in BOUNDS:
        return _checked_number(name, value)
    if name != "record" and not isinstance(value, bool):
        raise BadRequest(f"bad_{name}", "yes or no", name)
    return value


def _checked_number(name: str, value: Any) -> int | float:
    least, most = BOUNDS[name]
    kind = type(CameraSettings._field_defaults[name])
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadRequest(f"bad_{name}", f"{least} to {most}", name)
    number: int | float = kind(value)
    return number


def _checked_zones(zones: Any) -> list[list[list[float]]]:
    """Polygons as the row keeps them. Raises BadRequest("bad_motion_zones")."""
    try:
        found = [[[round(float(x), 4), round(float(y), 4)] for x, y in zone] for zone in zones]
    except (TypeError, ValueError):
        raise BadRequest("bad_motion_zones", "polygons of corners [x, y]", "motion_zones") from None
    corners = [corner for zone in found for corner in zone]
    is_inside = all(0 <= part <= 1 for corner in corners for part in corner)
    is_small = len(found) <= MOST_ZONES and all(3 <= len(zone) <= MOST_CORNERS for zone in found)
    if not (is_inside and is_small):
        said = f"at most {MOST_ZONES} polygons of 3 to {MOST_CORNERS} corners, each 0 to 1"
        raise BadRequest("bad_motion_zones", said, "motion_zones")
    return found


def _held(camera: Camera) -> Camera:
    """Its newest row, held until the end of the transaction."""
    list(Camera.objects.select_for_update(of=("self",)).filter(pk=camera.pk))
    return queries.camera_of(camera.device)


@transaction.atomic
def restrict_camera(*, camera: Camera, is_restricted: bool, watchers: list[int], actor: Actor) -> Camera:
    """Only these people of the account, and who manages it, may see it. Raises BadRequest("bad_watchers")."""
    members = queries.members_of(camera)
    if not members.issuperset(watchers):
        raise BadRequest("bad_watchers", "watchers are people of this account", "watchers")
    held = _held(camera)
    before = {"is_restricted": held.is_restricted, "watchers": queries.watcher_ids(held)}
    held.is_restricted = is_restricted
    held.save()
    held.watchers.set(watchers)
    _audit(actor, "camera.restricted", held, before, {"is_restricted": is_restricted, "watchers": sorted(watchers)})
    publish_on_commit(news(held, "camera.changed"))
    return held


@transaction.atomic
def command_camera(*, camera: Camera, cmd: str, val: str, actor: Actor) -> Camera:
    """Tell a camera something; while it is away the newest value of each command waits.

    Raises BadRequest("unknown_command", "bad_value"), Conflict("private").
    """
    number = _checked_value(cmd, val)
    held = _held(camera)
    if held.is_private:
        raise Conflict("private", "this camera is private at the moment")
    now = timezone.now()
    if cmd in CONTROLS:
        before = held.controls.get(cmd)
        held.controls = {**held.controls, cmd: number}
        _audit(actor, "camera.commanded", held, {cmd: before}, {cmd: number})
    elif cmd != "stats":
        _audit(actor, "camera.commanded", held, {}, {"command": cmd})
    held.pending = {**held.pending, cmd: [str(val), milliseconds(now)]}
    held.save()
    publish_on_commit(news(held, "camera.command", cmd=cmd, val=str(val), at_ms=milliseconds(now)))
    return held


def _checked_value(cmd: str, val: str) -> int:
    if cmd in ACTIONS:
        return 0
    if cmd not in CONTROLS:
        raise BadRequest("unknown_command", "no such command", "cmd", (*CONTROLS, *ACTIONS))
    least, most = CONTROLS[cmd]
    try:
        number = int(val)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise BadRequest("bad_value", f"{cmd}: {least} to {most}", "val")
    return number


def news(camera: Camera, name: str, **data: Any) -> DomainEvent:
    return DomainEvent(name, "cameras", camera.device.account_id, camera.device_id, data)


def _audit(actor: Actor, verb: str, camera: Camera, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    account_id = camera.device.account_id
    record_audit(actor=actor, verb=verb, subject=camera, account_id=account_id, before=before, after=after)


def note_view(*, camera: Camera, actor: Actor) -> None:
    """Who looks through it stands in the audit log, once in a while for each person and camera."""
    _note(camera, actor, "camera.viewed")


# what is kept


@transaction.atomic
def save_image(*, camera: Camera, actor: Actor, is_protected: bool = False) -> None:
    """The picture of this moment is kept as soon as it comes. Raises Conflict("private", "camera_away")."""
    _require_frames(camera)
    _audit(actor, "camera.image_requested", camera, {}, {"is_protected": is_protected})
    publish_on_commit(news(camera, "camera.save_requested", is_protected=is_protected))


@transaction.atomic
def record_clip(*, camera: Camera, seconds: int, actor: Actor) -> None:
    """The next `seconds` and what was before them; 0 ends it. Raises BadRequest, Conflict("private", "camera_away")."""
    if not 0 <= seconds <= MOST_RECORDED_S:
        raise BadRequest("bad_seconds", f"0 to {MOST_RECORDED_S}", "seconds")
    _require_frames(camera)
    _audit(actor, "camera.clip_requested", camera, {}, {"seconds": seconds})
    publish_on_commit(news(camera, "camera.record_requested", seconds=seconds))


def _require_frames(camera: Camera) -> None:
    if camera.is_private:
        raise Conflict("private", "this camera is private at the moment")
    if not camera.is_connected:
        raise Conflict("camera_away", "this camera is not connected")


@transaction.atomic
def protect(*, camera: Camera, kept: Image | Clip, is_protected: bool, actor: Actor) -> None:
    """Retention leaves it alone, or does not any more."""
    model = type(kept)
    changed = model.objects.filter(pk=kept.pk, is_protected=not is_protected).update(is_protected=is_protected)
    if not changed:
        return
    kept.is_protected = is_protected
    queries.count_kept(model, {camera.device_id: (0, -kept.size_bytes if is_protected else kept.size_bytes)})
    verb = "camera.kept_protected" if is_protected else "camera.kept_unprotected"
    _audit(actor, verb, camera, {}, {"path": kept.path})
    publish_on_commit(news(camera, "camera.kept_changed"))


@transaction.atomic
def delete_kept(*, camera: Camera, model: type[Image] | type[Clip], ids: list[int], actor: Actor) -> int:
    """Files first: a row without its file goes with the next try, a file without its row would come back.

    How many went. Raises BadRequest("too_many"), Conflict("protected").
    """
    if len(ids) > MOST_AT_ONCE:
        raise BadRequest("too_many", f"at most {MOST_AT_ONCE} at once", "ids")
    found = list(queries.theirs(model, camera).filter(pk__in=ids).order_by("pk").select_for_update())
    if any(kept.is_protected for kept in found):
        raise Conflict("protected", "take the protection off first")
    files.remove(model, found)
    count = len(found)
    if count:
        _audit(actor, "camera.kept_deleted", camera, {}, {"count": count, "paths": [k.path for k in found[:20]]})
        publish_on_commit(news(camera, "camera.kept_changed"))
    return count


@transaction.atomic
def request_film(*, camera: Camera, kind: str, since: datetime, until: datetime, actor: Actor, fps: int = 0) -> Job:
    """A film of what was kept between two instants. Raises BadRequest, Conflict("private", "too_many_films")."""
    if camera.is_private:
        raise Conflict("private", "this camera is private at the moment")
    if kind not in (EXPORT, TIMELAPSE):
        raise BadRequest("bad_kind", "no such kind of film", "kind", (EXPORT, TIMELAPSE))
    if kind == TIMELAPSE and not 1 <= fps <= 60:
        raise BadRequest("bad_fps", "1 to 60 images a second", "fps")
    if not since < until:
        raise BadRequest("bad_until", "it ends after it begins", "until")
    _check_film(camera, kind, since, until)
    if Job.objects.filter(device_id=camera.device_id, state__in=queries.OPEN_JOBS).count() >= MOST_FILMS:
        raise Conflict("too_many_films", "films of this camera are being made already: wait for them")
    job = Job.objects.create(
        device_id=camera.device_id,
        account_id=camera.device.account_id,
        kind=kind,
        since=since,
        until=until,
        fps=fps,
        requested_by=actor.text[:200],
        created_at=timezone.now(),
    )
    after = {"kind": kind, "since": since.isoformat(), "until": until.isoformat()}
    _audit(actor, "camera.film_requested", camera, {}, after)
    publish_on_commit(news(camera, "camera.job_requested"))
    return job


def _check_film(camera: Camera, kind: str, since: datetime, until: datetime) -> None:
    if kind == TIMELAPSE:
        count = queries.theirs(Image, camera).filter(at__gte=since, at__lt=until).count()
        if not 1 <= count <= MOST_IMAGES:
            raise BadRequest("bad_span", f"{count} images; 1 to {MOST_IMAGES} make a film", "until")
        return
    if until - since > LONGEST_EXPORT:
        raise BadRequest("bad_span", f"at most {LONGEST_EXPORT.total_seconds() / 3600:.0f} hours", "until")
    if not queries.clips_within(camera, since, until).exists():
        raise BadRequest("bad_span", "nothing was recorded then", "until")


@transaction.atomic
def delete_film(*, camera: Camera, job: Job, actor: Actor) -> None:
    """Raises Conflict("running")."""
    gone = Job.objects.filter(pk=job.pk).exclude(state=JobState.RUNNING).delete()[0]
    if not gone:
        raise Conflict("running", "it is being made: wait until it has ended")
    files.remove_film(job)
    _audit(actor, "camera.film_deleted", camera, {}, {"kind": job.kind})
    publish_on_commit(news(camera, "camera.job_progressed"))


def note_download(*, camera: Camera, what: str, actor: Actor) -> None:
    """Who takes a picture or a film with them stands in the audit log; each person and thing once in a while."""
    _note(camera, actor, "camera.downloaded", what)


def _note(camera: Camera, actor: Actor, verb: str, what: str = "") -> None:
    """Looking needs no database that takes something in: while it is full, what cannot be written is in the log."""
    key = _key(verb, camera, actor, what)
    if not cache.add(key, 1, VIEW_EVERY.total_seconds()):
        return
    try:
        with transaction.atomic():
            _audit(actor, verb, camera, {}, {"path": what} if what else {})
    except OperationalError as error:
        cache.delete(key)
        logger.error("not in the audit log: %s %s %s %s (%s)", actor.text, verb, camera.pk, what, error)


def _key(verb: str, camera: Camera, actor: Actor, what: str = "") -> str:
    """Keys of the cache have bounds that an address or a path need not keep."""
    return hashlib.sha256(f"{verb}\0{camera.pk}\0{actor.text}\0{what}".encode()).hexdigest()


# what the data plane asks on behalf of a person


def viewer(cookie: str, authorization: str, device_id: str, address: str = "") -> int | None:
    """The id of who calls, if they may look through this camera now; `device_id` "" means their default camera."""
    caller = caller_of(cookie, authorization, address)
    if caller is None:
        return None
    try:
        camera = queries.watched_camera_for(caller.user, device_id or queries.default_of(caller.user))
    except PanalError:
        return None
    note_view(camera=camera, actor=caller)
    return caller.user.pk  # type: ignore[union-attr]


def operator(cookie: str, authorization: str, device_id: str, address: str = "") -> str:
    """The id of the camera that is meant, if who calls may operate it. Raises Unauthorized, NotFound, Forbidden."""
    return _operated(cookie, authorization, device_id, address)[0].device_id


def command(cookie: str, authorization: str, device_id: str, cmd: str, val: str, address: str = "") -> None:
    """Raises Unauthorized, NotFound, Forbidden, BadRequest, Conflict."""
    camera, caller = _operated(cookie, authorization, device_id, address)
    command_camera(camera=camera, cmd=cmd, val=val, actor=caller)


def auto_save(cookie: str, authorization: str, device_id: str, is_on: bool | None, address: str = "") -> bool:
    """Save by itself from now on, or not; None turns it over. What it is now."""
    camera, caller = _operated(cookie, authorization, device_id, address)
    is_on = not camera.auto_save if is_on is None else is_on
    return change_camera(camera=camera, actor=caller, auto_save=is_on).auto_save


# viewers of the older kind, of whom nothing is known but that they are near: the data plane has seen to that


def older_command(device_id: str, cmd: str, val: str, address: str = "") -> None:
    """Raises NotFound, BadRequest, Conflict."""
    camera, caller = _older(device_id, address)
    command_camera(camera=camera, cmd=cmd, val=val, actor=caller)


def older_auto_save(device_id: str, is_on: bool | None, address: str = "") -> bool:
    camera, caller = _older(device_id, address)
    is_on = not camera.auto_save if is_on is None else is_on
    return change_camera(camera=camera, actor=caller, auto_save=is_on).auto_save


def _older(device_id: str, address: str) -> tuple[Camera, Actor]:
    device = devices.device_of(device_id) if device_id == settings.PANAL.legacy_camera else None
    if device is None:
        raise NotFound("not_found")
    return queries.camera_of(device), system(f"older viewer at {address}")


def _operated(cookie: str, authorization: str, device_id: str, address: str) -> tuple[Camera, Actor]:
    caller = caller_of(cookie, authorization, address)
    if caller is None:
        raise Unauthorized("who_are_you", "sign in, or send a machine token")
    return queries.camera_for(caller.user, device_id or queries.default_of(caller.user), OPERATE), caller
