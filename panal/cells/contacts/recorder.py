"""The outbox: which steps are due, which notices somebody takes to send, what came of each attempt.

All of it is written by the ledger's writer thread, in the ledger's order: the sender (gateway.py) holds no row and no
transaction while it talks to a provider. A notice is taken by a lease. Where its holder dies the lease ends, and the
next one sends it again: told at least once, and twice only where a provider had taken a notice whose answer was not
yet committed.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple

from django.core.mail.utils import DNS_NAME
from django.db import connection
from django.db.models import F, Min, Q

from panal.control import rows
from panal.control.events import publish_on_commit
from panal.control.identifiers import time_ordered
from panal.control.instants import instant, milliseconds
from panal.control.zones import shown
from panal.gateway.store import DomainEvent

from . import machine, policies
from .alarms import NOTICE_FIELDS
from .channels import THROUGH_APPRISE, Answer, fields_of, load, send
from .messages import Claimed
from .models import (
    Alert,
    Channel,
    Contact,
    Delivery,
    DeliveryState,
    Escalation,
    Notice,
    NoticeState,
    Policy,
    Purpose,
    Urgency,
)
from .words import letter, zone_of

LEASE = timedelta(seconds=60)
"""Longer than any provider takes to answer."""
SET_BACK = timedelta(milliseconds=machine.SET_BACK_MS)
AT_ONCE = 50
"""Escalations that one turn carries on: device traffic waits for the same thread."""
BACKOFF_S = (10, 30, 60, 120, 300, 600, 900, 1800)
"""Before each further try, once all channels of a person have failed."""


class Job(NamedTuple):
    """A notice to send, with all that is needed to do so without the database."""

    id: str
    purpose: str
    round: int
    step: int
    contact_id: int
    language: str
    time_zone: str
    own_address: str
    alert: dict[str, Any] | None
    channels: tuple[tuple[str, str, str, bytes], ...]
    """Id, kind, provider and sealed fields, in the order in which they are tried."""


# what is due


def is_due(now_ms: int) -> bool:
    """Whether a turn would find something; for the sender, which asks now and then."""
    now = instant(now_ms)
    return bool(_due_escalations(now).exists() or _due_notices(now).exists())


def _due_escalations(now: datetime) -> Any:
    return Escalation.objects.filter(Q(due_at__lte=now) | Q(set_at__gt=now + SET_BACK))


def _due_notices(now: datetime) -> Any:
    free = Q(leased_at=None) | Q(leased_at__lte=now - LEASE) | Q(leased_at__gt=now + SET_BACK)
    is_due = Q(due_at__lte=now) | Q(created_at__gt=now + SET_BACK)
    return Notice.objects.filter(free, is_due, state=NoticeState.WAITING)


def _held(found: Any) -> Any:
    """The rows, locked against other replicas; those that another one holds are its own."""
    if connection.features.has_select_for_update_skip_locked:
        return found.select_for_update(of=("self",), skip_locked=True)
    return found


# a turn


def record_claims(batch: list[Any], now: datetime) -> list[Any]:
    return [_claim(claim) for claim in batch]


def _claim(claim: Any) -> Claimed:
    now = instant(claim.now_ms)
    _escalate(now)
    jobs = _take(claim, now)
    return Claimed(jobs, _next_ms(now))


def _escalate(now: datetime) -> None:
    due = list(_held(_due_escalations(now).select_related("alert").order_by("due_at"))[:AT_ONCE])
    if not due:
        return
    kept: dict[int, list[Policy]] = {escalation.alert.account_id: [] for escalation in due}
    for policy in Policy.objects.filter(account__in=kept):
        kept[policy.account_id].append(policy)
    people: dict[Any, list[Contact]] = {}
    for escalation in due:
        alert = escalation.alert
        ways = policies.ways_of(kept[alert.account_id], alert.kind, alert.urgency)
        _carry_on(escalation, ways, people, now)


def _carry_on(escalation: Escalation, ways: policies.Ways, people: dict[Any, list[Contact]], now: datetime) -> None:
    now_ms, alert = milliseconds(now), escalation.alert
    stand: Any = machine.Stand(
        escalation.round, escalation.step, milliseconds(escalation.due_at), milliseconds(escalation.set_at)
    )
    while stand is not None:
        tell, stand = machine.advance(stand, ways.plan, now_ms)
        if tell is None:
            break
        step = ways.steps[tell[1]]
        key = (alert.account_id, repr(step))
        if key not in people:
            people[key] = policies.people_of(alert.account_id, step)
        _put(alert, people[key], tell, now)
    if stand is None:
        escalation.delete()
    else:
        _write(escalation, stand)


def _write(escalation: Escalation, stand: Any) -> None:
    escalation.round, escalation.step = stand.round, stand.step
    escalation.due_at, escalation.set_at = instant(stand.due_ms), instant(stand.set_ms)
    escalation.save()


def _put(alert: Alert, people: Iterable[Contact], tell: tuple[int, int], now: datetime) -> None:
    lines = [
        (
            str(time_ordered(now)), str(alert.pk), contact.pk, contact.name, str(Purpose.ALARM), *tell,
            str(NoticeState.WAITING), now, now, 0, "",
        )
        for contact in people
    ]  # fmt: skip
    rows.insert_new(Notice, NOTICE_FIELDS, lines, ("alert", "contact", "purpose", "round", "step"))
    publish_on_commit(_news(alert))


def _news(alert: Alert) -> DomainEvent:
    return DomainEvent("alert.told", "alerts", alert.account_id, alert.device_id, {"id": str(alert.pk)})


# quiet hours


def quiet_until(contact: Contact, now: datetime) -> datetime | None:
    """When the quiet hours that it is now for this contact end, on their own clock; None while it is not quiet."""
    begin, end = contact.quiet_from_min, contact.quiet_until_min
    if begin is None or end is None or begin == end:
        return None
    zone = zone_of(time_zone_of(contact))
    local = now.astimezone(zone)
    minute = local.hour * 60 + local.minute
    is_quiet = begin <= minute < end if begin < end else minute >= begin or minute < end
    if not is_quiet:
        return None
    day = local.date() + timedelta(days=1 if minute >= end else 0)
    # where the clocks go back they show the end twice: the one that is still to come
    ends = shown(datetime.combine(day, time(end // 60, end % 60)), zone)
    return min((at for at in ends if at > now), default=now + timedelta(minutes=1))


def time_zone_of(contact: Contact) -> str:
    return contact.time_zone or (contact.user.time_zone if contact.user_id and contact.user else "")


def language_of(contact: Contact) -> str:
    return contact.language or (contact.user.language if contact.user_id and contact.user else "")


# taking


def _take(claim: Any, now: datetime) -> list[Job]:
    if claim.room <= 0:
        return []
    # "emergency" comes first by its letters too
    order = (F("alert__urgency").asc(nulls_last=True), "due_at", "id")
    found = _due_notices(now).exclude(pk__in=claim.busy).order_by(*order)
    taken = list(_held(found.select_related("alert__account", "contact__user"))[: claim.room])
    channels = _channels_of({notice.contact_id for notice in taken})
    jobs = [_take_one(notice, claim.worker, now, channels) for notice in taken]
    return [job for job in jobs if job is not None]


def _channels_of(contacts: Iterable[int | None]) -> dict[int, list[Channel]]:
    found: dict[int, list[Channel]] = {}
    for channel in Channel.objects.filter(contact__in=[c for c in contacts if c], is_on=True):
        found.setdefault(channel.contact_id, []).append(channel)
    return found


def _take_one(notice: Notice, worker: str, now: datetime, channels: Mapping[int, list[Channel]]) -> Job | None:
    if notice.leased_at is not None:
        _cut_off(notice, now)
    if notice.contact is None or _is_over(notice):
        _finish(notice, NoticeState.FAILED if notice.contact is None else NoticeState.DROPPED, now)
        return None
    if later := _postponed(notice, notice.contact, now):
        Notice.objects.filter(pk=notice.pk).update(due_at=later)
        return None
    Notice.objects.filter(pk=notice.pk).update(lease=worker, leased_at=now)
    return _job(notice, notice.contact, channels.get(notice.contact.pk, []))


def _postponed(notice: Notice, contact: Contact, now: datetime) -> datetime | None:
    """The end of the contact's quiet hours, which emergencies and tests do not wait for."""
    is_loud = notice.alert is None or notice.alert.urgency == Urgency.EMERGENCY
    return None if is_loud else quiet_until(contact, now)


