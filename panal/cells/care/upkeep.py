"""What care does beside device traffic: the second stage, doubts that run out, faults, retention."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import F

from panal.cells.accounts.api import system
from panal.control.instants import instant

from . import actions, alarms, doubts, faults
from .models import Event, Samples, Wearing

UNAGREED = timedelta(days=2)
"""So long samples are needed to deal with their event, whoever has agreed to what."""
PRUNED_AT_ONCE = 1000


def on_time(now: datetime) -> None:
    doubts.escalate(now)
    doubts.judge_waiting(now)
    end_moved(now)
    faults.look(now)


def end_moved(now: datetime) -> int:
    """Nobody wears a device any more that is in another account than they are."""
    worn = Wearing.objects.filter(until_at=None).exclude(device__account=F("wearer__account"))
    return Wearing.objects.filter(pk__in=list(worn.values_list("pk", flat=True))).update(until_at=now)


def judge(event_ids: list[str], now_ms: int) -> int:
    return doubts.judge([UUID(id) for id in event_ids], instant(now_ms))


def acknowledged(uid: str, by: str) -> bool:
    """Somebody took an alert, by its link or on its page. Whether that was news."""
    event = _event_of(uid)
    return event is not None and bool(by) and actions.acknowledge_event(event=event, actor=system(by))


def _event_of(uid: str) -> Event | None:
    try:
        return Event.objects.filter(pk=alarms.event_id_of(uid)).first() if alarms.event_id_of(uid) else None
    except ValidationError:  # no id of an event
        return None


def prune(now: datetime) -> int:
    """Samples older than the setting says go, and without their wearer's consent after two days. Judgements stay."""
    kept = timedelta(days=settings.PANAL.care_samples_days)
    old = Samples.objects.filter(received_at__lt=now - kept)
    unagreed = Samples.objects.filter(received_at__lt=now - min(UNAGREED, kept), event__wearer__keeps_motion=False)
    return _delete(old) + _delete(unagreed)


def _delete(found: object) -> int:
    """A thousand in a statement, so that device traffic never waits long."""
    gone = 0
    while ids := list(found.order_by().values_list("pk", flat=True)[:PRUNED_AT_ONCE]):  # type: ignore[attr-defined]
        gone += Samples.objects.filter(pk__in=ids).delete()[0]
    return gone
