"""Which doors there are, what happened at them, who may come in; a stranger's door does not exist for them.

An event belongs to the account that its door had at that time, as events of care do.
"""

from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, QuerySet
from django.utils import timezone

from panal.cells.accounts.api import EDIT, HANDLE, OPERATE, SEE, account_ids_for, may, require
from panal.cells.devices import api as devices
from panal.protocol.errors import NotFound

from . import messages
from .lists import DOOR_MODELS
from .models import Alarm, AlarmState, Credential, Door, Enrolment, Event, Grant, Holder, Schedule, Unlock

UNSEEN = Door(door="", lock="")


class Shown(NamedTuple):
    """A door as a person sees it: what its board reports, else what its newest event said."""

    device: Any
    lock: str
    """"locked", "unlocked", "jammed", or "" where nobody has said."""
    door: str
    """"open", "close" or ""."""
    mode: str
    paused_until_ms: int | None
    changed_at: datetime | None
    alarms: int
    """How many nobody has acknowledged."""
    list_version: int | None
    entries: int | None
    """Of the access list that the board has."""

    @property
    def is_forced(self) -> bool:
        return self.door == "open" and self.lock == "locked"

    @property
    def is_paused(self) -> bool:
        return self.paused_until_ms is not None and self.paused_until_ms > timezone.now().timestamp() * 1000


def _reach(user: Any, capability: str = SEE, prefix: str = "") -> Q:
    ids = account_ids_for(user, capability)
    return Q() if ids is None else Q(**{f"{prefix}account_id__in": ids})


# doors


def doors_for(user: Any, account: int | None = None, search: str = "", capability: str = SEE) -> QuerySet[Any]:
    """Devices whose model has this cell, by name, with their door and twin."""
    found = devices.devices_for(user, capability).filter(model_code__in=DOOR_MODELS)
    found = found.exclude(state="revoked").select_related("door", "twin", "account", "sector")
    if account is not None:
        found = found.filter(account_id=account)
    if search:
        found = found.filter(Q(name__icontains=search) | Q(id__icontains=search) | Q(sector__name__icontains=search))
    theirs = Q(alarms__state=AlarmState.OPEN, alarms__account=F("account"))
    open_alarms = Count("alarms", filter=theirs)
    return devices.named_first(found.annotate(alarm_count=open_alarms))


def door_for(user: Any, device_id: str, capability: str = SEE) -> Any:
    """Raises NotFound for a stranger and for what is no door, Forbidden where the role is not enough."""
    device = devices.device_for(user, device_id, capability)
    if "access" not in device.model.cells:
        raise NotFound("not_found")
    return device


def shown(device: Any) -> Shown:
    """How a door looks. The device was read by `doors_for` or `door_for`."""
    kept = _kept(device)
    said = messages.parse_state(getattr(getattr(device, "twin", None), "reported", None) or {})
    alarms = getattr(device, "alarm_count", None)
    if alarms is None:
        alarms = Alarm.objects.filter(device_id=device.pk, state=AlarmState.OPEN, account=device.account_id).count()
    return Shown(
        device,
        said.lock or kept.lock,
        said.door or kept.door,
        said.mode or "",
        said.paused_until_ms,
        kept.changed_at,
        alarms,
        said.list_version,
        said.entries,
    )


def _kept(device: Any) -> Door:
    """What the owner before saw of it is not this one's."""
    kept = getattr(device, "door", None)
    return kept if kept is not None and kept.owned_at == device.owned_at else UNSEEN


def may_open(user: Any, account_id: int | None) -> bool:
    return may(user, account_id, OPERATE)


def may_edit(user: Any, account_id: int | None) -> bool:
    return may(user, account_id, EDIT)


def may_handle(user: Any, account_id: int | None) -> bool:
    return may(user, account_id, HANDLE)


# events


def events_for(
    user: Any,
    *,
    device_id: str = "",
    account: int | None = None,
    kind: str = "",
    method: str = "",
    granted: bool | None = None,
    search: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Event]:
    """Newest first, in the order in which each door wrote them. Filters that are empty let everything through."""
    wanted = _reach(user)
    wanted &= Q(device_id=device_id) if device_id else Q()
    wanted &= Q(account_id=account) if account is not None else Q()
    wanted &= Q(kind=kind) if kind else Q()
    wanted &= Q(method=method) if method else Q()
    wanted &= Q(granted=granted) if granted is not None else Q()
    wanted &= Q(who__icontains=search) if search else Q()
    wanted &= Q(at__gte=since) if since else Q()
    wanted &= Q(at__lt=until) if until else Q()
    return Event.objects.filter(wanted).select_related("device", "holder", "account").order_by("-id")


def event_of_uid(user: Any, uid: str) -> Event:
    found = Event.objects.select_related("device").filter(uid=uid).first()
    if found is None:
        raise NotFound("not_found")
    require(user, found.account_id, SEE)
    return found


