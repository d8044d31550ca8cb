"""The day of a camera as shapes: how much of it was recorded, where something moved, and how full its space is."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone

from .models import Motion

WIDE = 1440
"""Units across a day's timeline."""
LEAST = 4.0
"""So that something short can still be seen, and clicked."""


def hours_of(instants: Iterable[datetime]) -> list[dict[str, Any]]:
    """How many there are in each hour of the day, with heights up to 100."""
    counts = Counter(timezone.localtime(at).hour for at in instants)
    most = max(counts.values(), default=1)
    heights = {hour: max(5, round(100 * counts[hour] / most)) for hour in range(24)}
    return [
        {"hour": hour, "count": counts[hour], "height": height, "top": 100 - height} for hour, height in heights.items()
    ]


def timeline(
    since: datetime, until: datetime, stretches: Iterable[dict[str, Any]], motions: Iterable[Motion]
) -> dict[str, Any]:
    """Where each stretch and each motion lies across the day, in units of `wide`."""
    scale = WIDE / (until - since).total_seconds()
    return {
        "wide": WIDE,
        "begin_ms": round(since.timestamp() * 1000),
        "end_ms": round(until.timestamp() * 1000),
        "hours": [WIDE * hour / 24 for hour in range(1, 24)],
        "stretches": [{**one, **_placed(since, scale, one["begun_at"], one["ended_at"])} for one in stretches],
        "motions": [
            {"motion": motion, **_placed(since, scale, motion.at, motion.ended_at or motion.at)} for motion in motions
        ],
    }


def _placed(since: datetime, scale: float, begun: datetime, ended: datetime) -> dict[str, str]:
    x = max(0.0, min(WIDE - LEAST, (begun - since).total_seconds() * scale))
    end = min(float(WIDE), (ended - since).total_seconds() * scale)
    return {"x": f"{x:.2f}", "width": f"{max(LEAST, end - x):.2f}"}


def fill(used_bytes: int, quota_bytes: int) -> dict[str, Any]:
    """How much of its space a camera uses: a bar of 100 units."""
    pct = 100 * used_bytes / max(1, quota_bytes)
    return {"used": max(0, used_bytes), "quota": quota_bytes, "pct": min(100, round(pct)), "is_full": pct >= 90}
