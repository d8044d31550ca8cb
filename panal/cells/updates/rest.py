"""REST of updates: release keys, releases, rollouts, and how the updates of devices go.

Keys and releases belong to the operator's administrators, rollouts to staff that may operate. Customers see the
updates of their own devices, and let a device take now what is released for it.
"""

import uuid
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import File, Form, Query, Router, Schema, Status
from ninja.files import UploadedFile
from pydantic import Field

from panal.cells.accounts.api import SEE
from panal.cells.devices import api as devices
from panal.control.rest import DeviceId, Id, Input, Instant, Page, Paging, actor_of, answers, page_of
from panal.protocol.errors import BadRequest

from . import actions, progress, queries
from .models import Release, ReleaseKey, Rollout, Update
from .stages import MOST_STAGES, Plan

router = Router(tags=["updates"])

UpdateState = Annotated[str, Field(pattern=f"^(|{'|'.join(progress.STATES)})$")]
ReleaseWord = Annotated[str, Field(pattern="^(|draft|released|withdrawn)$")]
Percent = Annotated[float, Field(gt=0, le=100)]
Minute = Annotated[int, Field(ge=0, lt=1440)]


# keys


class KeyOut(Schema):
    id: int
    name: str
    fingerprint: str
    added_by: str
    added_at: Instant
    retired_at: Instant | None


class KeyIn(Input):
    name: Annotated[str, Field(min_length=1, max_length=80)]
    public_key: Annotated[str, Field(max_length=actions.MOST_PEM)]
    """PEM of an RSA-3072 key. The private half never comes here."""


@router.get("/updates/keys", response=answers(Page[KeyOut]))
def release_keys(request: HttpRequest, paging: Query[Paging]) -> Any:
    return page_of(queries.keys_for(request.user), paging)


@router.post("/updates/keys", response=answers(KeyOut, 201))
def add_release_key(request: HttpRequest, payload: KeyIn) -> Any:
    queries.require_release(request.user)
    return Status(201, actions.add_key(name=payload.name, pem=payload.public_key, actor=actor_of(request)))


@router.post("/updates/keys/{key_id}/retire", response=answers(KeyOut))
def retire_release_key(request: HttpRequest, key_id: Id) -> Any:
    """New releases signed with it are refused from now on."""
    actions.retire_key(key=queries.key_for(request.user, key_id), actor=actor_of(request))
    return ReleaseKey.objects.get(pk=key_id)


# releases


class ReleaseOut(Schema):
    id: int
    version: str
    board: str
    kind: str
    security_version: int
    notes: str
    state: str
    artifact: str
    """SHA-256."""
    size_bytes: int
    key: int
    added_by: str
    added_at: Instant
    released_at: Instant | None
    withdrawn_at: Instant | None
    done: int
    """Devices that have taken it."""
    trouble: int
    """Devices that rolled it back, refused it or fell silent."""

    @staticmethod
    def resolve_key(release: Release) -> int:
        return release.key_id

    @staticmethod
    def resolve_done(release: Release) -> int:
        return release.done_count  # type: ignore[attr-defined, no-any-return]

    @staticmethod
    def resolve_trouble(release: Release) -> int:
        return release.trouble_count  # type: ignore[attr-defined, no-any-return]


class MoreIn(Input):
    notes: Annotated[str, Field(max_length=4000)] = ""


class NotesIn(Input):
    notes: Annotated[str, Field(max_length=4000)]


@router.get("/updates/releases", response=answers(Page[ReleaseOut]))
def releases(
    request: HttpRequest,
    paging: Query[Paging],
    board: Annotated[str, Field(max_length=32)] = "",
    state: ReleaseWord = "",
) -> Any:
    """Newest first."""
    return page_of(queries.releases_for(request.user, board, state), paging)


@router.post("/updates/releases", response=answers(ReleaseOut, 201))
def add_release(request: HttpRequest, file: File[UploadedFile], more: Form[MoreIn]) -> Any:
    """A release file, as `panal updates build` makes it. It is checked, and is a draft then."""
    queries.require_release(request.user)
    release = actions.add_release(file=file, notes=more.notes, actor=actor_of(request))
    return Status(201, queries.release_for(request.user, release.pk))


@router.get("/updates/releases/{release_id}", response=answers(ReleaseOut))
def release(request: HttpRequest, release_id: Id) -> Any:
    return queries.release_for(request.user, release_id)


@router.patch("/updates/releases/{release_id}", response=answers(ReleaseOut))
def change_release(request: HttpRequest, release_id: Id, payload: NotesIn) -> Any:
    found = _release_to_change(request, release_id)
    actions.change_notes(release=found, notes=payload.notes, actor=actor_of(request))
    return queries.release_for(request.user, release_id)


