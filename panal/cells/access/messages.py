"""What a door and its server say to each other: events, state, settings, commands, access list; older controllers too.

Shapes: docs/wire/doors.md. Both ways of an event, HTTP and MQTT, parse into the same tuple. Instants are int
milliseconds since 1970 UTC.
"""

from collections import namedtuple

from panal.protocol import envelope, fields, instants, keys
from panal.protocol.errors import BadRequest

from . import machine, rules

KINDS = ("door.attempt", "door.moved", "door.alarm", "door.note")
STATUSES = ("open", "close")
METHODS = ("password", "rfid", "remote", "door", "exit")
LOCKS = ("locked", "unlocked", "jammed")
MODES = ("OR", "AND")
REFUSALS = (
    "unknown_card",
    "wrong_code",
    "paused",
    "not_yet",
    "expired",
    "outside_hours",
    "no_clock",
    "no_second_factor",
    "other_person",
    "list_unreadable",
    "not_closed",
    "enrolled",
)
"""Why an attempt was not granted. not_closed: granted, but the door stood open too long to use it."""
ALARMS = ("forced", "held", "jammed", "paused")
"""Each ends with the same reason in a door.note, "forced_over" and so on."""

UNLOCK = "door.unlock"
ENROLL = "door.enroll"
MAX_SEQ = 1 << 53
MAX_REASON = 64
MAX_NOTE = 120
MAX_PERSON = (1 << 31) - 1
MAX_ENTRIES = 12000
MAX_PAGE_BYTES = 1600  # of compact JSON: a board has several copies of it at a time, each in one piece
HASH_DIGITS = 2 * rules.HASH_BYTES
ENROLL_S = (5, 120)
LEGACY_TELEMETRY = "iot/telemetry"
LEGACY_COMMANDS = "iot/commands"

# at_ms None: the board had no clock. seq counts every line of the board's log, so a gap is seen.
# card: 32 hex digits or ""; person: number or None; lock: how the lock stood; command: id of a door.unlock or "";
# note: what a person gave as the reason of a remote unlock; factors: methods of a grant in mode AND
Event = namedtuple(
    "Event",
    "device_id received_ms uid kind at_ms seq door method granted card person reason note lock command factors boot",
)
# what a board says of itself under "access"; absent ones are None. alarms: ("forced", …) that are on now
State = namedtuple("State", "lock door mode paused_until_ms list_version entries alarms seq")
Want = namedtuple("Want", "device_id received_ms version after")
# of an older controller: all but the device are "" or None where it did not say them
Legacy = namedtuple("Legacy", "device_id received_ms door method granted at_ms uptime_s ssid")


# events


def parse_event(body: dict, device_id: str, now_ms: int) -> Event:
    """MQTT `up/event`: `{"uid","kind","at_ms"|null,"data":{…}}`."""
    at_ms = fields.whole(body, "at_ms", 0, instants.LATEST_MS)
    return _event(fields.uid(body, "uid"), fields.needed_text(body, "kind"), at_ms, body, device_id, now_ms)


def parse_event_http(body: dict, device_id: str, now_ms: int) -> Event:
    """HTTP `events/ingest`: `{"eventUid","eventType","occurredAt","data"}`."""
    text = fields.text(body, "occurredAt", 64)
    at_ms = instants.parse(text) if text else None
    if text and at_ms is None:
        raise fields.bad("occurredAt", "an ISO 8601 instant with Z or an offset is expected")
    uid, kind = fields.uid(body, "eventUid"), fields.needed_text(body, "eventType")
    return _event(uid, kind, at_ms, body, device_id, now_ms)


