"""REST of devices: inventory, place, identity, twin, commands, telemetry, log."""

import uuid
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Body, Query, Router, Schema, Status
from pydantic import Field

from panal.cells.accounts.api import EDIT, MANAGE, OPERATE, account_for, is_account, may_mint
from panal.control.rest import DeviceId, Id, Input, Instant, Page, Paging, actor_of, answers, page_of
from panal.protocol.errors import BadRequest, Forbidden

from . import actions, claims, queries
from .catalog import MODELS
from .models import Batch, Command, Device, Group, Sector

router = Router(tags=["devices"])

Name = Annotated[str, Field(min_length=1, max_length=80)]


class ModelOut(Schema):
    code: str
    name: str
    board: str
    cells: list[str]
    pins: str
    access_point: str
    """What the name of its access point begins with; its id follows."""


class DeviceOut(Schema):
    id: str
    name: str
    model: str
    account: int | None
    sector: int | None
    groups: list[int]
    state: str
    is_online: bool
    online_changed_at: Instant | None
    last_seen_at: Instant | None
    transport: str
    battery_pct: float | None
    rssi_dbm: int | None
    fw: str
    ip: str
    hw_id: str
    free_heap_bytes: int | None
    uptime_s: int | None
    reset_cause: str
    boot_count: int | None
    mode: str
    heartbeat_s: int
    keyless: bool
    created_at: Instant
    activated_at: Instant | None

    @staticmethod
    def resolve_model(device: Device) -> str:
        return device.model_code

    @staticmethod
    def resolve_account(device: Device) -> int | None:
        return device.account_id

    @staticmethod
    def resolve_sector(device: Device) -> int | None:
        return device.sector_id

    @staticmethod
    def resolve_groups(device: Device) -> list[int]:
        return [group.pk for group in device.groups.all()]

    @staticmethod
    def resolve_heartbeat_s(device: Device) -> int:
        return queries.heartbeat_s_of(device)


class DeviceFilters(Schema):
    search: Annotated[str, Field(max_length=80)] = ""
    presence: Literal["", "online", "late", "offline", "never"] = ""
    state: Literal["", "minted", "activated", "revoked"] = ""
    model: Annotated[str, Field(max_length=32)] = ""
    sector: Id | None = None
    group: Id | None = None
    account: Id | None = None


class MintIn(Input):
    model: str
    count: Annotated[int, Field(ge=1, le=1000)] = 1
    id: DeviceId | None = None
    account: Id | None = None
    note: Annotated[str, Field(max_length=200)] = ""


class MintedOut(Schema):
    device_id: str
    token: str
    ap_password: str
    claim_code: str


class ClaimIn(Input):
    device: DeviceId
    code: Annotated[str, Field(min_length=1, max_length=20)]
    account: Id


class ClaimCodeOut(Schema):
    device_id: str
    claim_code: str
    """Shown once."""


Stage = Literal["", "unflashed", "unsold", "unactivated", "activated"]


class BatchFilters(Schema):
    model: Annotated[str, Field(max_length=32)] = ""
    stage: Stage = ""
    search: Annotated[str, Field(max_length=80)] = ""


class BatchOut(Schema):
    id: int
    model: str
    count: int
    note: str
    made_by: str
    made_at: Instant
    minted: int
    flashed: int
    sold: int
    activated: int

    @staticmethod
    def resolve_model(batch: Batch) -> str:
        return batch.model_code

    @staticmethod
    def resolve_minted(batch: Any) -> int:
        return int(batch.minted_count)

    @staticmethod
    def resolve_flashed(batch: Any) -> int:
        return int(batch.flashed_count)

    @staticmethod
    def resolve_sold(batch: Any) -> int:
        return int(batch.sold_count)

    @staticmethod
    def resolve_activated(batch: Any) -> int:
        return int(batch.activated_count)


class MadeFilters(Schema):
    stage: Stage = ""
    search: Annotated[str, Field(max_length=32)] = ""


