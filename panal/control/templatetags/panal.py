"""Words that templates use: icons, presence, battery, signal, times and addresses that keep their query."""

import json
from datetime import datetime
from functools import cache
from typing import Any

import lucide
from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect
from django.template.loader import render_to_string
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

register = template.Library()

BARS = ((1, 4, -90), (6, 7, -80), (11, 10, -70), (16, 13, -60))
"""x, height and the dBm from which a bar is lit: the steps that phones use for Wi-Fi."""


@register.simple_tag
def icon(name: str, size: int = 20) -> SafeString:
    """A lucide icon; it says nothing to a screen reader, the word beside it does."""
    return _icon(str(name), size)


@cache
def _icon(name: str, size: int) -> SafeString:
    drawn = lucide._render_icon(name, size, **{"aria-hidden": "true", "focusable": "false"})
    return mark_safe(drawn)  # noqa: S308  drawn from the library's own files


# A list draws the same few of these hundreds of times: each is rendered once in each language.


@register.simple_tag
def presence(word: str) -> SafeString:
    return _presence(word, get_language())


@cache
def _presence(word: str, language: str | None) -> SafeString:
    return render_to_string("control/presence.html", {"presence": word})


@register.simple_tag
def battery(pct: float | None) -> SafeString:
    return _battery(None if pct is None else round(max(0, min(pct, 100))), get_language())


@cache
def _battery(pct: int | None, language: str | None) -> SafeString:
    if pct is None:
        return render_to_string("control/battery.html", {"pct": None})
    level = "low" if pct < 20 else "mid" if pct < 40 else "high"
    width = f"{max(1.0, pct * 0.134):.1f}"
    return render_to_string("control/battery.html", {"pct": pct, "level": level, "width": width})


@register.simple_tag
def signal(dbm: int | None) -> SafeString:
    return _signal(None if dbm is None else max(-130, min(dbm, 0)), get_language())


@cache
def _signal(dbm: int | None, language: str | None) -> SafeString:
    if dbm is None:
        return render_to_string("control/signal.html", {"dbm": None})
    bars = [{"x": x, "y": 15 - height, "height": height, "is_on": dbm >= least} for x, height, least in BARS]
    words = (_("No signal"), _("Weak"), _("Fair"), _("Good"), _("Strong"))
    word = words[sum(bool(bar["is_on"]) for bar in bars)]
    return render_to_string("control/signal.html", {"dbm": dbm, "bars": bars, "word": word})


@register.simple_tag
def when(at: datetime | None) -> SafeString:
    """How long ago, with the full time in the person's zone behind it."""
    if at is None:
        return format_html('<span class="muted">{}</span>', _("never"))
    local = timezone.localtime(at)
    full = formats.date_format(local, "DATETIME_FORMAT")
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), full, ago(local))


def ago(local: datetime) -> str:
    seconds = (timezone.now() - local).total_seconds()
    if -60 < seconds < 60:
        return _("just now")
    if 0 < seconds < 3600:
        minutes = int(seconds // 60)
        return ngettext("%(n)d min ago", "%(n)d min ago", minutes) % {"n": minutes}
    clock = formats.time_format(local.time(), "TIME_FORMAT")
    today = timezone.localdate()
    if local.date() == today:
        return clock
    return f"{formats.date_format(local, 'j M' if local.year == today.year else 'j M Y')} {clock}"


@register.simple_tag(takes_context=True)
def with_query(context: dict[str, Any], **changes: Any) -> str:
    """This address with some of its query changed; a None takes a name out."""
    query = context["request"].GET.copy()
    query.pop("part", None)
    for name, value in changes.items():
        query.pop(name, None)
        if value is not None:
            query[name] = str(value)
    return f"?{query.urlencode()}"


@register.simple_tag(takes_context=True)
def live(context: dict[str, Any], part: str, topics: str, every: str = "60s") -> SafeString:
    """The attributes of an element whose inside is the page's part `part`, fetched again on every one of `topics`.

    What answers a form stands as it is: its address takes the form only.
    """
    if context["request"].method != "GET":
        return format_html('id="{}"', part)
    triggers = ", ".join(f"sse:{topic}" for topic in topics.split())
    return format_html(
        'id="{}" hx-get="{}" hx-swap="morph" data-live hx-trigger="{}, panal:part, panal:fresh from:body, every {}"',
        part,
        with_query(context, part=part),
        triggers,
        every,
    )


@register.filter
def kind(field: BoundField) -> str:
    """How a field is laid out."""
    widget = field.field.widget
    if isinstance(widget, RadioSelect | CheckboxSelectMultiple):
        return "choices"
    return "checkbox" if isinstance(widget, CheckboxInput) else "line"


@register.filter
def initials(user: object) -> str:
    words = str(user).split("@")[0].replace(".", " ").split()
    return "".join(word[0] for word in words[:2]).upper()


@register.filter
def json_text(value: Any) -> str:
    """A value of the twin or of a command as a person reads it."""
    if value is True or value is False:
        return _("yes") if value else _("no")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return "–" if value is None else str(value)
