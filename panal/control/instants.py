"""Instants between the two worlds: int milliseconds since 1970 UTC on the wire, aware datetimes in the database."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
LAST = datetime(9000, 12, 31, tzinfo=UTC)
"""A board's clock may say more; the last hours that a datetime can hold are beyond it in half of the world's zones."""
LAST_MS = (LAST - EPOCH) // MILLISECOND


def instant(ms: int) -> datetime:
    return EPOCH + (ms if ms < LAST_MS else LAST_MS) * MILLISECOND


def milliseconds(at: datetime) -> int:
    return (at - EPOCH) // MILLISECOND
