"""What changes cameras: one transaction each, written to the audit log, announced on commit."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from panal.cells.accounts.api import OPERATE, Actor, record_audit
from panal.control.callers import caller_of
from panal.control.events import publish_on_commit
from panal.control.instants import milliseconds
from panal.gateway.store import DomainEvent
from panal.protocol.errors import BadRequest, Conflict, PanalError, Unauthorized

from . import queries
from .models import Camera
from .settings import ACTIONS, BOUNDS, CONTROLS, MOST_CORNERS, MOST_ZONES, RECORD, STORED

VIEW_EVERY = timedelta(minutes=10)
"""Who looks longer is written down once in this time."""


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
    kind = type(Camera._meta.get_field(name).to_python(1))
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadRequest(f"bad_{name}", f"{least} to {most}", name)
    return kind(value)


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


def note_view(*, camera: Camera, actor: Actor, now: datetime | None = None) -> None:
    """Who looks through it stands in the audit log, once in a while for each person and camera."""
    now = now or timezone.now()
    key = f"camera-view/{camera.pk}/{actor.text}"
    if cache.add(key, 1, VIEW_EVERY.total_seconds()):
        record_audit(actor=actor, verb="camera.viewed", subject=camera, account_id=camera.device.account_id, now=now)


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


def command(cookie: str, authorization: str, device_id: str, cmd: str, val: str, address: str = "") -> None:
    """Raises Unauthorized, NotFound, Forbidden, BadRequest, Conflict."""
    caller = caller_of(cookie, authorization, address)
    if caller is None:
        raise Unauthorized("who_are_you", "sign in, or send a machine token")
    camera = queries.camera_for(caller.user, device_id or queries.default_of(caller.user), OPERATE)
    command_camera(camera=camera, cmd=cmd, val=val, actor=caller)