def _is_over(notice: Notice) -> bool:
    """Somebody knows already, or it is over: an alarm need not be told any more."""
    return notice.purpose == Purpose.ALARM and notice.alert is not None and not notice.alert.is_open


def _cut_off(notice: Notice, now: datetime) -> None:
    Delivery.objects.create(
        notice=notice,
        kind="",
        provider="",
        state=DeliveryState.UNKNOWN,
        answer="the server ended while it was being sent",
        at=notice.leased_at or now,
    )


def _finish(notice: Notice, state: str, now: datetime) -> None:
    Notice.objects.filter(pk=notice.pk).update(state=state, done_at=now, lease="", leased_at=None)


def _job(notice: Notice, contact: Contact, channels: list[Channel]) -> Job:
    return Job(
        str(notice.pk),
        notice.purpose,
        notice.round,
        notice.step,
        contact.pk,
        language_of(contact),
        time_zone_of(contact),
        contact.user.email if contact.user else "",
        _alert(notice.alert),
        tuple((str(c.pk), c.kind, c.provider, bytes(c.secret_encrypted)) for c in channels),
    )


def _alert(alert: Alert | None) -> dict[str, Any] | None:
    if alert is None:
        return None
    names = ("kind", "urgency", "name", "device_id", "at", "acknowledged_by", "cleared_by", "reason")
    return {"id": str(alert.pk), "account": alert.account.name, **{name: getattr(alert, name) for name in names}}


