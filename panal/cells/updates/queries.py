"""Which releases and rollouts there are, and who may see them; what is offered to whom.

Releases and rollouts are the operator's: for everybody else they do not exist. Whoever sees a device sees how its own
updates went, and whoever may operate it may take what is released.
"""

import uuid
from collections.abc import Iterable
from typing import Any, NamedTuple, TypeVar

from django.db.models import Count, Q, QuerySet

from panal.cells.accounts.api import MANAGE, OPERATE, SEE, account_for, account_ids_for, may_mint, require
from panal.cells.devices import api as devices
from panal.cells.devices.catalog import MODELS
from panal.protocol.errors import Forbidden, NotFound

from . import advance, files, progress, versions
from .models import Choice, Release, ReleaseKey, ReleaseState, Rollout, RolloutState, Update, UpdateState

OVER = (RolloutState.CANCELLED, RolloutState.DONE)
BY_STATE = {f"{state}_count": Count("updates", filter=Q(updates__state=state)) for state in progress.STATES}


Row = TypeVar("Row")


class Chosen(NamedTuple):
    """The devices of a new rollout, and by what they were chosen."""

    device_ids: list[str]
    choice: str
    place: str = ""


# who may


def may_see(user: Any) -> bool:
    """The operator's people who see every account."""
    return account_ids_for(user, SEE) is None


def may_read(user: Any) -> bool:
    """Keys and releases: the factory too, which puts them onto boards."""
    return may_see(user) or may_mint(user)


def may_roll_out(user: Any) -> bool:
    return may_see(user) and account_ids_for(user, OPERATE) is None


def may_release(user: Any) -> bool:
    """Keys and releases are the operator's administrators' to change."""
    return may_see(user) and account_ids_for(user, MANAGE) is None


def require_see(user: Any) -> None:
    if not may_see(user):
        raise NotFound("not_found")


def require_read(user: Any) -> None:
    if not may_read(user):
        raise NotFound("not_found")


def require_roll_out(user: Any) -> None:
    require_read(user)
    if not may_roll_out(user):
        raise Forbidden("not_allowed", "your role does not roll out releases")


def require_release(user: Any) -> None:
    require_read(user)
    if not may_release(user):
        raise Forbidden("not_allowed", "staff administrators only")


# keys and releases


def keys_for(user: Any) -> QuerySet[ReleaseKey]:
    require_read(user)
    return ReleaseKey.objects.annotate(release_count=Count("releases")).order_by("-id")


def key_for(user: Any, key_id: int) -> ReleaseKey:
    require_release(user)
    return _found(ReleaseKey.objects.filter(pk=key_id).first())


def releases_for(user: Any, board: str = "", state: str = "") -> QuerySet[Release]:
    """Newest first, with how many devices have taken each from us, and how many rolled it back."""
    require_read(user)
    found = Release.objects.select_related("key").annotate(
        done_count=Count("updates", filter=Q(updates__state=UpdateState.DONE)),
        trouble_count=Count("updates", filter=Q(updates__state__in=progress.TROUBLE)),
    )
    found = found.filter(board=board) if board else found
    return (found.filter(state=state) if state else found).order_by("-added_at", "-id")


def release_for(user: Any, release_id: int) -> Release:
    return _found(releases_for(user).filter(pk=release_id).first())


def boards() -> list[str]:
    """The boards that there are releases for."""
    return list(Release.objects.order_by("board").values_list("board", flat=True).distinct())


def takers(release: Release, chosen: Iterable[Any]) -> list[Any]:
    """Those of these devices that a release is for and that need it: not older, and not rolled back already."""
    fitting = [
        device
        for device in chosen
        if device.model_code == release.board and versions.is_newer(release.version, device.fw)
    ]
    spurned = set(
        Update.objects.filter(release=release, state=UpdateState.ROLLED_BACK)
        .order_by()
        .values_list("device", flat=True)
    )
    return [device for device in fitting if device.pk not in spurned]


# rollouts


def rollouts_for(user: Any, release: Release | None = None) -> QuerySet[Rollout]:
    """Newest first, each with how many of its devices are in which state."""
    require_see(user)
    found = Rollout.objects.select_related("release").annotate(**BY_STATE).order_by("-created_at", "id")
    return found.filter(release=release) if release else found


def rollout_for(user: Any, rollout_id: uuid.UUID) -> Rollout:
    return _found(rollouts_for(user).filter(pk=rollout_id).first())


def counts_of(rollout: Rollout) -> dict[str, int]:
    """Of a rollout that was read here."""
    return {state: getattr(rollout, f"{state}_count") for state in progress.STATES}


