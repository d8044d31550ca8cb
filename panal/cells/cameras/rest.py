"""REST of cameras: settings, commands, images, clips, motion, films; the picture itself is at /cameras/<id>/…."""

import uuid
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field

from panal.cells.accounts.api import EDIT, MANAGE, OPERATE
from panal.control.rest import Id, Input, Instant, Page, Paging, actor_of, answers, page_of
from panal.protocol.errors import BadRequest

from . import actions, downloads, files, queries
from .models import Camera, Clip, Image, Job, Motion
from .settings import CONTROLS

router = Router(tags=["cameras"])

CameraId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
Corner = tuple[float, float]
Word = Annotated[str, Field(max_length=32)]


class SettingsOut(Schema):
    is_private: bool
    auto_save: bool
    save_interval_s: float
    max_images_per_hour: int
    image_quota_bytes: int
    image_days: float
    record: str
    clip_quota_bytes: int
    clip_days: float
    pre_roll_s: float
    post_roll_s: float
    motion_on: bool
    motion_sensitivity: int
    motion_zones: list[list[Corner]]
    motion_cooldown_s: float


class SettingsIn(Input):
    """What is left out stays as it is."""

    is_private: bool | None = None
    auto_save: bool | None = None
    save_interval_s: float | None = None
    max_images_per_hour: int | None = None
    image_quota_bytes: int | None = None
    image_days: float | None = None
    record: Word | None = None
    clip_quota_bytes: int | None = None
    clip_days: float | None = None
    pre_roll_s: float | None = None
    post_roll_s: float | None = None
    motion_on: bool | None = None
    motion_sensitivity: int | None = None
    motion_zones: Annotated[list[Annotated[list[Corner], Field(max_length=64)]], Field(max_length=64)] | None = None
    motion_cooldown_s: float | None = None


class PendingOut(Schema):
    cmd: str
    val: str
    asked_at_ms: int


class UsageOut(Schema):
    """Bytes are of what retention may take: protected ones do not count."""

    image_count: int
    image_bytes: int
    clip_count: int
    clip_bytes: int


class CameraOut(Schema):
    id: str
    name: str
    account: int | None
    is_connected: bool
    connected_at: Instant | None
    gone_at: Instant | None
    ip: str
    info: dict[str, Any]
    health: dict[str, Any]
    health_at: Instant | None
    storage_error: str
    is_restricted: bool
    settings: SettingsOut
    controls: dict[str, int]
    """The newest value that a person gave to each command."""
    pending: list[PendingOut]
    """What the camera has not answered yet."""
    usage: UsageOut

    @staticmethod
    def resolve_id(camera: Camera) -> str:
        return camera.device_id

    @staticmethod
    def resolve_name(camera: Camera) -> str:
        return str(camera.device)

    @staticmethod
    def resolve_account(camera: Camera) -> int | None:
        return camera.device.account_id

    @staticmethod
    def resolve_pending(camera: Camera) -> list[dict[str, Any]]:
        return [{"cmd": cmd, "val": val, "asked_at_ms": at_ms} for cmd, val, at_ms in camera.settings.pending]

    @staticmethod
    def resolve_controls(camera: Camera) -> dict[str, int]:
        return {name: value for name, value in camera.controls.items() if name in CONTROLS}

    @staticmethod
    def resolve_usage(camera: Camera) -> Camera:
        return camera


class WatchersIn(Input):
    is_restricted: bool
    watchers: Annotated[list[Id], Field(max_length=200)] = []
    """Ids of people of the account."""


class WatchersOut(Schema):
    is_restricted: bool
    watchers: list[int]


class CameraCommandIn(Input):
    cmd: Word
    val: Word = ""


class KeptOut(Schema):
    id: int
    at: Instant
    size_bytes: int
    is_protected: bool
    cause: str


class ImageOut(KeptOut):
    width_px: int
    height_px: int


