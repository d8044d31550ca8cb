"""Instants between the two worlds: int milliseconds since 1970 UTC on the wire, aware datetimes in the database."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def instant(ms: int) -> datetime:
    return EPOCH + ms * MILLISECOND


def milliseconds(at: datetime) -> int:
    return (at - EPOCH) // MILLISECOND
