"""Writes emergency events and their samples, a batch at a time. This is the path that must never be slow or lossy."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from panal.cells.devices import api as devices
from panal.control import rows
from panal.control.events import publish_on_commit
from panal.control.identifiers import time_ordered_texts
from panal.control.instants import instant
from panal.gateway.store import DomainEvent
from panal.protocol.errors import Conflict, Forbidden, NotFound, Unauthorized

from . import actions, alarms, messages, posture, review, wearers
from .messages import Recorded
from .models import Event, Samples

AHEAD = timedelta(minutes=10)
"""A clock that is further ahead is wrong: the instant is kept and marked as estimated."""

UNKNOWN = Unauthorized("unknown_device", "no such device, or the wrong key")
TAKEN = Conflict("uid_taken", "another device has this uid")
FIELDS = (
    "id", "uid", "device", "account", "kind", "occurred_at", "is_estimated", "received_at", "data", "wearer", "state",
    "is_cancelled", "escalate_at",
)  # fmt: skip


class Holder(NamedTuple):
    """The event that has a uid. Ids are texts: each is told twice, and made into one once."""

    id: str
    device_id: str
    account_id: int | None


class New(NamedTuple):
    """As a Holder: the event that a message becomes if nobody has its uid yet."""

    id: str
    device_id: str
    account_id: int | None
    message: messages.Event
    at: datetime
    wearer: wearers.Person
    is_cancelled: bool


def record_events(batch: list[messages.Event], now: datetime) -> list[Any]:
    accounts = devices.heard_from({message.device_id for message in batch}, now)
    new = _new(_first_of_each(message for message in batch if message.device_id in accounts), accounts, now)
    holders: Mapping[str, Holder | New] = new
    if rows.insert_new(Event, FIELDS, [_row(event) for event in new.values()], ("uid",)) < len(new):
        holders = _holders(new)
    fresh = {uid: event for uid, event in new.items() if holders[uid].id == event.id}
    answers = _answers(batch, accounts, holders, set(fresh))
    recorded = [(message, a) for message, a in zip(batch, answers, strict=True) if isinstance(a, Recorded)]
    _store_samples([message.samples for message, _ in recorded], holders)
    alarms.raise_all([_alarm(event) for event in fresh.values() if _is_told(event)], now)
    _cancel([message for message, answer in recorded if answer.duplicated], now)
    publish_on_commit(*_news(fresh.values()))
    return answers


def _first_of_each(batch: Iterable[messages.Event]) -> dict[str, messages.Event]:
    found: dict[str, messages.Event] = {}
    for message in batch:
        found.setdefault(message.uid, message)
    return found


def _new(first: Mapping[str, messages.Event], accounts: Mapping[str, int | None], now: datetime) -> dict[str, New]:
    moments = [(m.device_id, _occurred(m)) for m in first.values()]
    worn = wearers.worn_by(moments, accounts)
    ids = time_ordered_texts(now, len(first))
    return {
        uid: New(id, device_id, accounts[device_id], message, at, wearer, _is_cancelled(message))
        for (uid, message), (device_id, at), wearer, id in zip(first.items(), moments, worn, ids, strict=True)
    }


def _occurred(message: messages.Event) -> datetime:
    return instant(message.received_ms if message.at_ms is None else message.at_ms)


def _is_cancelled(message: messages.Event) -> bool:
    return message.data.get("cancelled") is True


def _row(event: New) -> tuple[Any, ...]:
    message, received = event.message, instant(event.message.received_ms)
    return (
        event.id,
        message.uid,
        event.device_id,
        event.account_id,
        message.kind,
        event.at,
        message.at_ms is None or event.at > received + AHEAD,
        received,
        message.data,
        event.wearer.wearer_id,
        review.begins(message.kind, is_cancelled=event.is_cancelled),
        event.is_cancelled,
        received + actions.DOUBT if _is_suspicion(event) else None,
    )


def _is_suspicion(event: New) -> bool:
    """A fall that the board alone would not have told of: it leaves the rest to the second stage."""
    if event.message.kind != "FALL" or event.is_cancelled:
        return False
    score = event.message.data.get("score")
    return isinstance(score, int | float) and not isinstance(score, bool) and score < posture.THRESHOLD


def _is_told(event: New) -> bool:
    """Only written down: what nobody owns, a test, and a fall of which the wearer said at once that it was none."""
    return event.account_id is not None and event.message.kind in alarms.OF_EVENTS and not event.is_cancelled


def _alarm(event: New) -> Any:
    kind = alarms.DOUBT if _is_suspicion(event) else event.message.kind
    return alarms.alarm_of(event.id, kind, event.account_id, event.device_id, event.wearer.name, event.at)


def _cancel(repeats: Iterable[messages.Event], now: datetime) -> None:
    """The wearer says after the alarm that nothing has happened. Who has reviewed it already knows better."""
    uids = {message.uid for message in repeats if _is_cancelled(message)}
    for event in Event.objects.filter(uid__in=uids, is_cancelled=False) if uids else ():
        actions.cancel_event(event=event, now=now)


def _holders(uids: Iterable[str]) -> dict[str, Holder]:
    uids = list(uids)
    if not uids:
        return {}
    found = Event.objects.filter(uid__in=uids).values_list("uid", "id", "device_id", "account_id")
    return {uid: Holder(str(id), device_id, account_id) for uid, id, device_id, account_id in found}


def _answers(
    batch: list[messages.Event],
    accounts: Mapping[str, int | None],
    holders: Mapping[str, Holder | New],
    fresh: set[str],
) -> list[Any]:
    """The first to say a new uid recorded it; everybody after that repeats it."""
    answers: list[Any] = []
    for message in batch:
        if message.device_id not in accounts:
            answers.append(UNKNOWN)
            continue
        holder = holders[message.uid]
        if holder.device_id != message.device_id:
            answers.append(TAKEN)
            continue
        answers.append(Recorded(holder.id, message.uid not in fresh))
        fresh.discard(message.uid)
    return answers


def _news(fresh: Iterable[New]) -> list[DomainEvent]:
    """One event for each device, however many emergencies it had in this batch."""
    by_device: dict[str, list[New]] = {}
    for event in fresh:
        by_device.setdefault(event.device_id, []).append(event)
    return [
        DomainEvent(
            "care.event_raised",
            "care",
            raised[0].account_id,
            device_id,
            {"ids": [event.id for event in raised], "kinds": sorted({event.message.kind for event in raised})},
        )
        for device_id, raised in by_device.items()
    ]


def record_samples(batch: list[messages.Samples], now: datetime) -> list[Any]:
    """True where the event has its samples already."""
    holders = _holders({message.uid for message in batch})
    refusals = [_refusal(message, holders) for message in batch]
    fresh = _store_samples([m for m, refusal in zip(batch, refusals, strict=True) if refusal is None], holders)
    answers: list[Any] = []
    for message, refusal in zip(batch, refusals, strict=True):
        answers.append(message.uid not in fresh if refusal is None else refusal)
        fresh.discard(message.uid)
    return answers


def _refusal(message: messages.Samples, holders: Mapping[str, Holder]) -> Exception | None:
    if message.uid not in holders:
        return NotFound("unknown_event", "no event has this uid", "eventUid")
    if holders[message.uid].device_id != message.device_id:
        return Forbidden("not_yours", "this is another device's event")
    return None


def _store_samples(batch: Iterable[messages.Samples | None], holders: Mapping[str, Holder | New]) -> set[str]:
    """Store the samples of events that have none; the uids of these."""
    wanted: dict[str, messages.Samples] = {}
    for message in batch:
        if message is not None:
            wanted.setdefault(holders[message.uid].id, message)
    if not wanted:
        return set()
    fresh = rows.insert_missing(
        Samples,
        ("event", "points", "converted", "received_at"),
        [(id, m.points, m.converted, instant(m.received_ms)) for id, m in wanted.items()],
        ("event",),
        "event",
    )
    uids = {wanted[str(id)].uid for id in fresh}
    publish_on_commit(*(_kept(holders[uid]) for uid in sorted(uids)))
    return uids


def _kept(holder: Holder | New) -> DomainEvent:
    """Heard by the second stage, which looks at them after the commit."""
    return DomainEvent("care.samples_kept", "care", holder.account_id, holder.device_id, {"id": holder.id})
