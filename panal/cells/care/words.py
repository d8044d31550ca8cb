"""How people read care: what is said of events, what keeps a wearable from its work, the audit log."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from . import review

WORDS = {
    "event": (_("Event"), "siren"),
    "wearer": (_("Wearer"), "heart-handshake"),
    "event.reviewed": (_("Event reviewed"), ""),
    "event.acknowledged": (_("Somebody is on their way"), ""),
    "wearer.created": (_("Wearer added"), ""),
    "wearer.changed": (_("Wearer changed"), ""),
    "wearer.deleted": (_("Wearer deleted with all events"), ""),
    "wearer.exported": (_("Wearer's data exported"), ""),
    "wearer.device_given": (_("Device given to a wearer"), ""),
    "wearer.device_taken": (_("Device taken from a wearer"), ""),
}

ACTIONS: dict[str, Any] = {
    review.CONFIRM: _("It was a fall"),
    review.DISMISS: _("False alarm"),
    review.RESOLVE: _("Resolved"),
    review.REOPEN: _("Open again"),
}
"""What a button says."""

HISTORY: dict[str, Any] = {
    review.CONFIRM: _("confirmed it"),
    review.DISMISS: _("said that it was a false alarm"),
    review.RESOLVE: _("resolved it"),
    review.REOPEN: _("opened it again"),
    review.ACKNOWLEDGE: _("is on the way"),
    review.ESCALATE: _("It was doubted, and nobody had said anything: it counts as a fall"),
    review.CANCEL: _("The wearer said that nothing had happened"),
    review.LIKELY: _("The samples look like a fall: everybody is told"),
    review.DOUBT: _("The samples make a fall doubtful: people are told with less urgency"),
}
"""What a line of the history says; behind the person's name, where it is a person's."""

ICONS = {
    review.CONFIRM: "circle-alert",
    review.DISMISS: "circle-slash",
    review.RESOLVE: "circle-check",
    review.REOPEN: "rotate-ccw",
    review.ACKNOWLEDGE: "footprints",
    review.ESCALATE: "chevrons-up",
    review.CANCEL: "hand",
    review.LIKELY: "chevrons-up",
    review.DOUBT: "circle-question-mark",
}

FAULTS: dict[str, Any] = {
    "silent": _("No sign of life"),
    "battery": _("Low battery"),
    "not_worn": _("Not worn"),
}
FAULT_ICONS = {"silent": "wifi-off", "battery": "battery-low", "not_worn": "shirt"}

REASONS: dict[str, Any] = {
    "hard_impact": _("hard"),
    "soft_impact": _("soft"),
    "posture_changed": _("changed"),
    "posture_kept": _("hardly changed"),
    "lies_still": _("lies still"),
    "moves_on": _("moves on"),
}
"""What the second stage says of the impact, of the posture, of the time afterwards, in this order."""


FACTS: dict[str, Any] = {"profile": _("Detector"), "impact_g": _("Impact (g)"), "score": _("Score of the board")}
"""What a board of ours says of an event."""


def action(word: str, kind: str) -> str:
    """A button pressed in need was no fall."""
    if word == review.CONFIRM and kind != "FALL":
        return str(_("It was real"))
    return str(ACTIONS[word])