@router.delete("/updates/releases/{release_id}", response=answers(None, 204))
def delete_release(request: HttpRequest, release_id: Id) -> Any:
    """Drafts only."""
    actions.delete_draft(release=_release_to_change(request, release_id), actor=actor_of(request))
    return Status(204, None)


@router.post("/updates/releases/{release_id}/release", response=answers(ReleaseOut))
def publish_release(request: HttpRequest, release_id: Id) -> Any:
    """A draft goes out: it may be rolled out from now on."""
    actions.publish_release(release=_release_to_change(request, release_id), actor=actor_of(request))
    return queries.release_for(request.user, release_id)


@router.post("/updates/releases/{release_id}/withdraw", response=answers(ReleaseOut))
def withdraw_release(request: HttpRequest, release_id: Id) -> Any:
    """Nobody is offered it any more; its rollouts are cancelled."""
    actions.withdraw_release(release=_release_to_change(request, release_id), actor=actor_of(request))
    return queries.release_for(request.user, release_id)


def _release_to_change(request: HttpRequest, release_id: int) -> Release:
    queries.require_release(request.user)
    return queries.release_for(request.user, release_id)


# rollouts


class StageOut(Schema):
    number: int
    percent: float
    success_pct: float
    error_pct: float
    state: str
    began_at: Instant | None
    ended_at: Instant | None
    devices: dict[str, int]
    """By state."""


class RolloutOut(Schema):
    id: uuid.UUID
    release: int
    version: str
    state: str
    reason: str
    choice: str
    place: str
    jitter_s: int
    window: list[int] | None
    time_zone: str
    patience_s: int | None
    requested_by: str
    created_at: Instant
    ended_at: Instant | None
    devices: dict[str, int]
    """By state."""

    @staticmethod
    def resolve_release(rollout: Rollout) -> int:
        return rollout.release_id

    @staticmethod
    def resolve_version(rollout: Rollout) -> str:
        return str(rollout.release.version)

    @staticmethod
    def resolve_window(rollout: Rollout) -> list[int] | None:
        begin, end = rollout.window_begin_min, rollout.window_end_min
        return None if begin is None or end is None else [begin, end]

    @staticmethod
    def resolve_devices(rollout: Rollout) -> dict[str, int]:
        return queries.counts_of(rollout)


class RolloutWithStages(RolloutOut):
    stages: list[StageOut]

    @staticmethod
    def resolve_stages(rollout: Rollout) -> list[dict[str, Any]]:
        return queries.stages_of(rollout)


class UpdateOut(Schema):
    id: uuid.UUID
    rollout: uuid.UUID
    release: int
    device: str
    name: str
    stage: int
    state: str
    percent: int
    reason: str
    from_version: str
    attempt: int
    offered_at: Instant | None
    heard_at: Instant | None
    ended_at: Instant | None

    @staticmethod
    def resolve_rollout(row: Update) -> uuid.UUID:
        return row.rollout_id

    @staticmethod
    def resolve_release(row: Update) -> int:
        return row.release_id

    @staticmethod
    def resolve_device(row: Update) -> str:
        return row.device_id

    @staticmethod
    def resolve_name(row: Update) -> str:
        return row.device_name

    @staticmethod
    def resolve_stage(row: Update) -> int:
        return row.stage_number


class StageIn(Input):
    percent: Percent
    """Of all devices, up to and with this stage; 100 for the last one."""
    success_pct: Percent = 95
    error_pct: Percent = 10


class RolloutIn(Input):
    """Exactly one of `devices`, `sector`, `group`, `account`, `model` and `all`."""

    release: Id
    devices: Annotated[list[DeviceId], Field(min_length=1, max_length=actions.MOST_DEVICES)] | None = None
    sector: Id | None = None
    group: Id | None = None
    account: Id | None = None
    model: Annotated[str, Field(max_length=32)] | None = None
    all: bool | None = None
    stages: Annotated[list[StageIn], Field(min_length=1, max_length=MOST_STAGES)] | None = None
    jitter_s: Annotated[int, Field(ge=0, le=actions.MOST_JITTER_S)] = 600
    window: Annotated[list[Minute], Field(min_length=2, max_length=2)] | None = None
    """Minutes of the day between which boards are offered it."""
    time_zone: Annotated[str, Field(max_length=64)] = "UTC"
    patience_s: Annotated[int, Field(ge=60, le=actions.MOST_PATIENCE_S)] | None = None
    """For so long after its beginning a stage waits for devices that do not come; null: for ever."""


@router.get("/updates/rollouts", response=answers(Page[RolloutOut]))
def rollouts(request: HttpRequest, paging: Query[Paging], release: Id | None = None) -> Any:
    """Newest first."""
    of = queries.release_for(request.user, release) if release is not None else None
    return page_of(queries.rollouts_for(request.user, of), paging)


