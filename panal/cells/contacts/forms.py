"""Forms of contacts, channels, policies and the public form. A channel's secrets never come back to the page."""

from datetime import time
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from panal.control.preferences import ZONES

from . import policies
from .channels import KINDS, MAX_FIELD
from .kinds import kinds
from .models import AlertState, Contact, Team, Urgency

QUIET = {"autocomplete": "off", "autocapitalize": "off", "autocorrect": "off", "spellcheck": "false"}
LANGUAGES = [("", _("As the server")), ("es", "Español"), ("en", "English")]
STATES = [("live", _("Not over yet")), *AlertState.choices]


class FilterForm(forms.Form):
    """What cannot be read lets everything through."""

    state = forms.ChoiceField(required=False, choices=[("", ""), *STATES])
    urgency = forms.ChoiceField(required=False, choices=[("", ""), *Urgency.choices])
    q = forms.CharField(required=False, max_length=80)

    def chosen(self) -> dict[str, str]:
        self.is_valid()
        return {name: self.cleaned_data.get(name) or "" for name in self.fields}


def _minutes(at: time | None) -> int | None:
    return None if at is None else at.hour * 60 + at.minute


def _time(minutes: int | None) -> time | None:
    return None if minutes is None else time(minutes // 60, minutes % 60)


class ContactForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80, widget=forms.TextInput({"autocomplete": "off"}))
    language = forms.ChoiceField(label=_("Language of their messages"), choices=LANGUAGES, required=False)
    time_zone = forms.CharField(
        label=_("Time zone"),
        max_length=64,
        required=False,
        widget=forms.TextInput({**QUIET, "placeholder": "Europe/Madrid"}),
        help_text=_("Empty: the server's, or what they have chosen themselves."),
    )
    quiet_from = forms.TimeField(
        label=_("Quiet from"), required=False, widget=forms.TimeInput({"type": "time"}, "%H:%M")
    )
    quiet_until = forms.TimeField(
        label=_("Quiet until"),
        required=False,
        widget=forms.TimeInput({"type": "time"}, "%H:%M"),
        help_text=_("Emergencies come through at any hour; everything else waits until then."),
    )

    @staticmethod
    def initial_of(contact: Contact) -> dict[str, Any]:
        return {
            "name": contact.name,
            "language": contact.language,
            "time_zone": contact.time_zone,
            "quiet_from": _time(contact.quiet_from_min),
            "quiet_until": _time(contact.quiet_until_min),
        }

    def clean_time_zone(self) -> str:
        name = str(self.cleaned_data["time_zone"]).strip()
        if name and name not in ZONES:
            raise forms.ValidationError(_("There is no such time zone: write it as in Europe/Madrid."))
        return name

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "name": given["name"],
            "language": given["language"],
            "time_zone": given["time_zone"],
            "quiet_from_min": _minutes(given["quiet_from"]),
            "quiet_until_min": _minutes(given["quiet_until"]),
        }


class ChannelForm(forms.Form):
    """What a kind of channel asks, from its table."""

    label = forms.CharField(label=_("What you call it"), max_length=80, required=False)

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in KINDS[kind].fields:
            widget = forms.PasswordInput if field.is_secret else forms.TextInput
            attributes = {**QUIET, "placeholder": field.example}
            if field.is_secret:
                attributes["autocomplete"] = "new-password"
            self.fields[field.name] = forms.CharField(
                label=field.label,
                help_text=field.help,
                required=not field.is_optional,
                max_length=MAX_FIELD,
                widget=widget(attributes),
            )
        self.order_fields([*(field.name for field in KINDS[kind].fields), "label"])

    def values(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.cleaned_data.items() if name != "label"}


class TeamForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80, widget=forms.TextInput({"autocomplete": "off"}))
    contacts = forms.ModelMultipleChoiceField(
        Contact.objects.none(), label=_("Contacts"), widget=forms.CheckboxSelectMultiple, required=False
    )

    def __init__(self, *args: Any, account_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = Contact.objects.filter(account_id=account_id)
        self.fields["contacts"].queryset = own  # type: ignore[attr-defined]


class PolicyForm(forms.Form):
    repeats = forms.IntegerField(
        label=_("Repeat everything"),
        min_value=0,
        max_value=policies.MAX_REPEATS,
        help_text=_("So often, while nobody has acknowledged."),
    )
    repeat_after_min = forms.IntegerField(label=_("After minutes"), min_value=1, max_value=1440)


class ScopeForm(forms.Form):
    """Of what a new policy is."""

    scope = forms.ChoiceField(label=_("Of which alerts"))

    def __init__(self, *args: Any, taken: set[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        every = [("", _("Every alert without a policy of its own"))] if ("", "") not in taken else []
        urgencies = [(f"u.{value}", label) for value, label in Urgency.choices if ("", value) not in taken]
        of_kinds = [(f"k.{kind}", _(one.label)) for kind, one in kinds().items() if (kind, "") not in taken]
        found: list[Any] = [*every]
        found += [(_("By urgency"), urgencies)] if urgencies else []
        found += [(_("By kind"), of_kinds)] if of_kinds else []
        self.fields["scope"].choices = found  # type: ignore[attr-defined]


class StepForm(forms.Form):
    """A step; one that tells nobody is none."""

    after_min = forms.IntegerField(
        label=_("Minutes after the step before"), min_value=0, max_value=1440, required=False
    )
    who = forms.MultipleChoiceField(label=_("Who is told"), required=False)

    def __init__(self, *args: Any, choices: Any, few: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if few:
            self.fields["who"].widget = forms.CheckboxSelectMultiple()
        else:
            self.fields["who"].widget = forms.SelectMultiple({"size": 8})
        self.fields["who"].choices = choices  # type: ignore[attr-defined]

    @staticmethod
    def choices_of(account_id: int) -> list[tuple[str, Any]]:
        teams = Team.objects.filter(account_id=account_id).values_list("pk", "name")
        people = Contact.objects.filter(account_id=account_id).values_list("pk", "name")
        return [
            *((f"r.{role}", label) for role, label in policies.ROLES.items()),
            *((f"t.{pk}", name) for pk, name in teams),
            *((f"c.{pk}", name) for pk, name in people),
        ]

    @staticmethod
    def initial_of(step: dict[str, Any]) -> dict[str, Any]:
        who = [f"r.{role}" for role in step["roles"]]
        who += [f"t.{pk}" for pk in step["teams"]] + [f"c.{pk}" for pk in step["contacts"]]
        return {"after_min": round(step["after_s"] / 60), "who": who}

    def step(self) -> dict[str, Any] | None:
        who = [value.partition(".") for value in self.cleaned_data["who"]]
        if not who:
            return None
        return {
            "after_s": (self.cleaned_data["after_min"] or 0) * 60,
            "roles": [name for letter, _dot, name in who if letter == "r"],
            "teams": [int(name) for letter, _dot, name in who if letter == "t"],
            "contacts": [int(name) for letter, _dot, name in who if letter == "c"],
        }


class InquiryForm(forms.Form):
    """The public form. `website` is a trap: people do not see it."""

    name = forms.CharField(label=_("Your name"), max_length=120, widget=forms.TextInput({"autocomplete": "name"}))
    email = forms.EmailField(label=_("Your e-mail"), widget=forms.EmailInput({"autocomplete": "email"}))
    phone = forms.CharField(
        label=_("Phone, if you like"), max_length=40, required=False, widget=forms.TextInput({"autocomplete": "tel"})
    )
    subject = forms.CharField(label=_("What it is about"), max_length=160)
    text = forms.CharField(label=_("Your message"), max_length=5000, widget=forms.Textarea({"rows": 6}))
    consent = forms.BooleanField(
        label=_("Keep this for a year and answer me by e-mail"),
        error_messages={"required": _("Without this we may neither keep nor answer it.")},
    )

    def values(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in ("name", "email", "phone", "subject", "text")}
