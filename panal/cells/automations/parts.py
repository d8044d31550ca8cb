"""What an automation says: when, if, then. Every part is bounded here, whether it comes from a page or a program.

when: {"kind": one of EVENTS, "device_id": "" | id, "light_id": 0 | id} · {"kind": "time", "minutes": 0..1439, "days"} ·
{"kind": "sunrise" | "sunset", "minutes": -720..720, "days"}. `days` are bits, Monday is 1.
if: {"kind": "hours", "from_min", "until_min"} (until may be before from: over midnight) · {"kind": "days", "days"} ·
{"kind": "light", "light_id", "is_on"} · {"kind": "device", "device_id", "is_online"}.
then: {"kind": "light", "light_id", "is_on", "level": 1..100 | null, "for_s": 1..86400 | null} ·
{"kind": "scene", "scene_id"} · {"kind": "snapshot", "device_id"} · {"kind": "alert", "text"} ·
{"kind": "webhook", "url"}.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from panal.protocol.errors import BadRequest
from panal.protocol.topics import is_device_id

MOST_CONDITIONS = 5
MOST_ACTIONS = 5
MOST_TEXT = 200
MOST_URL = 500
EVERY_DAY = 127
DAY_MIN = 1440
SUN_MIN = 720
MOST_FOR_S = 86_400
MOST_ID = 2**31 - 1


class Event(NamedTuple):
    """What a trigger listens to: a domain event, and what must stand in its data."""

    name: str
    key: str = ""
    value: str = ""


EVENTS = {
    "fall": Event("care.event_raised", "kinds", "FALL"),
    "emergency": Event("care.event_raised", "kinds", "EMERGENCY_BUTTON"),
    "door_opened": Event("door.moved", "doors", "open"),
    "door_closed": Event("door.moved", "doors", "close"),
    "let_in": Event("door.granted"),
    "refused": Event("door.refused"),
    "forced": Event("door.forced"),
    "held_open": Event("door.held"),
    "at_door": Event("door.*"),
    "motion": Event("camera.motion"),
    "light_on": Event("light.changed"),
    "light_off": Event("light.changed"),
    "online": Event("device.came_online"),
    "offline": Event("device.went_offline"),
}
GROUPS = {"door.*": ("door.moved", "door.granted", "door.refused", "door.forced", "door.held", "door.jammed")}
"""Events of a trigger that listens to several."""
SUNS = ("sunrise", "sunset")
TIMES = ("time", *SUNS)

Document = Mapping[str, Any]


def _heard() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for wanted in {event.name for event in EVENTS.values()}:
        for name in GROUPS.get(wanted, (wanted,)):
            found.setdefault(name, set()).add(wanted)
    return {name: frozenset(wanted) for name, wanted in found.items()}


HEARD = _heard()
"""Domain events that may set off an automation, each with the names under which automations listen to it."""


def parse_when(said: Any) -> dict[str, Any]:
    kind = _kind(said, (*EVENTS, *TIMES), "when")
    if kind in EVENTS:
        light_id = _number(said, "light_id", 0, MOST_ID, default=0) if kind in ("light_on", "light_off") else 0
        return {"kind": kind, "device_id": _device(said, empty=True), "light_id": light_id}
    least, most = (0, DAY_MIN - 1) if kind == "time" else (-SUN_MIN, SUN_MIN)
    minutes = _number(said, "minutes", least, most)
    return {"kind": kind, "minutes": minutes, "days": _days(said, default=EVERY_DAY)}


def parse_conditions(said: Any) -> list[dict[str, Any]]:
    return [CONDITIONS[_kind(one, CONDITIONS, "conditions")](one) for one in _list(said, "conditions", MOST_CONDITIONS)]


def parse_actions(said: Any) -> list[dict[str, Any]]:
    found = [ACTIONS[_kind(one, ACTIONS, "actions")](one) for one in _list(said, "actions", MOST_ACTIONS)]
    if not found:
        raise BadRequest("no_actions", "an automation does at least one thing", "actions")
    if sum(one["kind"] == "webhook" for one in found) > 1:
        raise BadRequest("too_many_webhooks", "at most one webhook", "actions")
    return found


def _hours(said: Document) -> dict[str, Any]:
    begin, end = _number(said, "from_min", 0, DAY_MIN - 1), _number(said, "until_min", 0, DAY_MIN - 1)
    if begin == end:
        raise BadRequest("bad_hours", "they begin and end at different times", "conditions")
    return {"kind": "hours", "from_min": begin, "until_min": end}


def _on_days(said: Document) -> dict[str, Any]:
    return {"kind": "days", "days": _days(said)}


def _is_lit(said: Document) -> dict[str, Any]:
    return {"kind": "light", "light_id": _number(said, "light_id", 1, MOST_ID), "is_on": _bool(said, "is_on")}


def _is_here(said: Document) -> dict[str, Any]:
    return {"kind": "device", "device_id": _device(said), "is_online": _bool(said, "is_online")}


def _light(said: Document) -> dict[str, Any]:
    is_on = _bool(said, "is_on")
    return {
        "kind": "light",
        "light_id": _number(said, "light_id", 1, MOST_ID),
        "is_on": is_on,
        "level": _number(said, "level", 1, 100, default=None) if is_on else None,
        "for_s": _number(said, "for_s", 1, MOST_FOR_S, default=None) if is_on else None,
    }


def _scene(said: Document) -> dict[str, Any]:
    return {"kind": "scene", "scene_id": _number(said, "scene_id", 1, MOST_ID)}


def _snapshot(said: Document) -> dict[str, Any]:
    return {"kind": "snapshot", "device_id": _device(said)}


def _alert(said: Document) -> dict[str, Any]:
    return {"kind": "alert", "text": _text(said, "text", MOST_TEXT)}


def _webhook(said: Document) -> dict[str, Any]:
    url = _text(said, "url", MOST_URL)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise BadRequest("bad_url", "http:// or https:// and a host, without a name and password", "url")
    return {"kind": "webhook", "url": url}


Parser = Callable[[Document], dict[str, Any]]
CONDITIONS: dict[str, Parser] = {"hours": _hours, "days": _on_days, "light": _is_lit, "device": _is_here}
ACTIONS: dict[str, Parser] = {
    "light": _light,
    "scene": _scene,
    "snapshot": _snapshot,
    "alert": _alert,
    "webhook": _webhook,
}


def _kind(said: Any, allowed: Any, field: str) -> str:
    kind = said.get("kind") if isinstance(said, Mapping) else None
    if not isinstance(kind, str) or kind not in allowed:
        raise BadRequest(f"bad_{field}", "no such kind", field, tuple(allowed))
    return kind


def _list(said: Any, field: str, most: int) -> list[Any]:
    if not isinstance(said, list | tuple) or len(said) > most:
        raise BadRequest(f"bad_{field}", f"a list of at most {most}", field)
    return list(said)


def _number(said: Document, field: str, least: int, most: int, default: Any = ...) -> Any:
    value = said.get(field)
    if value is None and default is not ...:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadRequest(f"bad_{field}", f"a whole number from {least} to {most}", field)
    return value


def _days(said: Document, default: Any = ...) -> Any:
    return _number(said, "days", 1, EVERY_DAY, default)


def _bool(said: Document, field: str) -> bool:
    value = said.get(field)
    if not isinstance(value, bool):
        raise BadRequest(f"bad_{field}", "true or false", field)
    return value


def _device(said: Document, *, empty: bool = False) -> str:
    value = said.get("device_id", "")
    if value == "" and empty:
        return ""
    if not isinstance(value, str) or not is_device_id(value):
        raise BadRequest("bad_device_id", "the id of a device", "device_id")
    return value


def _text(said: Document, field: str, most: int) -> str:
    value = said.get(field)
    if not isinstance(value, str) or not value.strip() or len(value) > most or not value.isprintable():
        raise BadRequest(f"bad_{field}", f"1 to {most} printable characters", field)
    return value.strip()
