"""What keeps a worn wearable from its work: no sign of life, an empty battery, lying in a drawer. Faults, not alarms.

A fault has a beginning and an end, and is told by a policy of its own. Looked at as time goes by, in a constant number
of statements while nothing changes; what changes is written once, however many replicas look.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet

from panal.cells.accounts.api import system
from panal.cells.contacts.api import Alarm
from panal.control.events import publish_on_commit
from panal.control.instants import instant
from panal.gateway.store import DomainEvent

from . import alarms
from .models import Fault, FaultKind, Wearing

SILENT_AFTER = 2.5
"""Heartbeat intervals without a word."""
LOW_PCT, ENOUGH_PCT = 15.0, 25.0
"""A battery is low below the one, and no longer low above the other: it does not come and go."""


class Begun(NamedTuple):
    wearing: Wearing
    kind: str
    began_at: datetime


def look(now: datetime) -> None:
    """What began and what ended since we last looked."""
    worn = Wearing.objects.filter(until_at=None, device__account=F("wearer__account"))
    is_silent, is_low = _is_silent(now), Q(device__battery_pct__lt=LOW_PCT)
    begun = [Begun(w, FaultKind.SILENT, _since(w)) for w in _without(worn.filter(is_silent), FaultKind.SILENT)]
    begun += [Begun(w, FaultKind.BATTERY, now) for w in _without(worn.filter(is_low), FaultKind.BATTERY)]
    if begun:
        _begin(begun, now)
    is_charged = Q(kind=FaultKind.BATTERY, device__battery_pct__gt=ENOUGH_PCT)
    over = Q(kind=FaultKind.SILENT) & ~is_silent | is_charged | _is_not_worn_by_them()
    _end(_open_faults().filter(over), now)


def _is_silent(now: datetime) -> Q:
    """Whether a device (relation `device`) has said nothing for too long. One that never spoke says nothing yet."""
    usual = timedelta(seconds=SILENT_AFTER * settings.PANAL.heartbeat_s)
    silent = Q(device__heartbeat_s=None, device__last_seen_at__lt=now - usual)
    for interval_s in _own_intervals():
        before = now - timedelta(seconds=SILENT_AFTER * interval_s)
        silent |= Q(device__heartbeat_s=interval_s, device__last_seen_at__lt=before)
    return silent


def _own_intervals() -> list[int]:
    """The few other intervals that worn devices have."""
    own = Wearing.objects.filter(until_at=None).exclude(device__heartbeat_s=None).order_by()
    return [interval_s for interval_s in own.values_list("device__heartbeat_s", flat=True).distinct() if interval_s]


def _without(worn: QuerySet[Wearing], kind: str) -> list[Wearing]:
    has_it = Fault.objects.filter(kind=kind, ended_at=None).values("device")
    return list(worn.exclude(device__in=has_it).select_related("wearer", "device"))


def _since(wearing: Wearing) -> datetime:
    return max(wearing.device.last_seen_at or wearing.from_at, wearing.from_at)


def _open_faults() -> QuerySet[Fault]:
    return Fault.objects.filter(ended_at=None).select_related("wearer", "device")


def _is_not_worn_by_them() -> Q:
    """Taken back, or the device is in another account: not their fault any more."""
    worn = Q(wearer__wearings__device=F("device"), wearer__wearings__until_at=None)
    return ~Q(pk__in=Fault.objects.filter(worn, ended_at=None, device__account=F("wearer__account")).values("pk"))


@transaction.atomic
def _begin(begun: Sequence[Begun], now: datetime) -> None:
    news = [b for b in begun if _insert(b)]
    alarms.raise_all([_alarm(b) for b in news], now)
    publish_on_commit(*(_news("care.fault_began", b.wearing.wearer.account_id, b.wearing.device_id) for b in news))


def _insert(begun: Begun) -> bool:
    """Whether it was new: another replica may have been faster."""
    which = {"device_id": begun.wearing.device_id, "kind": begun.kind, "ended_at": None}
    what = {"wearer_id": begun.wearing.wearer_id, "began_at": begun.began_at}
    return Fault.objects.get_or_create(**which, defaults=what)[1]


def _alarm(begun: Begun) -> Alarm:
    wearer, device_id = begun.wearing.wearer, begun.wearing.device_id
    uid = alarms.fault_uid(begun.kind, device_id, begun.began_at)
    url = f"/wearers/{wearer.pk}/"
    return Alarm(wearer.account_id, f"care.{begun.kind}", uid, device_id, wearer.name, begun.began_at, url, {})


def _end(over: QuerySet[Fault], now: datetime) -> None:
    for fault in over.order_by("pk"):
        _end_one(fault, now)


@transaction.atomic
def _end_one(fault: Fault, now: datetime) -> None:
    if Fault.objects.filter(pk=fault.pk, ended_at=None).update(ended_at=now):
        alarms.clear_fault(fault.kind, fault.device_id, fault.began_at, system(""), now)
        publish_on_commit(_news("care.fault_ended", fault.wearer.account_id, fault.device_id))


def _news(name: str, account_id: int, device_id: str) -> DomainEvent:
    return DomainEvent(name, "care", account_id, device_id, {})


# what the board says of itself


def follow(said: Sequence[Any]) -> None:
    """`worn` in a board's reported state: whether somebody wears it."""
    newest = {one.device_id: one for one in said if isinstance(one.value, bool)}
    worn = Wearing.objects.filter(until_at=None, device__in=newest, device__account=F("wearer__account"))
    off = [w for w in worn.select_related("wearer", "device") if newest[w.device_id].value is False]
    if off:
        now = max(instant(newest[w.device_id].received_ms) for w in off)
        _begin([Begun(w, FaultKind.NOT_WORN, instant(newest[w.device_id].received_ms)) for w in off], now)
    on = [id for id, one in newest.items() if one.value is True]
    if on:
        now = max(instant(newest[id].received_ms) for id in on)
        _end(_open_faults().filter(device__in=on, kind=FaultKind.NOT_WORN), now)
