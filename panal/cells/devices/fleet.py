"""The fleet at a glance: devices by sector or by group, and those that need a person, with the reasons."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.db.models import Case, Count, Q, QuerySet, When
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from . import queries
from .models import Device, Group, Sector, State

LOW_BATTERY_PCT = 20
WEAK_SIGNAL_DBM = -80
"""Below it, phones show one bar, and boards lose the connection now and then."""
WANTED_FIRMWARE: dict[str, str] = {}
"""By model, the version that its devices should have; for the others the newest that one of them reports."""
SHOWN_IN_A_PLACE = 30
"""The rest of a place is in the list of devices."""
MOST_SHOWN = 5000

NEEDS = {
    "offline": (gettext_lazy("Offline"), "wifi-off"),
    "late": (gettext_lazy("Late"), "clock-alert"),
    "weak": (gettext_lazy("Weak signal"), "signal-low"),
    "old": (gettext_lazy("Old firmware"), "history"),
    "battery": (gettext_lazy("Low battery"), "battery-low"),
}
"""What may be wrong with a device, the worst first: label and icon."""

Old = dict[str, list[str]]
"""By model, the versions that are older than they should be."""


class Place(NamedTuple):
    """A sector or a group with its devices; `id` is "none" for those that are nowhere."""

    id: str
    name: str
    is_inner: bool
    devices: list[Device]
    total: int
    online: int
    attention: int

    @property
    def more(self) -> int:
        return self.total - len(self.devices)


# what is known


def version(text: str) -> tuple[int, ...]:
    """The numbers in a version: 1.10.0 is newer than 1.9. What follows a dash or a plus does not count."""
    return tuple(int(number[:9]) for number in re.findall(r"\d+", re.split(r"[-+]", text)[0]))


def old_firmware(devices: QuerySet[Device]) -> Old:
    """Versions that some of these devices have and that are older than the wanted one, or the newest of their model."""
    found: dict[str, list[str]] = {}
    for model, fw in devices.exclude(fw="").order_by().values_list("model_code", "fw").distinct():
        found.setdefault(model, []).append(fw)
    return {model: _older(known, WANTED_FIRMWARE.get(model)) for model, known in found.items()}


def _older(known: list[str], wanted: str | None) -> list[str]:
    newest = version(wanted) if wanted else max(map(version, known))
    return [fw for fw in known if version(fw) < newest]


def needs(old: Old) -> dict[str, Q]:
    """By need, which devices have it."""
    has_old = Q(pk__in=[])
    for model, versions in old.items():
        has_old |= Q(model_code=model, fw__in=versions)
    return {
        "offline": Q(is_online=False),
        "late": queries.late(),
        "weak": Q(is_online=True, rssi_dbm__lt=WEAK_SIGNAL_DBM),
        "old": has_old,
        "battery": Q(battery_pct__lt=LOW_BATTERY_PCT),
    }


def needs_of(device: Device, old: Old) -> list[str]:
    """The same, of a device that has been read already."""
    has = {
        "offline": not device.is_online,
        "late": device.presence == "late",
        "weak": device.is_online and device.rssi_dbm is not None and device.rssi_dbm < WEAK_SIGNAL_DBM,
        "old": device.fw in old.get(device.model_code, ()),
        "battery": device.battery_pct is not None and device.battery_pct < LOW_BATTERY_PCT,
    }
    return [need for need in NEEDS if device.state == State.ACTIVATED and has[need]]


def alive_for(user: Any, account: int | None) -> QuerySet[Device]:
    """Those that have been heard of and are not revoked."""
    return queries.filtered(queries.devices_for(user), account=account, state=State.ACTIVATED)


def attention_for(user: Any, account: int | None, old: Old, need: str = "") -> QuerySet[Device]:
    """The devices that need a person, the worst first; with `need` only those that have it."""
    has = needs(old)
    worst = Case(*(When(has[name], then=place) for place, name in enumerate(NEEDS)), default=len(NEEDS))
    wanted = has[need] if need else has["offline"] | has["late"] | has["weak"] | has["old"] | has["battery"]
    return alive_for(user, account).filter(wanted).order_by(worst, "-online_changed_at", "id")


def need_counts_for(user: Any, account: int | None, old: Old) -> dict[str, int]:
    has = needs(old)
    counts = {name: Count("pk", filter=has[name]) for name in NEEDS}
    found: dict[str, int] = alive_for(user, account).order_by().aggregate(**counts)
    return found


# what is shown


def attention_row(device: Device, wrong: list[str]) -> dict[str, Any]:
    """What a person reads about a device that needs them."""
    worst = wrong[0] if wrong else "late"
    return {
        "href": reverse("device", args=[device.pk]),
        "title": str(device),
        "sign": "offline" if worst == "offline" else "late",
        "icon": NEEDS[worst][1],
        "text": " · ".join(_sentence(device, need) for need in wrong),
        "at": device.last_seen_at if device.is_online else device.online_changed_at,
    }


def _sentence(device: Device, need: str) -> str:
    if need == "battery":
        return _("Battery %(pct)d %%") % {"pct": device.battery_pct or 0}
    if need == "weak":
        return _("Weak signal, %(dbm)d dBm") % {"dbm": device.rssi_dbm or 0}
    if need == "old":
        return _("Firmware %(fw)s is old") % {"fw": device.fw}
    return str({"offline": _("Offline since"), "late": _("Its sign of life is overdue")}[need])


def places_for(user: Any, account_id: int | None, by: str) -> list[Place]:
    """Sectors (each with its inner ones after it) or groups, and where nothing is, with their devices by name."""
    found = queries.filtered(queries.devices_for(user), account=account_id).exclude(state=State.REVOKED)
    devices = list(queries.named_first(found)[:MOST_SHOWN])
    old = old_firmware(alive_for(user, account_id))
    for device in devices:
        device.needs = [NEEDS[need] for need in needs_of(device, old)]  # type: ignore[attr-defined]
    return (_by_group if by == "group" else _by_sector)(user, account_id, devices)


def _by_sector(user: Any, account_id: int | None, devices: list[Device]) -> list[Place]:
    inside: dict[int | None, list[Device]] = {}
    for device in devices:
        inside.setdefault(device.sector_id, []).append(device)
    sectors = queries.under_parents(queries.sectors_for(user, account_id))
    places = [_place(sector, inside.get(sector.pk, [])) for sector in sectors]
    return _with_rest(places, inside.get(None, []), _("Without a sector"))


def _by_group(user: Any, account_id: int | None, devices: list[Device]) -> list[Place]:
    groups = list(queries.groups_for(user, account_id))
    members: dict[int, set[str]] = {}
    through = Group.devices.through.objects.filter(group__in=[group.pk for group in groups])
    for group_id, device_id in through.values_list("group_id", "device_id"):
        members.setdefault(group_id, set()).add(device_id)
    places = [_place(group, [d for d in devices if d.pk in members.get(group.pk, ())]) for group in groups]
    somewhere = set().union(*members.values())
    return _with_rest(places, [device for device in devices if device.pk not in somewhere], _("In no group"))


def _place(place: Sector | Group, devices: list[Device]) -> Place:
    return _filled(str(place.pk), str(place), bool(getattr(place, "parent_id", None)), devices)


def _with_rest(places: Iterable[Place], rest: list[Device], name: str) -> list[Place]:
    return [*places, *([_filled("none", name, False, rest)] if rest else [])]


def _filled(id: str, name: str, is_inner: bool, devices: list[Device]) -> Place:
    online = sum(device.is_online for device in devices)
    attention = sum(bool(device.needs) for device in devices)  # type: ignore[attr-defined]
    return Place(id, name, is_inner, devices[:SHOWN_IN_A_PLACE], len(devices), online, attention)
