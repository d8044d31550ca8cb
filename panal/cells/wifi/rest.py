"""REST of wifi: a new network for devices, a sector, a group or an account, and how each device takes it."""

import uuid
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from panal.cells.accounts.api import OPERATE
from panal.control.rest import DeviceId, Id, Input, Instant, Page, Paging, actor_of, answers, page_of
from panal.protocol.errors import BadRequest

from . import actions, queries
from .models import Change, DeviceChange

router = Router(tags=["wifi"])

State = Annotated[str, Field(pattern="^(|waiting|trying|changed|kept|silent|cancelled)$")]


class CountsOut(Schema):
    waiting: int
    trying: int
    changed: int
    kept: int
    silent: int
    cancelled: int


class ChangeOut(Schema):
    id: uuid.UUID
    account: int
    requested_by: str
    created_at: Instant
    choice: str
    place: str
    retry_of: uuid.UUID | None
    devices: CountsOut
    is_open: bool

    @staticmethod
    def resolve_account(change: Change) -> int:
        return change.account_id

    @staticmethod
    def resolve_retry_of(change: Change) -> uuid.UUID | None:
        return change.retry_of_id

    @staticmethod
    def resolve_devices(change: Change) -> dict[str, int]:
        return queries.counts_of(change)._asdict()

    @staticmethod
    def resolve_is_open(change: Change) -> bool:
        return queries.counts_of(change).open > 0


class DeviceChangeOut(Schema):
    device: str
    name: str
    rev: int
    command: uuid.UUID | None
    state: str
    reason: str
    began_at: Instant | None
    ended_at: Instant | None

    @staticmethod
    def resolve_device(row: DeviceChange) -> str:
        return row.device_id

    @staticmethod
    def resolve_name(row: DeviceChange) -> str:
        return row.device_name

    @staticmethod
    def resolve_command(row: DeviceChange) -> uuid.UUID | None:
        return row.command_id


class NetworkIn(Input):
    """Said once, kept nowhere in clear and never answered."""

    ssid: Annotated[str, Field(min_length=1, max_length=32)]
    password: Annotated[str, Field(max_length=64)] = ""
    """Empty for an open network."""


class ChangeIn(NetworkIn):
    """Exactly one of `devices`, `sector`, `group` and `account`, which means all of its devices."""

    devices: Annotated[list[DeviceId], Field(min_length=1, max_length=actions.MOST_AT_ONCE)] | None = None
    sector: Id | None = None
    group: Id | None = None
    account: Id | None = None


@router.get("/wifi/changes", response=answers(Page[ChangeOut]))
def changes(request: HttpRequest, paging: Query[Paging], account: Id | None = None) -> Any:
    """Newest first."""
    return page_of(queries.changes_for(request.user, account), paging)


@router.post("/wifi/changes", response=answers(ChangeOut, 201))
def begin(request: HttpRequest, payload: ChangeIn) -> Any:
    """Tell devices their new network. Each tries it, and keeps the old one unless it reaches this server from there."""
    return _begun(request, _chosen(request, payload), payload)


def _chosen(request: HttpRequest, payload: ChangeIn) -> queries.Chosen:
    given = [name for name in ("devices", "sector", "group", "account") if getattr(payload, name) is not None]
    if len(given) != 1:
        raise BadRequest("bad_choice", "exactly one of devices, sector, group and account", "devices")
    choose = {
        "devices": queries.chosen_for,
        "sector": queries.sector_for,
        "group": queries.group_for,
        "account": queries.all_for,
    }[given[0]]
    return choose(request.user, getattr(payload, given[0]))


def _begun(request: HttpRequest, chosen: queries.Chosen, network: NetworkIn) -> Any:
    change = actions.begin_change(
        **chosen._asdict(), ssid=network.ssid, password=network.password, actor=actor_of(request)
    )
    return Status(201, queries.change_for(request.user, change.pk))


@router.get("/wifi/changes/{change_id}", response=answers(ChangeOut))
def change(request: HttpRequest, change_id: uuid.UUID) -> Any:
    return queries.change_for(request.user, change_id)


@router.get("/wifi/changes/{change_id}/devices", response=answers(Page[DeviceChangeOut]))
def rows(request: HttpRequest, change_id: uuid.UUID, paging: Query[Paging], state: State = "") -> Any:
    """How each device took it, by name."""
    return page_of(queries.rows_for(request.user, change_id, state), paging)


@router.post("/wifi/changes/{change_id}/retry", response=answers(ChangeOut, 201))
def retry(request: HttpRequest, change_id: uuid.UUID, payload: NetworkIn) -> Any:
    """A new change for those that kept their old network or fell silent."""
    return _begun(request, queries.failed_for(request.user, change_id), payload)


@router.post("/wifi/changes/{change_id}/cancel", response=answers(ChangeOut))
def cancel(request: HttpRequest, change_id: uuid.UUID) -> Any:
    """Take it back for the devices that have not begun."""
    found = queries.change_for(request.user, change_id, OPERATE)
    actions.cancel_change(change=found, actor=actor_of(request))
    return queries.change_for(request.user, change_id)