def _next_ms(now: datetime) -> int | None:
    """When something is due again: a step, a further try, the end of a lease."""
    waiting = Notice.objects.filter(state=NoticeState.WAITING)
    free = waiting.filter(leased_at=None).aggregate(at=Min("due_at"))["at"]
    leased = waiting.exclude(leased_at=None).aggregate(at=Min("leased_at"))["at"]
    step = Escalation.objects.aggregate(at=Min("due_at"))["at"]
    found = [at for at in (free, step, leased + LEASE if leased else None) if at is not None]
    return milliseconds(min(found)) if found else None


# sending, which is called in a thread of the sender's and touches no row


def send_notice(job: Job, index: int) -> Answer:
    """Hand a notice to one of its channels."""
    id, kind, _provider, sealed = job.channels[index]
    return send(kind, fields_of(kind, id, sealed), letter(job), job.own_address)


# what came of it


def record_tried(batch: list[Any], now: datetime) -> list[Any]:
    """Answers whether the next channel is to be tried."""
    return [_tried(tried) for tried in batch]


def _tried(tried: Any) -> bool:
    now = instant(tried.now_ms)
    notice = Notice.objects.select_related("alert", "contact").filter(pk=tried.notice)
    if connection.features.has_select_for_update:
        notice = notice.select_for_update(of=("self",))
    found = notice.first()
    if found is None:  # deleted with its alert or account
        return False
    if tried.state:
        _note(found, tried, now)
    if found.alert is not None:
        publish_on_commit(_news(found.alert))
    if found.state != NoticeState.WAITING:
        return False
    if tried.state == DeliveryState.SENT:
        _finish(found, NoticeState.SENT, now)
        return False
    if found.lease != tried.worker:  # it took so long that somebody else has it now
        return False
    return _go_on(found, tried, now)


def _note(notice: Notice, tried: Any, now: datetime) -> None:
    channel = Channel.objects.filter(pk=tried.channel).first() if tried.channel else None
    Delivery.objects.create(
        notice=notice,
        channel=channel,
        kind=tried.kind,
        provider=tried.provider,
        state=tried.state,
        answer=tried.answer[:300],
        at=now,
        latency_ms=min(tried.latency_ms, 2**31 - 1),
    )
    if channel is None:
        return
    field = "worked_at" if tried.state == DeliveryState.SENT else "failed_at"
    more = {"is_on": False} if tried.is_dead else {}
    Channel.objects.filter(pk=channel.pk).update(answer=tried.answer[:300], **{field: now}, **more)


def _go_on(notice: Notice, tried: Any, now: datetime) -> bool:
    if _is_over(notice):
        _finish(notice, NoticeState.DROPPED, now)
        return False
    if not tried.is_last:
        Notice.objects.filter(pk=notice.pk).update(leased_at=now)
        return True
    tries = notice.tries + 1
    if not tried.state or tries > len(BACKOFF_S) or notice.purpose == Purpose.TEST:
        _finish(notice, NoticeState.FAILED, now)
    else:
        due = now + timedelta(seconds=BACKOFF_S[tries - 1])
        Notice.objects.filter(pk=notice.pk).update(tries=tries, due_at=due, lease="", leased_at=None)
    if tries == 1 and notice.purpose == Purpose.ALARM:
        _hurry(notice, now)
    return False


def _hurry(notice: Notice, now: datetime) -> None:
    """Where nobody of this step could be reached, the next step does not wait."""
    others = Notice.objects.filter(
        alert=notice.alert_id, purpose=Purpose.ALARM, round=notice.round, step=notice.step
    ).exclude(pk=notice.pk)
    if others.filter(Q(state=NoticeState.SENT) | Q(state=NoticeState.WAITING, tries=0)).exists():
        return
    escalation = Escalation.objects.filter(alert=notice.alert_id, round=notice.round, step=notice.step + 1).first()
    if escalation is not None:
        stand = machine.Stand(
            escalation.round, escalation.step, milliseconds(escalation.due_at), milliseconds(escalation.set_at)
        )
        _write(escalation, machine.hurry(stand, milliseconds(now)))
        publish_on_commit(DomainEvent("alert.hurried", "alerts", None, "", {}))


def on_start(now_ms: int) -> None:
    """This server is alone: what was being sent when it was killed is nobody's now."""
    waiting = Notice.objects.filter(state=NoticeState.WAITING).exclude(leased_at=None)
    waiting.update(leased_at=instant(now_ms) - 2 * LEASE)


def warm() -> None:
    """What the first alert would wait for: Apprise's plugins, and our own name, which mail servers are told."""
    str(DNS_NAME)
    if Channel.objects.filter(kind__in=THROUGH_APPRISE).exists():
        load()
