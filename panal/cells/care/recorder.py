"""Writes emergency events and their samples, a batch at a time. This is the path that must never be slow or lossy."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from panal.cells.devices import api as devices
from panal.control import rows
from panal.control.events import publish_on_commit
from panal.control.identifiers import time_ordered
from panal.control.instants import instant
from panal.gateway.store import DomainEvent
from panal.protocol.errors import Conflict, Forbidden, NotFound, Unauthorized

from . import actions, alarms, messages, posture, review, wearers
from .messages import Recorded
from .models import Event, Samples
from .wearers import Worn

AHEAD = timedelta(minutes=10)
"""A clock that is further ahead is wrong: the instant is kept and marked as estimated."""

UNKNOWN = Unauthorized("unknown_device", "no such device, or the wrong key")
TAKEN = Conflict("uid_taken", "another device has this uid")
FIELDS = (
    "id", "uid", "device", "account", "kind", "occurred_at", "is_estimated", "received_at", "data", "wearer", "state",
    "is_cancelled", "escalate_at",
)  # fmt: skip

Holder = tuple[str, str, int | None]
"""Id, device and account of the event that has a uid. Ids are texts: each is told twice, and made into one once."""


def record_events(batch: list[messages.Event], now: datetime) -> list[Any]:
    accounts = devices.heard_from({message.device_id for message in batch}, now)
    first = _first_of_each(message for message in batch if message.device_id in accounts)
    ids = {uid: str(time_ordered(now)) for uid in first}
    worn = wearers.worn_by({(m.device_id, _occurred(m)) for m in first.values()}, accounts)
    events = [_row(ids[uid], m, accounts[m.device_id], worn) for uid, m in first.items()]
    holders: dict[str, Holder] = {uid: (ids[uid], m.device_id, accounts[m.device_id]) for uid, m in first.items()}
    if rows.insert_new(Event, FIELDS, events, ("uid",)) < len(events):
        holders = _holders(first)
    fresh = [uid for uid, (id, _, _) in holders.items() if id == ids[uid]]
    answers = _answers(batch, accounts, holders, dict.fromkeys(fresh))
    _store_samples(
        [m.samples for m, answer in zip(batch, answers, strict=True) if isinstance(answer, Recorded)], holders
    )
    alarms.raise_all([a for uid in fresh for a in _alarms(ids[uid], first[uid], accounts, worn)], now)
    _cancel([m for m, a in zip(batch, answers, strict=True) if isinstance(a, Recorded) and a.duplicated], now)
    publish_on_commit(*_news([first[uid] for uid in fresh], accounts, ids))
    return answers


def _first_of_each(batch: Iterable[messages.Event]) -> dict[str, messages.Event]:
    found: dict[str, messages.Event] = {}
    for message in batch:
        found.setdefault(message.uid, message)
    return found


def _occurred(message: messages.Event) -> datetime:
    return instant(message.received_ms if message.at_ms is None else message.at_ms)


def _is_cancelled(message: messages.Event) -> bool:
    return message.data.get("cancelled") is True


def _row(id: str, message: messages.Event, account_id: int | None, worn: Worn) -> tuple[Any, ...]:
    received, occurred, is_cancelled = instant(message.received_ms), _occurred(message), _is_cancelled(message)
    is_estimated = message.at_ms is None or occurred > received + AHEAD
    return (
        id,
        message.uid,
        message.device_id,
        account_id,
        message.kind,
        occurred,
        is_estimated,
        received,
        message.data,
        worn[message.device_id, occurred].wearer_id,
        review.begins(message.kind, is_cancelled=is_cancelled),
        is_cancelled,
        received + actions.DOUBT if _is_suspicion(message) else None,
    )


def _is_suspicion(message: messages.Event) -> bool:
    """A fall that the board alone would not have told of: it leaves the rest to the second stage."""
    score = message.data.get("score")
    is_below = isinstance(score, int | float) and not isinstance(score, bool) and score < posture.THRESHOLD
    return message.kind == "FALL" and is_below and not _is_cancelled(message)


def _alarms(id: str, message: messages.Event, accounts: dict[str, int | None], worn: Worn) -> Iterable[Any]:
    """None for what is only written down: a test, and a fall of which the wearer said at once that it was none."""
    if message.kind not in alarms.OF_EVENTS or _is_cancelled(message):
        return
    device_id, at = message.device_id, _occurred(message)
    kind = alarms.DOUBT if _is_suspicion(message) else message.kind
    yield alarms.alarm_of(id, kind, accounts[device_id], device_id, worn[device_id, at].name, at)


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
    return {uid: (str(id), device_id, account_id) for uid, id, device_id, account_id in found}


def _answers(
    batch: list[messages.Event], accounts: dict[str, int | None], holders: dict[str, Holder], fresh: dict[str, None]
) -> list[Any]:
    """The first to say a new uid recorded it; everybody after that repeats it."""
    answers: list[Any] = []
    for message in batch:
        if message.device_id not in accounts:
            answers.append(UNKNOWN)
            continue
        event_id, device_id, _ = holders[message.uid]
        if device_id != message.device_id:
            answers.append(TAKEN)
            continue
        answers.append(Recorded(event_id, message.uid not in fresh))
        fresh.pop(message.uid, None)
    return answers


def _news(fresh: list[messages.Event], accounts: dict[str, int | None], ids: dict[str, str]) -> list[DomainEvent]:
    """One event for each device, however many emergencies it had in this batch."""
    by_device: dict[str, list[messages.Event]] = {}
    for message in fresh:
        by_device.setdefault(message.device_id, []).append(message)
    return [
        DomainEvent(
            "care.event_raised",
            "care",
            accounts[device_id],
            device_id,
            {"ids": [ids[m.uid] for m in raised], "kinds": sorted({m.kind for m in raised})},
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


def _refusal(message: messages.Samples, holders: dict[str, Holder]) -> Exception | None:
    if message.uid not in holders:
        return NotFound("unknown_event", "no event has this uid", "eventUid")
    if holders[message.uid][1] != message.device_id:
        return Forbidden("not_yours", "this is another device's event")
    return None


def _store_samples(batch: Iterable[messages.Samples | None], holders: dict[str, Holder]) -> set[str]:
    """Store the samples of events that have none; the uids of these."""
    wanted: dict[str, messages.Samples] = {}
    for message in batch:
        if message is not None:
            wanted.setdefault(holders[message.uid][0], message)
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


def _kept(holder: Holder) -> DomainEvent:
    """Heard by the second stage, which looks at them after the commit."""
    id, device_id, account_id = holder
    return DomainEvent("care.samples_kept", "care", account_id, device_id, {"id": id})
