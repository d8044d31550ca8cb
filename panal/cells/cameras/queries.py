"""Which cameras there are, what they kept, and who may see it: a stranger's camera does not exist for them.

A restricted camera exists for those who manage its account and for its watchers; a private one shows nothing.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import F, Max, Q, QuerySet

from panal.cells.accounts.api import MANAGE, SEE, may
from panal.cells.devices import api as devices
from panal.cells.devices.catalog import MODELS
from panal.control.callers import caller_of
from panal.protocol.errors import Conflict, NotFound, Unauthorized

from .models import Camera, Clip, Image, Job, JobState, Motion
from .settings import CameraSettings

GAP = timedelta(seconds=2)
MOST_MOTIONS = 2000
LONGEST_TIMELINE = timedelta(days=31)
OPEN_JOBS = (JobState.WAITING, JobState.RUNNING)


class Stretch(NamedTuple):
    """A time without a gap that was recorded for one reason."""

    begun_at: datetime
    ended_at: datetime
    cause: str


class Timeline(NamedTuple):
    recorded: list[Stretch]
    motions: list[Motion]
    images: list[tuple[datetime, int]]
    """How many there are in each hour that has some."""


CODES = [code for code, model in MODELS.items() if "cameras" in model.cells]
"""The models that are cameras."""


def camera_of(device: Any) -> Camera:
    """Its row; a new one, not stored yet, where nobody of this owner has set anything."""
    found = Camera.objects.filter(pk=device.pk).first()
    return own(device, found)


def own(device: Any, found: Camera | None) -> Camera:
    """The camera of a device, from its row if there is one that is of this owner's time."""
    if found is None or found.owned_at != device.owned_at:
        ours = settings.PANAL
        fresh = Camera(device=device, owned_at=device.owned_at, auto_save=ours.images_auto_save)
        fresh.max_images_per_hour = ours.images_max_per_hour
        if found is not None:  # what the board says of itself is not its owner's
            fresh.connected_at, fresh.gone_at, fresh.health_at = found.connected_at, found.gone_at, found.health_at
            fresh.info, fresh.health, fresh.ip = found.info, found.health, found.ip
            fresh.image_count, fresh.image_bytes = found.image_count, found.image_bytes
            fresh.clip_count, fresh.clip_bytes = found.clip_count, found.clip_bytes
        return fresh
    found.device = device
    return found


def cameras_for(user: Any, capability: str = SEE, account: int | None = None) -> list[Camera]:
    """By name. Those that this person may see, or do more with."""
    found = devices.named_first(devices.devices_for(user, capability).filter(model_code__in=CODES))
    found = found.filter(account_id=account) if account is not None else found
    known = {device.pk: device for device in found}
    rows = Camera.objects.in_bulk(list(known))
    cameras = [own(device, rows.get(device.pk)) for device in known.values()]
    watched = set(Camera.objects.filter(watchers=user).values_list("pk", flat=True))
    return [camera for camera in cameras if _may_watch(user, camera, watched)]


def camera_ids_for(user: Any, account: int | None = None, search: str = "") -> list[str]:
    """As `cameras_for`, without reading more of a thousand cameras than their ids."""
    found = devices.named_first(devices.devices_for(user).filter(model_code__in=CODES))
    found = found.filter(account_id=account) if account is not None else found
    named = Q(name__icontains=search) | Q(id__icontains=search) | Q(sector__name__icontains=search)
    found = found.filter(named) if search else found
    watched = set(Camera.objects.filter(watchers=user).values_list("pk", flat=True))
    restricted = Camera.objects.filter(is_restricted=True, device__in=found.order_by().values("pk"))
    cameras = [own(camera.device, camera) for camera in restricted.select_related("device")]
    hidden = {camera.pk for camera in cameras if not _may_watch(user, camera, watched)}
    return [id for id in found.values_list("pk", flat=True) if id not in hidden]


def cameras_among(user: Any, ids: list[str]) -> list[Camera]:
    """Those of these that `camera_ids_for` gave, in the same order."""
    known = devices.devices_for(user).in_bulk(ids)
    rows = Camera.objects.in_bulk(ids)
    return [own(known[id], rows.get(id)) for id in ids if id in known]


def newest_images_of(cameras: list[Camera]) -> dict[str, int]:
    """The id of the newest image of each, where there is one that may be seen."""
    shown = {camera.device_id: camera for camera in cameras if not camera.is_private}
    newest = Image.objects.filter(device_id__in=shown).order_by().values("device_id").annotate(newest=Max("id"))
    images = Image.objects.in_bulk([row["newest"] for row in newest])
    return {image.device_id: image.pk for image in images.values() if _is_theirs(image, shown[image.device_id].device)}


def _is_theirs(image: Image, device: Any) -> bool:
    return image.account_id == device.account_id and (device.owned_at is None or image.at >= device.owned_at)


