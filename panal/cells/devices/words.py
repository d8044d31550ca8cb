"""How people read what devices say and what is done to them: commands, measurements, the audit log."""

from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

WORDS = {
    "device": (_("Device"), "router"),
    "sector": (_("Sector"), "map-pin"),
    "group": (_("Group"), "boxes"),
    "device.minted": (_("Device minted"), ""),
    "device.changed": (_("Device changed"), ""),
    "device.placed": (_("Device moved"), ""),
    "device.flashed": (_("Device flashed"), ""),
    "device.claimed": (_("Device claimed"), ""),
    "device.released": (_("Device released"), ""),
    "device.handed_over": (_("Device handed over"), ""),
    "device.claim_code_made": (_("New claim code"), ""),
    "device.taken_away": (_("Device taken out of the account"), ""),
    "device.assigned": (_("Device given to the account"), ""),
    "device.token_rotated": (_("New device token"), ""),
    "device.revoked": (_("Device revoked"), ""),
    "device.keyless_changed": (_("Speaking without a token changed"), ""),
    "twin.desired_changed": (_("Desired state changed"), ""),
    "sector.created": (_("Sector created"), ""),
    "sector.renamed": (_("Sector renamed"), ""),
    "sector.deleted": (_("Sector deleted"), ""),
    "group.created": (_("Group created"), ""),
    "group.renamed": (_("Group renamed"), ""),
    "group.deleted": (_("Group deleted"), ""),
    "command.queued": (_("Command sent"), ""),
    "command.cancelled": (_("Command cancelled"), ""),
}


class Quick(NamedTuple):
    """A command that every board knows, as a button."""

    name: str
    label: Any
    icon: str
    confirm: Any = ""


QUICK = (
    Quick("ping", _("Check connection"), "radar"),
    Quick("identify", _("Make it blink"), "lightbulb"),
    Quick("restart", _("Restart"), "rotate-cw", _("The device is away for some seconds. Events that wait are kept.")),
)
COMMANDS = {quick.name: quick.label for quick in QUICK}
COMMAND_ICONS = {
    "queued": "clock",
    "sent": "send",
    "done": "check",
    "failed": "x",
    "rejected": "ban",
    "expired": "timer-off",
    "cancelled": "circle-slash",
}
REASONS = {
    "unknown_command": _("Its firmware does not know this command."),
    "bad_args": _("The command does not take these values."),
    "bad_mac": _("It did not believe that this came from here."),
    "no_clock": _("It does not know what time it is yet."),
    "expired": _("The command reached it too late."),
    "result_too_large": _("It is done, but what it answered is too long."),
    "crashed": _("Something went wrong on the device."),
    "revoked": _("The device was revoked."),
}
"""Why a command was not done, by error code."""

MEASURES = {
    "battery_pct": _("Battery"),
    "rssi_dbm": _("Signal"),
    "free_heap_bytes": _("Free memory"),
    "temperature_c": _("Temperature"),
    "humidity_pct": _("Humidity"),
    "uptime_s": _("Running for"),
}
UNITS = {"pct": "%", "dbm": "dBm", "bytes": "B", "c": "°C", "mv": "mV", "s": "s", "ms": "ms", "g": "g", "deg": "°"}
"""By the end of a measurement's name: units are in names."""


def reason(status: str, code: str, message: str) -> str:
    """Why a command ended as it did: a sentence of ours where there is one, else the device's own; "" where the
    status says it all."""
    detail = "" if message == code else message
    if code == status:
        return detail
    if code == "bad_args" and detail:  # which value it is, only the device says
        return f"{REASONS[code]} {detail}"
    return str(REASONS.get(code) or detail or code)


def measure(name: str) -> tuple[str, str]:
    """Label and unit of a measurement: a word of ours where there is one, else its name without the unit."""
    stem, _dash, end = name.rpartition("_")
    unit = UNITS.get(end, "")
    plain = (stem if unit and stem else name).replace("_", " ").capitalize()
    return str(MEASURES.get(name, plain)), unit
