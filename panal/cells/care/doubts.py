"""The second stage at work: judge what samples have come, doubt what looks like no fall, and never for long.

What the board only suspects (it then says a score below its own threshold) is a doubt from the beginning.
A doubt lowers how urgently people are told. It silences nothing: where nobody says anything within a minute, the event
counts as a fall, and everybody is told again. When that is stands in the event's row, so it outlives the server.
"""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from panal.cells.accounts.api import system
from panal.control.events import publish_on_commit
from panal.gateway.store import DomainEvent

from . import actions, alarms, review
from .models import Event, Judgement, Samples, State

logger = logging.getLogger(__name__)

AT_ONCE = 20
"""Judged in one go: each takes some milliseconds."""
DOUBTED_BELOW = 0.2
"""Of suspicions that look so little like a fall, one in five at most is one."""
LIKELY_FROM = 0.5
"""What the board only suspected is a fall from here on, at once."""
PANAL = system("")


def judge(event_ids: Iterable[UUID], now: datetime) -> int:
    """Those of these events whose samples nobody has judged yet. How many were doubted."""
    return sum(_judge(id, now) for id in event_ids)


def judge_waiting(now: datetime) -> int:
    """What a server that was stopped left behind."""
    waiting = Samples.objects.filter(is_judged=False).order_by("received_at").values_list("event_id", flat=True)
    return judge(list(waiting[:AT_ONCE]), now)


@transaction.atomic
def _judge(event_id: UUID, now: datetime) -> bool:
    if not Samples.objects.filter(pk=event_id, is_judged=False).update(is_judged=True):
        return False
    samples = Samples.objects.select_related("event").get(pk=event_id)
    found = _judgement(samples.points)
    if found is None:
        return False
    Judgement.objects.update_or_create(
        event_id=event_id,
        defaults={
            "p_fall": found.p_fall,
            "impact_g": found.impact_g,
            "posture_change_deg": found.posture_change_deg,
            "stillness": found.stillness,
            "reasons": list(found.reasons),
            "model_version": found.model,
            "judged_at": now,
        },
    )
    event = samples.event
    news = DomainEvent("care.event_judged", "care", event.account_id, event.device_id, {"id": str(event_id)})
    publish_on_commit(news)
    if found.p_fall >= LIKELY_FROM and event.escalate_at is not None:
        _escalate(event, review.LIKELY, now)
    return found.p_fall < DOUBTED_BELOW and doubt(event, now)


def _judgement(points: Any) -> Any:
    """None where the samples say too little. A model that stumbles must not keep us from the next event."""
    from . import judgement  # numpy takes a moment to load, and who judges nothing does not need it

    try:
        return judgement.judge(points)
    except (ArithmeticError, ValueError, IndexError, TypeError):
        logger.exception("samples could not be judged")
        return None


def doubt(event: Event, now: datetime) -> bool:
    """Less urgently from now on, and for a minute. Not where a person has spoken, nor when the minute is over."""
    until = event.received_at + actions.DOUBT
    still = Event.objects.filter(pk=event.pk, kind="FALL", state=State.OPEN, answered_at=None, escalate_at=None)
    if now >= until or not still.update(escalate_at=until):
        return False
    actions.keep(event, review.DOUBT, State.OPEN, PANAL, now)
    alarms.change_kind(event.pk, event.alarm_count, alarms.DOUBT, now)
    return True


def escalate(now: datetime) -> int:
    """Doubts whose minute is over count as falls. How many there were."""
    due = list(Event.objects.filter(escalate_at__lte=now).order_by("escalate_at")[:AT_ONCE])
    return sum(_escalate(event, review.ESCALATE, now) for event in due)


@transaction.atomic
def _escalate(event: Event, why: str, now: datetime) -> bool:
    """Once, however many replicas see it."""
    doubted = Event.objects.filter(pk=event.pk, escalate_at=event.escalate_at)
    if not doubted.filter(state=State.OPEN, answered_at=None).update(escalate_at=None):
        return False
    actions.keep(event, why, State.OPEN, PANAL, now)
    alarms.change_kind(event.pk, event.alarm_count, alarms.FALL, now, again=True)
    publish_on_commit(DomainEvent("care.event_escalated", "care", event.account_id, event.device_id, {}))
    return True