def camera_for(user: Any, device_id: str, capability: str = SEE) -> Camera:
    """Raises NotFound for a stranger and for who is not among the watchers, Forbidden where the role is not enough."""
    device = devices.device_for(user, device_id, capability)
    camera = camera_of(device)
    watched = {device.pk} if camera.is_restricted and camera.watchers.filter(pk=user.pk).exists() else set()
    if device.model_code not in CODES or not _may_watch(user, camera, watched):
        raise NotFound("not_found")
    return camera


def _may_watch(user: Any, camera: Camera, watched: set[str]) -> bool:
    """`watched`: the cameras that this person is a watcher of."""
    return not camera.is_restricted or camera.device_id in watched or may(user, camera.device.account_id, MANAGE)


def watcher_ids(camera: Camera) -> list[int]:
    """Who is named, where the camera is restricted."""
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


def connected() -> list[str]:
    """For the data plane: ids of the cameras that were connected by what was last said of them."""
    return list(Camera.objects.exclude(connected_at=None).values_list("device_id", flat=True))


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


def theirs(model: Any, camera: Camera) -> QuerySet[Any]:
    """What was kept since the camera is its account's: what it saw before is nobody's to see."""
    since = camera.device.owned_at
    own = Q(device_id=camera.device_id, account_id=camera.device.account_id)
    return model.objects.filter(own & Q(at__gte=since) if since else own)  # type: ignore[no-any-return]


def images_for(
    user: Any, device_id: str, since: datetime | None = None, until: datetime | None = None
) -> QuerySet[Image]:
    """Newest first."""
    return _between(theirs(Image, watched_camera_for(user, device_id)), since, until)


def clips_for(
    user: Any, device_id: str, since: datetime | None = None, until: datetime | None = None
) -> QuerySet[Clip]:
    """Newest first."""
    return _between(theirs(Clip, watched_camera_for(user, device_id)), since, until)


def motions_for(
    user: Any, device_id: str, since: datetime | None = None, until: datetime | None = None
) -> QuerySet[Motion]:
    """Newest first."""
    found = theirs(Motion, watched_camera_for(user, device_id)).select_related("image")
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


def clips_within(camera: Camera, since: datetime, until: datetime) -> QuerySet[Clip]:
    """Oldest first, those that are seen at least in part between two instants."""
    found: QuerySet[Clip] = theirs(Clip, camera).filter(at__lt=until, ended_at__gt=since)
    return found.order_by("at", "id")


def jobs_for(user: Any, device_id: str) -> QuerySet[Job]:
    """Films that were asked for, newest first."""
    camera = watched_camera_for(user, device_id)
    found = Job.objects.filter(device_id=device_id, account=camera.device.account)
    since = camera.device.owned_at
    return found.filter(created_at__gte=since) if since else found


def job_for(user: Any, device_id: str, job_id: uuid.UUID, capability: str = SEE) -> Job:
    camera_for(user, device_id, capability)
    return _one(jobs_for(user, device_id), job_id)  # type: ignore[no-any-return]


def film_for(user: Any, device_id: str, job_id: uuid.UUID) -> Job:
    """One that is done."""
    job = job_for(user, device_id, job_id)
    if job.state != JobState.DONE:
        raise NotFound("not_done", "this film is not done")
    return job


def timeline_for(user: Any, device_id: str, since: datetime, until: datetime) -> Timeline:
    """What there is between two instants: what was recorded, what moved, how many images each hour."""
    camera = watched_camera_for(user, device_id)
    clips = clips_within(camera, since, until).values_list("at", "ended_at", "cause")
    motions = theirs(Motion, camera).filter(Q(ended_at__gt=since) | Q(ended_at=None), at__lt=until).order_by("at", "id")
    images = theirs(Image, camera).filter(at__gte=since, at__lt=until).order_by("at").values_list("at", flat=True)
    hours = Counter(at.replace(minute=0, second=0, microsecond=0) for at in images.iterator())
    return Timeline(_joined(clips), list(motions[:MOST_MOTIONS]), sorted(hours.items()))


def _joined(clips: Iterable[tuple[datetime, datetime, str]]) -> list[Stretch]:
    """Segments that follow each other are one stretch: a day of them is thousands."""
    found: list[Stretch] = []
    for begun, ended, cause in clips:
        last = found[-1] if found else None
        if last is not None and last.cause == cause and begun - last.ended_at <= GAP:
            found[-1] = Stretch(last.begun_at, max(last.ended_at, ended), cause)
        else:
            found.append(Stretch(begun, ended, cause))
    return found


def count_kept(model: Any, changes: Mapping[str, tuple[int, int]]) -> None:
    """How many there are of each camera, and the bytes of those that are not protected, have changed by so much."""
    name = model._meta.model_name
    for device_id, (count, size) in changes.items():
        values = {f"{name}_count": F(f"{name}_count") + count, f"{name}_bytes": F(f"{name}_bytes") + size}
        Camera.objects.filter(pk=device_id).update(**values)


# what the data plane asks of files


def known_images(paths: list[str]) -> set[str]:
    """Which of these files have a row."""
    return set(Image.objects.filter(path__in=paths).values_list("path", flat=True))
