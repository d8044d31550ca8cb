"""What Home Assistant is told, and what it says: MQTT discovery by device, states, commands. Pure.

Source: home-assistant.io, "MQTT", "Device discovery payload", and the pages of the platforms used here. Topics, below
the account's own prefix: `device/<id>/config` (discovery) and `panal/<id>/<key>/state`, `…/set`, `panal/<id>/up/state`.
All that we say is kept by the broker (retained); a command never is.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import panal

ONLINE, OFFLINE = "online", "offline"
ON, OFF = "ON", "OFF"
LOCKED, UNLOCKED, JAMMED = "LOCKED", "UNLOCKED", "JAMMED"
LOCK_STATES = {"locked": LOCKED, "unlocked": UNLOCKED, "jammed": JAMMED}
MAX_COMMAND = 512


class Lamp(NamedTuple):
    channel: int
    name: str
    is_on: bool
    level_pct: int | None
    dims: bool


class Thing(NamedTuple):
    """A device as Home Assistant sees it."""

    device_id: str
    name: str
    model: str
    sector: str
    fw: str
    is_online: bool
    battery_pct: float | None = None
    lamps: tuple[Lamp, ...] = ()
    lock: str = ""
    """"locked", "unlocked", "jammed", or "" where nobody has said."""
    door: str = ""
    """"open", "close" or ""."""
    is_door: bool = False
    is_wearable: bool = False


class Command(NamedTuple):
    """What Home Assistant wants. `key`: which of the device's parts; `level_pct` None: as bright as it was."""

    device_id: str
    key: str
    on: bool = False
    level_pct: int | None = None
    unlock: bool = False


Messages = dict[str, bytes]
"""By topic; an empty payload makes the broker forget."""


def config_topic(prefix: str, device_id: str) -> str:
    return f"{prefix}/device/{device_id}/config"


def topic(prefix: str, device_id: str, key: str, leaf: str = "state") -> str:
    return f"{prefix}/panal/{device_id}/{key}/{leaf}"


def messages_of(prefix: str, thing: Thing, may_unlock: bool) -> Messages:
    """All that is to be said of a device: what it is, and how it is."""
    parts = _parts(prefix, thing, may_unlock)
    found = {config_topic(prefix, thing.device_id): _json(_config(thing, parts))}
    found[topic(prefix, thing.device_id, "up")] = (ONLINE if thing.is_online else OFFLINE).encode()
    for key, state in states_of(thing).items():
        found[topic(prefix, thing.device_id, key)] = state
    return found


def _config(thing: Thing, parts: Mapping[str, Any]) -> dict[str, Any]:
    device = {"ids": [f"panal_{thing.device_id}"], "name": thing.name, "mf": "Panal", "mdl": thing.model}
    device |= {"sn": thing.device_id}
    device |= {"sw": thing.fw} if thing.fw else {}
    device |= {"sa": thing.sector} if thing.sector else {}
    return {"dev": device, "o": {"name": "Panal", "sw": panal.__version__}, "cmps": dict(parts)}


def _parts(prefix: str, thing: Thing, may_unlock: bool) -> dict[str, dict[str, Any]]:
    def part(key: str, platform: str, name: str | None, **more: Any) -> dict[str, Any]:
        return {
            "p": platform,
            "unique_id": f"panal_{thing.device_id}_{key}",
            "name": name,
            "availability_topic": topic(prefix, thing.device_id, "up"),
            "state_topic": topic(prefix, thing.device_id, key),
            **more,
        }

    found = {f"light_{lamp.channel}": lamp for lamp in thing.lamps}
    parts = {key: part(key, "light", lamp.name, **_light(prefix, thing, key, lamp)) for key, lamp in found.items()}
    if thing.is_door:
        parts["door"] = part("door", "binary_sensor", "Door", device_class="door")
        parts |= _lock(prefix, thing, part, may_unlock)
    if thing.is_wearable:
        measured = {"device_class": "battery", "unit_of_measurement": "%", "state_class": "measurement"}
        parts["battery"] = part("battery", "sensor", "Battery", **measured)
    parts["online"] = part(
        "online", "binary_sensor", "Online", device_class="connectivity", entity_category="diagnostic"
    )
    parts["online"] |= {
        "state_topic": topic(prefix, thing.device_id, "up"),
        "payload_on": ONLINE,
        "payload_off": OFFLINE,
    }
    del parts["online"]["availability_topic"]  # it is what says whether the others are there
    return parts


def _light(prefix: str, thing: Thing, key: str, lamp: Lamp) -> dict[str, Any]:
    command = {"schema": "json", "command_topic": topic(prefix, thing.device_id, key, "set")}
    if not lamp.dims:
        return {**command, "supported_color_modes": ["onoff"]}
    return {**command, "brightness": True, "brightness_scale": 100, "supported_color_modes": ["brightness"]}


def _lock(prefix: str, thing: Thing, part: Any, may_unlock: bool) -> dict[str, dict[str, Any]]:
    """A door that may not be opened from there has a lock that can only be looked at.

    Home Assistant keeps what a later discovery leaves out: the other one is said to be gone by its platform alone.
    """
    if not may_unlock:
        looked: dict[str, Any] = part("lock", "binary_sensor", "Lock", device_class="lock")
        looked |= {"payload_on": UNLOCKED, "payload_off": LOCKED}
        return {"lock": {"p": "lock"}, "lock_seen": looked}
    worked: dict[str, Any] = part("lock", "lock", "Lock", optimistic=False)
    states = {"state_locked": LOCKED, "state_unlocked": UNLOCKED, "state_jammed": JAMMED}
    worked |= {"command_topic": topic(prefix, thing.device_id, "lock", "set"), **states}
    return {"lock": worked, "lock_seen": {"p": "binary_sensor"}}


def states_of(thing: Thing) -> dict[str, bytes]:
    """By key. What nobody knows yet is not said."""
    found = {f"light_{lamp.channel}": _json(_light_state(lamp)) for lamp in thing.lamps}
    if thing.is_door and thing.door:
        found["door"] = (ON if thing.door == "open" else OFF).encode()
    if thing.is_door and thing.lock in LOCK_STATES:
        found["lock"] = LOCK_STATES[thing.lock].encode()
    if thing.is_wearable and thing.battery_pct is not None:
        found["battery"] = b"%d" % round(thing.battery_pct)
    return found


def _light_state(lamp: Lamp) -> dict[str, Any]:
    state: dict[str, Any] = {"state": ON if lamp.is_on else OFF, "color_mode": "brightness" if lamp.dims else "onoff"}
    if lamp.dims and lamp.level_pct is not None:
        state["brightness"] = lamp.level_pct
    return state


def _json(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def parse_command(device_id: str, key: str, payload: bytes) -> Command | None:
    """What `…/set` says; None for what is nothing of ours. Never raises for what it is given."""
    if len(payload) > MAX_COMMAND:
        return None
    if key == "lock":
        return Command(device_id, key, unlock=True) if payload == b"UNLOCK" else None
    if not key.startswith("light_") or not key[6:].isdecimal():
        return None
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("state") not in (ON, OFF):
        return None
    level = said.get("brightness")
    if level is not None and not (type(level) is int and 0 <= level <= 100):
        return None
    on = said["state"] == ON and level != 0
    return Command(device_id, key, on, level if on and level else None)
