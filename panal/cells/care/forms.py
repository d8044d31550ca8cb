"""Forms of care: what is looked for, what is said of an event, wearers and what they wear."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from .models import Kind, Position, State

DAY = forms.DateInput({"type": "date"}, "%Y-%m-%d")


class Stretch(forms.Form):
    """From which day until which, and whose; what cannot be read lets everything through."""

    since = forms.DateField(required=False, widget=DAY)
    until = forms.DateField(required=False, widget=DAY)
    wearer = forms.IntegerField(required=False, min_value=1, max_value=2**31)

    def chosen(self) -> dict[str, Any]:
        self.is_valid()
        found = {name: self.cleaned_data.get(name) or "" for name in self.fields}
        for name in ("since", "until"):
            found[name] = _readable(found[name])
        return found


def _readable(day: Any) -> date | None:
    return day if isinstance(day, date) and 1971 <= day.year <= 8999 else None


class EventFilterForm(Stretch):
    q = forms.CharField(required=False, max_length=80)
    kind = forms.ChoiceField(required=False, choices=[("", ""), *Kind.choices])
    state = forms.ChoiceField(required=False, choices=[("", ""), *State.choices])
    mine = forms.BooleanField(required=False)


class WearerForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80, widget=forms.TextInput({"autocomplete": "off"}))
    birth_year = forms.IntegerField(
        label=_("Year of birth"), required=False, widget=forms.NumberInput({"inputmode": "numeric"})
    )
    position = forms.ChoiceField(label=_("Wears it at the"), choices=Position.choices, initial=Position.WAIST)
    emergency = forms.CharField(
        label=_("To know in an emergency"),
        max_length=2000,
        required=False,
        widget=forms.Textarea({"rows": 3}),
        help_text=_("Medicines, allergies, where the key is. It stands at the top of every event."),
    )
    notes = forms.CharField(label=_("Notes"), max_length=2000, required=False, widget=forms.Textarea({"rows": 3}))
    caregivers = forms.TypedMultipleChoiceField(
        label=_("Looked after by"),
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("People of this account. They find this wearer under “Those I look after”."),
    )
    keeps_motion = forms.BooleanField(
        label=_("Motion recordings may be kept"),
        required=False,
        help_text=_("They agreed to it. Otherwise the acceleration around an event is deleted after two days."),
    )

    def __init__(self, *args: Any, people: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["caregivers"]
        field.choices = [(person.pk, str(person)) for person in people]
        if not people:
            del self.fields["caregivers"]


class DeviceForm(forms.Form):
    """Which wearable; who wears it now stands beside it."""

    device = forms.ChoiceField(label=_("Wearable"))

    def __init__(self, *args: Any, wearables: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["device"]
        field.choices = [
            (str(device.pk), f"{device} · {worn_by}" if worn_by else str(device)) for device, worn_by in wearables
        ]
