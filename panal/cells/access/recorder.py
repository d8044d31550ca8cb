"""Writes what doors say, a batch at a time: events in their order and once, alarms with them, what enrolments found."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from panal.cells.accounts.api import system
from panal.cells.contacts import api as contacts
from panal.cells.devices import api as devices
from panal.control import rows
from panal.control.events import publish_on_commit
from panal.control.instants import instant
from panal.gateway.store import DomainEvent
from panal.protocol.errors import Conflict, PanalError, Unauthorized

from . import actions, lists, messages, words
from .credentials import fingerprint
from .models import Alarm, Credential, CredentialKind, Door, Enrolment, EnrolmentState, Event, Holder, Unlock

AHEAD = timedelta(minutes=10)
"""A clock that is further ahead is wrong."""
OVER = "_over"
UNKNOWN = Unauthorized("unknown_device", "no such device, or the wrong key")
TAKEN = Conflict("uid_taken", "another device has this uid")
FIELDS = (
    "uid", "device", "account", "seq", "missed", "kind", "at", "is_estimated", "received_at", "door", "lock", "method",
    "granted", "reason", "note", "holder", "who", "card", "factors",
)  # fmt: skip
DOOR_FIELDS = ("device", "owned_at", "door", "lock", "changed_at", "last_seq", "list_version", "time_zone")


class Recorded(NamedTuple):
    """What the board is told of an event."""

    event_id: str
    duplicated: bool


class Names(NamedTuple):
    """Who did what is in a batch: holders by number, and who asked for a command."""

    holders: Mapping[int, Holder]
    askers: Mapping[str, str]


def record_events(batch: list[messages.Event], now: datetime) -> list[Any]:
    accounts = devices.heard_from({message.device_id for message in batch}, now)
    known = dict(Event.objects.filter(uid__in=[m.uid for m in batch]).order_by().values_list("uid", "device_id"))
    fresh: dict[str, messages.Event] = {}
    for message in batch:
        if message.device_id in accounts and message.uid not in known:
            fresh.setdefault(message.uid, message)
    _store(list(fresh.values()), accounts)
    return [_answer(message, accounts, known, fresh) for message in batch]


def _answer(message: Any, accounts: Mapping[str, int | None], known: dict[str, str], fresh: dict[str, Any]) -> Any:
    if message.device_id not in accounts:
        return UNKNOWN
    holder = known.get(message.uid) or fresh[message.uid].device_id
    if holder != message.device_id:
        return TAKEN
    is_new = message.uid not in known
    known[message.uid] = holder
    return Recorded(message.uid, not is_new)


def _store(fresh: list[messages.Event], accounts: Mapping[str, int | None]) -> None:
    if not fresh:
        return
    names, missed = _names(fresh), _missed(fresh)
    lines = [_row(m, accounts[m.device_id], missed[m.uid], names) for m in fresh]
    rows.insert_new(Event, FIELDS, lines, ("uid",))
    _remember(fresh)
    _raise_alarms([m for m in fresh if m.kind == "door.alarm"], accounts)
    _end_alarms([m for m in fresh if m.reason.endswith(OVER)])
    publish_on_commit(*_news(fresh, accounts))


def _names(fresh: list[messages.Event]) -> Names:
    numbers = {m.person for m in fresh if m.person}
    commands = {m.command for m in fresh if _is_uuid(m.command)}
    holders = {holder.pk: holder for holder in Holder.objects.filter(pk__in=numbers)} if numbers else {}
    asked = Unlock.objects.filter(command_id__in=commands).values_list("command_id", "asked_by") if commands else ()
    return Names(holders, {str(command): by for command, by in asked})


def _is_uuid(text: str) -> bool:
    try:
        return bool(text) and str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _missed(fresh: list[messages.Event]) -> dict[str, int]:
    """By uid: how many numbers of the door's log are left out before each. A board that begins anew misses none."""
    ids = {m.device_id for m in fresh}
    last = dict(Door.objects.filter(pk__in=ids).order_by().values_list("pk", "last_seq"))
    found = {}
    for message in fresh:
        before = last.get(message.device_id)
        is_gap = bool(message.seq) and before is not None and message.seq > before + 1
        found[message.uid] = min(message.seq - before - 1, 2**31 - 1) if is_gap and before is not None else 0
        if message.seq:
            last[message.device_id] = message.seq
    return found


