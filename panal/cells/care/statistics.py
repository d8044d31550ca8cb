"""How often what happened, when, and how soon somebody answered: counted from the events of a stretch of time."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from . import review

MOST = 200_000
"""Events that are counted; where there were more, the newest of them."""
FIELDS = ("occurred_at", "received_at", "kind", "verdict", "is_cancelled", "state", "answered_at")


class Told(NamedTuple):
    """What is counted of one event."""

    occurred_at: datetime
    received_at: datetime
    kind: str
    verdict: str
    is_cancelled: bool
    state: str
    answered_at: datetime | None

    @property
    def is_alarm(self) -> bool:
        return review.wakes(self.kind, is_cancelled=self.is_cancelled)


class Sums(NamedTuple):
    total: int
    by_kind: dict[str, int]
    open: int
    alarms: int
    cancelled: int
    confirmed: int
    false: int
    answers_s: list[float]
    """How long each alarm waited for a person's first word, sorted."""
    hours: list[tuple[int, int]]
    """(alarms, others) in each hour of the day."""
    days: dict[date, tuple[int, int]]

    @property
    def false_share(self) -> float | None:
        """Of the alarms of which somebody said what they were."""
        said = self.confirmed + self.false
        return self.false / said if said else None

    @property
    def median_answer_s(self) -> float | None:
        return self._answer(0.5)

    @property
    def slow_answer_s(self) -> float | None:
        """Nine in ten were answered within it."""
        return self._answer(0.9)

    def _answer(self, share: float) -> float | None:
        return (
            self.answers_s[min(int(len(self.answers_s) * share), len(self.answers_s) - 1)] if self.answers_s else None
        )


def count(events: Iterable[Told]) -> Sums:
    """In the current time zone: that of who asks."""
    events = list(events)
    alarms = [event for event in events if event.is_alarm]
    by_kind: dict[str, int] = {}
    hours, days = [[0, 0] for _ in range(24)], {}  # type: ignore[var-annotated]
    for event in events:
        by_kind[event.kind] = by_kind.get(event.kind, 0) + 1
        place = 0 if event.is_alarm else 1
        hours[timezone.localtime(event.occurred_at).hour][place] += 1
        days.setdefault(timezone.localdate(event.received_at), [0, 0])[place] += 1
    waits = (event.answered_at - event.received_at for event in alarms if event.answered_at is not None)
    return Sums(
        total=len(events),
        by_kind=by_kind,
        open=sum(event.state == review.OPEN for event in events),
        alarms=len(alarms),
        cancelled=sum(event.is_cancelled for event in events),
        confirmed=sum(event.verdict == review.FALL for event in alarms),
        false=sum(event.verdict == review.FALSE_ALARM for event in alarms),
        answers_s=sorted(max(wait, timedelta()).total_seconds() for wait in waits),
        hours=[(a, o) for a, o in hours],
        days={day: (a, o) for day, (a, o) in days.items()},
    )
