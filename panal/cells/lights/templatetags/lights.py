"""How lights, schedules and lines of the history are read on a page."""

from datetime import datetime
from typing import Any

from django import template
from django.utils import formats

from panal.cells.lights import words
from panal.cells.lights.models import By

register = template.Library()
register.filter("days", words.days)
register.filter("at_words", words.at)


@register.filter
def by_its_clock(at: datetime, style: str) -> str:
    """A time as it is where the home is: a template's `date` would turn it into the person's own."""
    return formats.date_format(at, style)


@register.filter
def by_icon(by: str) -> str:
    return words.BY_ICONS.get(by, "lightbulb")


@register.filter
def span(delta: Any) -> str:
    return words.span(delta.total_seconds())


@register.filter
def by_word(by: str) -> str:
    return str(dict(By.choices).get(by, by))
