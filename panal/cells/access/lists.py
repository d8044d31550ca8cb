"""A door's access list: who may come in there and when, as its board keeps it; renewed when anything of it changes.

Only who reaches the door is in its list, and each card or code once: several grants of a person at one door become
one entry with the hours of all of them. What a board cannot hold is made shorter, never longer.
"""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from panal.cells.devices import api as devices
from panal.cells.devices.catalog import MODELS
from panal.control import zones
from panal.control.events import publish_on_commit
from panal.control.preferences import ZONES
from panal.gateway.store import DomainEvent
from panal.protocol.errors import NotFound

from . import credentials, machine, messages, rules
from .models import Credential, Door, Grant, Holder, Schedule, Unknown

DOOR_MODELS = tuple(model.code for model in MODELS.values() if "access" in model.cells)
ALWAYS = 0
EPOCH = date(1970, 1, 1)
ZONE_DAYS = 7 * 365
KEPT_LISTS = 16

Windows = tuple[tuple[int, int, int], ...]


class List(NamedTuple):
    """As `messages.build_page` takes it."""

    version: int
    zone: list[list[int]]
    schedules: list[list[Any]]
    entries: list[list[Any]]


class Hours(NamedTuple):
    """When somebody may come in at one door. No windows: at any time."""

    windows: Windows | None
    when_clockless: bool


# which doors


def doors_of_holder(holder: Holder) -> set[str]:
    """The doors that this person reaches."""
    grants = list(Grant.objects.filter(holder=holder))
    return _doors(holder.account_id, grants)


def doors_of_schedule(schedule: Schedule) -> set[str]:
    return _doors(schedule.account_id, list(Grant.objects.filter(schedule=schedule)))


def _doors(account_id: int, grants: list[Grant]) -> set[str]:
    if not grants:
        return set()
    place = Q(pk__in=[grant.device_id for grant in grants if grant.device_id])
    place |= Q(groups__in=[grant.group_id for grant in grants if grant.group_id])
    if any(grant.device_id is None and grant.group_id is None for grant in grants):
        place = Q()
    return set(_own_doors(account_id).filter(place).values_list("pk", flat=True))


def _own_doors(account_id: int) -> Any:
    return devices.devices_of(account_id, DOOR_MODELS)


@transaction.atomic
def renew(device_ids: Iterable[str]) -> None:
    """These doors have a new list: its version goes into what is desired of them, and they come for it."""
    for device in devices.locked(device_ids):
        door, _ = Door.objects.get_or_create(device=device, defaults={"owned_at": device.owned_at})
        Door.objects.filter(pk=door.pk).update(list_version=F("list_version") + 1)
        door.refresh_from_db()
        devices.lay_desired(device=device, patch={"access": {"list_version": door.list_version}})
        publish_on_commit(DomainEvent("door.list_changed", "doors", device.account_id, device.pk, {}))


def renew_if_door(device_id: str) -> None:
    """Its group, its owner or its token changed."""
    device = devices.device_of(device_id)
    if device is not None and device.model_code in DOOR_MODELS:
        renew([device_id])


def renew_account(account_id: int) -> None:
    """Its groups changed: which doors a grant for a group reaches is different now."""
    renew(devices.devices_of(account_id, DOOR_MODELS).values_list("pk", flat=True))


# what is in it


def page(device_id: str, want: int, after: int) -> dict[str, Any]:
    """One page for a board. Raises NotFound. The list of a version is made once and kept for its other pages."""
    device = devices.device_of(device_id)
    if device is None:
        raise NotFound("unknown_device", "no such device")
    door = Door.objects.filter(pk=device_id).first()
    version = door.list_version if door else 0
    made = _kept(device_id, version, device.account_id, bytes(device.token_sha256), timezone.now().date())
    found: dict[str, Any] = messages.build_page(*made, want, after)
    return found


@lru_cache(maxsize=KEPT_LISTS)
def _kept(device_id: str, version: int, account_id: int | None, token_sha256: bytes, on: date) -> List:
    device = devices.device_of(device_id)
    if device is None:
        raise NotFound("unknown_device", "no such device")
    return made_for(device, version)


def made_for(device: Any, version: int) -> List:
    hours = _hours(device)
    numbers: dict[Windows, int] = {}
    found = Credential.objects.filter(account_id=device.account_id, holder__in=list(hours)).select_related("holder")
    hash_of = credentials.hasher(device)
    entries = sorted(_entry(hash_of(one), one.holder, hours[one.holder_id], numbers) for one in found.iterator())
    schedules = [[number, [list(window) for window in windows]] for windows, number in numbers.items()]
    return List(version, _zone(device), schedules, entries[: messages.MAX_ENTRIES])


def _entry(hash: str, holder: Holder, hours: Hours, numbers: dict[Windows, int]) -> list[Any]:
    if hours.windows is None:
        number = ALWAYS
    elif hours.windows in numbers or len(numbers) < rules.MAX_SCHEDULES:
        number = numbers.setdefault(hours.windows, len(numbers) + 1)
    else:  # the board has no room for one more: those of somebody else's hours that lie within these
        number = max((n for w, n in numbers.items() if set(w) <= set(hours.windows)), default=0)
        if not number:
            return [hash, holder.pk, ALWAYS, 1, 1, False]  # valid on one day in 1970: never
    is_allowed = hours.when_clockless and (
        holder.when_unknown == Unknown.ALLOW or not (holder.from_on or holder.until_on)
    )
    return [hash, holder.pk, number, _day(holder.from_on), _day(holder.until_on), is_allowed]


def _day(on: date | None) -> int:
    return (on - EPOCH).days if on else 0


def _hours(device: Any) -> dict[int, Hours]:
    """By holder: the hours of all their grants at this door together."""
    place = Q(device=device) | Q(group__devices=device) | Q(device=None, group=None)
    grants = Grant.objects.filter(place, holder__account_id=device.account_id, holder__is_blocked=False)
    found: dict[int, list[Schedule | None]] = {}
    for grant in grants.select_related("schedule").distinct().order_by("id"):
        found.setdefault(grant.holder_id, []).append(grant.schedule)
    return {holder_id: _together(schedules) for holder_id, schedules in found.items()}


def _together(schedules: list[Schedule | None]) -> Hours:
    timed = [schedule for schedule in schedules if schedule is not None]
    if len(timed) < len(schedules):
        return Hours(None, True)
    windows = sorted({(days, start, end) for schedule in timed for days, start, end in schedule.windows})
    return Hours(tuple(windows[: rules.MAX_WINDOWS]), any(s.when_unknown == Unknown.ALLOW for s in timed))


def _zone(device: Any) -> list[list[int]]:
    """The offset from UTC now and its changes in the next years."""
    return zones.offsets(zone_name(device), timezone.now(), days=ZONE_DAYS, most=rules.MAX_ZONES)


def zone_name(device: Any) -> str:
    name = own_zone(device)
    return name if name in ZONES else settings.PANAL.time_zone


def own_zone(device: Any) -> str:
    """The zone that was chosen for this door, or ""."""
    door = Door.objects.filter(pk=device.pk).first()
    return door.time_zone if door and door.owned_at == device.owned_at else ""


# settings


def setting_of(device: Any, name: str) -> Any:
    """What is desired of a door, else its default."""
    wanted = devices.desired(device.pk).state.get("access") or {}
    return wanted.get(name, machine.SETTINGS[name][0])
