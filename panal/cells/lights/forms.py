"""Forms of lights: what they are called and where they are, scenes, schedules, the home, filters of the history."""

import zoneinfo
from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from . import machine, words
from .models import EVERY_DAY, ICONS, At, By, Home, Light, Schedule, WhenAway

ICON_WORDS = {
    "lightbulb": _("Bulb"), "lamp": _("Lamp"), "lamp-ceiling": _("Ceiling lamp"), "lamp-desk": _("Desk lamp"),
    "lamp-floor": _("Floor lamp"), "lamp-wall-down": _("Wall lamp"), "spotlight": _("Spotlight"), "sun": _("Sun"),
    "moon": _("Moon"), "tv": _("Television"), "bed": _("Bed"), "bath": _("Bath"), "cooking-pot": _("Kitchen"),
    "trees": _("Garden"), "door-open": _("Entrance"), "fan": _("Fan"), "heater": _("Heater"), "plug": _("Socket"),
    "party-popper": _("Party"), "book-open": _("Reading"),
}  # fmt: skip
CHANNEL_WORDS = {
    "kind": (_("Output"), {"relay": _("On and off only"), "dimmer": _("Dimmable")}),
    "switch": (
        _("Switch at the wall"),
        {"toggle": _("Toggle switch"), "push": _("Push button"), "none": _("No switch")},
    ),
    "power": (_("When power comes back"), {"last": _("As it was"), "on": _("On"), "off": _("Off")}),
}


class IconPicker(forms.RadioSelect):
    """Drawn by the template: one picture for each."""

    is_icons = True


def room_choices(rooms: Any) -> list[tuple[str, Any]]:
    return [("", _("No room")), *((str(room.pk), str(room)) for room in rooms)]


class LightForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=80, required=False, widget=forms.TextInput({"autocomplete": "off"})
    )
    sector = forms.ChoiceField(label=_("Room"), required=False)
    when_away = forms.ChoiceField(
        label=_("A click while its board is not connected"), choices=WhenAway.choices, initial=WhenAway.KEEP
    )
    icon = forms.ChoiceField(label=_("Icon"), choices=[(name, ICON_WORDS[name]) for name in ICONS], initial=ICONS[0])

    def __init__(self, *args: Any, rooms: Any, light: Light | None = None, **kwargs: Any) -> None:
        if light is not None:
            kwargs["initial"] = {
                "name": light.name, "sector": light.sector_id or "", "icon": light.icon, "when_away": light.when_away,
            }  # fmt: skip
        super().__init__(*args, **kwargs)
        self.fields["sector"].choices = room_choices(rooms)  # type: ignore[attr-defined]


class ChannelForm(forms.Form):
    """How the output is wired: its board is told."""

    def __init__(self, *args: Any, wanted: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, values in machine.SETTINGS.items():
            label, said = CHANNEL_WORDS[name]
            self.fields[name] = forms.ChoiceField(
                label=label, choices=[(value, said[value]) for value in values], initial=wanted.get(name, values[0])
            )


class RoomForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80, widget=forms.TextInput({"autocomplete": "off"}))


class AddForm(forms.Form):
    light = forms.IntegerField(widget=forms.HiddenInput)
    name = forms.CharField(label=_("Name"), max_length=80, required=False)
    sector = forms.ChoiceField(label=_("Room"), required=False)

    def __init__(self, *args: Any, rooms: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["sector"].choices = room_choices(rooms)  # type: ignore[attr-defined]


class SceneForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=80, widget=forms.TextInput({"autocomplete": "off"}))
    icon = forms.ChoiceField(
        label=_("Icon"), choices=[(name, ICON_WORDS[name]) for name in ICONS], initial="party-popper"
    )


class NewSceneForm(SceneForm):
    rooms = forms.MultipleChoiceField(
        label=_("Take the lights as they are now"), widget=forms.CheckboxSelectMultiple, required=False,
        help_text=_("Of these rooms. Each light can be changed afterwards."),
    )  # fmt: skip

    def __init__(self, *args: Any, rooms: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(room.id, str(room.sector) if room.sector else _("No room")) for room in rooms if room.total]
        self.fields["rooms"].choices = choices  # type: ignore[attr-defined]
        self.fields["rooms"].initial = [value for value, _label in choices]


class ScheduleForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=80, required=False, widget=forms.TextInput({"autocomplete": "off"})
    )
    at = forms.ChoiceField(label=_("When"), choices=At.choices, initial=At.TIME, widget=forms.RadioSelect)
    time = forms.TimeField(label=_("Time"), required=False, widget=forms.TimeInput({"type": "time"}, "%H:%M"))
    offset = forms.IntegerField(
        label=_("Minutes after sunrise or sunset"), required=False, min_value=-720, max_value=720, initial=0,
        help_text=_("With a minus: before."),
    )  # fmt: skip
    days = forms.MultipleChoiceField(
        label=_("On these days"), choices=[(str(1 << n), day) for n, day in enumerate(words.DAYS)],
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    on = forms.ChoiceField(
        label=_("The lights go"), choices=[("1", _("On")), ("", _("Off"))], required=False, widget=forms.RadioSelect
    )
    level = forms.IntegerField(
        label=_("Brightness in percent"), required=False, min_value=1, max_value=100,
        help_text=_("For those that can be dimmed. Empty: as they were last."),
    )  # fmt: skip
    for_min = forms.IntegerField(
        label=_("Off again after so many minutes"), required=False, min_value=1, max_value=1440,
        help_text=_("Empty: they stay on."),
    )  # fmt: skip
    lights = forms.MultipleChoiceField(label=_("Lights"), widget=forms.CheckboxSelectMultiple)
    is_enabled = forms.BooleanField(label=_("It is in use"), required=False, initial=True)

    def __init__(self, *args: Any, lights: Any, schedule: Schedule | None = None, **kwargs: Any) -> None:
        kwargs["initial"] = _initial(schedule) if schedule else {"days": _bits(EVERY_DAY), "on": "1"}
        super().__init__(*args, **kwargs)
        self.fields["lights"].choices = [(str(light.pk), _named(light)) for light in lights]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if found.get("at") == At.TIME and not found.get("time") and "time" not in self.errors:
            self.add_error("time", _("Say at what time."))
        return found

    def values(self) -> dict[str, Any]:
        """As actions.save_schedule takes them; lights as their ids."""
        said = self.cleaned_data
        time = said["time"]
        minutes = time.hour * 60 + time.minute if said["at"] == At.TIME else said["offset"] or 0
        return {
            "name": said["name"],
            "at": said["at"],
            "minutes": minutes,
            "days": sum(int(bit) for bit in said["days"]),
            "on": said["on"] == "1",
            "level": said["level"] if said["on"] == "1" else None,
            "for_s": said["for_min"] * 60 if said["for_min"] and said["on"] == "1" else None,
            "is_enabled": said["is_enabled"],
        }


def _named(light: Light) -> str:
    return f"{light.sector} · {light}" if light.sector else str(light)


def _bits(days: int) -> list[str]:
    return [str(1 << n) for n in range(7) if days >> n & 1]


def _initial(schedule: Schedule) -> dict[str, Any]:
    is_time = schedule.at == At.TIME
    return {
        "name": schedule.name,
        "at": schedule.at,
        "time": f"{schedule.minutes // 60:02}:{schedule.minutes % 60:02}" if is_time else None,
        "offset": 0 if is_time else schedule.minutes,
        "days": _bits(schedule.days),
        "on": "1" if schedule.is_on else "",
        "level": schedule.level_pct,
        "for_min": schedule.for_s // 60 if schedule.for_s else None,
        "lights": [str(light.pk) for light in schedule.lights.all()],
        "is_enabled": schedule.is_enabled,
    }


class HomeForm(forms.Form):
    time_zone = forms.ChoiceField(label=_("Time zone"), required=False)
    latitude_deg = forms.FloatField(
        label=_("Latitude"), required=False, min_value=-90, max_value=90,
        help_text=_("In degrees, north is positive: for sunrise and sunset."),
    )  # fmt: skip
    longitude_deg = forms.FloatField(
        label=_("Longitude"), required=False, min_value=-180, max_value=180, help_text=_("East is positive.")
    )

    def __init__(self, *args: Any, home: Home, **kwargs: Any) -> None:
        names = ("time_zone", "latitude_deg", "longitude_deg")
        super().__init__(*args, initial={name: getattr(home, name) for name in names}, **kwargs)
        self.fields["time_zone"].choices = time_zones()  # type: ignore[attr-defined]


def time_zones() -> list[tuple[str, Any]]:
    names = sorted(name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/"))
    return [("", _("As the server")), ("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


class HistoryForm(forms.Form):
    """The filters of the history; what cannot be read lets everything through."""

    day = forms.DateField(required=False)
    light = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    room = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    by = forms.ChoiceField(required=False, choices=[("", ""), *By.choices])
    q = forms.CharField(required=False, max_length=80)

    def chosen(self) -> dict[str, Any]:
        self.is_valid()
        found = {name: self.cleaned_data.get(name) or "" for name in self.fields}
        day = found["day"]
        found["day"] = day if isinstance(day, date) and 1971 <= day.year <= 8999 else ""
        return found
