"""Alerts as other cells raise and end them: rows only, inside the caller's transaction; who sends comes later.

Each function costs a constant number of statements, however many alarms there are.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Max, Q

from panal.cells.accounts.api import Actor, audit_entry, record_audits
from panal.control import rows
from panal.control.events import publish_on_commit
from panal.control.identifiers import time_ordered, time_ordered_texts
from panal.gateway.store import DomainEvent

from .kinds import kind_of
from .models import Alert, AlertState, Escalation, Notice, NoticeState, Purpose

ALERT_FIELDS = ("id", "account", "uid", "kind", "urgency", "device_id", "name", "at", "raised_at", "url", "data",
                "state", "acknowledged_by", "cleared_by", "reason")  # fmt: skip
ESCALATION_FIELDS = ("alert", "round", "step", "due_at", "set_at")
NOTICE_FIELDS = ("id", "alert", "contact", "contact_name", "purpose", "round", "step", "state", "created_at", "due_at",
                 "tries", "lease")  # fmt: skip
KEPT = timedelta(days=730)
LIVE = (AlertState.OPEN, AlertState.ACKNOWLEDGED)


class Alarm(NamedTuple):
    account_id: int | None
    """None: nobody owns the device, and nobody is told."""
    kind: str
    """As it stands on the cell's card: "care.fall"."""
    uid: str
    """Raised twice is one."""
    device_id: str
    name: str
    """Whom or what it is about."""
    at: datetime
    url: str
    """The path of the page where it is looked at."""
    data: dict[str, Any] = {}


def raise_alarms(batch: Iterable[Alarm], now: datetime) -> int:
    """Alerts with their outbox rows, in the caller's transaction; how many were new."""
    owned = [alarm for alarm in batch if alarm.account_id is not None]
    if not owned:
        return 0
    fresh = dict(zip(time_ordered_texts(now, len(owned)), owned, strict=True))
    lines = [_row(id, alarm, now) for id, alarm in fresh.items()]
    if rows.insert_new(Alert, ALERT_FIELDS, lines, ("uid",)) < len(fresh):
        stored = {str(id) for id in Alert.objects.filter(id__in=list(fresh)).values_list("id", flat=True)}
        fresh = {id: alarm for id, alarm in fresh.items() if id in stored}
    rows.insert_new(Escalation, ESCALATION_FIELDS, [(id, 0, 0, now, now) for id in fresh], ("alert",))
    publish_on_commit(*(_news("alert.raised", id, alarm) for id, alarm in fresh.items()))
    return len(fresh)


def _row(id: str, alarm: Alarm, now: datetime) -> tuple[Any, ...]:
    return (
        id, alarm.account_id, alarm.uid[:128], alarm.kind, str(kind_of(alarm.kind).urgency), alarm.device_id,
        alarm.name[:120], alarm.at, now, alarm.url[:200], alarm.data, str(AlertState.OPEN), "", "", "",
    )  # fmt: skip


def _news(name: str, id: str, about: Any, **more: str) -> DomainEvent:
    data = {"id": id, "kind": about.kind, "uid": about.uid, "name": about.name, **more}
    return DomainEvent(name, "alerts", about.account_id, about.device_id, data)


def alarmed_devices(kinds: Iterable[str]) -> dict[str, int]:
    """Devices of which an alert of these kinds is not over, each with its alert's account."""
    live = Alert.objects.filter(kind__in=list(kinds), state__in=LIVE).exclude(device_id="").order_by("raised_at")
    return dict(live.values_list("device_id", "account_id"))


@transaction.atomic
def clear_alarms(uids: Iterable[str], by: str, now: datetime, reason: str = "") -> int:
    """All clear, told to those who were told. How many were still alive; a second time changes nothing."""
    return _clear(Q(uid__in=list(uids)), by, now, reason)


@transaction.atomic
def clear_of_devices(device_ids: Iterable[str], kinds: Iterable[str], by: str, now: datetime, reason: str = "") -> int:
    """All clear for every alert of these kinds that these devices have: it is over by itself."""
    return _clear(Q(device_id__in=list(device_ids), kind__in=list(kinds)), by, now, reason)


