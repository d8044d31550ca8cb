"""REST of care: events with what people say of them, their samples, wearers and what they wear."""

import uuid
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from panal.cells.accounts.api import EDIT, HANDLE, MANAGE
from panal.cells.devices import api as devices
from panal.control.rest import DeviceId, Id, Input, Instant, Page, Paging, actor_of, answers, page_of
from panal.protocol.errors import NotFound

from . import actions, queries
from .models import Event, Wearer, Wearing

router = Router(tags=["care"])


class JudgementOut(Schema):
    p_fall: float
    impact_g: float
    posture_change_deg: float
    stillness: float
    reasons: list[str]
    model_version: int
    judged_at: Instant


class EventOut(Schema):
    id: uuid.UUID
    uid: str
    device: str
    account: int | None
    wearer: int | None
    wearer_name: str
    kind: str
    occurred_at: Instant
    is_estimated: bool
    received_at: Instant
    data: dict[str, Any]
    is_cancelled: bool
    state: str
    verdict: str
    revision: int
    """Of its state: send it back as `seen` with a review."""
    reviewed_at: Instant | None
    reviewed_by: str
    comment: str
    answered_at: Instant | None
    answered_by: str
    escalate_at: Instant | None
    """Set while it is doubted: when it counts as a fall if nobody says anything."""
    judgement: JudgementOut | None

    @staticmethod
    def resolve_device(event: Event) -> str:
        return event.device_id

    @staticmethod
    def resolve_account(event: Event) -> int | None:
        return event.account_id

    @staticmethod
    def resolve_wearer(event: Event) -> int | None:
        return event.wearer_id

    @staticmethod
    def resolve_wearer_name(event: Event) -> str:
        return str(event.wearer or "")

    @staticmethod
    def resolve_judgement(event: Event) -> Any:
        return getattr(event, "judgement", None)


class SamplesOut(Schema):
    points: list[list[int | float]]
    """Each: seq, t_ms, x, y, z; in g."""
    converted: bool
    received_at: Instant


class ReviewIn(Input):
    action: Literal["confirm", "dismiss", "resolve", "reopen"]
    comment: Annotated[str, Field(max_length=actions.MOST_COMMENT)] = ""
    seen: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """The revision that you saw: where somebody was faster, nothing is changed (409 reviewed_already)."""


class ReviewOut(Schema):
    at: Instant
    action: str
    state: str
    by: str
    """Empty: the server by itself, or the wearer (action "cancel")."""
    comment: str


class Filters(Schema):
    device: DeviceId | None = None
    account: Id | None = None
    wearer: Id | None = None
    kind: Annotated[str, Field(max_length=24)] = ""
    state: Annotated[str, Field(max_length=16)] = ""
    search: Annotated[str, Field(max_length=80)] = ""
    mine: bool = False
    """Of wearers that you look after."""
    since: Instant | None = None
    until: Instant | None = None


@router.get("/events", response=answers(Page[EventOut]))
def events(request: HttpRequest, filters: Query[Filters], paging: Query[Paging]) -> Any:
    """Newest first."""
    found = queries.events_for(
        request.user,
        device_id=filters.device or "",
        account=filters.account,
        wearer=filters.wearer,
        kind=filters.kind,
        state=filters.state,
        search=filters.search,
        mine=filters.mine,
        since=filters.since,
        until=filters.until,
    )
    return page_of(found, paging)


@router.get("/events/{event_id}", response=answers(EventOut))
def event(request: HttpRequest, event_id: uuid.UUID) -> Any:
    return queries.event_for(request.user, event_id)


@router.get("/events/{event_id}/samples", response=answers(SamplesOut))
def samples(request: HttpRequest, event_id: uuid.UUID) -> Any:
    found = queries.samples_for(request.user, event_id)
    if found is None:
        raise NotFound("no_samples", "this event has no samples")
    return found


@router.get("/events/{event_id}/history", response=answers(list[ReviewOut]))
def history(request: HttpRequest, event_id: uuid.UUID) -> Any:
    """What was said of it, oldest first."""
    return list(queries.reviews_for(request.user, queries.event_for(request.user, event_id)))


@router.post("/events/{event_id}/review", response=answers(EventOut))
def review(request: HttpRequest, event_id: uuid.UUID, payload: ReviewIn) -> Any:
    """Say what it was."""
    found = queries.event_for(request.user, event_id, HANDLE)
    actions.review_event(event=found, actor=actor_of(request), **payload.dict())
    return queries.event_for(request.user, event_id)


@router.post("/events/{event_id}/acknowledge", response=answers(EventOut))
def acknowledge(request: HttpRequest, event_id: uuid.UUID) -> Any:
    """Somebody is on their way: nobody else is woken."""
    found = queries.event_for(request.user, event_id, HANDLE)
    actions.acknowledge_event(event=found, actor=actor_of(request))
    return queries.event_for(request.user, event_id)


# wearers


class WearingOut(Schema):
    id: int
    device: str
    from_at: Instant
    until_at: Instant | None
    given_by: str

    @staticmethod
    def resolve_device(wearing: Wearing) -> str:
        return wearing.device_id