def updates_for(user: Any, rollout_id: uuid.UUID, state: str = "", stage: int | None = None) -> QuerySet[Update]:
    """The devices of a rollout, stage by stage, by name."""
    rollout_for(user, rollout_id)
    found = Update.objects.filter(rollout_id=rollout_id).select_related("device", "rollout")
    found = found.filter(stage_number=stage) if stage is not None else found
    return found.filter(state=state) if state in progress.STATES else found


def stages_of(rollout: Rollout) -> list[dict[str, Any]]:
    """The stages of a rollout that was read for a person, each with how many of its devices are how far."""
    counts = advance.counts_of(rollout)
    fields = ("number", "percent", "success_pct", "error_pct", "state", "began_at", "ended_at")
    return [
        {name: getattr(stage, name) for name in fields} | {"devices": counts.get(stage.number, {}), "stage": stage}
        for stage in rollout.stages.all()
    ]


# choosing devices


def devices_for(user: Any, release: Release) -> QuerySet[Any]:
    """The devices that a rollout of this release may be about."""
    require_roll_out(user)
    found = devices.devices_for(user, OPERATE).filter(state="activated", model_code=release.board)
    return devices.named_first(found)


def all_for(user: Any, release: Release) -> Chosen:
    return _chosen(devices_for(user, release), Choice.ALL)


def account_of(user: Any, release: Release, account_id: int) -> Chosen:
    found = account_for(user, account_id, OPERATE)
    return _chosen(devices_for(user, release).filter(account=found), Choice.ACCOUNT, found.name)


def sector_of(user: Any, release: Release, sector_id: int) -> Chosen:
    sector = devices.sector_for(user, sector_id, OPERATE)
    return _chosen(devices.within(devices_for(user, release), sector), Choice.SECTOR, sector.name)


def group_of(user: Any, release: Release, group_id: int) -> Chosen:
    group = devices.group_for(user, group_id, OPERATE)
    return _chosen(devices_for(user, release).filter(groups=group), Choice.GROUP, group.name)


def model_chosen(user: Any, release: Release, code: str) -> Chosen:
    if code not in MODELS:
        raise NotFound("not_found")
    return _chosen(devices_for(user, release).filter(model_code=code), Choice.MODEL, code)


def chosen_for(user: Any, device_ids: Iterable[str]) -> Chosen:
    """Raises NotFound, Forbidden."""
    require_roll_out(user)
    return Chosen([device.pk for device in devices.chosen_for(user, device_ids, OPERATE)], Choice.DEVICES)


def _chosen(found: QuerySet[Any], choice: str, place: str = "") -> Chosen:
    return Chosen(list(found.order_by().values_list("pk", flat=True)), choice, place)


# one device


def history_for(user: Any, device: Any) -> QuerySet[Update]:
    """How its updates went since it is its owner's, newest first."""
    require(user, device.account_id, SEE)
    found = Update.objects.filter(device=device).exclude(state=UpdateState.QUEUED)
    found = found.filter(rollout__created_at__gte=device.owned_at) if device.owned_at else found
    return found.select_related("release", "rollout").order_by("-rollout__created_at", "pk")


def available_for(user: Any, device: Any) -> Release | None:
    """The newest release that is out for this device and that it has neither taken nor rolled back."""
    require(user, device.account_id, SEE)
    out = Release.objects.filter(state=ReleaseState.RELEASED, board=device.model_code)
    spurned = Update.objects.filter(device=device, state=UpdateState.ROLLED_BACK).values("release")
    newest: Release | None = None
    for release in out.exclude(pk__in=spurned):
        if versions.is_newer(release.version, newest.version if newest else device.fw):
            newest = release
    return newest


def available_to_take(user: Any, device_id: str) -> tuple[Any, Release]:
    """A device, and what a person who may operate it can let it take now. Raises NotFound, Forbidden."""
    device = devices.device_for(user, device_id, OPERATE)
    return device, _found(available_for(user, device))


def _found(row: Row | None) -> Row:
    if row is None:
        raise NotFound("not_found")
    return row


# for the data plane


def artifact_of(device_id: str, sha256: str) -> str:
    """The path of an artifact that this device was offered and may still take. Raises NotFound."""
    offered = Update.objects.filter(device_id=device_id, offered_at__isnull=False, state__in=progress.TAKES)
    if not offered.filter(release__artifact=sha256, release__state=ReleaseState.RELEASED).exists():
        raise NotFound("unknown_artifact", "no such artifact")
    path = files.path_of(sha256)
    if not path.is_file():
        raise NotFound("unknown_artifact", "no such artifact")
    return str(path)
