"""How people read what happened to a device's network, and the audit log."""

from typing import Any

from django.utils.translation import gettext_lazy as _

WORDS = {
    "change": (_("Wi-Fi change"), "wifi"),
    "wifi.change_begun": (_("Wi-Fi change begun"), ""),
    "wifi.change_cancelled": (_("Wi-Fi change cancelled"), ""),
}

REASONS: dict[str, Any] = {
    "wrong_password": _("The password is wrong."),
    "not_found": _("The network was not found."),
    "no_address": _("The network gave it no address."),
    "no_server": _("It could not reach the server from there."),
    "power_cut": _("It lost power while it tried."),
    "old_rev": _("It has taken a newer change already."),
    "bad_envelope": _("It could not read the change."),
    "bad_mac": _("It could not read the change."),
    "no_clock": _("It does not know what time it is yet."),
    "expired": _("The change reached it too late."),
    "interrupted": _("It lost power while it tried."),
    "busy": _("It was trying another change."),
    "crashed": _("Something went wrong on the device."),
    "unknown_command": _("Its firmware cannot change the network."),
}
SIGNS = {
    "waiting": ("clock", "pending"),
    "trying": ("loader-circle", "info"),
    "changed": ("check", "done"),
    "kept": ("undo-2", "failed"),
    "silent": ("volume-x", "offline"),
    "cancelled": ("circle-slash", "cancelled"),
}
"""A lucide icon and the badge's look, by state."""


def reason(word: str) -> str:
    """Why a device kept its old network, as a sentence."""
    return str(REASONS.get(word) or _("The device says: %(word)s") % {"word": word or "?"})


def look(state: str) -> dict[str, str]:
    """Icon and badge of a state."""
    icon, badge = SIGNS[state]
    return {"icon": icon, "badge": badge}