class WearerOut(Schema):
    id: int
    account: int
    name: str
    birth_year: int | None
    position: str
    emergency: str | None
    """Null where your role does not deal with events."""
    notes: str | None
    keeps_motion: bool
    caregivers: list[int]
    """Ids of people."""
    wears: list[str]
    """Devices, now."""
    open_events: int
    faults: list[str]


Text = Annotated[str, Field(max_length=actions.MOST_NOTES)]


class WearerChange(Input):
    name: Annotated[str, Field(max_length=80)] | None = None
    birth_year: Annotated[int, Field(ge=0, le=9999)] | None = None
    position: Literal["waist", "chest", "neck", "wrist"] | None = None
    emergency: Text | None = None
    notes: Text | None = None
    keeps_motion: bool | None = None
    caregivers: Annotated[list[Id], Field(max_length=200)] | None = None


class WearerIn(WearerChange):
    account: Id
    name: Annotated[str, Field(min_length=1, max_length=80)]


class GiveIn(Input):
    device: DeviceId


def _wearer(user: Any, wearer: Wearer) -> dict[str, Any]:
    is_private = not queries.may_read_private(user, wearer.account_id)
    found: Any = wearer
    return {
        **{name: getattr(wearer, name) for name in ("id", "name", "position", "keeps_motion")},
        "account": wearer.account_id,
        "birth_year": None if is_private else wearer.birth_year,
        "emergency": None if is_private else wearer.emergency,
        "notes": None if is_private else wearer.notes,
        "caregivers": [person.pk for person in wearer.caregivers.all()],
        "wears": [wearing.device_id for wearing in found.worn],
        "open_events": found.open_count,
        "faults": [fault.kind for fault in found.open_faults],
    }


@router.get("/wearers", response=answers(Page[WearerOut]))
def wearers(
    request: HttpRequest,
    paging: Query[Paging],
    account: Id | None = None,
    search: Annotated[str, Field(max_length=80)] = "",
    mine: bool = False,
) -> Any:
    """By name."""
    found = page_of(queries.wearers_for(request.user, account, search=search, mine=mine), paging)
    return {**found, "items": [_wearer(request.user, wearer) for wearer in found["items"]]}


@router.post("/wearers", response=answers(WearerOut, 201))
def create(request: HttpRequest, payload: WearerIn) -> Any:
    values = payload.dict(exclude_none=True)
    account = queries.account_of(request.user, values.pop("account"), EDIT)
    made = actions.save_wearer(account_id=account, actor=actor_of(request), **values)
    return Status(201, _wearer(request.user, queries.wearer_for(request.user, made.pk)))


@router.get("/wearers/{wearer_id}", response=answers(WearerOut))
def wearer(request: HttpRequest, wearer_id: Id) -> Any:
    return _wearer(request.user, queries.wearer_for(request.user, wearer_id))


@router.patch("/wearers/{wearer_id}", response=answers(WearerOut))
def change(request: HttpRequest, wearer_id: Id, payload: WearerChange) -> Any:
    """What is not given stays."""
    found = queries.wearer_for(request.user, wearer_id, EDIT)
    given = payload.dict(exclude_unset=True)
    values = {name: value for name, value in given.items() if value is not None or name == "birth_year"}
    actions.save_wearer(account_id=found.account_id, wearer=found, actor=actor_of(request), **values)
    return _wearer(request.user, queries.wearer_for(request.user, wearer_id))


@router.delete("/wearers/{wearer_id}", response=answers(None, 204))
def delete(request: HttpRequest, wearer_id: Id) -> Any:
    """With all events, samples and history of theirs."""
    found = queries.wearer_for(request.user, wearer_id, MANAGE)
    actions.delete_wearer(wearer=found, actor=actor_of(request))
    return Status(204, None)


@router.get("/wearers/{wearer_id}/devices", response=answers(Page[WearingOut]))
def wearings(request: HttpRequest, wearer_id: Id, paging: Query[Paging]) -> Any:
    """What they wore when, newest first."""
    found = queries.wearer_for(request.user, wearer_id)
    return page_of(queries.wearings_for(request.user, found), paging)


@router.post("/wearers/{wearer_id}/devices", response=answers(WearingOut, 201))
def give(request: HttpRequest, wearer_id: Id, payload: GiveIn) -> Any:
    """From now on they wear it; whoever wore it does so no longer."""
    found = queries.wearer_for(request.user, wearer_id, EDIT)
    device = devices.device_for(request.user, payload.device, EDIT)
    return Status(201, actions.give_device(wearer=found, device=device, actor=actor_of(request)))


@router.post("/wearings/{wearing_id}/end", response=answers(WearingOut))
def take(request: HttpRequest, wearing_id: Id) -> Any:
    """They wear it no longer."""
    found = queries.wearing_for(request.user, wearing_id, EDIT)
    actions.take_device(wearing=found, actor=actor_of(request))
    return queries.wearing_for(request.user, wearing_id)
