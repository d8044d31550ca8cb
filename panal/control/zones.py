"""The clock of a place, for boards: they know UTC, and its offsets are told them."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


def offsets(name: str, now: datetime, *, days: int, most: int) -> list[list[int]]:
    """[[from second, minutes from UTC], …]: what holds now, and its changes in the next days, found to the second."""
    first = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    return [list(entry) for entry in _offsets(name, first, days, most)]


def shown(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first and the last instant, in UTC, at which the clocks of a place show this, or have jumped over it."""
    first, last = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if last < first:  # no clock shows it
        first = last = datetime.fromtimestamp(_change(last, first, zone), tz=UTC)
    return first, last


@lru_cache(maxsize=256)
def _offsets(name: str, first: datetime, days: int, most: int) -> tuple[tuple[int, int], ...]:
    """Every day is looked at, so it is kept: all homes of a zone have the same, for a day."""
    zone = ZoneInfo(name)
    found = [(0, _offset_min(first, zone))]
    for day in range(days):
        begin, end = first + timedelta(days=day), first + timedelta(days=day + 1)
        if _offset_min(end, zone) != found[-1][1] and len(found) < most:
            found.append((_change(begin, end, zone), _offset_min(end, zone)))
    return tuple(found)


def _offset_min(at: datetime, zone: ZoneInfo) -> int:
    offset = at.astimezone(zone).utcoffset()
    return int(offset.total_seconds() // 60) if offset else 0


def _change(begin: datetime, end: datetime, zone: ZoneInfo) -> int:
    """The second between two instants from which the second one's offset holds."""
    low, high = int(begin.timestamp()), int(end.timestamp())
    wanted = _offset_min(end, zone)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_min(datetime.fromtimestamp(middle, tz=UTC), zone) == wanted:
            high = middle
        else:
            low = middle
    return high
