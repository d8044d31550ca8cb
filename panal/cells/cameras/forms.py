"""The controls of a camera as people meet them, and the forms of its settings."""

import json
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from .messages import RESOLUTIONS
from .settings import BOUNDS

TWO_MEGAPIXELS = 10
LARGE_MODELS = ("OV3660", "OV5640")
"""Sensors that give more than UXGA."""


class Control(NamedTuple):
    """One command of the contract as a row: `kind` is how it is set."""

    cmd: str
    label: Any
    kind: str
    group: str
    least: int = 0
    most: int = 1
    usual: int = 0
    choices: tuple[tuple[int, Any], ...] = ()
    help: Any = ""


GROUPS = (
    ("picture", _("Picture"), "sliders-horizontal"),
    ("colour", _("Light and colour"), "sun"),
    ("place", _("Mounting and flash"), "rotate-cw"),
)
CONTROLS = (
    Control("resolution", _("Resolution"), "choice", "picture", 0, 12, 5),
    Control("quality", _("Compression"), "range", "picture", 5, 63, 12, help=_("Less is better and larger.")),
    Control("fps", _("Pictures a second"), "range", "picture", 1, 30, 15),
    Control("mode", _("Sending"), "choice", "picture", choices=((0, _("Fast")), (1, _("Steady")))),
    Control("brightness", _("Brightness"), "range", "colour", -2, 2),
    Control("contrast", _("Contrast"), "range", "colour", -2, 2),
    Control("saturation", _("Saturation"), "range", "colour", -2, 2),
    Control("exposure", _("Automatic exposure"), "switch", "colour", usual=1),
    Control("gain", _("Automatic gain"), "switch", "colour", usual=1),
    Control("whitebalance", _("Automatic white balance"), "switch", "colour", usual=1),
    Control("hmirror", _("Mirror"), "switch", "place"),
    Control("vflip", _("Upside down"), "switch", "place"),
    Control("flash", _("Flash light"), "range", "place", 0, 255),
)


def resolution_choices(sensor: str) -> list[tuple[int, str, bool]]:
    """Number, words and whether this board may not manage it: a sensor that says its name is believed."""
    most = 12 if sensor.upper().startswith(LARGE_MODELS) else TWO_MEGAPIXELS
    return [
        (number, f"{name} · {width} × {height}", number > most)
        for number, (name, width, height) in enumerate(RESOLUTIONS)
    ]


DAY = {"type": "date"}


def day_of(text: str) -> date:
    """The day that an address names; today where it names none."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return timezone.localdate()


def bounds_of(day: date) -> tuple[datetime, datetime]:
    """From midnight to midnight in the person's own zone: 23 to 25 hours."""
    zone = timezone.get_current_timezone()
    return datetime.combine(day, time(), zone), datetime.combine(day + timedelta(days=1), time(), zone)


MIB, GIB = 1024**2, 1024**3


def _bounded(name: str, label: Any, whole: bool = False, scale: float = 1, **more: Any) -> forms.Field:
    least, most = BOUNDS[name]
    kind = forms.IntegerField if whole else forms.FloatField
    most = int(most / scale) if most > scale else most / scale
    return kind(label=label, min_value=least / scale if scale == 1 else 0.001, max_value=most, **more)


class SavingForm(forms.Form):
    """How pictures save themselves, and how long they are kept."""

    auto_save = forms.BooleanField(label=_("Save pictures by itself"), required=False)
    save_interval_s = _bounded("save_interval_s", _("Seconds from one picture to the next"))
    max_images_per_hour = _bounded("max_images_per_hour", _("At most in an hour"), whole=True)
    image_quota_gib = _bounded("image_quota_bytes", _("Space for pictures (GiB)"), scale=GIB)
    image_days = _bounded("image_days", _("Days to keep pictures"), help_text=_("Protected ones stay for ever."))


class RecordingForm(forms.Form):
    record = forms.ChoiceField(
        label=_("Record"),
        widget=forms.RadioSelect,
        choices=(("off", _("Off")), ("always", _("Always")), ("motion", _("On motion"))),
    )
    pre_roll_s = _bounded("pre_roll_s", _("Seconds before the motion"))
    post_roll_s = _bounded("post_roll_s", _("Seconds after the motion"))
    clip_quota_gib = _bounded("clip_quota_bytes", _("Space for recordings (GiB)"), scale=GIB)
    clip_days = _bounded("clip_days", _("Days to keep recordings"), help_text=_("Protected ones stay for ever."))


class MotionForm(forms.Form):
    motion_on = forms.BooleanField(label=_("Watch for motion"), required=False)
    motion_sensitivity = _bounded(
        "motion_sensitivity",
        _("Sensitivity"),
        whole=True,
        widget=forms.NumberInput({"type": "range"}),
        help_text=_("On the left only what is large counts, on the right everything that moves."),
    )
    motion_cooldown_s = _bounded("motion_cooldown_s", _("Seconds of calm before the next event"))
    motion_zones = forms.CharField(
        label=_("Zones"),
        required=False,
        max_length=8000,
        widget=forms.Textarea({"class": "mono", "rows": 3}),
        help_text=_(
            "Corners of each zone as parts of width and height: [[[0, 0], [1, 0], [1, 1]]]. Empty: everywhere."
        ),
    )

    def clean_motion_zones(self) -> Any:
        text = self.cleaned_data["motion_zones"].strip()
        try:
            return json.loads(text) if text else []
        except (ValueError, RecursionError):
            raise forms.ValidationError(_now("These are no zones.")) from None


class AccessForm(forms.Form):
    is_restricted = forms.BooleanField(label=_("Only these people may look"), required=False)
    watchers = forms.MultipleChoiceField(label=_("People"), required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, people: list[Any], **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["watchers"].choices = [(str(person.pk), str(person)) for person in people]  # type: ignore[attr-defined]


class FilmForm(forms.Form):
    """A timelapse: saved pictures of a stretch of time, some of them in a second of film."""

    since = forms.DateTimeField(label=_("From"), widget=forms.DateTimeInput({"type": "datetime-local"}))
    until = forms.DateTimeField(label=_("To"), widget=forms.DateTimeInput({"type": "datetime-local"}))
    fps = forms.IntegerField(label=_("Pictures in a second of film"), min_value=1, max_value=60, initial=24)


def gib_of(values: dict[str, Any]) -> dict[str, Any]:
    """Settings as the forms say them."""
    quotas = {f"{name}_gib": round(values[f"{name}_bytes"] / GIB, 3) for name in ("image_quota", "clip_quota")}
    return {name: _plain(value) for name, value in {**values, **quotas}.items()}


def _plain(value: Any) -> Any:
    """A person reads 10, not 10.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def bytes_of(values: dict[str, Any]) -> dict[str, Any]:
    """What a form says, as settings."""
    found = dict(values)
    for name in ("image_quota", "clip_quota"):
        if f"{name}_gib" in found:
            found[f"{name}_bytes"] = int(found.pop(f"{name}_gib") * GIB)
    return found
