"""Forms of devices: labels, widgets and what can be said wrong before anything is done."""

from typing import Any

from django import forms
from django.conf import settings
from django.forms.fields import InvalidJSONInput
from django.utils.translation import gettext as translated
from django.utils.translation import gettext_lazy as _

from panal.protocol import codec
from panal.protocol.errors import PanalError

from .catalog import MODELS
from .labels import SHEETS
from .models import Device, Sector, State

PRESENCE_CHOICES = [("online", _("Online")), ("late", _("Late")), ("offline", _("Offline")), ("never", _("Minted"))]
STATE_CHOICES = [*PRESENCE_CHOICES, (State.REVOKED.value, _("Revoked"))]
STAGE_CHOICES = [
    ("unflashed", _("Not flashed yet")),
    ("unsold", _("Not sold yet")),
    ("unactivated", _("Not activated yet")),
    ("activated", _("Activated")),
]
DEADLINES = [("30", _("30 seconds")), ("300", _("5 minutes")), ("3600", _("1 hour")), ("86400", _("1 day"))]
LOG_LEVELS = [("", _("Leave as it is")), *((level, level) for level in ("debug", "info", "warning", "error"))]
MODEL_CODES = [("", ""), *((code, code) for code in MODELS)]


class JSONObjectField(forms.JSONField):
    """A JSON object; anything else is refused."""

    default_error_messages = {"invalid": _("This is not a JSON object.")}
    widget = forms.Textarea({"class": "mono", "rows": 4, "spellcheck": "false", "autocapitalize": "off"})

    def to_python(self, value: Any) -> Any:
        """By our own bounded parser: json.loads alone gives up on depth and long numbers, and takes half characters."""
        if value in self.empty_values or isinstance(value, dict):
            return value or None
        try:
            return codec.decode_object(value.encode())
        except PanalError:
            raise forms.ValidationError(self.error_messages["invalid"]) from None

    def prepare_value(self, value: Any) -> Any:
        """Nothing is an empty box: as "null" it would be sent back, and refused."""
        return "" if value is None else super().prepare_value(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What was typed, as it was typed, where it cannot be read."""
        try:
            return self.to_python(data)
        except forms.ValidationError:
            return InvalidJSONInput(data)


class SearchField(forms.CharField):
    """What is searched for; more than this is cut, as what is refused would let everything through."""

    MOST = 80

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value))[: self.MOST]


class FilterForm(forms.Form):
    """The list's filters; what cannot be read lets everything through."""

    q = SearchField(required=False)
    state = forms.ChoiceField(required=False, choices=[("", ""), *STATE_CHOICES])
    sector = forms.RegexField(r"^(none|\d{1,18})$", required=False)
    group = forms.RegexField(r"^\d{1,18}$", required=False)
    model = forms.ChoiceField(required=False, choices=MODEL_CODES)

    def chosen(self) -> dict[str, str]:
        self.is_valid()
        return {name: self.cleaned_data.get(name, "") for name in self.fields}


class DeviceForm(forms.ModelForm):
    class Meta:
        model = Device
        fields = ("name", "sector", "heartbeat_s")

    def __init__(self, *args: Any, sectors: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("Name")
        self.fields["sector"] = forms.ModelChoiceField(
            sectors, label=_("Sector"), required=False, empty_label=_("Without a sector"), initial=self.instance.sector
        )
        self.fields["heartbeat_s"] = forms.IntegerField(
            label=_("Sign of life every (seconds)"),
            required=False,
            min_value=5,
            max_value=86400,
            initial=self.instance.heartbeat_s,
            help_text=_("Empty takes the server's setting."),
        )


class CommandForm(forms.Form):
    name = forms.CharField(label=_("Command"), max_length=48, widget=forms.TextInput({"autocapitalize": "off"}))
    args = JSONObjectField(label=_("Values (JSON)"), required=False)
    deadline_s = forms.TypedChoiceField(
        label=_("Deadline"), choices=DEADLINES, initial="30", required=False, coerce=int, empty_value=30
    )


class DesiredForm(forms.Form):
    heartbeat_s = forms.IntegerField(
        label=_("Sign of life every (seconds)"), required=False, min_value=5, max_value=86400
    )
    log_level = forms.ChoiceField(label=_("Log level"), required=False, choices=LOG_LEVELS)
    others = JSONObjectField(
        label=_("Other values (JSON)"), required=False, help_text=_("These are merged; null takes a name out.")
    )

    def patch(self) -> dict[str, Any]:
        known = {name: self.cleaned_data[name] for name in ("heartbeat_s", "log_level") if self.cleaned_data[name]}
        return {**(self.cleaned_data["others"] or {}), **known}


class ClaimForm(forms.Form):
    """What stands on a label, and the account that the device joins: one of those in which the person may edit."""

    device = forms.CharField(
        label=_("Device id"),
        max_length=32,
        widget=forms.TextInput({"class": "mono", "autocapitalize": "characters", "autocomplete": "off"}),
    )
    code = forms.CharField(
        label=_("Claim code"),
        max_length=20,
        help_text=_("Both stand on the label of the device, or on the card in its box."),
        widget=forms.TextInput({"class": "mono", "autocapitalize": "characters", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, accounts: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.accounts = {account.pk: account for account in accounts}
        if len(accounts) > 1:
            choices = [(account.pk, str(account)) for account in accounts]
            self.fields["account"] = forms.TypedChoiceField(label=_("Account"), choices=choices, coerce=int)

    def account_id(self) -> int:
        return int(self.cleaned_data.get("account") or next(iter(self.accounts)))


class MoveForm(forms.Form):
    """Staff says by its number which account a device goes to: a list of all customers would be long."""

    account = forms.IntegerField(
        label=_("Number of the account"), required=False, min_value=1, help_text=_("Empty: it is nobody's.")
    )


class BatchFilterForm(forms.Form):
    """The filters of batches, and of the devices in one."""

    q = SearchField(required=False)
    model = forms.ChoiceField(required=False, choices=MODEL_CODES)
    stage = forms.ChoiceField(required=False, choices=[("", ""), *STAGE_CHOICES])

    def chosen(self) -> dict[str, str]:
        self.is_valid()
        return {name: self.cleaned_data.get(name, "") for name in self.fields}


class MintForm(forms.Form):
    """A batch to make: what it is, whose it will be, and how its labels look."""

    MOST = 500
    """At once on a page; the command makes more."""
    model = forms.ChoiceField(label=_("Model"))
    count = forms.IntegerField(label=_("How many"), min_value=1, max_value=MOST, initial=1)
    account = forms.IntegerField(
        label=_("Number of the account"),
        required=False,
        min_value=1,
        max_value=2**53,
        help_text=_("Empty: not sold yet. Whoever buys one adds it with the code on its label."),
    )
    note = forms.CharField(
        label=_("Note"), required=False, max_length=200, help_text=_("What the batch is for, as the factory reads it.")
    )
    size = forms.ChoiceField(label=_("One label, in mm"), choices=[(size, size.replace("x", " × ")) for size in SHEETS])
    language = forms.ChoiceField(label=_("Language of the labels"), choices=settings.LANGUAGES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["model"].choices = [(model.code, translated(model.name)) for model in MODELS.values()]  # type: ignore[attr-defined]


class PlaceForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80)


class SectorForm(PlaceForm):
    parent = forms.ModelChoiceField(Sector.objects.none(), label=_("Inside"), required=False, empty_label=_("Nothing"))

    def __init__(self, *args: Any, sectors: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parent"].queryset = sectors  # type: ignore[attr-defined]
