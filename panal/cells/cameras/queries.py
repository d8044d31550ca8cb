"""Which cameras there are, what they kept, and who may see it: a stranger's camera does not exist for them.

A restricted camera exists for those who manage its account and for its watchers; a private one shows nothing.
"""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from panal.cells.accounts.api import MANAGE, SEE, may
from panal.cells.devices import api as devices
from panal.cells.devices.catalog import MODELS
from panal.control.callers import caller_of
from panal.protocol.errors import Conflict, NotFound, Unauthorized

from .models import Camera, Clip, Image, Motion
from .settings import CameraSettings

CODES = [code for code, model in MODELS.items() if "cameras" in model.cells]
"""The models that are cameras."""


def camera_of(device: Any) -> Camera:
    """Its row; a new one, not stored yet, where nobody of this owner has set anything."""
    found = Camera.objects.filter(pk=device.pk).first()
    return _own(device, found)


def _own(device: Any, found: Camera | None) -> Camera:
    if found is None or found.owned_at != device.owned_at:
        fresh = Camera(device=device, owned_at=device.owned_at)
        if found is not None:  # what the board says of itself is not its owner's
            fresh.connected_at, fresh.gone_at, fresh.health_at = found.connected_at, found.gone_at, found.health_at
            fresh.info, fresh.health, fresh.ip = found.info, found.health, found.ip
        return fresh
    found.device = device
    return found


def cameras_for(user: Any, capability: str = SEE, account: int | None = None) -> list[Camera]:
    """By name. Those that this person may see, or do more with."""
    found = devices.named_first(devices.devices_for(user, capability).filter(model_code__in=CODES))
    found = found.filter(account_id=account) if account is not None else found
    known = {device.pk: device for device in found}
    rows = Camera.objects.in_bulk(list(known))
    cameras = [_own(device, rows.get(device.pk)) for device in known.values()]
    return [camera for camera in cameras if _may_watch(user, camera)]


def camera_for(user: Any, device_id: str, capability: str = SEE) -> Camera:
    """Raises NotFound for a stranger and for who is not among the watchers, Forbidden where the role is not enough."""
    device = devices.device_for(user, device_id, capability)
    camera = camera_of(device)
    if device.model_code not in CODES or not _may_watch(user, camera):
        raise NotFound("not_found")
    return camera


def _may_watch(user: Any, camera: Camera) -> bool:
    if not camera.is_restricted or may(user, camera.device.account_id, MANAGE):
        return True
    return camera.watchers.filter(pk=user.pk).exists()


def watcher_ids(camera: Camera) -> list[int]:
    """Who is named, whether or not the camera is restricted now."""
    return sorted(camera.watchers.values_list("pk", flat=True)) if camera.is_restricted else []


def members_of(camera: Camera) -> set[int]:
    """The people of its account."""
    account = camera.device.account
    return set(account.memberships.values_list("user_id", flat=True)) if account is not None else set()


def watched_camera_for(user: Any, device_id: str) -> Camera:
    """As `camera_for`, to look through it. Raises Conflict("private") while it shows nothing to anybody."""
    camera = camera_for(user, device_id)
    if camera.is_private:
        raise Conflict("private", "this camera is private at the moment")
    return camera


def settings_of(device_id: str) -> CameraSettings:
    """For the data plane: how it is set. Raises NotFound where there is no such camera."""
    device = devices.device_of(device_id)
    if device is None or device.model_code not in CODES:
        raise NotFound("not_found")
    return camera_of(device).settings


def default_for(cookie: str, authorization: str) -> str:
    """For the data plane: the camera that is meant where none is named. Raises Unauthorized, NotFound."""
    caller = caller_of(cookie, authorization)
    if caller is None:
        raise Unauthorized("who_are_you", "sign in, or send a machine token")
    return default_of(caller.user)


def default_of(user: Any) -> str:
    """A connected one before the others. Raises NotFound("no_camera")."""
    cameras = cameras_for(user)
    if not cameras:
        raise NotFound("no_camera", "there is no camera")
    return next((camera for camera in cameras if camera.is_connected), cameras[0]).device_id


def _theirs(model: Any, camera: Camera) -> QuerySet[Any]:
    """What was kept since the camera is its account's: what it saw before is nobody's to see."""
    since = camera.device.owned_at
    own = Q(device_id=camera.device_id, account_id=camera.device.account_id)
    return model.objects.filter(own & Q(at__gte=since) if since else own)  # type: ignore[no-any-return]


def images_for(
    user: Any, device_id: str, since: datetime | None = None, until: datetime | None = None
) -> QuerySet[Image]:
    """Newest first."""
    return _between(_theirs(Image, watched_camera_for(user, device_id)), since, until)


def clips_for(
    user: Any, device_id: str, since: datetime | None = None, until: datetime | None = None
) -> QuerySet[Clip]:
    """Newest first."""
    return _between(_theirs(Clip, watched_camera_for(user, device_id)), since, until)


def motions_for(
    user: Any, device_id: str, since: datetime | None = None, until: datetime | None = None
) -> QuerySet[Motion]:
    """Newest first."""
    found = _theirs(Motion, watched_camera_for(user, device_id)).select_related("image")
    return _between(found, since, until)


def _between(found: QuerySet[Any], since: datetime | None, until: datetime | None) -> QuerySet[Any]:
    found = found.filter(at__gte=since) if since else found
    found = found.filter(at__lt=until) if until else found
    return found.order_by("-at", "-id")


def image_for(user: Any, device_id: str, image_id: int, capability: str = SEE) -> Image:
    camera_for(user, device_id, capability)
    return _one(images_for(user, device_id), image_id)  # type: ignore[no-any-return]


def clip_for(user: Any, device_id: str, clip_id: int, capability: str = SEE) -> Clip:
    camera_for(user, device_id, capability)
    return _one(clips_for(user, device_id), clip_id)  # type: ignore[no-any-return]


def _one(found: QuerySet[Any], id: Any) -> Any:
    row = found.filter(pk=id).first()
    if row is None:
        raise NotFound("not_found")
    return row
