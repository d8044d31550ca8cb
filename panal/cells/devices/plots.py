"""Readings as the page plots them: one plot for each measurement, mean with the band from minimum to maximum."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _

from .queries import Reading
from .words import measure


def plots_of(readings: Iterable[Reading], resolution: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """One plot for each measurement, over the whole stretch of time, however little was measured in it."""
    by_name = groupby(sorted(readings, key=attrgetter("name", "at")), key=attrgetter("name"))
    plots = [_plot(name, list(rows), resolution) for name, rows in by_name]
    for plot in plots:
        plot["data"]["across"] = [since.timestamp(), until.timestamp()]
    return plots


def _plot(name: str, rows: list[Reading], resolution: str) -> dict[str, Any]:
    label, unit = measure(name)
    count = sum(row.count for row in rows)
    lines = [{"label": _("Mean"), "values": [_short(row.mean) for row in rows], "fill": resolution == "raw"}]
    if resolution != "raw":
        lines.append({"label": _("Maximum"), "values": [_short(row.maximum) for row in rows], "edge": True})
        lines.append({"label": _("Minimum"), "values": [_short(row.minimum) for row in rows], "edge": True})
    return {
        "name": name,
        "label": label,
        "unit": unit,
        "last": _number(rows[-1].mean),
        "minimum": _number(min(row.minimum for row in rows)),
        "mean": _number(sum(row.mean * row.count for row in rows) / count),
        "maximum": _number(max(row.maximum for row in rows)),
        "data": {
            "x": [row.at.timestamp() for row in rows],
            "lines": lines,
            "unit": unit,
            "upward": [0, 100] if unit == "%" else None,
        },
    }


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def _number(value: float) -> str:
    text = f"{value:.1f}" if abs(value) < 1000 else f"{value:.0f}"
    return formats.localize(float(text) if "." in text and not text.endswith(".0") else int(float(text)))