class ClipOut(KeptOut):
    ended_at: Instant
    frames: int


class MotionOut(Schema):
    id: int
    at: Instant
    ended_at: Instant | None
    area_pct: float
    image: int | None

    @staticmethod
    def resolve_image(motion: Motion) -> int | None:
        return motion.image_id


class Span(Schema):
    since: Instant | None = None
    until: Instant | None = None


class WholeSpan(Schema):
    since: Instant
    until: Instant


class StretchOut(Schema):
    begun_at: Instant
    ended_at: Instant
    cause: str


class HourOut(Schema):
    at: Instant
    count: int


class TimelineOut(Schema):
    recorded: list[StretchOut]
    motions: list[MotionOut]
    images: list[HourOut]
    """How many there are in each hour that has some."""


class ProtectIn(Input):
    is_protected: bool


class SaveIn(Input):
    is_protected: bool = False


class RecordIn(Input):
    seconds: Annotated[int, Field(ge=0, le=actions.MOST_RECORDED_S)]
    """0 ends a clip that was asked for."""


class DeleteIn(Input):
    ids: Annotated[list[Id], Field(max_length=actions.MOST_AT_ONCE)]


class CountOut(Schema):
    count: int


class Taken(Schema):
    """It is on its way; the live topic `cameras` tells when it is there."""

    ok: bool = True


class FilmIn(Input):
    kind: Word
    """export: clips as H.264 · timelapse: saved images as a film."""
    since: Instant
    until: Instant
    fps: Annotated[int, Field(ge=0, le=60)] = 0
    """Images in a second of a timelapse."""


class FilmOut(Schema):
    id: uuid.UUID
    kind: str
    since: Instant
    until: Instant
    fps: int
    state: str
    progress_pct: int
    reason: str
    size_bytes: int
    created_at: Instant
    finished_at: Instant | None


def _file(request: HttpRequest, camera_id: str, kept: Image | Clip | Job, content_type: str) -> HttpResponseBase:
    camera = queries.camera_for(request.user, camera_id)
    actions.note_download(camera=camera, what=kept.path, actor=actor_of(request))
    return downloads.answer(request, files.path_of(kept), content_type)


def _as_file(content_type: str) -> dict[str, Any]:
    """How an operation that answers with bytes stands in the OpenAPI document."""
    body = {"content": {content_type: {"schema": {"type": "string", "format": "binary"}}}}
    return {"responses": {200: {"description": "The file", **body}, 206: {"description": "A part of it", **body}}}


@router.get("/cameras", response=answers(list[CameraOut]))
def cameras(request: HttpRequest, account: Id | None = None) -> Any:
    """By name."""
    return queries.cameras_for(request.user, account=account)


@router.get("/cameras/{camera_id}", response=answers(CameraOut))
def camera(request: HttpRequest, camera_id: CameraId) -> Any:
    return queries.camera_for(request.user, camera_id)


@router.patch("/cameras/{camera_id}", response=answers(CameraOut))
def change(request: HttpRequest, camera_id: CameraId, payload: SettingsIn) -> Any:
    found = queries.camera_for(request.user, camera_id, EDIT)
    return actions.change_camera(camera=found, actor=actor_of(request), **payload.dict(exclude_none=True))


@router.get("/cameras/{camera_id}/watchers", response=answers(WatchersOut))
def watchers(request: HttpRequest, camera_id: CameraId) -> Any:
    """Who may see it beside those who manage its account, where it is restricted."""
    found = queries.camera_for(request.user, camera_id, MANAGE)
    return {"is_restricted": found.is_restricted, "watchers": queries.watcher_ids(found)}


@router.put("/cameras/{camera_id}/watchers", response=answers(WatchersOut))
def restrict(request: HttpRequest, camera_id: CameraId, payload: WatchersIn) -> Any:
    found = queries.camera_for(request.user, camera_id, MANAGE)
    found = actions.restrict_camera(camera=found, actor=actor_of(request), **payload.dict())
    return {"is_restricted": found.is_restricted, "watchers": queries.watcher_ids(found)}


