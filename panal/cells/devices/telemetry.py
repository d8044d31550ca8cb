"""Measurements: raw points, and what each stretch of 5 minutes and of an hour looked like."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection

from panal.control import rows
from panal.control.instants import instant, milliseconds

from .models import LogLine, TelemetryPoint, TelemetrySlot

PRUNED_AT_ONCE = 5000
"""Rows deleted in one transaction, so that device traffic never waits long."""


class Point(NamedTuple):
    device_id: str
    name: str
    at: datetime
    value: float


class Summary:
    """Count, sum, minimum and maximum of what fell into one slot."""

    __slots__ = ("count", "maximum", "minimum", "total")

    def __init__(self, value: float) -> None:
        self.count, self.total, self.minimum, self.maximum = 1, value, value, value

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)


def store(points: Sequence[Point]) -> int:
    """Store the points that are new, and only these into the slots. How many were new."""
    by_key = {(p.device_id, p.name, _to_ms(p.at)): p for p in reversed(points)}
    inserted = rows.insert_rows_missing(
        TelemetryPoint,
        ("device", "name", "at", "value"),
        [(device, name, at, p.value) for (device, name, at), p in by_key.items()],
        ("device", "name", "at"),
    )
    fresh = [Point(device, name, at, by_key[device, name, at].value) for device, name, at in inserted]
    _add_to_slots(fresh)
    return len(fresh)


def _to_ms(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _add_to_slots(points: Iterable[Point]) -> None:
    slots: dict[tuple[str, str, int, datetime], Summary] = {}
    for point in points:
        for width_s in TelemetrySlot.WIDTHS_S:
            key = (point.device_id, point.name, width_s, slot_of(point.at, width_s))
            if key in slots:
                slots[key].add(point.value)
            else:
                slots[key] = Summary(point.value)
    table = rows.table(TelemetrySlot)
    rows.insert_or_update(
        TelemetrySlot,
        ("device", "name", "width_s", "at", "count", "total", "minimum", "maximum"),
        # in one order everywhere, so that two replicas never wait for each other
        sorted((*key, s.count, s.total, s.minimum, s.maximum) for key, s in slots.items()),
        ("device", "name", "width_s", "at"),
        f"count = {table}.count + excluded.count, total = {table}.total + excluded.total, "
        f"minimum = CASE WHEN excluded.minimum < {table}.minimum THEN excluded.minimum ELSE {table}.minimum END, "
        f"maximum = CASE WHEN excluded.maximum > {table}.maximum THEN excluded.maximum ELSE {table}.maximum END",
    )


def slot_of(at: datetime, width_s: int) -> datetime:
    """When the slot begins that this instant falls into."""
    ms = milliseconds(at)
    return instant(ms - ms % (width_s * 1000))


def prune(now: datetime) -> int:
    """Delete what is older than the retention settings say. How many rows went."""
    keep = settings.PANAL
    gone = _prune(TelemetryPoint, "", "at", now, keep.telemetry_raw_days)
    gone += _prune(TelemetrySlot, "width_s = 300 AND ", "at", now, keep.telemetry_5min_days)
    gone += _prune(TelemetrySlot, "width_s = 3600 AND ", "at", now, keep.telemetry_hourly_days)
    gone += _prune(LogLine, "", "received_at", now, keep.log_days)
    return gone


def _prune(model: type, condition: str, column: str, now: datetime, days: float) -> int:
    table = rows.table(model)
    before = connection.ops.adapt_datetimefield_value(now.astimezone(UTC) - timedelta(days=days))
    sql = (
        f"DELETE FROM {table} WHERE id IN "  # noqa: S608  names are ours, values are parameters
        f"(SELECT id FROM {table} WHERE {condition}{column} < %s ORDER BY {column} LIMIT {PRUNED_AT_ONCE})"
    )
    gone = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(sql, (before,))
            count: int = cursor.rowcount
            gone += count
            if count < PRUNED_AT_ONCE:
                return gone
