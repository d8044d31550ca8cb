"""Which events there were, who wears what, and who may see it.

An event belongs to the account that its device had at that time. Everybody of an account sees its wearers and events:
whoever is nearest must be able to help. What is private about a wearer is for those who deal with events.
"""

import uuid
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, F, Prefetch, Q, QuerySet
from django.utils import timezone

from panal.cells.accounts.api import (
    EDIT,
    HANDLE,
    MANAGE,
    SEE,
    account_for,
    account_ids_for,
    may,
    people_of,
    require,
)
from panal.cells.devices import api as devices
from panal.protocol.errors import BadRequest, NotFound

from .messages import KINDS
from .models import Event, Fault, Review, Samples, State, Wearer, Wearing

MOST_NAMES = 500


def _reach(user: Any, capability: str = SEE) -> Q:
    ids = account_ids_for(user, capability)
    return Q() if ids is None else Q(account_id__in=ids)


# events


def events_for(
    user: Any,
    *,
    device_id: str = "",
    account: int | None = None,
    wearer: int | None = None,
    kind: str = "",
    state: str = "",
    search: str = "",
    mine: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Event]:
    """Newest first, with device, account and wearer. Filters that are empty let everything through."""
    if kind and kind not in KINDS:
        raise BadRequest("unknown_event_type", "no such kind of event", "kind", KINDS)
    if state and state not in State.values:
        raise BadRequest("unknown_state", "no such state of an event", "state", tuple(State.values))
    reach = _reach(user)
    wanted = reach & (Q(device_id=device_id) if device_id else Q())
    wanted &= Q(account_id=account) if account is not None else Q()
    wanted &= Q(wearer_id=wearer) if wearer is not None else Q()
    wanted &= Q(kind=kind) if kind else Q()
    wanted &= Q(state=state) if state else Q()
    wanted &= _named(search) if search else Q()
    wanted &= Q(wearer__caregivers=user) if mine else Q()
    wanted &= Q(received_at__gte=since) if since else Q()
    wanted &= Q(received_at__lt=until) if until else Q()
    found = Event.objects.filter(wanted).select_related("device", "device__sector", "account", "wearer", "judgement")
    if not any((reach, account, device_id, wearer, state, since, until)):
        return found.order_by("-id")  # ids are made in the order of keeping, and no index leads by time alone
    return found.order_by("-received_at", "-id")


def _named(search: str) -> Q:
    """By the wearer, the comment, the device's id; by its name only while it is theirs whose event it is: the next
    owner's is not for them."""
    still_theirs = Q(device__account=F("account"))
    found = Q(wearer__name__icontains=search) | Q(comment__icontains=search) | Q(device__id__icontains=search)
    return found | (Q(device__name__icontains=search) & still_theirs)


def event_for(user: Any, event_id: uuid.UUID, capability: str = SEE) -> Event:
    """Raises NotFound for a stranger."""
    event = Event.objects.select_related("device", "account", "wearer", "judgement").filter(pk=event_id).first()
    if event is None:
        raise NotFound("not_found")
    require(user, event.account_id, capability)
    return event


def reviews_for(user: Any, event: Event) -> QuerySet[Review]:
    """An event's history, oldest first."""
    require(user, event.account_id, SEE)
    return event.reviews.select_related("user").order_by("at", "id")


def samples_for(user: Any, event_id: uuid.UUID) -> Samples | None:
    """The acceleration around an event, where the board sent it."""
    return Samples.objects.filter(event=event_for(user, event_id)).first()


def may_see_device(user: Any, event: Event) -> bool:
    """The device may have another owner since."""
    return may(user, event.device.account_id, SEE)


def may_handle(user: Any, account_id: int | None) -> bool:
    return may(user, account_id, HANDLE)


def may_edit(user: Any, account_id: int | None) -> bool:
    return may(user, account_id, EDIT)


def may_manage(user: Any, account_id: int | None) -> bool:
    return may(user, account_id, MANAGE)


def may_read_private(user: Any, account_id: int | None) -> bool:
    """What is to be known of a wearer in an emergency, and notes: not for who only looks, nor for support."""
    return may(user, account_id, HANDLE)