def _clear(which: Q, by: str, now: datetime, reason: str) -> int:
    found = list(Alert.objects.filter(which, state__in=LIVE).select_for_update().order_by("id"))
    if not found:
        return 0
    ids = [alert.pk for alert in found]
    Alert.objects.filter(pk__in=ids).update(
        state=AlertState.CLEARED, cleared_at=now, cleared_by=by[:200], reason=reason[:200]
    )
    _end(found, Purpose.ALL_CLEAR, now)
    publish_on_commit(*(_news("alert.cleared", str(alert.pk), alert) for alert in found))
    return len(found)


@transaction.atomic
def acknowledge(uids: Iterable[str], actor: Actor, now: datetime, contact_id: int | None = None) -> int:
    """A named person knows: nobody else is told of the alarm, and who was told hears who it is.

    How many were still open; who was first stays. `contact_id` is the contact whose link it was, who is not told again.
    """
    found = list(Alert.objects.filter(uid__in=list(uids), state=AlertState.OPEN).select_for_update().order_by("id"))
    if not found:
        return 0
    Alert.objects.filter(pk__in=[alert.pk for alert in found]).update(
        state=AlertState.ACKNOWLEDGED, acknowledged_at=now, acknowledged_by=(actor.text)[:200]
    )
    _end(found, Purpose.KNOWN, now, actor.user, contact_id)
    verb = "alert.acknowledged"
    record_audits(
        audit_entry(actor=actor, verb=verb, subject=alert, account_id=alert.account_id, now=now) for alert in found
    )
    publish_on_commit(*(_news(verb, str(alert.pk), alert, by=actor.text) for alert in found))
    return len(found)


@transaction.atomic
def change_kind(uids: Iterable[str], kind: str, now: datetime, *, again: bool = False) -> int:
    """More is known of open alerts: from now on they go by the policy of this kind. How many are open.

    `again`: its first step comes now, to everybody of it, whoever was told before.
    """
    found = list(Alert.objects.filter(uid__in=list(uids), state=AlertState.OPEN).select_for_update().order_by("id"))
    ids = [alert.pk for alert in found]
    Alert.objects.filter(pk__in=ids).update(kind=kind, urgency=str(kind_of(kind).urgency))
    if again:
        told = Notice.objects.filter(alert__in=ids, purpose=Purpose.ALARM).order_by()
        rounds = dict(told.values_list("alert").annotate(Max("round")))
        for id in ids:
            stand = {"round": rounds.get(id, -1) + 1, "step": 0, "due_at": now, "set_at": now}
            Escalation.objects.update_or_create(alert_id=id, defaults=stand)
    publish_on_commit(*(_news("alert.changed", str(alert.pk), alert) for alert in found))
    return len(found)


def _end(alerts: Sequence[Alert], purpose: str, now: datetime, user: Any = None, contact_id: int | None = None) -> None:
    """No further step; what waits is dropped; those who were told of the alarm hear how it went."""
    ids = [alert.pk for alert in alerts]
    Escalation.objects.filter(alert__in=ids).delete()
    waiting = Notice.objects.filter(alert__in=ids, state=NoticeState.WAITING, leased_at=None)
    waiting.exclude(purpose=purpose).update(state=NoticeState.DROPPED, done_at=now)
    told = Notice.objects.filter(alert__in=ids, purpose=Purpose.ALARM, contact__isnull=False)
    told = told.exclude(state__in=(NoticeState.DROPPED, NoticeState.FAILED)).exclude(contact=contact_id)
    if user is not None:
        told = told.exclude(contact__user=user)
    people = told.order_by().values_list("alert_id", "contact_id", "contact__name").distinct()
    lines = [
        (
            str(time_ordered(now)),
            str(alert),
            contact,
            name,
            str(purpose),
            0,
            0,
            str(NoticeState.WAITING),
            now,
            now,
            0,
            "",
        )
        for alert, contact, name in people
    ]
    rows.insert_new(Notice, NOTICE_FIELDS, lines, ("alert", "contact", "purpose", "round", "step"))


def prune(now: datetime) -> int:
    """What has been all clear for two years goes, with who was told of it."""
    return int(Alert.objects.filter(state=AlertState.CLEARED, cleared_at__lt=now - KEPT).delete()[0])
