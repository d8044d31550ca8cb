"""Forms of doors: who may come in, when, and how a door is set. A code never comes back to the page."""

from datetime import date
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panal.control.preferences import ZONES

from . import machine, messages, words
from .models import Method, Unknown
from .rules import MAX_WINDOWS

QUIET = {"autocomplete": "off", "autocapitalize": "off", "autocorrect": "off", "spellcheck": "false"}
SECRET = forms.PasswordInput({**QUIET, "autocomplete": "new-password", "inputmode": "numeric"})
DAYS = [
    (str(1 << n), label)
    for n, label in enumerate((_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")))
]
OUTCOMES = [
    ("came", _("Came in or went out")),
    ("refused", _("Refused")),
    ("door", _("The door itself")),
    ("alarm", _("Alarms")),
]
SECONDS = [name for name in machine.SETTINGS if name.endswith("_ms")]
FIRST = ("mode", "code_length", "held_ms", "unlock_max_ms", "fail_limit", "hide_digits", "encrypt_log", "legacy_topics")
ONE_DAY = 1440


class EventFilterForm(forms.Form):
    """The filters of a day's events; what cannot be read lets everything through."""

    day = forms.DateField(required=False, widget=forms.DateInput({"type": "date"}))
    method = forms.ChoiceField(required=False, choices=[("", ""), *Method.choices])
    outcome = forms.ChoiceField(required=False, choices=[("", ""), *OUTCOMES])
    q = forms.CharField(required=False, max_length=80)

    def chosen(self) -> dict[str, Any]:
        self.is_valid()
        found = {name: self.cleaned_data.get(name) or "" for name in self.fields}
        day = found["day"]
        found["day"] = day if isinstance(day, date) and 1971 <= day.year <= 8999 else timezone.localdate()
        return found


class UnlockForm(forms.Form):
    reason = forms.CharField(
        label=_("Why"),
        max_length=messages.MAX_NOTE,
        help_text=_("Everybody who sees this door reads it in its events."),
        widget=forms.TextInput({"autocomplete": "off", "autofocus": ""}),
    )


class HolderForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80, widget=forms.TextInput({"autocomplete": "off"}))
    is_blocked = forms.BooleanField(
        label=_("Blocked"), required=False, help_text=_("Comes in nowhere for as long as this is ticked.")
    )
    from_on = forms.DateField(
        label=_("From (day)"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    until_on = forms.DateField(
        label=_("Until (day)"),
        required=False,
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
        help_text=_("That day included. Empty: without an end."),
    )
    when_unknown = forms.ChoiceField(
        label=_("If a door does not know the date"), choices=Unknown.choices, initial=Unknown.DENY, required=False
    )

    def clean_when_unknown(self) -> str:
        return str(self.cleaned_data["when_unknown"] or Unknown.DENY)


class GrantForm(forms.Form):
    """One line: where, and when. An empty line is none."""

    place = forms.ChoiceField(label=_("Where"), required=False)
    schedule = forms.ChoiceField(label=_("When"), required=False)

    def __init__(self, *args: Any, places: Any, schedules: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["place"].choices = places  # type: ignore[attr-defined]
        self.fields["schedule"].choices = schedules  # type: ignore[attr-defined]


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        widget=SECRET,
        help_text=_("As many digits as the door expects. Above 9, with dashes: 3-6-10. It is never shown again."),
    )
    label = forms.CharField(label=_("What you call it"), max_length=40, required=False)


class CardForm(forms.Form):
    number = forms.CharField(
        label=_("Number of the card"),
        max_length=40,
        widget=forms.TextInput({**QUIET, "class": "mono"}),
        help_text=_("8, 14 or 20 letters and digits, as card readers show it. It is never shown again."),
    )
    label = forms.CharField(label=_("What you call it"), max_length=40, required=False)


class EnrolForm(forms.Form):
    device = forms.ChoiceField(label=_("At which door"))
    label = forms.CharField(label=_("What you call it"), max_length=40, required=False)

    def __init__(self, *args: Any, doors: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["device"].choices = [(door.pk, str(door)) for door in doors]  # type: ignore[attr-defined]


class ScheduleForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80, widget=forms.TextInput({"autocomplete": "off"}))
    when_unknown = forms.ChoiceField(
        label=_("If a door does not know what time it is"), choices=Unknown.choices, initial=Unknown.DENY
    )


class WindowForm(forms.Form):
    """One stretch of the week. A line without days is none; 00:00 as its end is midnight."""

    days = forms.MultipleChoiceField(
        label=_("Days"), choices=DAYS, required=False, widget=forms.CheckboxSelectMultiple()
    )
    start = forms.TimeField(label=_("From"), required=False, widget=forms.TimeInput({"type": "time"}, "%H:%M"))
    end = forms.TimeField(label=_("Until"), required=False, widget=forms.TimeInput({"type": "time"}, "%H:%M"))

    def window(self) -> list[int] | None:
        days = sum(int(day) for day in self.cleaned_data.get("days", ()))
        if not days:
            return None
        start, end = (self.cleaned_data.get(name) for name in ("start", "end"))
        until = end.hour * 60 + end.minute if end else 0
        return [days, start.hour * 60 + start.minute if start else 0, until or ONE_DAY]

    @staticmethod
    def initial_of(window: list[int]) -> dict[str, Any]:
        days, start, until = window
        return {
            "days": [value for value, _label in DAYS if days & int(value)],
            "start": f"{start // 60:02}:{start % 60:02}",
            "end": f"{until // 60 % 24:02}:{until % 60:02}",
        }


WindowForms = forms.formset_factory(
    WindowForm, extra=1, max_num=MAX_WINDOWS, validate_max=True, absolute_max=MAX_WINDOWS
)


class SettingsForm(forms.Form):
    """Every setting of a door by the board's own table; times are asked for in seconds."""

    combination = forms.CharField(
        label=_("New combination"),
        max_length=40,
        required=False,
        widget=SECRET,
        help_text=_("Empty leaves it as it is. It is kept as a hash that only this door can check, and never shown."),
    )

    time_zone = forms.ChoiceField(
        label=_("Time zone of the door"),
        required=False,
        choices=[("", _("That of the server")), *((zone, zone) for zone in sorted(ZONES))],
        help_text=_("By which clock its schedules are read."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in machine.SETTINGS:
            self.fields[name] = _field_of(name)
        self.order_fields([*FIRST[:2], "combination", *FIRST[2:]])

    def patch(self, before: dict[str, Any]) -> dict[str, Any]:
        """What differs from before; back at its default is None, which takes it out of what is desired."""
        said = {name: self._value(name) for name in machine.SETTINGS}
        patch = {
            name: None if value == machine.SETTINGS[name][0] else value
            for name, value in said.items()
            if value != before.get(name, machine.SETTINGS[name][0])
        }
        if self.cleaned_data["combination"]:
            patch["combination"] = self.cleaned_data["combination"]
        return patch

    def _value(self, name: str) -> Any:
        value = self.cleaned_data[name]
        return round(value * 1000) if name in SECONDS else value

    def first(self) -> list[Any]:
        return [self[name] for name in (*FIRST[:2], "combination", "time_zone", *FIRST[2:])]

    def others(self) -> list[Any]:
        return [self[name] for name in machine.SETTINGS if name not in FIRST]


def _field_of(name: str) -> forms.Field:
    default, bounds = machine.SETTINGS[name][0], machine.SETTINGS[name][1:]
    label = words.SETTINGS.get(name, name)
    if isinstance(default, bool):
        return forms.BooleanField(label=label, required=False)
    if isinstance(default, str):
        return forms.ChoiceField(label=label, choices=[(word, words.CHOICES.get(word, word)) for word in bounds[0]])
    if name in SECONDS:
        least, most = (bound / 1000 for bound in bounds)
        return forms.FloatField(label=label, min_value=least, max_value=most, widget=forms.NumberInput({"step": "0.1"}))
    return forms.IntegerField(label=label, min_value=bounds[0], max_value=bounds[1])