class MadeOut(Schema):
    id: str
    flashed_at: Instant | None
    is_sold: bool
    activated_at: Instant | None

    @staticmethod
    def resolve_is_sold(device: Device) -> bool:
        return device.account_id is not None


class DeviceIn(Input):
    """Only what is given changes."""

    name: Annotated[str, Field(max_length=80)] = ""
    sector: Id | None = None
    model: str = ""
    heartbeat_s: Annotated[int, Field(ge=5, le=86400)] | None = None


class AssignIn(Input):
    account: Id | None


class KeylessIn(Input):
    keyless: bool


class DeviceTokenOut(Schema):
    device_id: str
    token: str
    """Shown once."""


class PlaceIn(Input):
    """Many devices at once; `sector` left out: it stays, null: out of it."""

    devices: Annotated[list[DeviceId], Field(min_length=1, max_length=1000)]
    sector: Id | None = None
    join: Annotated[list[Id], Field(max_length=50)] = []
    leave: Annotated[list[Id], Field(max_length=50)] = []


class PlacedOut(Schema):
    placed: int


class CommandIn(Input):
    name: Annotated[str, Field(min_length=1, max_length=48)]
    args: dict[str, Any] = {}
    deadline_s: Annotated[int, Field(ge=1, le=actions.LONGEST_DEADLINE_S)] = actions.DEFAULT_DEADLINE_S


class CommandOut(Schema):
    id: uuid.UUID
    device: str
    name: str
    args: dict[str, Any]
    requested_by: str
    issued_at: Instant
    expires_at: Instant
    sent_at: Instant | None
    status: str
    result: Any
    error_code: str
    error_message: str
    finished_at: Instant | None

    @staticmethod
    def resolve_device(command: Command) -> str:
        return command.device_id


class TwinOut(Schema):
    desired: dict[str, Any]
    desired_version: int
    desired_at: Instant | None
    reported: dict[str, Any]
    reported_version: int
    reported_at: Instant | None
    is_pending: bool


class ReadingOut(Schema):
    name: str
    at: Instant
    mean: float
    minimum: float
    maximum: float
    count: int


class TelemetryFilters(Schema):
    resolution: Literal["raw", "5min", "hourly"] = "raw"
    name: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=20)] = []
    since: Instant | None = None
    until: Instant | None = None
    limit: Annotated[int, Field(ge=1, le=queries.MOST_POINTS)] = 1000


class LogLineOut(Schema):
    at: Instant
    received_at: Instant
    level: str
    message: str


class SectorOut(Schema):
    id: int
    account: int
    name: str
    parent: int | None

    @staticmethod
    def resolve_account(sector: Sector) -> int:
        return sector.account_id

    @staticmethod
    def resolve_parent(sector: Sector) -> int | None:
        return sector.parent_id


class SectorIn(Input):
    account: Id
    name: Name
    parent: Id | None = None


class GroupOut(Schema):
    id: int
    account: int
    name: str

    @staticmethod
    def resolve_account(group: Group) -> int:
        return group.account_id


class GroupIn(Input):
    account: Id
    name: Name


class NameIn(Input):
    name: Name


@router.get("/models", response=answers(list[ModelOut]))
def models(request: HttpRequest) -> Any:
    return [model._asdict() for model in MODELS.values()]


@router.get("/devices", response=answers(Page[DeviceOut]))
def devices(request: HttpRequest, filters: Query[DeviceFilters], paging: Query[Paging]) -> Any:
    found = queries.filtered(queries.devices_for(request.user), **filters.dict())
    return page_of(queries.with_places(found), paging)


