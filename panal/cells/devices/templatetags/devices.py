"""Words of commands and of stretches of time."""

from typing import Any

from django import template
from django.utils.translation import gettext, ngettext

from .. import words

register = template.Library()


@register.filter
def command_label(name: str) -> Any:
    return words.COMMANDS.get(name, name)


@register.filter
def command_icon(status: str) -> str:
    return words.COMMAND_ICONS.get(status, "circle")


@register.filter
def command_reason(command: Any) -> str:
    return words.reason(command.status, command.error_code, command.error_message)


@register.filter
def translated(text: str) -> str:
    """A message id that plain data carries (a model's name)."""
    return gettext(text)


@register.filter
def duration(seconds: int) -> str:
    """The two largest units: "3 d 4 h"."""
    if seconds < 60:
        return ngettext("%(n)d s", "%(n)d s", seconds) % {"n": seconds}
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if hours == 0:
        return gettext("%(n)d min") % {"n": minutes}
    if days == 0:
        return gettext("%(h)d h %(m)d min") % {"h": hours, "m": minutes % 60}
    return gettext("%(d)d d %(h)d h") % {"d": days, "h": hours % 24}
