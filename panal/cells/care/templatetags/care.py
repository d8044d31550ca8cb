"""Pictures and words of events and wearers."""

from typing import Any

from django import template

from .. import reports, review, words

register = template.Library()

PICTURES = {"FALL": "person-standing", "EMERGENCY_BUTTON": "siren", "SIMULATED": "flask-conical", "TILT": "rotate-3d"}
BADGES = {review.OPEN: "alarm", review.CONFIRMED: "late", review.FALSE_ALARM: "offline", review.RESOLVED: "online"}


@register.filter
def event_picture(kind: str) -> str:
    return PICTURES.get(kind, "bell")


@register.filter
def event_sign(event: Any) -> str:
    """How an event's sign is coloured; its picture and its words say the same."""
    return "alarm" if event.wakes and not review.is_over(event.state) else "plain"


@register.filter
def state_badge(state: str) -> str:
    return BADGES.get(state, "info")


@register.filter
def action_icon(action: str) -> str:
    return words.ICONS.get(action, "circle")


@register.filter
def history_text(action: str) -> str:
    return str(words.HISTORY.get(action, action))


@register.filter
def fault_icon(kind: str) -> str:
    return words.FAULT_ICONS.get(kind, "triangle-alert")


@register.filter
def percent(share: float) -> str:
    """Nothing is certain: what is very small or very large is not rounded to nothing or all."""
    if 0 < share < 0.01 or 0.99 < share < 1:
        return "< 1%" if share < 0.5 else "> 99%"
    return f"{100 * share:.0f}%"


@register.filter
def duration(seconds: float | None) -> str:
    return reports.duration(seconds)


@register.filter
def reason_text(word: str) -> str:
    return str(words.REASONS.get(word, word))


@register.filter
def fact_name(name: str) -> str:
    return str(words.FACTS.get(name, name))