@router.post("/updates/rollouts", response=answers(RolloutWithStages, 201))
def begin_rollout(request: HttpRequest, payload: RolloutIn) -> Any:
    queries.require_roll_out(request.user)
    release = queries.release_for(request.user, payload.release)
    chosen = _chosen(request, release, payload)
    rollout = actions.begin_rollout(release=release, pace=_pace(payload), actor=actor_of(request), **chosen._asdict())
    return Status(201, queries.rollout_for(request.user, rollout.pk))


def _chosen(request: HttpRequest, release: Release, payload: RolloutIn) -> queries.Chosen:
    user = request.user
    choose: dict[str, Any] = {
        "devices": lambda: queries.chosen_for(user, payload.devices or ()),
        "sector": lambda: queries.sector_of(user, release, payload.sector or 0),
        "group": lambda: queries.group_of(user, release, payload.group or 0),
        "account": lambda: queries.account_of(user, release, payload.account or 0),
        "model": lambda: queries.model_chosen(user, release, payload.model or ""),
        "all": lambda: queries.all_for(user, release),
    }
    given = [name for name in choose if getattr(payload, name) is not None and getattr(payload, name) is not False]
    if len(given) != 1:
        raise BadRequest("bad_choice", f"exactly one of {', '.join(choose)}", "devices")
    found: queries.Chosen = choose[given[0]]()
    return found


def _pace(payload: RolloutIn) -> actions.Pace:
    plans = payload.stages and tuple(Plan(**stage.model_dump()) for stage in payload.stages)
    window = (payload.window[0], payload.window[1]) if payload.window else None
    more = (payload.jitter_s, window, payload.time_zone, payload.patience_s)
    return actions.Pace(plans or actions.Pace().plans, *more)


@router.get("/updates/rollouts/{rollout_id}", response=answers(RolloutWithStages))
def rollout(request: HttpRequest, rollout_id: uuid.UUID) -> Any:
    return queries.rollout_for(request.user, rollout_id)


@router.get("/updates/rollouts/{rollout_id}/devices", response=answers(Page[UpdateOut]))
def rollout_devices(request: HttpRequest, rollout_id: uuid.UUID, paging: Query[Paging], state: UpdateState = "") -> Any:
    """How each device's update goes, stage by stage, by name."""
    return page_of(queries.updates_for(request.user, rollout_id, state), paging)


@router.post("/updates/rollouts/{rollout_id}/pause", response=answers(RolloutWithStages))
def pause_rollout(request: HttpRequest, rollout_id: uuid.UUID) -> Any:
    """Nobody begins any more; who has begun goes on."""
    return _turned(request, rollout_id, actions.pause_rollout)


@router.post("/updates/rollouts/{rollout_id}/resume", response=answers(RolloutWithStages))
def resume_rollout(request: HttpRequest, rollout_id: uuid.UUID) -> Any:
    """Go on; where it stopped by itself, the trouble until now is forgiven."""
    return _turned(request, rollout_id, actions.resume_rollout)


@router.post("/updates/rollouts/{rollout_id}/cancel", response=answers(RolloutWithStages))
def cancel_rollout(request: HttpRequest, rollout_id: uuid.UUID) -> Any:
    """Take it back for the devices that have not begun."""
    return _turned(request, rollout_id, actions.cancel_rollout)


@router.post("/updates/rollouts/{rollout_id}/retry", response=answers(RolloutWithStages))
def retry_rollout(request: HttpRequest, rollout_id: uuid.UUID) -> Any:
    """Once more for those that refused or fell silent; never for those that rolled it back."""
    return _turned(request, rollout_id, actions.retry_rollout)


def _turned(request: HttpRequest, rollout_id: uuid.UUID, action: Any) -> Any:
    queries.require_roll_out(request.user)
    action(rollout=queries.rollout_for(request.user, rollout_id), actor=actor_of(request))
    return queries.rollout_for(request.user, rollout_id)


# one device


@router.get("/updates/devices/{device_id}", response=answers(Page[UpdateOut]))
def device_updates(request: HttpRequest, device_id: DeviceId, paging: Query[Paging]) -> Any:
    """How a device's updates went, newest first."""
    device = devices.device_for(request.user, device_id, SEE)
    return page_of(queries.history_for(request.user, device), paging)


@router.post("/updates/devices/{device_id}/now", response=answers(UpdateOut, 201))
def update_device(request: HttpRequest, device_id: DeviceId) -> Any:
    """Let a device take the newest release that is out for it, now. 404 where there is none."""
    device, release = queries.available_to_take(request.user, device_id)
    rollout = actions.update_now(release=release, device=device, actor=actor_of(request))
    return Status(201, Update.objects.get(rollout=rollout, device=device))
