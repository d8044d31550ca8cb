"""REST of doors: their state and events, opening one, who may come in and when, settings, alarms."""

import uuid
from datetime import date
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Body, Query, Router, Schema, Status
from pydantic import AfterValidator, Field

from panal.cells.accounts.api import EDIT, HANDLE, OPERATE, account_for
from panal.cells.devices import api as devices
from panal.control.rest import DeviceId, Id, Input, Instant, Page, Paging, actor_of, answers, page_of
from panal.protocol.errors import BadRequest

from . import actions, lists, messages, queries
from .models import Alarm, Credential, Enrolment, Event, Grant, Holder, Unlock
from .rules import MAX_WINDOWS

router = Router(tags=["doors"])


def _storable(on: date) -> date:
    if not 1970 <= on.year <= 2149:  # what the board's 16 bits of days hold
        raise ValueError("a day between 1970 and 2149")
    return on


Day = Annotated[date, AfterValidator(_storable)]
Name = Annotated[str, Field(min_length=1, max_length=80)]
Label = Annotated[str, Field(max_length=40)]
Choice = Literal["deny", "allow"]
"""What counts while a door does not know what time it is."""


# doors


class DoorOut(Schema):
    id: str
    name: str
    account: int | None
    sector: int | None
    presence: str
    lock: str
    """locked, unlocked or jammed; empty: not known."""
    door: str
    """open or close; empty: not known."""
    mode: str
    paused_until_ms: int | None
    changed_at: Instant | None
    list_version: int | None
    """Of the access list that the board has."""
    alarms: int
    """Those that nobody has acknowledged."""


def _door(device: Any) -> dict[str, Any]:
    shown = queries.shown(device)
    return {
        **shown._asdict(),
        "id": device.pk,
        "name": device.name,
        "account": device.account_id,
        "sector": device.sector_id,
        "presence": device.presence,
    }


class DoorEventOut(Schema):
    uid: str
    device: str
    account: int | None
    seq: int | None
    missed: int
    """How many lines of the door's log before this one never came."""
    kind: str
    at: Instant
    is_estimated: bool
    received_at: Instant
    door: str
    lock: str
    method: str
    granted: bool | None
    reason: str
    note: str
    person: int | None
    who: str
    card: str

    @staticmethod
    def resolve_device(event: Event) -> str:
        return event.device_id

    @staticmethod
    def resolve_account(event: Event) -> int | None:
        return event.account_id

    @staticmethod
    def resolve_person(event: Event) -> int | None:
        return event.holder_id


class EventFilters(Schema):
    kind: Annotated[str, Field(max_length=24)] = ""
    method: Literal["", "password", "rfid", "remote", "door", "exit"] = ""
    granted: bool | None = None
    search: Annotated[str, Field(max_length=80)] = ""
    since: Instant | None = None
    until: Instant | None = None


class ReasonIn(Input):
    reason: Annotated[str, Field(min_length=1, max_length=messages.MAX_NOTE)]


class UnlockOut(Schema):
    """The command: its outcome is at /commands/{id}, and is told on the topic `commands` of `GET /live`, server-sent
    events for the same token."""

    id: uuid.UUID
    device: str
    name: str
    reason: str
    requested_by: str
    issued_at: Instant
    expires_at: Instant
    status: str


class DoorSettingsOut(Schema):
    desired: dict[str, Any]
    """What differs from the defaults; a combination is never answered."""
    defaults: dict[str, Any]
    is_pending: bool
    """The board has not yet answered the newest settings."""
    time_zone: str
    """By which clock its schedules are read; empty: the server's."""


@router.get("/doors", response=answers(Page[DoorOut]))
def doors(request: HttpRequest, paging: Query[Paging], account: Id | None = None) -> Any:
    """By name, each with its lock and its door."""
    found = page_of(queries.doors_for(request.user, account), paging)
    return {**found, "items": [_door(device) for device in found["items"]]}


@router.get("/doors/{device_id}", response=answers(DoorOut))
def door(request: HttpRequest, device_id: DeviceId) -> Any:
    return _door(queries.door_for(request.user, device_id))


