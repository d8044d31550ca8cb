"""Forms of accounts: labels, widgets and what can be said wrong before anything is done."""

import zoneinfo
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from .models import Account, Role, TextSize, Theme, User
from .roles import SCOPES

ROLE_CHOICES = [
    (Role.VIEWER, _("Viewer: sees everything, changes nothing")),
    (Role.CAREGIVER, _("Caregiver: also deals with events")),
    (Role.MEMBER, _("Member: also operates and arranges devices")),
    (Role.OWNER, _("Owner: also people, tokens and the audit log")),
]
SCOPE_CHOICES = {
    "read": _("Read: devices, telemetry, events"),
    "operate": _("Operate: send commands"),
    "configure": _("Configure: change devices, sectors, groups, people"),
}
DAYS = [("30", _("30 days")), ("90", _("90 days")), ("365", _("One year")), ("", _("It does not expire"))]


class StackedRadios(forms.RadioSelect):
    """Its choices are sentences: one under the other."""

    is_stacked = True


class StackedTicks(forms.CheckboxSelectMultiple):
    is_stacked = True


def time_zones() -> list[tuple[str, Any]]:
    names = sorted(name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/"))
    return [("", _("As the server")), ("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("full_name", "language", "time_zone", "theme", "text_size", "has_notices", "has_sound")
        widgets: ClassVar[dict[str, Any]] = {"full_name": forms.TextInput({"autocomplete": "name"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        languages = [("", _("As the browser")), ("es", "Español"), ("en", "English")]
        self._choose("language", languages)
        self._choose("theme", Theme.choices)
        self._choose("text_size", TextSize.choices)
        self._say("has_notices", _("Notices"), _("When a home goes offline and when it returns, on every page."))
        self._say("has_sound", _("Sound"), _("A notice is heard too."))
        self.fields["time_zone"] = forms.ChoiceField(
            label=_("Time zone"), choices=time_zones, required=False, initial=self.instance.time_zone
        )

    def _say(self, name: str, label: Any, help_text: Any) -> None:
        self.fields[name].label, self.fields[name].help_text = label, help_text

    def _choose(self, name: str, choices: list[Any]) -> None:
        """A choice between a few words, all of them in sight."""
        label = str(self.fields[name].label).capitalize()
        initial = getattr(self.instance, name)
        self.fields[name] = forms.ChoiceField(
            label=label, choices=choices, required=False, widget=forms.RadioSelect, initial=initial
        )


class MemberForm(forms.Form):
    email = forms.EmailField(label=_("Email"), widget=forms.EmailInput({"autocomplete": "off"}))
    role = forms.ChoiceField(label=_("Role"), choices=ROLE_CHOICES, initial=Role.MEMBER, widget=StackedRadios)


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)


class TokenForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("What uses it: “weekly report”, “Grafana”."))
    scopes = forms.MultipleChoiceField(
        label=_("It may"),
        choices=[(scope, SCOPE_CHOICES[scope]) for scope in SCOPES],
        initial=["read"],
        widget=StackedTicks,
    )
    days = forms.TypedChoiceField(
        label=_("Lasts"), choices=DAYS, initial="365", required=False, coerce=int, empty_value=None
    )


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Account
        fields = ("name",)
        labels: ClassVar[dict[str, Any]] = {"name": _("Name")}


class NewAccountForm(AccountForm):
    owner_email = forms.EmailField(label=_("Email of its owner"), required=False)
