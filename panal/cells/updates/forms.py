"""Forms of updates: a release file, a key, and how a rollout goes about it."""

import re
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from panal.cells.devices.catalog import MODELS
from panal.control.preferences import ZONES

from . import actions, messages
from .models import Release, ReleaseState
from .stages import DEFAULT, Plan


class ReleaseForm(forms.Form):
    file = forms.FileField(
        label=_("Release file"),
        max_length=200,
        help_text=_("As `panal updates build` makes it: signed, at most 8 MB."),
    )
    notes = forms.CharField(
        label=_("Notes"), required=False, max_length=4000, widget=forms.Textarea({"rows": 4}),
        help_text=_("What is new, for those who roll it out and those who take it."),
    )  # fmt: skip

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > messages.MAX_ARTIFACT_BYTES + messages.MAX_MANIFEST_BYTES:
            raise forms.ValidationError(_("This is too large."))
        return file


class NotesForm(forms.Form):
    notes = forms.CharField(label=_("Notes"), required=False, max_length=4000, widget=forms.Textarea({"rows": 4}))


class KeyForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80)
    public_key = forms.CharField(
        label=_("Public key"),
        max_length=actions.MOST_PEM,
        widget=forms.Textarea({"rows": 6, "spellcheck": "false", "class": "updates-pem"}),
        help_text=_("PEM, as `panal updates key` prints it. The private half never leaves your computer."),
    )


BY = [
    ("all", _("All devices")),
    ("account", _("An account")),
    ("sector", _("A sector")),
    ("group", _("A group")),
    ("model", _("A model")),
    ("devices", _("Chosen devices")),
]


class RolloutForm(forms.Form):
    """Which release, for whom, and at what pace. The places are those that the person may operate."""

    release = forms.TypedChoiceField(label=_("Firmware release"), coerce=int)
    by = forms.ChoiceField(choices=BY, widget=forms.RadioSelect)
    account = forms.TypedChoiceField(label=_("Account"), required=False, coerce=int, empty_value=0)
    sector = forms.TypedChoiceField(label=_("Sector"), required=False, coerce=int, empty_value=0)
    group = forms.TypedChoiceField(label=_("Group"), required=False, coerce=int, empty_value=0)
    model = forms.ChoiceField(label=_("Model"), required=False)
    devices = forms.CharField(
        label=_("Ids of devices"),
        required=False,
        max_length=200_000,
        widget=forms.Textarea({"rows": 4, "spellcheck": "false", "autocapitalize": "characters"}),
        help_text=_("With spaces, commas or line breaks between them."),
    )
    stages = forms.CharField(
        label=_("Stages, in percent"),
        max_length=80,
        initial=", ".join(f"{plan.percent:g}" for plan in DEFAULT),
        help_text=_("Of all devices, up to and with each stage. A device stays in its stage, also in another rollout."),
    )
    success_pct = forms.FloatField(
        label=_("Go on at, in percent"), min_value=1, max_value=100, initial=DEFAULT[0].success_pct,
        help_text=_("So many of a stage must be updated before the next one begins."),
    )  # fmt: skip
    error_pct = forms.FloatField(
        label=_("Stop at, in percent"), min_value=0.1, max_value=100, initial=DEFAULT[0].error_pct,
        help_text=_("So many of a stage with trouble stop everything."),
    )  # fmt: skip
    jitter_min = forms.IntegerField(
        label=_("Spread over, in minutes"), min_value=0, max_value=actions.MOST_JITTER_S // 60, initial=10,
        help_text=_("The devices of a stage come one after the other in this time."),
    )  # fmt: skip
    begin = forms.TimeField(label=_("Only from"), required=False, widget=forms.TimeInput({"type": "time"}, "%H:%M"))
    end = forms.TimeField(label=_("until"), required=False, widget=forms.TimeInput({"type": "time"}, "%H:%M"))
    time_zone = forms.ChoiceField(label=_("Time zone"), required=False, choices=[(zone, zone) for zone in ZONES])
    patience_h = forms.IntegerField(
        label=_("Wait for absent devices, in hours"), required=False, min_value=1, max_value=90 * 24,
        help_text=_("Then a stage is judged by those that came. Empty: it waits for as long as it takes."),
    )  # fmt: skip

    def __init__(self, *args: Any, places: dict[str, list[Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["release"].choices = [  # type: ignore[attr-defined]
            (release.pk, str(release)) for release in Release.objects.filter(state=ReleaseState.RELEASED)
        ]
        for name, rows in places.items():
            self.fields[name].choices = [("", _("Choose…")), *rows]  # type: ignore[attr-defined]
        self.fields["model"].choices = [("", _("Choose…")), *((code, code) for code in MODELS)]  # type: ignore[attr-defined]
        self.fields["time_zone"].initial = timezone.get_current_timezone_name()

    def clean_stages(self) -> list[float]:
        texts = re.split(r"[\s,;%]+", self.cleaned_data["stages"].strip(" ,;%"))
        try:
            return [float(text) for text in texts]
        except ValueError:
            raise forms.ValidationError(_("Percentages that rise, the last one 100.")) from None

    def ids(self) -> list[str]:
        return re.findall(r"[A-Za-z0-9_-]{1,32}", self.cleaned_data["devices"])[: actions.MOST_DEVICES + 1]

    def pace(self) -> actions.Pace:
        found = self.cleaned_data
        plans = tuple(Plan(percent, found["success_pct"], found["error_pct"]) for percent in found["stages"])
        times = [time.hour * 60 + time.minute for time in (found["begin"], found["end"]) if time is not None]
        patience_s = found["patience_h"] * 3600 if found["patience_h"] else None
        window = (times[0], times[1]) if len(times) == 2 else None
        return actions.Pace(plans, found["jitter_min"] * 60, window, found["time_zone"] or "UTC", patience_s)