def span(since: date | None, until: date | None) -> tuple[datetime | None, datetime | None]:
    """From the first midnight to the one after the last day, in the zone of who asks."""
    zone = timezone.get_current_timezone()
    first = datetime.combine(since, time(), zone) if since else None
    return first, datetime.combine(until + timedelta(days=1), time(), zone) if until else None


def account_of(user: Any, account_id: int, capability: str) -> int:
    """The account itself, where this person has the capability in it. Raises NotFound, Forbidden."""
    return int(account_for(user, account_id, capability).pk)


# wearers


def wearers_for(
    user: Any, account: int | None = None, *, search: str = "", mine: bool = False, capability: str = SEE
) -> QuerySet[Wearer]:
    """By name, with what each wears now, who looks after them, how many open events and what keeps a wearable off."""
    found = Wearer.objects.filter(_reach(user, capability)).select_related("account")
    found = found.filter(account_id=account) if account is not None else found
    found = found.filter(name__icontains=search) if search else found
    found = found.filter(caregivers=user) if mine else found
    found = found.annotate(open_count=_open_count())
    return found.prefetch_related(*_around()).order_by("name", "id")


def _open_count() -> Count:
    return Count("events", filter=Q(events__state=State.OPEN), distinct=True)


def _around() -> Iterable[Any]:
    worn = Wearing.objects.filter(until_at=None, device__account=F("wearer__account")).select_related("device")
    faults = Fault.objects.filter(ended_at=None)
    return (
        Prefetch("wearings", worn, to_attr="worn"),
        Prefetch("faults", faults, to_attr="open_faults"),
        "caregivers",
    )


def wearer_for(user: Any, wearer_id: int, capability: str = SEE) -> Wearer:
    counted = Wearer.objects.annotate(open_count=_open_count()).select_related("account")
    found = counted.prefetch_related(*_around()).filter(pk=wearer_id).first()
    if found is None:
        raise NotFound("not_found")
    require(user, found.account_id, capability)
    return found


def wearings_for(user: Any, wearer: Wearer) -> QuerySet[Wearing]:
    """What they wore when, newest first."""
    require(user, wearer.account_id, SEE)
    return wearer.wearings.select_related("device").order_by("-from_at", "-id")


def wearing_for(user: Any, wearing_id: int, capability: str = SEE) -> Wearing:
    found = Wearing.objects.select_related("wearer", "device").filter(pk=wearing_id).first()
    if found is None:
        raise NotFound("not_found")
    require(user, found.wearer.account_id, capability)
    return found


class Wearable(NamedTuple):
    """A device that somebody can wear, and who does now."""

    device: Any
    worn_by: Wearer | None


def wearables_for(user: Any, account_id: int) -> list[Wearable]:
    """Those of an account, by name; those that nobody wears first."""
    found = devices.devices_for(user).filter(account_id=account_id).exclude(state="revoked")
    wearables = [device for device in devices.named_first(found) if "care" in device.model.cells]
    worn = Wearing.objects.filter(until_at=None, device__in=wearables, wearer__account_id=account_id)
    by_device = {wearing.device_id: wearing.wearer for wearing in worn.select_related("wearer")}
    found_all = [Wearable(device, by_device.get(device.pk)) for device in wearables]
    return sorted(found_all, key=lambda wearable: wearable.worn_by is not None)


def people_for(user: Any, account_id: int) -> list[Any]:
    """Who may be chosen to look after somebody."""
    require(user, account_id, SEE)
    return list(people_of(account_id))


def wearer_of_device(user: Any, device: Any) -> Wearer | None:
    """Who wears it now, if that is for this person to see."""
    if not may(user, device.account_id, SEE):
        return None
    found = Wearing.objects.filter(device=device, until_at=None, wearer__account_id=device.account_id)
    wearing = found.select_related("wearer").first()
    return wearing.wearer if wearing else None


def wearer_names_for(user: Any, account: int | None = None) -> list[tuple[int, str]]:
    """For a list to choose from, at most as many as one scrolls through."""
    found = Wearer.objects.filter(_reach(user))
    found = found.filter(account_id=account) if account is not None else found
    return list(found.order_by("name", "id").values_list("id", "name")[:MOST_NAMES])