def _event(uid, kind, at_ms, body, device_id, now_ms) -> Event:
    if kind not in KINDS:
        raise BadRequest("unknown_event_type", "no such kind of event", "kind", KINDS)
    data = fields.an_object(body, "data") or {}
    return Event(
        device_id,
        now_ms,
        uid,
        kind,
        at_ms,
        fields.whole(data, "seq", 0, MAX_SEQ) or 0,
        _one_of(data, "door_status", STATUSES),
        _one_of(data, "access_method", METHODS),
        fields.flag(data, "access_granted"),
        _hash(data, "card"),
        fields.whole(data, "person", 0, MAX_PERSON) or None,
        fields.text(data, "reason", MAX_REASON) or "",
        fields.text(data, "note", MAX_NOTE) or "",
        _one_of(data, "lock", LOCKS, ""),
        fields.text(data, "command", MAX_REASON) or "",
        _methods(data),
        fields.whole(data, "boot", 0, MAX_SEQ),
    )


def _one_of(document, field, choices, absent=None):
    value = fields.text(document, field) or absent
    if value is None:
        raise fields.missing(field)
    if value and value not in choices:
        raise BadRequest("bad_field", "no such value", field, choices)
    return value


def _hash(document, field):
    value = fields.text(document, field, HASH_DIGITS) or ""
    if value and not is_hash(value):
        raise fields.bad(field, "32 hexadecimal digits are expected")
    return value


def _methods(data):
    listed = fields.a_list(data, "factors", 2) or []
    if any(method not in METHODS for method in listed):
        raise BadRequest("bad_field", "no such value", "factors", METHODS)
    return tuple(listed)


def is_hash(value: str) -> bool:
    return len(value) == HASH_DIGITS and fields.is_hex(value)


def build_event(uid: str, kind: str, at_ms: int | None, data: dict) -> dict:
    """MQTT `up/event`, as a board says it."""
    return {"uid": uid, "kind": kind, "at_ms": at_ms, "data": data}


# state and settings


def parse_state(reported: dict) -> State:
    """Of a whole `reported` document, whatever a board has put there: what is no state is None."""
    said = reported.get("access")
    said = said if isinstance(said, dict) else {}
    alarms = said.get("alarms")
    return State(
        _choice(said, "lock", LOCKS),
        _choice(said, "door", STATUSES),
        _choice(said, "mode", MODES),
        _count(said, "paused_until_ms"),
        _count(said, "list_version"),
        _count(said, "entries"),
        tuple(alarm for alarm in alarms if alarm in ALARMS) if isinstance(alarms, list) else (),
        _count(said, "seq"),
    )


def _choice(said, name, choices):
    value = said.get(name)
    return value if isinstance(value, str) and value in choices else None


def _count(said, name):
    value = said.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SEQ else None


def check_settings(given: dict) -> dict:
    """The settings in `given`, all known and within their bounds. Raises BadRequest that names the field."""
    for name, value in given.items():
        if name not in machine.SETTINGS:
            raise fields.bad(name, "no such setting")
        if not machine.is_good(name, value):
            raise BadRequest("bad_field", "not within its bounds", name, machine.SETTINGS[name][1:])
    return given


def build_desired(settings: dict, combination: str | None, list_version: int) -> dict:
    """The whole `desired["access"]`: settings that differ from their defaults; `combination` is a code's hash."""
    wanted = check_settings(settings).copy()
    if combination is not None:
        if not is_hash(combination):
            raise fields.bad("combination", "32 hexadecimal digits are expected")
        wanted["combination"] = combination
    wanted["list_version"] = list_version
    return {"access": wanted}


# commands


def build_unlock(reason: str) -> dict:
    """Arguments of `door.unlock`. It answers `{"lock","door"}`, after the lock has moved."""
    return {"reason": reason[:MAX_NOTE]}


def build_enroll(seconds: int) -> dict:
    """Arguments of `door.enroll`: for so long the next card is not tried but answered, or the answer is `no_card`."""
    return {"seconds": min(max(seconds, ENROLL_S[0]), ENROLL_S[1])}