def day(on: date) -> tuple[datetime, datetime]:
    """From midnight to midnight in the zone of who asks."""
    zone = timezone.get_current_timezone()
    first = datetime.combine(on, time(), zone)
    return first, datetime.combine(on + timedelta(days=1), time(), zone)


def hours_of(events: QuerySet[Event]) -> list[tuple[int, int]]:
    """How many came in and how many were refused in each hour of a day, in the zone of who asks."""
    counts = [[0, 0] for _ in range(24)]
    found = events.filter(granted__isnull=False).order_by().values_list("at", "granted")
    for at, granted in found.iterator():
        counts[timezone.localtime(at).hour][0 if granted else 1] += 1
    return [(came, refused) for came, refused in counts]


# alarms


def alarms_for(
    user: Any, *, device_id: str = "", account: int | None = None, state: str = "", capability: str = SEE
) -> QuerySet[Alarm]:
    """Newest first; those that nobody has acknowledged before the others."""
    wanted = _reach(user, capability)
    wanted &= Q(device_id=device_id) if device_id else Q()
    wanted &= Q(account_id=account) if account is not None else Q()
    wanted &= Q(state=state) if state else Q()
    found = Alarm.objects.filter(wanted).select_related("device", "account", "event")
    return found.order_by("-state", "-raised_at", "-event_id")


def alarm_for(user: Any, alarm_id: int, capability: str = SEE) -> Alarm:
    found = Alarm.objects.select_related("device", "event").filter(pk=alarm_id).first()
    if found is None:
        raise NotFound("not_found")
    require(user, found.account_id, capability)
    return found


# unlocks and enrolments


def newest_unlock_for(user: Any, device: Any) -> Unlock | None:
    """How the last one went."""
    require(user, device.account_id, SEE)
    found = Unlock.objects.filter(device=device, account=device.account_id).select_related("command")
    return found.first()


def enrolment_for(user: Any, enrolment_id: int, capability: str = SEE) -> Enrolment:
    related = ("device", "holder", "command", "found__holder")
    found = Enrolment.objects.select_related(*related).filter(pk=enrolment_id).first()
    if found is None:
        raise NotFound("not_found")
    require(user, found.holder.account_id, capability)
    return found


# people and schedules


def holders_for(
    user: Any, account: int | None = None, *, search: str = "", device: Any = None, capability: str = SEE
) -> QuerySet[Holder]:
    """By name, with how many cards and codes each has, and with where they may come in."""
    found = Holder.objects.filter(_reach(user, capability)).select_related("account")
    found = found.filter(account_id=account) if account is not None else found
    found = found.filter(name__icontains=search) if search else found
    if device is not None:
        found = found.filter(account_id=device.account_id).filter(Exists(_grants_of(device)))
    cards, codes = (Count("credentials", filter=Q(credentials__kind=kind), distinct=True) for kind in ("card", "code"))
    grants = Grant.objects.select_related("device", "group", "schedule")
    found = found.annotate(card_count=cards, code_count=codes)
    return found.prefetch_related(Prefetch("grants", grants)).order_by("name", "id")


def _grants_of(device: Any) -> QuerySet[Grant]:
    """Those that reach this door, of the outer query's holder."""
    place = Q(device=device) | Q(group__devices=device) | Q(device=None, group=None)
    return Grant.objects.filter(place, holder=OuterRef("pk"))


def holder_for(user: Any, holder_id: int, capability: str = SEE) -> Holder:
    grants = Grant.objects.select_related("device", "group", "schedule")
    found = Holder.objects.select_related("account").prefetch_related(Prefetch("grants", grants), "credentials")
    own: Holder = _own(found.filter(pk=holder_id).first(), user, capability)
    return own


def credential_for(user: Any, credential_id: int, capability: str = SEE) -> Credential:
    found = Credential.objects.select_related("holder").filter(pk=credential_id).first()
    own: Credential = _own(found, user, capability)
    return own


def schedules_for(user: Any, account: int | None = None, capability: str = SEE) -> QuerySet[Schedule]:
    found = Schedule.objects.filter(_reach(user, capability)).select_related("account")
    found = found.annotate(grant_count=Count("grants")).order_by("name", "id")
    return found.filter(account_id=account) if account is not None else found


def schedule_for(user: Any, schedule_id: int, capability: str = SEE) -> Schedule:
    found = Schedule.objects.select_related("account").filter(pk=schedule_id).first()
    own: Schedule = _own(found, user, capability)
    return own


# for the server itself


def is_older(device_id: str) -> bool:
    """Whether this controller is of the older kind: it has never said which firmware it runs."""
    device = devices.device_of(device_id)
    return device is not None and not device.fw


def _own(found: Any, user: Any, capability: str) -> Any:
    if found is None:
        raise NotFound("not_found")
    require(user, found.account_id, capability)
    return found