@router.post("/devices", response=answers(list[MintedOut], 201))
def mint(request: HttpRequest, payload: MintIn) -> Any:
    """Make devices (staff: factory, admin). Their secrets are shown now and never again."""
    if not may_mint(request.user):  # type: ignore[arg-type]
        raise Forbidden("not_allowed", "only the factory makes devices")
    minted = actions.mint_devices(
        model=payload.model,
        count=payload.count,
        device_id=payload.id or "",
        account_id=_existing_account(payload.account),
        note=payload.note,
        actor=actor_of(request),
    )
    return Status(201, [secret._asdict() for secret in minted])


def _existing_account(account_id: int | None) -> int | None:
    if account_id is not None and not is_account(account_id):
        raise BadRequest("unknown_account", "no such account", "account")
    return account_id


@router.post("/devices/place", response=answers(PlacedOut))
def place(request: HttpRequest, payload: PlaceIn) -> Any:
    """Put many devices of one account into a sector, into groups and out of groups."""
    user = request.user
    chosen = queries.chosen_for(user, payload.devices, EDIT)
    sector: Any = actions.KEEP
    if "sector" in payload.model_fields_set:
        sector = queries.sector_for(user, payload.sector, EDIT) if payload.sector else None
    join = [queries.group_for(user, id, EDIT) for id in payload.join]
    leave = [queries.group_for(user, id, EDIT) for id in payload.leave]
    placed = actions.place_devices(devices=chosen, sector=sector, join=join, leave=leave, actor=actor_of(request))
    return {"placed": placed}


@router.get("/devices/{device_id}", response=answers(DeviceOut))
def device(request: HttpRequest, device_id: DeviceId) -> Any:
    return queries.device_for(request.user, device_id)


@router.patch("/devices/{device_id}", response=answers(DeviceOut))
def change_device(request: HttpRequest, device_id: DeviceId, payload: DeviceIn) -> Any:
    found = queries.device_for(request.user, device_id, EDIT)
    values = payload.dict(exclude_unset=True)
    if values.get("sector") is not None:
        values["sector"] = queries.sector_for(request.user, values["sector"], EDIT)
    if "model" in values:
        values["model_code"] = values.pop("model")
    return actions.change_device(device=found, actor=actor_of(request), **values)


@router.post("/devices/{device_id}/rotate-token", response=answers(DeviceTokenOut))
def rotate_token(request: HttpRequest, device_id: DeviceId) -> Any:
    """A new token; the old one opens nothing from now on."""
    found = queries.device_for(request.user, device_id, MANAGE)
    return {"device_id": device_id, "token": actions.rotate_token(device=found, actor=actor_of(request))}


@router.post("/devices/{device_id}/revoke", response=answers(DeviceOut))
def revoke(request: HttpRequest, device_id: DeviceId) -> Any:
    found = queries.device_for(request.user, device_id, MANAGE)
    actions.revoke_device(device=found, actor=actor_of(request))
    return queries.device_for(request.user, device_id, MANAGE)


@router.put("/devices/{device_id}/account", response=answers(DeviceOut))
def assign(request: HttpRequest, device_id: DeviceId, payload: AssignIn) -> Any:
    """Give a device to a customer or take it back (staff administrators)."""
    found = _as_admin(request, device_id)
    account_id = _existing_account(payload.account)
    return claims.move_device(device=found, account_id=account_id, actor=actor_of(request))


@router.put("/devices/{device_id}/keyless", response=answers(DeviceOut))
def keyless(request: HttpRequest, device_id: DeviceId, payload: KeylessIn) -> Any:
    """Let an old board on a trusted network speak without its token (staff administrators)."""
    found = _as_admin(request, device_id)
    actions.set_keyless(device=found, keyless=payload.keyless, actor=actor_of(request))
    return found


def _as_admin(request: HttpRequest, device_id: str) -> Device:
    found = queries.device_for(request.user, device_id)
    queries.require_admin(request.user)
    return found


