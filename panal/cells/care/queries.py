"""Which events there were, and who may see them: an event belongs to the account that its device had at that time."""

import uuid
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet

from panal.cells.accounts.api import SEE, account_ids_for, may, require
from panal.protocol.errors import BadRequest, NotFound

from .messages import KINDS
from .models import Event, Samples


def events_for(
    user: Any,
    *,
    device_id: str = "",
    account: int | None = None,
    kind: str = "",
    search: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Event]:
    """Newest first, with device and account. Filters that are empty let everything through."""
    if kind and kind not in KINDS:
        raise BadRequest("unknown_event_type", "no such kind of event", "kind", KINDS)
    ids = account_ids_for(user, SEE)
    wanted = Q() if ids is None else Q(account_id__in=ids)
    wanted &= Q(device_id=device_id) if device_id else Q()
    wanted &= Q(account_id=account) if account is not None else Q()
    wanted &= Q(kind=kind) if kind else Q()
    wanted &= _named(search) if search else Q()
    wanted &= Q(received_at__gte=since) if since else Q()
    wanted &= Q(received_at__lt=until) if until else Q()
    found = Event.objects.filter(wanted).select_related("device", "device__sector", "account")
    return found.order_by("-received_at", "-id")


def _named(search: str) -> Q:
    """By the device's id; by its name only while it is theirs whose event it is: the next owner's is not for them."""
    still_theirs = Q(device__account=F("account"))
    return Q(device__id__icontains=search) | (Q(device__name__icontains=search) & still_theirs)


def event_for(user: Any, event_id: uuid.UUID, capability: str = SEE) -> Event:
    """Raises NotFound for a stranger."""
    event = Event.objects.select_related("device", "account").filter(pk=event_id).first()
    if event is None:
        raise NotFound("not_found")
    require(user, event.account_id, capability)
    return event


def samples_for(user: Any, event_id: uuid.UUID) -> Samples | None:
    """The acceleration around an event, where the board sent it."""
    return Samples.objects.filter(event=event_for(user, event_id)).first()


def may_see_device(user: Any, event: Event) -> bool:
    """The device may have another owner since."""
    return may(user, event.device.account_id, SEE)
