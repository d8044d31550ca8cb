"""Pictures of events."""

from django import template

register = template.Library()

PICTURES = {"FALL": "person-standing", "EMERGENCY_BUTTON": "siren", "SIMULATED": "flask-conical", "TILT": "rotate-3d"}
ALARMS = ("FALL", "EMERGENCY_BUTTON")


@register.filter
def event_picture(kind: str) -> str:
    return PICTURES.get(kind, "bell")


@register.filter
def event_sign(kind: str) -> str:
    """How an event's sign is coloured; its picture and its name say the same."""
    return "alarm" if kind in ALARMS else "plain"