@router.post("/devices/{device_id}/flashed", response=answers(None, 204))
def flashed(request: HttpRequest, device_id: DeviceId) -> Any:
    """The factory has written firmware and secrets to this board (staff: factory, admin)."""
    if not may_mint(request.user):  # type: ignore[arg-type]
        queries.device_for(request.user, device_id)
        raise Forbidden("not_allowed", "only the factory flashes devices")
    actions.mark_flashed(device=queries.made_for(request.user, device_id), actor=actor_of(request))
    return Status(204, None)


@router.post("/devices/{device_id}/release", response=answers(None, 204))
def release(request: HttpRequest, device_id: DeviceId) -> Any:
    """Out of its account; nothing it said or was asked stays."""
    claims.release_device(device=queries.device_for(request.user, device_id, MANAGE), actor=actor_of(request))
    return Status(204, None)


@router.post("/devices/{device_id}/hand-over", response=answers(ClaimCodeOut))
def hand_over(request: HttpRequest, device_id: DeviceId) -> Any:
    """Out of its account, with a new code for whom it is given to."""
    found = queries.device_for(request.user, device_id, MANAGE)
    return {"device_id": device_id, "claim_code": claims.hand_over_device(device=found, actor=actor_of(request))}


@router.post("/devices/{device_id}/claim-code", response=answers(ClaimCodeOut))
def claim_code(request: HttpRequest, device_id: DeviceId) -> Any:
    """A new code for a device that is nobody's (staff)."""
    found = queries.device_for(request.user, device_id, MANAGE)
    return {"device_id": device_id, "claim_code": claims.make_claim_code(device=found, actor=actor_of(request))}


@router.post("/claim", response=answers(DeviceOut))
def claim(request: HttpRequest, payload: ClaimIn) -> Any:
    """Bring the device of a label into an account. Whatever does not open it is wrong_claim; too often is 503."""
    account = account_for(request.user, payload.account, EDIT)  # type: ignore[arg-type]
    claimed = claims.claim_device(
        device_id=payload.device, code=payload.code, account_id=account.pk, actor=actor_of(request)
    )
    return queries.device_for(request.user, claimed.pk)


@router.get("/batches", response=answers(Page[BatchOut]))
def batches(request: HttpRequest, filters: Query[BatchFilters], paging: Query[Paging]) -> Any:
    """Newest first (staff)."""
    return page_of(queries.batches_for(request.user, **filters.dict()), paging)


@router.get("/batches/{batch_id}", response=answers(BatchOut))
def batch(request: HttpRequest, batch_id: Id) -> Any:
    return queries.batch_for(request.user, batch_id)


@router.get("/batches/{batch_id}/devices", response=answers(Page[MadeOut]))
def made(request: HttpRequest, batch_id: Id, filters: Query[MadeFilters], paging: Query[Paging]) -> Any:
    """How far each is; not whose it is."""
    found = queries.batch_for(request.user, batch_id)
    return page_of(queries.made_in(request.user, found, **filters.dict()), paging)


@router.get("/devices/{device_id}/commands", response=answers(Page[CommandOut]))
def commands(request: HttpRequest, device_id: DeviceId, paging: Query[Paging]) -> Any:
    """Newest first."""
    queries.device_for(request.user, device_id)
    return page_of(queries.commands_for(request.user, device_id), paging)


@router.post("/devices/{device_id}/commands", response=answers(CommandOut, 201))
def queue_command(request: HttpRequest, device_id: DeviceId, payload: CommandIn) -> Any:
    found = queries.device_for(request.user, device_id, OPERATE)
    return Status(201, actions.queue_command(device=found, actor=actor_of(request), **payload.dict()))


@router.get("/commands/{command_id}", response=answers(CommandOut))
def command(request: HttpRequest, command_id: uuid.UUID) -> Any:
    return queries.command_for(request.user, command_id)


@router.post("/commands/{command_id}/cancel", response=answers(CommandOut))
def cancel_command(request: HttpRequest, command_id: uuid.UUID) -> Any:
    found = queries.command_for(request.user, command_id, OPERATE)
    return actions.cancel_command(command=found, actor=actor_of(request))


