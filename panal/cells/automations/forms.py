"""The editor: one form for when, five lines of if, five lines of then. A line without a kind is none."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from . import parts, words
from .models import Automation, Outcome

TIME = {"type": "time"}


class AutomationForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80, widget=forms.TextInput({"autocomplete": "off"}))
    when = forms.ChoiceField(label=_("When"), choices=list(words.TRIGGERS.items()))
    device_id = forms.ChoiceField(label=_("Which device"), required=False)
    light_id = forms.ChoiceField(label=_("Which light"), required=False)
    time = forms.TimeField(label=_("Time"), required=False, widget=forms.TimeInput(TIME, "%H:%M"))
    offset = forms.IntegerField(
        label=_("Minutes after sunrise or sunset"), required=False, min_value=-720, max_value=720,
        help_text=_("With a minus: before."),
    )  # fmt: skip
    days = forms.MultipleChoiceField(
        label=_("On these days"), required=False, choices=[(str(1 << n), day) for n, day in enumerate(words.DAYS)],
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip

    def __init__(self, *args: Any, things: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self, device_id=("devices", _("Any")), light_id=("lights", _("Any")), things=things)

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if found.get("when") == "time" and not found.get("time") and "time" not in self.errors:
            self.add_error("time", _("Say at what time."))
        if found.get("when") in parts.TIMES and not found.get("days") and "days" not in self.errors:
            self.add_error("days", _("Choose at least one day."))
        return found

    def said(self) -> dict[str, Any]:
        """As parts.parse_when takes it."""
        found = self.cleaned_data
        if found["when"] in parts.EVENTS:
            light_id = int(found["light_id"] or 0)
            is_light = found["when"] in ("light_on", "light_off")
            device_id = "" if is_light else found["device_id"]
            return {"kind": found["when"], "device_id": device_id, "light_id": light_id if is_light else 0}
        minutes = _minutes(found["time"]) if found["when"] == "time" else found["offset"] or 0
        return {"kind": found["when"], "minutes": minutes, "days": sum(int(bit) for bit in found["days"])}


class ConditionForm(forms.Form):
    kind = forms.ChoiceField(label=_("Only if"), required=False, choices=[("", "—"), *words.CONDITIONS.items()])
    from_min = forms.TimeField(label=_("From"), required=False, widget=forms.TimeInput(TIME, "%H:%M"))
    until_min = forms.TimeField(label=_("Until"), required=False, widget=forms.TimeInput(TIME, "%H:%M"))
    days = forms.MultipleChoiceField(
        label=_("Days"), required=False, choices=[(str(1 << n), day) for n, day in enumerate(words.DAYS)],
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    light_id = forms.ChoiceField(label=_("Which light"), required=False)
    is_on = forms.ChoiceField(label=_("is"), required=False, choices=[("1", _("on")), ("", _("off"))], initial="1")
    device_id = forms.ChoiceField(label=_("Which device"), required=False)
    is_online = forms.ChoiceField(
        label=_("is"), required=False, choices=[("1", _("online")), ("", _("offline"))], initial="1"
    )

    def __init__(self, *args: Any, things: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self, device_id=("devices", "—"), light_id=("lights", "—"), things=things)

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        needed = {
            "hours": ("from_min", "until_min"),
            "days": ("days",),
            "light": ("light_id",),
            "device": ("device_id",),
        }
        _need(self, found, needed)
        return found

    def said(self) -> dict[str, Any] | None:
        found = self.cleaned_data
        kind = found.get("kind")
        if not kind:
            return None
        parts: dict[str, dict[str, Any]] = {
            "hours": {"from_min": _minutes(found["from_min"]), "until_min": _minutes(found["until_min"])},
            "days": {"days": sum(int(bit) for bit in found["days"])},
            "light": {"light_id": int(found["light_id"] or 0), "is_on": found["is_on"] == "1"},
            "device": {"device_id": found["device_id"], "is_online": found["is_online"] == "1"},
        }
        return {"kind": kind, **parts[kind]}


class ActionForm(forms.Form):
    kind = forms.ChoiceField(label=_("Then"), required=False, choices=[("", "—"), *words.ACTIONS.items()])
    light_id = forms.ChoiceField(label=_("Which light"), required=False)
    is_on = forms.ChoiceField(label=_("goes"), required=False, choices=[("1", _("on")), ("", _("off"))], initial="1")
    level = forms.IntegerField(label=_("Brightness in percent"), required=False, min_value=1, max_value=100)
    for_min = forms.IntegerField(
        label=_("Off again after so many minutes"), required=False, min_value=1, max_value=1440
    )
    scene_id = forms.ChoiceField(label=_("Scene"), required=False)
    camera_id = forms.ChoiceField(label=_("Camera"), required=False)
    text = forms.CharField(
        label=_("What it says"), required=False, max_length=parts.MOST_TEXT,
        widget=forms.TextInput({"autocomplete": "off"}),
    )  # fmt: skip
    url = forms.CharField(
        label=_("Address"), required=False, max_length=parts.MOST_URL,
        help_text=_("It is kept secret and never shown again; empty keeps the one that is there."),
        widget=forms.TextInput({"autocomplete": "off", "inputmode": "url"}),
    )  # fmt: skip

    def __init__(self, *args: Any, things: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _choose(self, light_id=("lights", "—"), scene_id=("scenes", "—"), camera_id=("cameras", "—"), things=things)

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        needed = {"light": ("light_id",), "scene": ("scene_id",), "snapshot": ("camera_id",), "alert": ("text",)}
        _need(self, found, needed)
        return found

    def said(self) -> dict[str, Any] | None:
        found = self.cleaned_data
        kind = found.get("kind")
        if not kind:
            return None
        is_on = found["is_on"] == "1"
        parts: dict[str, dict[str, Any]] = {
            "light": {
                "light_id": int(found["light_id"] or 0),
                "is_on": is_on,
                "level": found["level"] if is_on else None,
                "for_s": found["for_min"] * 60 if found["for_min"] and is_on else None,
            },
            "scene": {"scene_id": int(found["scene_id"] or 0)},
            "snapshot": {"device_id": found["camera_id"]},
            "alert": {"text": found["text"]},
            "webhook": {"url": found["url"]},
        }
        return {"kind": kind, **parts[kind]}


ConditionForms = forms.formset_factory(
    ConditionForm, extra=parts.MOST_CONDITIONS, max_num=parts.MOST_CONDITIONS, absolute_max=10
)
ActionForms = forms.formset_factory(ActionForm, extra=parts.MOST_ACTIONS, max_num=parts.MOST_ACTIONS, absolute_max=10)


class RunFilterForm(forms.Form):
    outcome = forms.ChoiceField(required=False, choices=[("", ""), *Outcome.choices])

    def chosen(self) -> str:
        return str(self.cleaned_data["outcome"]) if self.is_valid() else ""


def _choose(form: forms.Form, *, things: Any, **fields: tuple[str, Any]) -> None:
    for field, (kind, empty) in fields.items():
        form.fields[field].choices = [("", empty), *getattr(things, kind)]  # type: ignore[attr-defined]


def _need(form: forms.Form, found: dict[str, Any], needed: dict[str, tuple[str, ...]]) -> None:
    for field in needed.get(found.get("kind") or "", ()):
        if found.get(field) in (None, "", []) and field not in form.errors:
            form.add_error(field, _("Fill this in."))


def _minutes(time: Any) -> int:
    return time.hour * 60 + time.minute if time else 0


def initial_of(automation: Automation) -> dict[str, Any]:
    when = automation.when
    is_time = when["kind"] == "time"
    return {
        "name": automation.name,
        "when": when["kind"],
        "device_id": when.get("device_id", ""),
        "light_id": when.get("light_id") or "",
        "time": words.clock(when["minutes"]) if is_time else None,
        "offset": None if is_time else when.get("minutes"),
        "days": bits(when.get("days", parts.EVERY_DAY)),
    }


def initial_condition(said: dict[str, Any]) -> dict[str, Any]:
    hours = {name: words.clock(said[name]) for name in ("from_min", "until_min") if name in said}
    states = {name: "1" if said[name] else "" for name in ("is_on", "is_online") if name in said}
    return {**said, **hours, **states, "days": bits(said.get("days", 0))}


def initial_action(said: dict[str, Any]) -> dict[str, Any]:
    for_s = said.get("for_s")
    return {
        **said,
        "is_on": "1" if said.get("is_on", True) else "",
        "for_min": -(-for_s // 60) if for_s else None,
        "camera_id": said.get("device_id", ""),
    }


def bits(days: int) -> list[str]:
    return [str(1 << n) for n in range(7) if days >> n & 1]