@router.post("/cameras/{camera_id}/commands", response=answers(CameraOut, 202))
def command(request: HttpRequest, camera_id: CameraId, payload: CameraCommandIn) -> Any:
    """While the camera is away the newest value of each command waits."""
    found = queries.camera_for(request.user, camera_id, OPERATE)
    return Status(202, actions.command_camera(camera=found, actor=actor_of(request), **payload.dict()))


@router.get("/cameras/{camera_id}/images", response=answers(Page[ImageOut]))
def images(request: HttpRequest, camera_id: CameraId, span: Query[Span], paging: Query[Paging]) -> Any:
    """Newest first."""
    return page_of(queries.images_for(request.user, camera_id, span.since, span.until), paging)


@router.post("/cameras/{camera_id}/images", response=answers(Taken, 202))
def save(request: HttpRequest, camera_id: CameraId, payload: SaveIn) -> Any:
    """Keep the picture of this moment."""
    found = queries.camera_for(request.user, camera_id, OPERATE)
    actions.save_image(camera=found, actor=actor_of(request), is_protected=payload.is_protected)
    return Status(202, {"ok": True})


@router.post("/cameras/{camera_id}/images/delete", response=answers(CountOut))
def delete_images(request: HttpRequest, camera_id: CameraId, payload: DeleteIn) -> Any:
    return _deleted(request, camera_id, Image, payload.ids)


@router.get("/cameras/{camera_id}/images/{image_id}", response=answers(ImageOut))
def image(request: HttpRequest, camera_id: CameraId, image_id: Id) -> Any:
    return queries.image_for(request.user, camera_id, image_id)


@router.get("/cameras/{camera_id}/images/{image_id}/file", response=answers(None), openapi_extra=_as_file("image/jpeg"))
def image_file(request: HttpRequest, camera_id: CameraId, image_id: Id) -> Any:
    return _file(request, camera_id, queries.image_for(request.user, camera_id, image_id), "image/jpeg")


@router.patch("/cameras/{camera_id}/images/{image_id}", response=answers(ImageOut))
def protect_image(request: HttpRequest, camera_id: CameraId, image_id: Id, payload: ProtectIn) -> Any:
    """Retention leaves a protected one alone."""
    return _protected(request, queries.image_for(request.user, camera_id, image_id, OPERATE), payload)


@router.get("/cameras/{camera_id}/clips", response=answers(Page[ClipOut]))
def clips(request: HttpRequest, camera_id: CameraId, span: Query[Span], paging: Query[Paging]) -> Any:
    """Newest first."""
    return page_of(queries.clips_for(request.user, camera_id, span.since, span.until), paging)


@router.post("/cameras/{camera_id}/clips", response=answers(Taken, 202))
def record(request: HttpRequest, camera_id: CameraId, payload: RecordIn) -> Any:
    """Record the next seconds, and what was before them."""
    found = queries.camera_for(request.user, camera_id, OPERATE)
    actions.record_clip(camera=found, seconds=payload.seconds, actor=actor_of(request))
    return Status(202, {"ok": True})


@router.post("/cameras/{camera_id}/clips/delete", response=answers(CountOut))
def delete_clips(request: HttpRequest, camera_id: CameraId, payload: DeleteIn) -> Any:
    return _deleted(request, camera_id, Clip, payload.ids)


@router.get("/cameras/{camera_id}/clips/{clip_id}", response=answers(ClipOut))
def clip(request: HttpRequest, camera_id: CameraId, clip_id: Id) -> Any:
    return queries.clip_for(request.user, camera_id, clip_id)