def _row(message: messages.Event, account_id: int | None, missed: int, names: Names) -> tuple[Any, ...]:
    received, at, is_estimated = _times(message)
    holder = names.holders.get(message.person or 0)
    if holder is not None and holder.account_id != account_id:
        holder = None
    who = holder.name if holder else names.askers.get(message.command, "")
    return (
        message.uid, message.device_id, account_id, message.seq or None, missed, message.kind, at, is_estimated,
        received, message.door, message.lock, message.method,
        message.granted if message.kind == "door.attempt" else None,
        message.reason, message.note, holder.pk if holder else None, who, message.card, " ".join(message.factors),
    )  # fmt: skip


def _times(message: messages.Event) -> tuple[datetime, datetime, bool]:
    """When it was received and when it happened, and whether the second is only the first."""
    received = instant(message.received_ms)
    said = received if message.at_ms is None else instant(message.at_ms)
    is_estimated = message.at_ms is None or said > received + AHEAD
    return received, received if is_estimated else said, is_estimated


def _remember(fresh: list[messages.Event]) -> None:
    """Each door as its newest line leaves it."""
    newest = {m.device_id: m for m in fresh}
    locks = {m.device_id: m.lock for m in fresh if m.lock}
    owned = devices.owned_since(newest)
    values = [
        (id, owned[id], m.door, locks.get(id, ""), instant(m.received_ms), m.seq or None, 0, "")
        for id, m in newest.items()
    ]
    rows.insert_or_update(Door, DOOR_FIELDS, values, ("device",), _newer())


def _newer() -> str:
    """A line without a lock, as older boards write them, says nothing of it; what the owner before set is forgotten."""
    own = rows.table(Door)
    theirs = f"{own}.owned_at IS NOT DISTINCT FROM excluded.owned_at"
    return (
        "door = excluded.door, changed_at = excluded.changed_at, owned_at = excluded.owned_at, "
        f"lock = CASE WHEN excluded.lock = '' AND {theirs} THEN {own}.lock ELSE excluded.lock END, "
        f"time_zone = CASE WHEN {theirs} THEN {own}.time_zone ELSE '' END, "
        f"last_seq = COALESCE(excluded.last_seq, {own}.last_seq)"
    )


# alarms


def _raise_alarms(raised: list[messages.Event], accounts: Mapping[str, int | None]) -> None:
    if not raised:
        return
    ids = dict(Event.objects.filter(uid__in=[m.uid for m in raised]).order_by().values_list("uid", "id"))
    Alarm.objects.bulk_create(
        [
            Alarm(
                event_id=ids[m.uid],
                device_id=m.device_id,
                account_id=accounts[m.device_id],
                kind=m.reason[:16],
                raised_at=_times(m)[1],
            )
            for m in raised
        ]
    )
    _tell_people(raised, accounts)


def _tell_people(raised: list[messages.Event], accounts: Mapping[str, int | None]) -> None:
    """In the event's own transaction. What a door tells late, because it was away, is told all the same."""
    found = {device.pk: device for device in devices.locked({m.device_id for m in raised})}
    contacts.raise_alarms(
        [
            contacts.Alarm(
                accounts[m.device_id],
                f"access.{m.reason}",
                f"access/{m.uid}",
                m.device_id,
                str(found.get(m.device_id) or m.device_id),
                _times(m)[1],
                f"/doors/{m.device_id}/",
            )
            for m in raised
            if m.reason in messages.ALARMS
        ],
        instant(max(m.received_ms for m in raised)),
    )


