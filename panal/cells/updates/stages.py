"""How a rollout is cut into stages, when each board's turn is, and when a stage is good enough to go on.

Nothing here knows of a database or a clock: what is decided twice with the same numbers is decided the same way.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from . import progress

MOST_STAGES = 10

WAIT, ADVANCE, STOP = "wait", "advance", "stop"
ERRORS, TOO_FEW = "errors", "too_few"


class Plan(NamedTuple):
    """One stage as it is asked for."""

    percent: float
    """Of all devices, up to and with this stage."""
    success_pct: float = 95
    """So many of the stage must have done it before the next one begins."""
    error_pct: float = 10
    """So many with trouble stop the rollout."""


DEFAULT = (Plan(5), Plan(25), Plan(100))


class Tally(NamedTuple):
    """How many devices of a stage are how far; those that count in no percentage are left out."""

    total: int
    done: int
    trouble: int
    absent: int
    """They could begin, and have not."""
    under_way: int


def position(device_id: str, release_id: object) -> str:
    """Where a device stands among others for this release: the same in every rollout of it."""
    return hashlib.sha256(f"panal/stage/1/{device_id}/{release_id}".encode()).hexdigest()


def assigned(device_ids: Iterable[str], release_id: object, percents: Sequence[float]) -> dict[str, int]:
    """The number of its stage (from 0) by device. A stage is never empty while there are devices left for it."""
    ranked = sorted(device_ids, key=lambda id: position(id, release_id))
    found: dict[str, int] = {}
    begin = 0
    for number, percent in enumerate(percents):
        end = len(ranked) if number == len(percents) - 1 else max(begin + 1, round(len(ranked) * percent / 100))
        found |= dict.fromkeys(ranked[begin:end], number)
        begin = min(end, len(ranked))
    return found


def delay_s(device_id: str, rollout_id: object, jitter_s: int) -> int:
    """How long after its stage begins a device's turn comes: spread evenly, and the same when it is asked again."""
    digest = hashlib.sha256(f"panal/jitter/1/{device_id}/{rollout_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") * jitter_s >> 64


def tally(counts: dict[str, int]) -> Tally:
    """Of how many devices are in which state."""

    def of(states: Iterable[str]) -> int:
        return sum(counts.get(state, 0) for state in states)

    total = sum(counts.values()) - of(progress.UNCOUNTED)
    return Tally(
        total, counts.get(progress.DONE, 0), of(progress.TROUBLE), of(progress.NOT_BEGUN), of(progress.UNDER_WAY)
    )


def verdict(
    found: Tally, success_pct: float, error_pct: float, forgiven: int = 0, is_patient: bool = True
) -> tuple[str, str]:
    """(what to do, why).

    `forgiven`: trouble that somebody has seen, and went on with all the same. A stage that is not patient any more
    is judged by those that came; without anybody it goes on waiting.
    """
    trouble = max(0, found.trouble - forgiven)
    total = found.total if is_patient else found.total - found.absent
    if trouble and 100 * trouble >= error_pct * found.total:
        return STOP, ERRORS
    if 100 * (found.done + min(forgiven, found.trouble)) >= success_pct * total and (total or not found.absent):
        return ADVANCE, ""
    return (WAIT, "") if found.under_way or (found.absent and (is_patient or not total)) else (STOP, TOO_FEW)


def turn(
    begin: datetime, delay_s: int, from_min: int | None, to_min: int | None, zone: tzinfo, now: datetime
) -> datetime:
    """When a device may begin, whose share of the jitter is `delay_s`; counted anew each time the hours begin.

    The hours are minutes of the day, over midnight too; where one is None there are none.
    """
    if from_min is None or to_min is None or from_min == to_min:
        return begin + timedelta(seconds=delay_s)
    lasts = timedelta(minutes=(to_min - from_min) % 1440)
    local = now.astimezone(zone)
    opening = local.replace(hour=from_min // 60, minute=from_min % 60, second=0, microsecond=0)
    if opening > local:
        opening -= timedelta(days=1)
    if local >= opening + lasts:
        opening += timedelta(days=1)
    return max(begin, opening) + timedelta(seconds=delay_s) % lasts
