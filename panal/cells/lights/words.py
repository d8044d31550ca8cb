"""How people read what lights do: days, times, how long, the audit log."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

WORDS = {
    "light": (pgettext_lazy("lamp", "Light"), "lightbulb"),  # the theme is called so too: another word in Spanish
    "scene": (gettext_lazy("Scene"), "party-popper"),
    "home": (gettext_lazy("Home"), "house"),
    "light.changed": (gettext_lazy("Light changed"), ""),
    "light.moved": (gettext_lazy("Light moved to another room"), ""),
    "light.removed": (gettext_lazy("Light removed"), ""),
    "light.added": (gettext_lazy("Light added"), ""),
    "light.set_up": (gettext_lazy("Wiring of a light changed"), ""),
    "scene.created": (gettext_lazy("Scene created"), ""),
    "scene.changed": (gettext_lazy("Scene changed"), ""),
    "scene.deleted": (gettext_lazy("Scene deleted"), ""),
    "light_schedule.created": (gettext_lazy("Schedule of lights created"), ""),
    "light_schedule.changed": (gettext_lazy("Schedule of lights changed"), ""),
    "light_schedule.deleted": (gettext_lazy("Schedule of lights deleted"), ""),
    "olderhome": (gettext_lazy("Home"), "house"),
    "older.added": (gettext_lazy("Older board added"), ""),
    "older.moved": (gettext_lazy("Address of an older board changed"), ""),
    "older.removed": (gettext_lazy("Older board removed"), ""),
    "older.light_added": (gettext_lazy("Light of an older board added"), ""),
    "older.light_removed": (gettext_lazy("Light of an older board removed"), ""),
    "older.interval_set": (gettext_lazy("Interval of older boards changed"), ""),
    "older.push_asked": (gettext_lazy("Firmware sent to an older board"), ""),
    "home.changed": (gettext_lazy("Place of the home changed"), ""),
}

TROUBLES = {
    "refused": gettext_lazy("Nothing answers at this address."),
    "silent": gettext_lazy("It did not answer in time."),
    "garbage": gettext_lazy("What it answered makes no sense."),
    "endless": gettext_lazy("Its answer had no end; we stopped reading."),
    "redirect": gettext_lazy("It points to another address, which we do not follow."),
    "status": gettext_lazy("It answered that it cannot."),
    "foreign": gettext_lazy("Something else than such a board answers there."),
    "failed": gettext_lazy("The board says that it failed."),
}


def trouble(code: str) -> str:
    """Why a visit to an older board came to nothing."""
    return str(TROUBLES.get(code, ""))


DAYS = (
    gettext_lazy("Mon"), gettext_lazy("Tue"), gettext_lazy("Wed"), gettext_lazy("Thu"), gettext_lazy("Fri"),
    gettext_lazy("Sat"), gettext_lazy("Sun"),
)  # fmt: skip
BY_ICONS = {
    "wall": "toggle-right", "page": "mouse-pointer-click", "local": "smartphone", "schedule": "calendar-clock",
    "timer": "timer", "power": "plug-zap", "automation": "workflow", "scene": "party-popper",
}  # fmt: skip


def days(bits: int) -> str:
    """ "Mon, Tue", or a word for the usual ones."""
    known = {127: _("Every day"), 31: _("Monday to Friday"), 96: _("Saturday and Sunday")}
    return known.get(bits) or ", ".join(str(name) for n, name in enumerate(DAYS) if bits >> n & 1)


def at(schedule: Any) -> str:
    """When a schedule runs: a time of day, or around the sun."""
    if schedule.at == "time":
        return f"{schedule.minutes // 60:02}:{schedule.minutes % 60:02}"
    sun = _("Sunrise") if schedule.at == "sunrise" else _("Sunset")
    if not schedule.minutes:
        return sun
    words = {"sun": sun, "minutes": abs(schedule.minutes)}
    return (_("%(sun)s + %(minutes)d min") if schedule.minutes > 0 else _("%(sun)s − %(minutes)d min")) % words


def span(seconds: float) -> str:
    """ "9 min", "2 h 05 min": never less than a minute."""
    minutes = max(1, round(seconds / 60))
    if minutes < 60:
        return ngettext("%(n)d min", "%(n)d min", minutes) % {"n": minutes}
    return _("%(hours)d h %(minutes)02d min") % {"hours": minutes // 60, "minutes": minutes % 60}