@router.get("/doors/{device_id}/events", response=answers(Page[DoorEventOut]))
def events(request: HttpRequest, device_id: DeviceId, filters: Query[EventFilters], paging: Query[Paging]) -> Any:
    """Newest first, in the order in which the door wrote them."""
    queries.door_for(request.user, device_id)
    return page_of(queries.events_for(request.user, device_id=device_id, **filters.dict()), paging)


@router.post("/doors/{device_id}/unlock", response=answers(UnlockOut, 201))
def unlock(request: HttpRequest, device_id: DeviceId, payload: ReasonIn) -> Any:
    """Six a minute for each person. A door that is not connected is not asked (409 door_offline)."""
    device = queries.door_for(request.user, device_id, OPERATE)
    return Status(201, _told(actions.unlock_door(device=device, reason=payload.reason, actor=actor_of(request))))


def _told(unlock: Unlock) -> dict[str, Any]:
    command: Any = unlock.command
    names = ("id", "name", "requested_by", "issued_at", "expires_at", "status")
    return {
        **{name: getattr(command, name) for name in names},
        "device": unlock.device_id,
        "reason": unlock.reason,
    }


@router.get("/doors/{device_id}/settings", response=answers(DoorSettingsOut))
def settings(request: HttpRequest, device_id: DeviceId) -> Any:
    return _settings(queries.door_for(request.user, device_id))


@router.patch("/doors/{device_id}/settings", response=answers(DoorSettingsOut))
def change_settings(request: HttpRequest, device_id: DeviceId, payload: Body[dict[str, Any]]) -> Any:
    """By the names of `defaults`, and `time_zone`; null puts one back. `combination` is digits, and never answered."""
    device = queries.door_for(request.user, device_id, EDIT)
    if "time_zone" in payload:
        actions.set_time_zone(device=device, time_zone=_zone(payload.pop("time_zone")), actor=actor_of(request))
    actions.change_settings(device=device, settings=payload, actor=actor_of(request))
    return _settings(queries.door_for(request.user, device_id))


