"""What each board is told of schedules: those of its lights, the offsets of its clock, its sun; and what is next.

The board runs them, the server only reckons with the same timetable what it will do next.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings

from panal.cells.devices import api as devices
from panal.cells.devices.catalog import MODELS
from panal.control import zones
from panal.control.instants import instant, milliseconds
from panal.control.preferences import ZONES

from . import machine, timetable
from .models import At, Home, Light, Schedule, ScheduledLight

LIGHT_MODELS = tuple(model.code for model in MODELS.values() if "lights" in model.cells)
ZONE_DAYS = 4 * 365
E4 = 10_000


def lay(*, ids: Iterable[str], now: datetime) -> None:
    """Tell these boards their schedules anew. Called inside a transaction."""
    wanted = set(ids)
    if not wanted:
        return
    boards = devices.locked(wanted)
    entries = entries_of(board.pk for board in boards)
    homes = {home.pk: home for home in Home.objects.filter(pk__in={board.account_id for board in boards})}
    patches = {}
    for board in boards:
        home = homes.get(board.account_id)
        own = entries.get(board.pk, [])
        about = {"schedules": own, "zone": zone_of(home, now) if own else [], "place": place_of(home) if own else None}
        patches[board.pk] = {"lights": {"settings": about}}
    devices.lay_desired_of_many(devices=boards, patches=patches, now=now)


def entries_of(ids: Iterable[str]) -> dict[str, list[list[Any]]]:
    """By board: [id, days, when, minute, channels, on, level, for_s] of each, as machine.is_schedule has it."""
    through = ScheduledLight.objects.filter(light__device_id__in=list(ids), schedule__is_enabled=True)
    through = through.filter(light__removed_at=None).select_related("schedule", "light").order_by("schedule_id")
    found: dict[str, dict[int, list[Any]]] = {}
    for line in through:
        entry = found.setdefault(line.light.device_id, {}).setdefault(line.schedule_id, _entry(line.schedule))
        entry[4] |= 1 << line.light.channel - 1
    return {id: list(entries.values())[: machine.MAX_SCHEDULES] for id, entries in found.items()}


def _entry(schedule: Schedule) -> list[Any]:
    level = schedule.level_pct if schedule.is_on else None
    return [
        schedule.pk, schedule.days, str(schedule.at), schedule.minutes, 0, schedule.is_on, level, schedule.for_s,
    ]  # fmt: skip


def zone_name(home: Home | None) -> str:
    name = home.time_zone if home else ""
    return name if name in ZONES else settings.PANAL.time_zone


def zone_of(home: Home | None, now: datetime) -> list[list[int]]:
    return zones.offsets(zone_name(home), now, days=ZONE_DAYS, most=machine.MAX_ZONES)


def place_of(home: Home | None) -> list[int] | None:
    if home is None or home.latitude_deg is None or home.longitude_deg is None:
        return None
    return [round(home.latitude_deg * E4), round(home.longitude_deg * E4)]


class HomeClock(NamedTuple):
    """What a time of day and a sun mean in a home."""

    name: str
    """Of its time zone."""
    zone: list[list[int]]
    place: list[int] | None


def clock_of(account_id: int, now: datetime) -> HomeClock:
    home = Home.objects.filter(pk=account_id).first()
    return HomeClock(zone_name(home), zone_of(home, now), place_of(home))


def next_times(found: Iterable[Schedule], homes: Mapping[int, Home], now: datetime) -> dict[int, datetime]:
    """By schedule: when it runs next, by its home's clock; what is off, or has no place for its sun, is left out."""
    zones_of: dict[int, list[list[int]]] = {}
    times = {}
    for schedule in found:
        home = homes.get(schedule.account_id)
        if not schedule.is_enabled or (schedule.at != At.TIME and place_of(home) is None):
            continue
        zone = zones_of.setdefault(schedule.account_id, zone_of(home, now))
        due, at_ms = timetable.next_after(milliseconds(now), [[*_entry(schedule)]], zone, place_of(home))
        if due:
            times[schedule.pk] = instant(at_ms).astimezone(ZoneInfo(zone_name(home)))
    return times


def boards_of(lights: Iterable[Light]) -> set[str]:
    return {light.device_id for light in lights}
