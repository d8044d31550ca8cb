"""What keeps a wearable from its work: no sign of life, an empty battery, lying in a drawer. Faults, not alarms.

Watched are wearables that somebody wears, and those that nobody was ever given: whoever has not said yet who wears what
is told all the same. One that was taken back may lie still. A fault has a beginning and an end, and is told by a policy
of its own. Looked at as time goes by, in a constant number of statements while nothing changes; what changes is written
once, however many replicas look.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from panal.cells.accounts.api import system
from panal.cells.contacts.api import Alarm
from panal.cells.devices.catalog import MODELS
from panal.control.events import publish_on_commit
from panal.control.instants import instant
from panal.gateway.store import DomainEvent

from . import alarms
from .models import Fault, FaultKind, Wearer, Wearing

SILENT_AFTER = 2.5
"""Heartbeat intervals without a word."""
LOW_PCT, ENOUGH_PCT = 15.0, 25.0
"""A battery is low below the one, and no longer low above the other: it does not come and go."""
AT_ONCE = 500
WEARABLES = tuple(code for code, model in MODELS.items() if "care" in model.cells)
LOW = Q(battery_pct__lt=LOW_PCT)


class Begun(NamedTuple):
    device: Any
    kind: str
    began_at: datetime


def look(now: datetime) -> None:
    """What began and what ended since we last looked."""
    found, is_silent = watched(), _is_silent(now)
    silent, low = _new(found.filter(is_silent), FaultKind.SILENT), _new(found.filter(LOW), FaultKind.BATTERY)
    begun = [Begun(device, FaultKind.SILENT, device.last_seen_at) for device in silent]
    begun += [Begun(device, FaultKind.BATTERY, now) for device in low]
    if begun:
        _begin(begun, now)
    is_back = Q(kind=FaultKind.SILENT) & ~Q(device__in=found.filter(is_silent).values("pk"))
    is_charged = Q(kind=FaultKind.BATTERY, device__battery_pct__gt=ENOUGH_PCT)
    _end(_open_faults().filter(is_back | is_charged | ~Q(device__in=found.values("pk"))), now)


def watched() -> QuerySet[Any]:
    """Wearables in somebody's account that somebody of it wears now, or that nobody was ever given."""
    devices: Any = Fault._meta.get_field("device").related_model
    given = Wearing.objects.filter(device=OuterRef("pk"))
    worn = given.filter(until_at=None, wearer__account=OuterRef("account"))
    found = devices.objects.filter(account__isnull=False, state="activated", model_code__in=WEARABLES)
    watched: QuerySet[Any] = found.filter(Exists(worn) | ~Exists(given))
    return watched


def _is_silent(now: datetime) -> Q:
    """Whether a device has said nothing for too long. One that never spoke says nothing yet."""
    usual = timedelta(seconds=SILENT_AFTER * settings.PANAL.heartbeat_s)
    silent = Q(heartbeat_s=None, last_seen_at__lt=now - usual)
    for interval_s in _own_intervals():
        silent |= Q(heartbeat_s=interval_s, last_seen_at__lt=now - timedelta(seconds=SILENT_AFTER * interval_s))
    return silent


def _own_intervals() -> list[int]:
    """The few other intervals that wearables have."""
    own = watched().exclude(heartbeat_s=None).order_by()
    return list(own.values_list("heartbeat_s", flat=True).distinct())


def _new(found: QuerySet[Any], kind: str) -> list[Any]:
    has_it = Fault.objects.filter(kind=kind, ended_at=None).values("device")
    return list(found.exclude(pk__in=has_it).order_by("pk")[:AT_ONCE])


def _open_faults() -> QuerySet[Fault]:
    return Fault.objects.filter(ended_at=None).select_related("device")


@transaction.atomic
def _begin(begun: Sequence[Begun], now: datetime) -> None:
    wearers = _wearers([b.device for b in begun])
    news = [b for b in begun if _insert(b, wearers.get(b.device.pk))]
    alarms.raise_all([_alarm(b, wearers.get(b.device.pk)) for b in news], now)
    publish_on_commit(*(_news("care.fault_began", b.device) for b in news))


def _wearers(devices: Sequence[Any]) -> dict[str, Wearer]:
    """Who wears them now, of the account that owns them."""
    accounts = {device.pk: device.account_id for device in devices}
    worn = Wearing.objects.filter(until_at=None, device__in=accounts).select_related("wearer")
    return {w.device_id: w.wearer for w in worn if w.wearer.account_id == accounts[w.device_id]}


def _insert(begun: Begun, wearer: Wearer | None) -> bool:
    """Whether it was new: another replica may have been faster."""
    what = {"wearer": wearer, "began_at": begun.began_at}
    return Fault.objects.get_or_create(device=begun.device, kind=begun.kind, ended_at=None, defaults=what)[1]


def _alarm(begun: Begun, wearer: Wearer | None) -> Alarm:
    device = begun.device
    uid = alarms.fault_uid(begun.kind, device.pk, begun.began_at)
    url = f"/wearers/{wearer.pk}/" if wearer else f"/devices/{device.pk}/"
    name = str(wearer or device)
    return Alarm(device.account_id, f"care.{begun.kind}", uid, device.pk, name, begun.began_at, url, {})


def _end(over: QuerySet[Fault], now: datetime) -> None:
    for fault in over.order_by("pk")[:AT_ONCE]:
        _end_one(fault, now)


@transaction.atomic
def _end_one(fault: Fault, now: datetime) -> None:
    if Fault.objects.filter(pk=fault.pk, ended_at=None).update(ended_at=now):
        alarms.clear_fault(fault.kind, fault.device_id, fault.began_at, system(""), now)
        publish_on_commit(_news("care.fault_ended", fault.device))


def _news(name: str, device: Any) -> DomainEvent:
    return DomainEvent(name, "care", device.account_id, device.pk, {})


# what the board says of itself


def follow(said: Sequence[Any]) -> None:
    """`worn` in a board's reported state: whether somebody wears it. One that was given to nobody is not missed."""
    newest = {one.device_id: one for one in said if isinstance(one.value, bool)}
    off = [id for id, one in newest.items() if not one.value]
    worn = Wearing.objects.filter(until_at=None).values("device")
    missed = watched().filter(pk__in=off).filter(pk__in=worn) if off else ()
    begun = [Begun(device, FaultKind.NOT_WORN, instant(newest[device.pk].received_ms)) for device in missed]
    if begun:
        _begin(begun, max(b.began_at for b in begun))
    if on := [id for id, one in newest.items() if one.value]:
        now = max(instant(newest[id].received_ms) for id in on)
        _end(_open_faults().filter(device__in=on, kind=FaultKind.NOT_WORN), now)