def _zone(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise BadRequest("bad_time_zone", "a name such as Europe/Madrid", "time_zone")
    return value or ""


def _settings(device: Any) -> dict[str, Any]:
    twin = getattr(device, "twin", None)
    wanted = dict((twin.desired if twin else {}).get("access") or {})
    kept = {name: value for name, value in wanted.items() if name in actions.DEFAULTS}
    return {
        "desired": kept,
        "defaults": actions.DEFAULTS,
        "is_pending": bool(twin and twin.is_pending),
        "time_zone": lists.own_zone(device),
    }


# alarms


class AlarmOut(Schema):
    id: int
    device: str
    account: int | None
    kind: str
    state: str
    raised_at: Instant
    ended_at: Instant | None
    acknowledged_at: Instant | None
    acknowledged_by: str

    @staticmethod
    def resolve_id(alarm: Alarm) -> int:
        return int(alarm.pk)

    @staticmethod
    def resolve_device(alarm: Alarm) -> str:
        return alarm.device_id

    @staticmethod
    def resolve_account(alarm: Alarm) -> int | None:
        return alarm.account_id


class AlarmFilters(Schema):
    device: DeviceId | None = None
    account: Id | None = None
    state: Literal["", "open", "acknowledged"] = ""


@router.get("/access/alarms", response=answers(Page[AlarmOut]))
def alarms(request: HttpRequest, filters: Query[AlarmFilters], paging: Query[Paging]) -> Any:
    """Those that nobody has acknowledged first, then the newest."""
    found = queries.alarms_for(
        request.user, device_id=filters.device or "", account=filters.account, state=filters.state
    )
    return page_of(found, paging)


@router.post("/access/alarms/{alarm_id}/acknowledge", response=answers(AlarmOut))
def acknowledge(request: HttpRequest, alarm_id: Id) -> Any:
    """Again: whoever was first stays."""
    found = queries.alarm_for(request.user, alarm_id, HANDLE)
    actions.acknowledge_alarms(alarms=[found], actor=actor_of(request))
    return queries.alarm_for(request.user, alarm_id)


# people


class GrantShape(Input):
    """A door, a group of doors, or with neither every door of the account; without a schedule at any time."""

    door: DeviceId | None = None
    group: Id | None = None
    schedule: Id | None = None


class CredentialOut(Schema):
    id: int
    kind: str
    label: str
    created_at: Instant


class PersonOut(Schema):
    id: int
    account: int
    name: str
    is_blocked: bool
    from_on: date | None
    until_on: date | None
    when_unknown: str
    grants: list[GrantShape]

    @staticmethod
    def resolve_account(holder: Holder) -> int:
        return holder.account_id

    @staticmethod
    def resolve_grants(holder: Holder) -> list[dict[str, Any]]:
        return [_said_of(grant) for grant in holder.grants.all()]


def _said_of(grant: Grant) -> dict[str, Any]:
    return {"door": grant.device_id, "group": grant.group_id, "schedule": grant.schedule_id}


class PersonIn(Input):
    name: Name
    grants: Annotated[list[GrantShape], Field(max_length=actions.MOST_GRANTS)] = []
    is_blocked: bool = False
    from_on: Day | None = None
    until_on: Day | None = None
    when_unknown: Choice = "deny"


class NewPersonIn(PersonIn):
    account: Id


class CodeIn(Input):
    code: Annotated[str, Field(min_length=1, max_length=40)]
    """Digits: "364", or "3-6-10". Never answered."""
    label: Label = ""


class CardIn(Input):
    number: Annotated[str, Field(min_length=8, max_length=40)]
    """The card's UID in hexadecimal. Never answered."""
    label: Label = ""


@router.get("/access/people", response=answers(Page[PersonOut]))
def people(
    request: HttpRequest,
    paging: Query[Paging],
    account: Id | None = None,
    search: Annotated[str, Field(max_length=80)] = "",
) -> Any:
    return page_of(queries.holders_for(request.user, account, search=search), paging)


@router.post("/access/people", response=answers(PersonOut, 201))
def add_person(request: HttpRequest, payload: NewPersonIn) -> Any:
    account = account_for(request.user, payload.account, EDIT)  # type: ignore[arg-type]
    return Status(201, _save(request, account.pk, None, payload))


@router.get("/access/people/{person_id}", response=answers(PersonOut))
def person(request: HttpRequest, person_id: Id) -> Any:
    return queries.holder_for(request.user, person_id)


@router.put("/access/people/{person_id}", response=answers(PersonOut))
def change_person(request: HttpRequest, person_id: Id, payload: PersonIn) -> Any:
    """The whole of it, with all grants."""
    found = queries.holder_for(request.user, person_id, EDIT)
    return _save(request, found.account_id, found, payload)


def _save(request: HttpRequest, account_id: int, holder: Holder | None, payload: PersonIn) -> Any:
    values = payload.dict(exclude={"grants", "account"})
    grants = [_grant(request, grant) for grant in payload.grants]
    saved = actions.save_holder(account_id=account_id, holder=holder, grants=grants, actor=actor_of(request), **values)
    return queries.holder_for(request.user, saved.pk)


def _grant(request: HttpRequest, grant: GrantShape) -> dict[str, Any]:
    user = request.user
    return {
        "device": queries.door_for(user, grant.door, EDIT) if grant.door else None,
        "group": devices.group_for(user, grant.group, EDIT) if grant.group else None,
        "schedule": queries.schedule_for(user, grant.schedule, EDIT) if grant.schedule else None,
    }


@router.delete("/access/people/{person_id}", response=answers(None, 204))
def delete_person(request: HttpRequest, person_id: Id) -> Any:
    actions.delete_holder(holder=queries.holder_for(request.user, person_id, EDIT), actor=actor_of(request))
    return Status(204, None)


@router.get("/access/people/{person_id}/credentials", response=answers(list[CredentialOut]))
def credentials(request: HttpRequest, person_id: Id) -> Any:
    """Cards and codes: that they are there, never what they are."""
    found: list[Credential] = list(queries.holder_for(request.user, person_id).credentials.all())
    return found


@router.post("/access/people/{person_id}/codes", response=answers(CredentialOut, 201))
def add_code(request: HttpRequest, person_id: Id, payload: CodeIn) -> Any:
    found = queries.holder_for(request.user, person_id, EDIT)
    return Status(201, actions.add_code(holder=found, actor=actor_of(request), **payload.dict()))


@router.post("/access/people/{person_id}/cards", response=answers(CredentialOut, 201))
def add_card(request: HttpRequest, person_id: Id, payload: CardIn) -> Any:
    found = queries.holder_for(request.user, person_id, EDIT)
    return Status(201, actions.add_card(holder=found, actor=actor_of(request), **payload.dict()))


@router.delete("/access/credentials/{credential_id}", response=answers(None, 204))
def delete_credential(request: HttpRequest, credential_id: Id) -> Any:
    found = queries.credential_for(request.user, credential_id, EDIT)
    actions.delete_credential(credential=found, actor=actor_of(request))
    return Status(204, None)


# enrolment


class EnrolIn(Input):
    person: Id
    label: Label = ""


class EnrolmentOut(Schema):
    id: int
    device: str
    person: int
    state: str
    """waiting, added, known or failed."""
    reason: str
    asked_by: str
    asked_at: Instant
    credential: int | None
    """The card that was added, or that was known already."""

    @staticmethod
    def resolve_device(enrolment: Enrolment) -> str:
        return enrolment.device_id

    @staticmethod
    def resolve_person(enrolment: Enrolment) -> int:
        return enrolment.holder_id

    @staticmethod
    def resolve_credential(enrolment: Enrolment) -> int | None:
        return enrolment.found_id


@router.post("/doors/{device_id}/enrolments", response=answers(EnrolmentOut, 201))
def enrol(request: HttpRequest, device_id: DeviceId, payload: EnrolIn) -> Any:
    """The next card that is held to this door's reader becomes the person's."""
    device = queries.door_for(request.user, device_id, EDIT)
    holder = queries.holder_for(request.user, payload.person, EDIT)
    begun = actions.begin_enrolment(device=device, holder=holder, label=payload.label, actor=actor_of(request))
    return Status(201, begun)


@router.get("/access/enrolments/{enrolment_id}", response=answers(EnrolmentOut))
def enrolment(request: HttpRequest, enrolment_id: Id) -> Any:
    return queries.enrolment_for(request.user, enrolment_id)


# schedules


Window = Annotated[list[int], Field(min_length=3, max_length=3)]
"""[weekdays as bits with Monday 1, from minute, until minute]"""


class ScheduleOut(Schema):
    id: int
    account: int
    name: str
    windows: list[list[int]]
    when_unknown: str

    @staticmethod
    def resolve_account(schedule: Any) -> int:
        return int(schedule.account_id)


class ScheduleIn(Input):
    name: Name
    windows: Annotated[list[Window], Field(min_length=1, max_length=MAX_WINDOWS)]
    when_unknown: Choice = "deny"


class NewScheduleIn(ScheduleIn):
    account: Id


@router.get("/access/schedules", response=answers(Page[ScheduleOut]))
def schedules(request: HttpRequest, paging: Query[Paging], account: Id | None = None) -> Any:
    return page_of(queries.schedules_for(request.user, account), paging)


@router.post("/access/schedules", response=answers(ScheduleOut, 201))
def add_schedule(request: HttpRequest, payload: NewScheduleIn) -> Any:
    account = account_for(request.user, payload.account, EDIT)  # type: ignore[arg-type]
    values = payload.dict(exclude={"account"})
    return Status(201, actions.save_schedule(account_id=account.pk, actor=actor_of(request), **values))


@router.put("/access/schedules/{schedule_id}", response=answers(ScheduleOut))
def change_schedule(request: HttpRequest, schedule_id: Id, payload: ScheduleIn) -> Any:
    found = queries.schedule_for(request.user, schedule_id, EDIT)
    return actions.save_schedule(account_id=found.account_id, schedule=found, actor=actor_of(request), **payload.dict())


@router.delete("/access/schedules/{schedule_id}", response=answers(None, 204))
def delete_schedule(request: HttpRequest, schedule_id: Id) -> Any:
    """Raises 409 schedule_in_use."""
    actions.delete_schedule(schedule=queries.schedule_for(request.user, schedule_id, EDIT), actor=actor_of(request))
    return Status(204, None)
