"""When an automation is set off, whether its conditions hold, and when its time comes next. No clock, no rows."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from panal.cells.lights import timetable

from .parts import EVENTS, Document

MOST_RUNS = 20
"""A minute: an automation that runs more often has set itself off, by a way that nobody thought of."""
LATE_S = 600
"""What could not be run for so long is not done any more: nobody wants the light of an hour ago."""


class Facts(NamedTuple):
    """How things are when the conditions are looked at."""

    minute: int
    """Of the local day."""
    weekday: int
    """0 is Monday."""
    lights: Mapping[int, bool]
    """Those that there are, and whether they are on."""
    online: Mapping[str, bool]
    """The same of devices."""


def is_set_off(when: Document, device_id: str, data: Document) -> bool:
    """Whether this event, whose name is the trigger's, is the one that was meant."""
    if when["device_id"] not in ("", device_id):
        return False
    if when["kind"] in ("light_on", "light_off"):
        return any(_is_meant(when, light) for light in data.get("lights", ()))
    event = EVENTS[when["kind"]]
    return not event.key or event.value in data.get(event.key, ())


def _is_meant(when: Document, light: Document) -> bool:
    """What an automation has switched sets off none: two that answer each other would never end."""
    is_this = when["light_id"] in (0, light.get("id"))
    return is_this and light.get("on") is (when["kind"] == "light_on") and light.get("by") != "automation"


def first_unmet(conditions: Iterable[Document], facts: Facts) -> int | None:
    """The place of the first condition that does not hold, None where all do."""
    for place, condition in enumerate(conditions):
        if not _holds(condition, facts):
            return place
    return None


def _holds(condition: Document, facts: Facts) -> bool:
    kind = condition["kind"]
    if kind == "hours":
        return _is_within(facts.minute, condition["from_min"], condition["until_min"])
    if kind == "days":
        return bool(condition["days"] >> facts.weekday & 1)
    if kind == "light":
        return facts.lights.get(condition["light_id"]) is condition["is_on"]
    return facts.online.get(condition["device_id"]) is condition["is_online"]


def _is_within(minute: int, begin: int, end: int) -> bool:
    return begin <= minute < end if begin < end else minute >= begin or minute < end


def next_ms(when: Document, after_ms: int, zone: list[list[int]], place: list[int] | None) -> int | None:
    """When a trigger of time or sun comes next, later than `after_ms`; None: never, or the place is not known."""
    if when["kind"] in EVENTS:
        return None
    schedule = [0, when["days"], when["kind"], when["minutes"]]
    found_s = timetable.next_of(schedule, after_ms // 1000, zone, place)
    return None if found_s is None else int(found_s * 1000)