def parse_enrolled(result: dict, token: str) -> tuple:
    """(hash as hex, UID) out of the answer `{"card","sealed"}`; with the UID the card can be allowed at other doors.

    Raises BadRequest for what this door has not sealed.
    """
    card = _hash(result, "card")
    uid = envelope.open(
        keys.derive(token, "access-encrypt"), keys.derive(token, "access-mac"), fields.needed_text(result, "sealed")
    )
    if len(uid) not in (4, 7, 10) or keys.hex_of(rules.card_hash(keys.derive(token, "access"), uid)) != card:
        raise fields.bad("sealed", "not the card")
    return card, uid


# access list


def parse_want(body: dict, device_id: str, now_ms: int) -> Want:
    """MQTT `up/access`, HTTP `GET access/list?version=…&after=…`: which list, and after which page."""
    version = fields.needed_whole(body, "want", 0, MAX_SEQ)
    return Want(device_id, now_ms, version, fields.whole(body, "after", 0, MAX_ENTRIES + rules.MAX_SCHEDULES) or 0)


def build_page(version: int, zone: list, schedules: list, entries: list, want: int, after: int) -> dict:
    """MQTT `down/access`: one page of the list, at most 4 KB as compact JSON.

    `zone` [[from_s, offset_min], …]; `schedules` [[number, [[days, from_min, until_min], …]], …];
    `entries` [[hash, person, schedule, from_day, until_day, when_clockless], …] in the order of their hashes, which
    are hexadecimal and all different. Together the two are one row of things, and `after` counts how many of them the
    board has; `next` is what it asks for then, or null. A board that wants a version that is no more gets this one
    from its beginning.
    """
    begin = after if want == version and after <= len(schedules) + len(entries) else 0
    page: dict = {"version": version, "after": begin, "schedules": [], "entries": [], "next": None}
    left = MAX_PAGE_BYTES
    if begin == 0:
        page["zone"] = zone
        left -= 24 * len(zone)
    at = begin
    while at < len(schedules) + len(entries):
        is_schedule = at < len(schedules)
        thing = schedules[at] if is_schedule else entries[at - len(schedules)]
        left -= _size(thing)
        if left < 0:
            page["next"] = at
            break
        page["schedules" if is_schedule else "entries"].append(thing)
        at += 1
    return page


def _size(thing):
    """At most so many bytes of compact JSON."""
    if isinstance(thing, (list, tuple)):
        return 2 + sum([_size(item) + 1 for item in thing])
    return len(str(thing)) + 2


# older controllers (docs/wire/mqtt.md)


def parse_legacy(body: dict, device_id: str, now_ms: int) -> Legacy:
    """`iot/telemetry` of an older controller. Its own `device_id` counts for nothing: the setting says which it is."""
    if "door_status" not in body and "access_method" not in body:
        uptime_s = fields.whole(body, "uptime_sec", 0, MAX_SEQ)
        return Legacy(device_id, now_ms, "", "", None, None, uptime_s, fields.text(body, "ssid", 32) or "")
    text = fields.text(body, "timestamp", 64) or ""
    return Legacy(
        device_id,
        now_ms,
        _one_of(body, "door_status", STATUSES),
        _one_of(body, "access_method", METHODS, "door"),
        fields.flag(body, "access_granted"),
        instants.parse(text) or instants.parse(text + "Z"),
        None,
        "",
    )


def build_legacy(device_id: str, door: str, method: str, granted: bool, at_ms: int | None) -> dict:
    """`iot/telemetry`, as older servers expect it."""
    timestamp = "" if at_ms is None else instants.text(at_ms)
    return {
        "device_id": device_id,
        "door_status": door,
        "access_method": method,
        "access_granted": granted,
        "timestamp": timestamp,
    }


def is_legacy_unlock(body: dict) -> bool:
    """Whether an object on `iot/commands` unlocks: `{"action":"open"}`, `{"open":true}`, any with neither key."""
    if "action" in body:
        return bool(body["action"] == "open")
    return body.get("open", True) is True


LEGACY_UNLOCK = {"action": "open"}
"""What our server says to an older controller."""