@router.get("/devices/{device_id}/twin", response=answers(TwinOut))
def twin(request: HttpRequest, device_id: DeviceId) -> Any:
    return queries.twin_for(request.user, device_id)


@router.patch("/devices/{device_id}/desired", response=answers(TwinOut))
def set_desired(request: HttpRequest, device_id: DeviceId, payload: Body[dict[str, Any]]) -> Any:
    """A merge patch (RFC 7396): null deletes."""
    found = queries.device_for(request.user, device_id, EDIT)
    return actions.set_desired(device=found, patch=payload, actor=actor_of(request))


@router.get("/devices/{device_id}/telemetry", response=answers(list[ReadingOut]))
def telemetry(request: HttpRequest, device_id: DeviceId, filters: Query[TelemetryFilters]) -> Any:
    """Oldest first; the newest where there is more than `limit`. Without `since`: the last day."""
    return [
        reading._asdict()
        for reading in queries.telemetry_for(
            request.user,
            device_id,
            resolution=filters.resolution,
            names=filters.name,
            since=filters.since,
            until=filters.until,
            limit=filters.limit,
        )
    ]


@router.get("/devices/{device_id}/log", response=answers(Page[LogLineOut]))
def log(request: HttpRequest, device_id: DeviceId, paging: Query[Paging]) -> Any:
    """Newest first."""
    return page_of(queries.log_for(request.user, device_id), paging)


@router.get("/sectors", response=answers(Page[SectorOut]))
def sectors(request: HttpRequest, paging: Query[Paging], account: Id | None = None) -> Any:
    return page_of(queries.sectors_for(request.user, account), paging)


@router.post("/sectors", response=answers(SectorOut, 201))
def create_sector(request: HttpRequest, payload: SectorIn) -> Any:
    account = account_for(request.user, payload.account, EDIT)  # type: ignore[arg-type]
    parent = queries.sector_for(request.user, payload.parent, EDIT) if payload.parent else None
    return Status(
        201, actions.create_sector(account_id=account.pk, name=payload.name, parent=parent, actor=actor_of(request))
    )


@router.patch("/sectors/{sector_id}", response=answers(SectorOut))
def rename_sector(request: HttpRequest, sector_id: Id, payload: NameIn) -> Any:
    found = queries.sector_for(request.user, sector_id, EDIT)
    return actions.rename_place(place=found, name=payload.name, actor=actor_of(request))


@router.delete("/sectors/{sector_id}", response=answers(None, 204))
def delete_sector(request: HttpRequest, sector_id: Id) -> Any:
    """Its devices stay, without a sector; the sectors inside it go too."""
    actions.delete_place(place=queries.sector_for(request.user, sector_id, EDIT), actor=actor_of(request))
    return Status(204, None)


@router.get("/groups", response=answers(Page[GroupOut]))
def groups(request: HttpRequest, paging: Query[Paging], account: Id | None = None) -> Any:
    return page_of(queries.groups_for(request.user, account), paging)


@router.post("/groups", response=answers(GroupOut, 201))
def create_group(request: HttpRequest, payload: GroupIn) -> Any:
    account = account_for(request.user, payload.account, EDIT)  # type: ignore[arg-type]
    return Status(201, actions.create_group(account_id=account.pk, name=payload.name, actor=actor_of(request)))


@router.patch("/groups/{group_id}", response=answers(GroupOut))
def rename_group(request: HttpRequest, group_id: Id, payload: NameIn) -> Any:
    found = queries.group_for(request.user, group_id, EDIT)
    return actions.rename_place(place=found, name=payload.name, actor=actor_of(request))


@router.delete("/groups/{group_id}", response=answers(None, 204))
def delete_group(request: HttpRequest, group_id: Id) -> Any:
    """Its devices stay."""
    actions.delete_place(place=queries.group_for(request.user, group_id, EDIT), actor=actor_of(request))
    return Status(204, None)
