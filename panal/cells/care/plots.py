"""What the pages of care plot: the acceleration around an event, and how many there were when."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _

from .models import Samples

NEAR_MS = 1000
"""The impact is the hardest moment so near to the event's own instant."""


def of_samples(samples: Samples | None) -> list[dict[str, Any]]:
    """How hard, and along which axis: both in g against milliseconds from the event, the impact marked."""
    if samples is None or not samples.points:
        return []
    _seq, times, xs, ys, zs = zip(*samples.points, strict=True)
    strength = [round((x * x + y * y + z * z) ** 0.5, 4) for x, y, z in zip(xs, ys, zs, strict=True)]
    near = [place for place, at in enumerate(times) if abs(at) <= NEAR_MS] or range(len(times))
    at = times[max(near, key=strength.__getitem__)]
    axes = [{"label": name, "values": values} for name, values in (("x", xs), ("y", ys), ("z", zs))]
    magnitude = [{"label": _("Strength"), "values": strength, "fill": True}]
    marks = [{"at": at, "label": _("Impact")}]
    return [
        _moving(_("Strength"), times, magnitude, max(strength), marks),
        _moving(_("Axes x, y, z"), times, axes, None, marks),
    ]


def _moving(label: str, times: Any, lines: list[dict[str, Any]], peak: float | None, marks: Any) -> dict[str, Any]:
    data = {"x": times, "lines": lines, "unit": "g", "relative": True, "marks": marks}
    return {"label": label, "peak": peak, "data": data, "keys": [line["label"] for line in lines[1:] and lines]}


def per_day(counts: Sequence[tuple[date, int, int]]) -> dict[str, Any]:
    """Bars: each day's alarms, and what else there was."""
    names = [formats.date_format(day, "j M") for day, _alarms, _others in counts]
    return _bars(_("Events a day"), names, [n for _d, n, _o in counts], [n for _d, _a, n in counts])


def per_hour(counts: Sequence[tuple[int, int]]) -> dict[str, Any]:
    names = [f"{hour}:00" for hour in range(24)]
    return _bars(_("By hour of the day"), names, [a for a, _o in counts], [o for _a, o in counts])


def _bars(label: str, names: list[str], alarms: list[int], others: list[int]) -> dict[str, Any]:
    """Stacked: the second line is the sum, and stands behind the first."""
    both = [a + o for a, o in zip(alarms, others, strict=True)]
    lines = [{"label": _("All"), "values": both}, {"label": _("Falls and buttons"), "values": alarms}]
    return {
        "label": label,
        "peak": max(both, default=0),
        "keys": [_("Falls and buttons"), _("Tilts and tests")],
        "data": {"x": list(range(len(names))), "lines": lines, "unit": "", "names": names, "bars": True},
    }


def days_between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
