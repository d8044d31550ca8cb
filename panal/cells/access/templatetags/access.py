"""How a door is drawn and named: lock × door as one small picture and one word."""

from typing import Any, NamedTuple

from django import template
from django.utils.translation import gettext_lazy as _

from .. import words

register = template.Library()


class Look(NamedTuple):
    """One of the states that a person tells apart."""

    name: str
    label: Any
    badge: str


LOCKED = Look("locked", _("Locked"), "online")
UNLOCKED = Look("unlocked", _("Unlocked"), "late")
OPEN = Look("open", _("Open"), "late")
FORCED = Look("forced", _("Opened by force"), "alarm")
JAMMED = Look("jammed", _("Lock jammed"), "alarm")
CLOSED = Look("closed", _("Closed"), "info")
UNKNOWN = Look("unknown", _("Not known yet"), "offline")
LOOKS = {
    ("locked", "close"): LOCKED,
    ("locked", ""): LOCKED,
    ("locked", "open"): FORCED,
    ("unlocked", "close"): UNLOCKED,
    ("unlocked", ""): UNLOCKED,
    ("unlocked", "open"): OPEN,
    ("", "open"): OPEN,
    ("", "close"): CLOSED,
    ("", ""): UNKNOWN,
}


@register.filter
def look(shown: Any) -> Look:
    """The state of a door (queries.Shown)."""
    return JAMMED if shown.lock == "jammed" else LOOKS[shown.lock, shown.door]


@register.filter
def event_icon(event: Any) -> str:
    if event.kind == "door.alarm":
        return words.ALARM_ICONS.get(event.reason, "siren")
    if event.kind == "door.note":
        return "info"
    if event.kind == "door.moved":
        return "door-open" if event.door == "open" else "door-closed"
    return words.METHOD_ICONS.get(event.method, "key-round")


@register.filter
def event_badge(event: Any) -> str:
    """The colour of an event's sign; its words say the same."""
    if event.kind == "door.alarm":
        return "alarm"
    if event.granted is None:
        return "plain"
    return "ok" if event.granted else "late"


@register.filter
def alarm_icon(kind: str) -> str:
    return words.ALARM_ICONS.get(kind, "siren")


@register.filter
def failure(enrolment: Any) -> str:
    return words.failure(enrolment.reason)


DAYS = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))


@register.filter
def hours(windows: list[list[int]]) -> str:
    """`Mon–Fri 08:00–13:00, Sat 10:00–12:00`"""
    return ", ".join(f"{_days(days)} {_time(start)}–{_time(until)}" for days, start, until in windows)


def _days(bits: int) -> str:
    ticked = [n for n in range(7) if bits & 1 << n]
    is_row = len(ticked) > 2 and ticked[-1] - ticked[0] == len(ticked) - 1
    return f"{DAYS[ticked[0]]}–{DAYS[ticked[-1]]}" if is_row else " ".join(str(DAYS[n]) for n in ticked)


def _time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