@router.get("/cameras/{camera_id}/clips/{clip_id}/file", response=answers(None), openapi_extra=_as_file("video/mp4"))
def clip_file(request: HttpRequest, camera_id: CameraId, clip_id: Id) -> Any:
    """MP4 with Motion JPEG, as it was recorded; ask for an export for what browsers play."""
    return _file(request, camera_id, queries.clip_for(request.user, camera_id, clip_id), "video/mp4")


@router.patch("/cameras/{camera_id}/clips/{clip_id}", response=answers(ClipOut))
def protect_clip(request: HttpRequest, camera_id: CameraId, clip_id: Id, payload: ProtectIn) -> Any:
    """Retention leaves a protected one alone."""
    return _protected(request, queries.clip_for(request.user, camera_id, clip_id, OPERATE), payload)


def _protected(request: HttpRequest, kept: Any, payload: ProtectIn) -> Any:
    found = queries.camera_for(request.user, kept.device_id, OPERATE)
    actions.protect(camera=found, kept=kept, is_protected=payload.is_protected, actor=actor_of(request))
    return kept


def _deleted(request: HttpRequest, camera_id: str, model: Any, ids: list[int]) -> Any:
    found = queries.camera_for(request.user, camera_id, EDIT)
    return {"count": actions.delete_kept(camera=found, model=model, ids=ids, actor=actor_of(request))}


@router.get("/cameras/{camera_id}/motions", response=answers(Page[MotionOut]))
def motions(request: HttpRequest, camera_id: CameraId, span: Query[Span], paging: Query[Paging]) -> Any:
    """Newest first."""
    return page_of(queries.motions_for(request.user, camera_id, span.since, span.until), paging)


@router.get("/cameras/{camera_id}/timeline", response=answers(TimelineOut))
def timeline(request: HttpRequest, camera_id: CameraId, span: Query[WholeSpan]) -> Any:
    """What was recorded, what moved and how many images there are, for at most 31 days."""
    if not span.since < span.until <= span.since + queries.LONGEST_TIMELINE:
        raise BadRequest("bad_until", "after since, and at most 31 days", "until")
    found = queries.timeline_for(request.user, camera_id, span.since, span.until)
    hours = [{"at": at, "count": count} for at, count in found.images]
    return {"recorded": found.recorded, "motions": found.motions, "images": hours}


@router.get("/cameras/{camera_id}/films", response=answers(Page[FilmOut]))
def films(request: HttpRequest, camera_id: CameraId, paging: Query[Paging]) -> Any:
    """Newest first. A film is kept for a week."""
    return page_of(queries.jobs_for(request.user, camera_id), paging)


@router.post("/cameras/{camera_id}/films", response=answers(FilmOut, 201))
def request_film(request: HttpRequest, camera_id: CameraId, payload: FilmIn) -> Any:
    """Make a film; `progress_pct` tells how far it is."""
    found = queries.camera_for(request.user, camera_id, OPERATE)
    return Status(201, actions.request_film(camera=found, actor=actor_of(request), **payload.dict()))


@router.get("/cameras/{camera_id}/films/{film_id}", response=answers(FilmOut))
def film(request: HttpRequest, camera_id: CameraId, film_id: uuid.UUID) -> Any:
    return queries.job_for(request.user, camera_id, film_id)


@router.get("/cameras/{camera_id}/films/{film_id}/file", response=answers(None), openapi_extra=_as_file("video/mp4"))
def film_file(request: HttpRequest, camera_id: CameraId, film_id: uuid.UUID) -> Any:
    """404 until it is done."""
    return _file(request, camera_id, queries.film_for(request.user, camera_id, film_id), "video/mp4")


@router.delete("/cameras/{camera_id}/films/{film_id}", response=answers(None, 204))
def delete_film(request: HttpRequest, camera_id: CameraId, film_id: uuid.UUID) -> Any:
    found = queries.camera_for(request.user, camera_id, EDIT)
    job = queries.job_for(request.user, camera_id, film_id, EDIT)
    actions.delete_film(camera=found, job=job, actor=actor_of(request))
    return HttpResponse(status=204)
