"""How people read automations: triggers, conditions, actions, what became of a run, the audit log."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as text_of
from django.utils.translation import gettext_lazy as _

from . import parts

WORDS = {
    "automation": (_("Automation"), "workflow"),
    "automation.created": (_("Automation created"), ""),
    "automation.changed": (_("Automation changed"), ""),
    "automation.deleted": (_("Automation deleted"), ""),
}
TRIGGERS = {
    "door_opened": _("A door is opened"),
    "door_closed": _("A door is closed"),
    "let_in": _("Somebody is let in"),
    "refused": _("Somebody is refused at a door"),
    "forced": _("A door is forced"),
    "held_open": _("A door stays open"),
    "at_door": _("Anything happens at a door"),
    "motion": _("A camera sees motion"),
    "light_on": _("A light goes on"),
    "light_off": _("A light goes off"),
    "fall": _("Somebody may have fallen"),
    "emergency": _("The emergency button is pressed"),
    "online": _("A device comes online"),
    "offline": _("A device goes offline"),
    "time": _("At a time"),
    "sunrise": _("At sunrise"),
    "sunset": _("At sunset"),
}
ICONS = {
    "door_opened": "door-open", "door_closed": "door-closed", "let_in": "key-round", "refused": "ban",
    "forced": "shield-alert", "held_open": "door-open", "at_door": "door-closed", "motion": "footprints",
    "light_on": "lightbulb", "light_off": "lightbulb-off", "fall": "siren", "emergency": "siren", "online": "wifi",
    "offline": "wifi-off", "time": "clock", "sunrise": "sunrise", "sunset": "sunset",
}  # fmt: skip
CONDITIONS = {
    "hours": _("Between two times of day"),
    "days": _("On some days"),
    "light": _("A light is on or off"),
    "device": _("A device is online or offline"),
}
ACTIONS = {
    "light": _("Switch a light"),
    "scene": _("Run a scene"),
    "snapshot": _("Keep a picture of a camera"),
    "alert": _("Raise an alert"),
    "webhook": _("Call a webhook"),
}
DAYS = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
CODES = {
    "no_light": _("the light is not there any more"),
    "no_scene": _("the scene is not there any more"),
    "no_camera": _("the camera is not there any more"),
    "light_away": _("its board is not connected"),
    "camera_away": _("the camera is not connected"),
    "private": _("the camera is private"),
    "revoked": _("its board is revoked"),
    "internal_error": _("a mistake of ours: see the server's log"),
}
PERSON = _("By hand")


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def days(bits: int) -> str:
    if bits == parts.EVERY_DAY:
        return text_of("every day")
    return ", ".join(str(day) for n, day in enumerate(DAYS) if bits >> n & 1)


def trigger(when: Mapping[str, Any], things: Any) -> str:
    """A sentence without its end: "A door is opened: Puerta principal"."""
    kind = when["kind"]
    if kind == "time":
        return f"{text_of('At')} {clock(when['minutes'])}, {days(when['days'])}"
    if kind in parts.SUNS:
        return f"{TRIGGERS[kind]}{_offset(when['minutes'])}, {days(when['days'])}"
    about = things.name("devices", when["device_id"]) if when["device_id"] else ""
    about = things.name("lights", when["light_id"]) if when["light_id"] else about
    return f"{TRIGGERS[kind]}: {about}" if about else str(TRIGGERS[kind])


def _offset(minutes: int) -> str:
    return f" {minutes:+d} min" if minutes else ""


def condition(said: Mapping[str, Any], things: Any) -> str:
    kind = said["kind"]
    if kind == "hours":
        return f"{clock(said['from_min'])}–{clock(said['until_min'])}"
    if kind == "days":
        return days(said["days"])
    if kind == "light":
        return f"{things.name('lights', said['light_id']) or '?'}: {text_of('on') if said['is_on'] else text_of('off')}"
    name = things.name("devices", said["device_id"]) or said["device_id"]
    return f"{name}: {text_of('online') if said['is_online'] else text_of('offline')}"


def action(said: Mapping[str, Any], things: Any) -> str:
    kind = said["kind"]
    if kind == "light":
        return f"{things.name('lights', said['light_id']) or '?'} → {_state(said)}"
    if kind == "scene":
        return f"{text_of('Scene')}: {things.name('scenes', said['scene_id']) or '?'}"
    if kind == "snapshot":
        return f"{text_of('Picture')}: {things.name('cameras', said['device_id']) or said['device_id']}"
    if kind == "alert":
        return f"{text_of('Alert')}: {said['text']}"
    return f"{text_of('Webhook')}: {said['host']}"


def _state(said: Mapping[str, Any]) -> str:
    if not said["is_on"]:
        return text_of("off")
    level = f" {said['level']} %" if said["level"] else ""
    return f"{text_of('on')}{level}{_for(said['for_s'])}"


def _for(seconds: int | None) -> str:
    if not seconds:
        return ""
    return f" · {seconds // 60} min" if seconds % 60 == 0 else f" · {seconds} s"
