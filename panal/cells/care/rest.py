"""REST of care: events and their samples, read only."""

import uuid
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema

from panal.control.rest import DeviceId, Id, Instant, Page, Paging, answers, page_of
from panal.protocol.errors import NotFound

from . import queries
from .models import Event

router = Router(tags=["care"])


class EventOut(Schema):
    id: uuid.UUID
    uid: str
    device: str
    account: int | None
    kind: str
    occurred_at: Instant
    is_estimated: bool
    received_at: Instant
    data: dict[str, Any]

    @staticmethod
    def resolve_device(event: Event) -> str:
        return event.device_id

    @staticmethod
    def resolve_account(event: Event) -> int | None:
        return event.account_id


class SamplesOut(Schema):
    points: list[list[int | float]]
    """Each: seq, t_ms, x, y, z; in g."""
    converted: bool
    received_at: Instant


class Filters(Schema):
    device: DeviceId | None = None
    account: Id | None = None
    kind: str = ""
    since: Instant | None = None
    until: Instant | None = None


@router.get("/events", response=answers(Page[EventOut]))
def events(request: HttpRequest, filters: Query[Filters], paging: Query[Paging]) -> Any:
    """Newest first."""
    found = queries.events_for(
        request.user,
        device_id=filters.device or "",
        account=filters.account,
        kind=filters.kind,
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
