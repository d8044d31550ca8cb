"""What a board of lights and the server say to each other: the twin's `lights`. Shapes: docs/wire/lights.md.

Bounds are those of machine.py, which the board has: what passes here is obeyed there. Instants are int milliseconds
since 1970 UTC. Unknown fields are ignored, missing optional ones are None.
"""

from collections import namedtuple

from panal.protocol import fields
from panal.protocol.errors import BadRequest

from . import machine

KINDS, SWITCHES, POWERS, BYS = machine.KINDS, machine.SWITCHES, machine.POWERS, machine.BYS
ASKED_BYS = machine.ASKED_BYS
WHENS = machine.WHENS
MAX_CHANNELS, MAX_SCHEDULES, MAX_ZONES = machine.MAX_CHANNELS, machine.MAX_SCHEDULES, machine.MAX_ZONES
MAX_ID = machine.MAX_ID

# channel: 1..8; level: 1..100, how bright it is or will be when it is on; until_ms: when its timer ends, or None;
# set_at_ms: of the newest desired change that the board has seen, 0 before any
Light = namedtuple("Light", "channel is_on level by at_ms until_ms set_at_ms")
# lights: (Light, …) of those that the document names; next_id, next_ms: of the schedule that runs next, or None;
# settings: what the board has understood of the desired ones, as build_settings makes them, or None
State = namedtuple("State", "lights next_id next_ms settings")
# minute: of the day for "time", else of the offset from the sun; days: bit 0 is Monday; channels: (1, 3)
Schedule = namedtuple("Schedule", "id days when minute channels is_on level for_s")
Channel = namedtuple("Channel", "kind switch power")


def parse_state(document: dict) -> State:
    """The twin's reported `lights`, whole or a patch of it. Raises BadRequest."""
    lights = []
    for number in range(1, MAX_CHANNELS + 1):
        about = fields.an_object(document, str(number))
        if about is not None:
            lights.append(_light(number, about))
    upcoming = fields.a_list(document, "next", 2)
    if upcoming is not None and not _is_upcoming(upcoming):
        raise fields.bad("next", "[id, at_ms] is expected")
    next_id, next_ms = upcoming or (None, None)
    return State(tuple(lights), next_id, next_ms, fields.an_object(document, "settings"))


def _is_upcoming(value) -> bool:
    return bool(len(value) == 2 and machine.is_whole(value[0], (0, MAX_ID)) and machine.is_whole(value[1], _INSTANTS))


def _light(number: int, about: dict) -> Light:
    level = fields.whole(about, "level", 1, 100)
    return Light(
        number,
        fields.flag(about, "on"),
        100 if level is None else level,
        _one_of(about, "by", BYS, "power"),
        fields.whole(about, "at_ms", 0, machine.LATEST_MS) or 0,
        fields.whole(about, "until_ms", 0, machine.LATEST_MS),
        fields.whole(about, "set_at_ms", 0, machine.LATEST_MS) or 0,
    )


def _one_of(document: dict, field: str, choices, absent) -> str:
    value = fields.text(document, field) or absent
    if value not in choices:
        raise BadRequest("bad_field", "no such value", field, choices)
    return value


def build_wish(is_on: bool, level: int | None, for_s: int | None, set_at_ms: int, by: str = "page") -> dict:
    """Desired `lights`.`<channel>`. `level` None: as bright as it was; `for_s` None: without a timer.

    As a patch: null deletes what an older one left. `set_at_ms` must be later than that of the channel's older wishes
    and than `at_ms` that the board reports of it, see `set_at_ms`. Raises BadRequest.
    """
    if by not in ASKED_BYS:
        raise BadRequest("bad_field", "no such value", "by", ASKED_BYS)
    if level is not None and not machine.is_whole(level, machine.LEVEL):
        raise fields.bad("level", "between 1 and 100")
    if for_s is not None and not machine.is_whole(for_s, machine.FOR_S):
        raise fields.bad("for_s", "between %d and %d" % machine.FOR_S)
    return {"on": is_on, "level": level, "for_s": for_s, "set_at_ms": set_at_ms, "by": by}


def build_agreement(light: Light) -> dict:
    """Desired `lights`.`<channel>` after a board reported what it did by itself: what it says is what we want."""
    return {"on": light.is_on, "level": light.level, "for_s": None, "set_at_ms": light.at_ms, "by": None}


def is_own_doing(light: Light) -> bool:
    """Whether a board's report is newer than all that was desired of it: then the server lays `build_agreement`."""
    return bool(light.at_ms > light.set_at_ms)


def set_at_ms(now_ms: int, reported_at_ms: int, desired_at_ms: int) -> int:
    """The instant of a change that somebody asks for now, later than all that is known, whatever the clocks say."""
    return max(now_ms, reported_at_ms + 1, desired_at_ms + 1)


def build_settings(channels: dict, schedules, place, zone) -> dict:
    """Desired `lights`.`settings`: `{number: Channel}`, Schedules, (latitude, longitude) in degrees or None, and
    `((from_s, offset_min), …)`: what local time is more than UTC from each instant on, the first for now. Raises
    BadRequest."""
    found: dict = {
        "channels": {str(number): about._asdict() for number, about in sorted(channels.items())},
        "schedules": [build_schedule(schedule) for schedule in schedules],
        "place": None if place is None else [round(degrees * 10000) for degrees in place],
        "zone": [list(entry) for entry in zone],
    }
    _need(len(channels) <= MAX_CHANNELS, "channels")
    _need(all(machine.is_channel(about) for about in found["channels"].values()), "channels")
    _need(machine.is_list_of(machine.is_schedule, found["schedules"], MAX_SCHEDULES), "schedules")
    _need(machine.is_place(found["place"]), "place")
    _need(machine.is_list_of(machine.is_zone, found["zone"], MAX_ZONES), "zone")
    return found


def build_schedule(schedule: Schedule) -> list:
    mask = 0
    for number in schedule.channels:
        mask |= 1 << number - 1
    s = schedule
    return [s.id, s.days, s.when, s.minute, mask, s.is_on, s.level, s.for_s]


def _need(is_good: bool, field: str) -> None:
    if not is_good:
        raise fields.bad(field, "out of bounds")


_INSTANTS = (0, machine.LATEST_MS)