def _end_alarms(ended: list[messages.Event]) -> None:
    newest = {(m.device_id, m.reason.removesuffix(OVER)): _times(m)[1] for m in ended}
    for (device_id, kind), at in newest.items():
        over = Alarm.objects.filter(device_id=device_id, kind=kind, ended_at=None, raised_at__lte=at)
        uids = [f"access/{uid}" for uid in over.values_list("event__uid", flat=True)]
        if over.update(ended_at=at):
            contacts.clear_alarms(uids, "", at, words.note(f"{kind}{OVER}"))


def _news(fresh: list[messages.Event], accounts: Mapping[str, int | None]) -> list[DomainEvent]:
    """One event for each door and each thing that happened to it, however often it did in this batch."""
    found: dict[tuple[str, str], list[str]] = {}
    doors: dict[tuple[str, str], set[str]] = {}
    for message in fresh:
        name = message.kind
        if name == "door.attempt":
            name = "door.granted" if message.granted else "door.refused"
        elif name == "door.alarm":
            name = f"door.{message.reason}"
        found.setdefault((message.device_id, name), []).append(message.uid)
        doors.setdefault((message.device_id, name), set()).add(message.door)
    return [
        DomainEvent(name, "doors", accounts[id], id, {"uids": uids, "doors": sorted(doors[id, name])})
        for (id, name), uids in found.items()
    ]


# enrolments


def record_finished(batch: list[Any], now: datetime) -> list[Any]:
    """Commands of these devices have their outcome: a card was held to a reader for enrolment, or none was."""
    waiting = Enrolment.objects.filter(device_id__in={m.device_id for m in batch}, state=EnrolmentState.WAITING)
    related = waiting.select_related("device", "holder", "command").exclude(command__status__in=devices.OPEN)
    for enrolment in related.select_for_update(of=("self",)):
        _finish(enrolment)
    return [None] * len(batch)


def _finish(enrolment: Enrolment) -> None:
    command, device = enrolment.command, enrolment.device
    if device.account_id != enrolment.holder.account_id:
        enrolment.state, enrolment.reason = EnrolmentState.FAILED, "moved"
    elif command is None or command.status != "done":
        enrolment.state = EnrolmentState.FAILED
        enrolment.reason = (command.error_code or command.status)[:64] if command else "cancelled"
    else:
        _take_card(enrolment, command.result)
    enrolment.save()
    publish_on_commit(DomainEvent("door.enrolled", "doors", device.account_id, device.pk, {"id": enrolment.pk}))


def _take_card(enrolment: Enrolment, result: Any) -> None:
    try:
        _hash, uid = messages.parse_enrolled(
            result if isinstance(result, dict) else {}, devices.token_of(enrolment.device)
        )
        enrolment.found = actions.add_card(
            holder=enrolment.holder, number=uid.hex(), actor=system(enrolment.asked_by), label=enrolment.label
        )
        enrolment.state = EnrolmentState.ADDED
    except Conflict as error:
        enrolment.state, enrolment.reason = EnrolmentState.KNOWN, error.code
        mark = fingerprint(enrolment.holder.account_id, CredentialKind.CARD, uid.hex())
        enrolment.found = Credential.objects.filter(account_id=enrolment.holder.account_id, fingerprint=mark).first()
        if enrolment.found is None:  # there are too many
            enrolment.state = EnrolmentState.FAILED
    except PanalError as error:
        enrolment.state, enrolment.reason = EnrolmentState.FAILED, error.code


# what changed around a door


def record_renewals(batch: list[Any], now: datetime) -> list[Any]:
    """The owner, the groups or the token of these devices changed: those that are doors get a new list."""
    for device_id in dict.fromkeys(message.device_id for message in batch):
        lists.renew_if_door(device_id)
    return [None] * len(batch)
