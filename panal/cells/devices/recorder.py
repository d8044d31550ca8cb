"""Writes what devices say about themselves, a batch at a time: a few statements however large the batch.

Every recorder is `record(batch, now) -> answers`, runs inside the ledger's transaction, and changes nothing when it
is given the same message again. Devices' rows are locked in the order of their ids, so that replicas never deadlock.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.db.models import Count

from panal.cells import card, cards
from panal.control import rows
from panal.control.events import publish_on_commit
from panal.control.instants import instant
from panal.gateway.store import DomainEvent
from panal.protocol import twin
from panal.protocol.errors import BadRequest, Forbidden, NotFound, PanalError, Unauthorized

from . import presence, telemetry
from .messages import Answer, Heartbeat, Hello, LogLine, Presence, Reported, Sent, Telemetry
from .models import OPEN, Command, Device, State, Twin
from .models import LogLine as LogLineRow
from .twins import Said

AHEAD = timedelta(minutes=10)
"""A clock that is further ahead is wrong: the time of receipt is taken."""

SIGN_EVERY = timedelta(seconds=1)

UNKNOWN = Unauthorized("unknown_device", "no such device, or the wrong key")


class Known(NamedTuple):
    """What the recorders need of a device."""

    account_id: int | None
    is_online: bool
    session: str
    transport: str
    heartbeat_s: int
    state: str
    seen: Any
    """When it last gave a sign of life, as the database keeps it."""


KNOWN = "id, account_id, is_online, session, transport, heartbeat_s, state, last_seen_at"


def known_devices(ids: Iterable[str]) -> dict[str, Known]:
    """The devices of a batch that are not revoked, locked until the end of the transaction."""
    wanted = list(set(ids))
    if not wanted:
        return {}
    usual = settings.PANAL.heartbeat_s
    return {
        id: Known(account_id, bool(is_online), session, transport, heartbeat_s or usual, state, seen)
        for id, account_id, is_online, session, transport, heartbeat_s, state, seen in rows.select(
            KNOWN, *_alive(wanted)
        )
    }


def lock(ids: Iterable[str]) -> None:
    """Hold the rows of these devices until the end of the transaction, where the database locks rows."""
    wanted = sorted(set(ids))
    if wanted and connection.features.has_select_for_update:
        with connection.cursor() as cursor:
            alive, parameters = _alive(wanted)
            cursor.execute(f"SELECT id {alive}", parameters)


def heard_from(ids: Iterable[str], now: datetime) -> dict[str, int | None]:
    """Devices that have just said something of another cell: the accounts of those that are not revoked."""
    known = known_devices(ids)
    _seen(known, now)
    minted = [id for id, device in known.items() if device.state == State.MINTED]
    if minted:
        Device.objects.filter(id__in=minted).update(state=State.ACTIVATED, activated_at=now)
    # A device of which we know no transport can only have come over HTTP: MQTT begins with a session.
    presence.seen_over_http({id for id, device in known.items() if device.transport in ("", "http")}, known, now)
    return {id: device.account_id for id, device in known.items()}


def _seen(known: Mapping[str, Known], now: datetime) -> None:
    """A sign of life, written once a second and device at the most: a burst of events is one sign of life."""
    before: Any = connection.ops.adapt_datetimefield_value(now - SIGN_EVERY)
    silent = [id for id, device in known.items() if device.seen is None or device.seen < before]
    if silent:
        Device.objects.filter(id__in=silent).update(last_seen_at=now)


def _alive(ids: Sequence[str]) -> tuple[str, list[Any]]:
    """Written by hand: this is asked for every batch, and the ORM would take longer to say it than SQLite to answer."""
    lock = " ORDER BY id FOR NO KEY UPDATE" if connection.features.has_select_for_update else ""
    theirs, parameters = rows.among("id", ids)
    return f"FROM {rows.table(Device)} WHERE {theirs} AND state <> 'revoked'{lock}", parameters


def event_of(device_id: str, known: Known, name: str, topic: str, **data: Any) -> DomainEvent:
    return DomainEvent(name, topic, known.account_id, device_id, data)


def record_hello(batch: list[Hello], now: datetime) -> list[Any]:
    """First contact and every connection: the device is activated; answers what it must know."""
    known = known_devices(hello.device_id for hello in batch)
    batch_known = [hello for hello in batch if hello.device_id in known]
    rows.update_each(_hello_sql(), [_hello_row(hello) for hello in batch_known])
    _first_reports(batch_known, known)
    presence.seen_over_http({h.device_id for h in batch_known if h.transport == "http"}, known, now)
    publish_on_commit(*_about(batch_known, known, "device.updated", "devices"))
    told = _greetings(known)
    return [told.get(hello.device_id, UNKNOWN) for hello in batch]


def _hello_sql() -> str:
    return (
        f"UPDATE {rows.table(Device)} SET fw = COALESCE(%s, fw), reported_model = COALESCE(%s, reported_model), "  # noqa: S608
        "hw_id = COALESCE(%s, hw_id), ip = COALESCE(%s, ip), reset_cause = COALESCE(%s, reset_cause), "
        "boot_count = COALESCE(%s, boot_count), mode = COALESCE(%s, mode), last_seen_at = %s, "
        "state = 'activated', activated_at = COALESCE(activated_at, %s), "
        "transport = CASE WHEN transport = '' THEN %s ELSE transport END WHERE id = %s"
    )


def _hello_row(hello: Hello) -> tuple[Any, ...]:
    at = connection.ops.adapt_datetimefield_value(instant(hello.received_ms))
    return (
        hello.fw, hello.model, hello.hw_id, hello.ip, hello.reset_cause, hello.boot_count, hello.mode, at, at,
        hello.transport, hello.device_id,
    )  # fmt: skip


def _first_reports(batch: Sequence[Hello], known: Mapping[str, Known]) -> None:
    """A state document at registration is a first report, without a version."""
    reports = [Reported(h.device_id, h.received_ms, 0, h.state) for h in batch if isinstance(h.state, dict)]
    if reports:
        _tell_cells(reports, _store_reports(reports), known)


def _greetings(known: dict[str, Known]) -> dict[str, dict[str, Any]]:
    found = Device.objects.filter(id__in=known).values_list(
        "id", "name", "account__name", "twin__desired", "twin__desired_version"
    )
    return {
        id: {
            "name": name,
            "account": account or "",
            "heartbeat_s": known[id].heartbeat_s,
            "desired": desired or {},
            "desired_version": version or 0,
        }
        for id, name, account, desired, version in found
    }


def _about(batch: Iterable[Any], known: dict[str, Known], name: str, topic: str) -> list[DomainEvent]:
    """One event for each device of the batch, however often it spoke."""
    return [event_of(id, known[id], name, topic) for id in dict.fromkeys(message.device_id for message in batch)]


def record_heartbeat(batch: list[Heartbeat], now: datetime) -> list[Any]:
    known = known_devices(beat.device_id for beat in batch)
    beats = [beat for beat in batch if beat.device_id in known]
    rows.update_each(_heartbeat_sql(), [_heartbeat_row(beat) for beat in beats])
    telemetry.store(_heartbeat_points(beats))
    presence.seen_over_http({beat.device_id for beat in beats if beat.transport == "http"}, known, now)
    publish_on_commit(*_about(beats, known, "device.updated", "devices"))
    told = _what_waits(known)
    return [told.get(beat.device_id, UNKNOWN) for beat in batch]


def _heartbeat_sql() -> str:
    return (
        f"UPDATE {rows.table(Device)} SET battery_pct = COALESCE(%s, battery_pct), "  # noqa: S608
        "rssi_dbm = COALESCE(%s, rssi_dbm), fw = COALESCE(%s, fw), free_heap_bytes = COALESCE(%s, free_heap_bytes), "
        "uptime_s = COALESCE(%s, uptime_s), ip = COALESCE(%s, ip), mode = COALESCE(%s, mode), "
        "reset_cause = COALESCE(%s, reset_cause), last_seen_at = %s, "
        "state = 'activated', activated_at = COALESCE(activated_at, %s) WHERE id = %s"
    )


def _heartbeat_row(beat: Heartbeat) -> tuple[Any, ...]:
    battery_pct = None if beat.battery is None else 100.0 * beat.battery
    at = connection.ops.adapt_datetimefield_value(instant(beat.received_ms))
    return (
        battery_pct, beat.rssi, beat.fw, beat.free_heap_bytes, beat.uptime_s, beat.ip, beat.mode, beat.reset_cause,
        at, at, beat.device_id,
    )  # fmt: skip


def _heartbeat_points(beats: Sequence[Heartbeat]) -> list[telemetry.Point]:
    """Battery and signal are measurements too: the device's page plots them."""
    points = []
    for beat in beats:
        at = instant(beat.received_ms)
        if beat.battery is not None:
            points.append(telemetry.Point(beat.device_id, "battery_pct", at, 100.0 * beat.battery))
        if beat.rssi is not None:
            points.append(telemetry.Point(beat.device_id, "rssi_dbm", at, float(beat.rssi)))
    return points


def _what_waits(known: dict[str, Known]) -> dict[str, dict[str, Any]]:
    open_commands = Command.objects.filter(device_id__in=known, status__in=OPEN).order_by()
    pending = dict(open_commands.values_list("device_id").annotate(Count("id")))
    versions = dict(Twin.objects.filter(device_id__in=known).values_list("device_id", "desired_version"))
    return {
        id: {"pending": pending.get(id, 0), "desired_version": versions.get(id, 0), "heartbeat_s": device.heartbeat_s}
        for id, device in known.items()
    }


def record_telemetry(batch: list[Telemetry], now: datetime) -> list[Any]:
    known = known_devices(message.device_id for message in batch)
    messages = [message for message in batch if message.device_id in known]
    telemetry.store([point for message in messages for point in _points(message)])
    publish_on_commit(*_about(messages, known, "telemetry.stored", "telemetry"))
    return [None if message.device_id in known else UNKNOWN for message in batch]


def _points(message: Telemetry) -> list[telemetry.Point]:
    return [
        telemetry.Point(message.device_id, name, _believable(at_ms, message.received_ms), float(value))
        for at_ms, values in message.points
        for name, value in values.items()
    ]


def _believable(at_ms: int | None, received_ms: int) -> datetime:
    received = instant(received_ms)
    at = received if at_ms is None else instant(at_ms)
    return received if at > received + AHEAD else at


def record_log(batch: list[LogLine], now: datetime) -> list[Any]:
    known = known_devices(line.device_id for line in batch)
    lines = [line for line in batch if line.device_id in known]
    inserted = rows.insert_missing(
        LogLineRow,
        ("device", "at", "received_at", "level", "message", "fingerprint"),
        [_log_row(line) for line in lines],
        ("device", "at", "fingerprint"),
        "device",
    )
    publish_on_commit(*(event_of(id, known[id], "log.written", "log") for id in dict.fromkeys(inserted)))
    return [None if line.device_id in known else UNKNOWN for line in batch]


def _log_row(line: LogLine) -> tuple[Any, ...]:
    at = _believable(line.at_ms, line.received_ms)
    digest = hashlib.sha256(f"{line.level}\0{line.message}".encode()).digest()
    fingerprint = int.from_bytes(digest[:8], "big", signed=True)
    return (line.device_id, at, instant(line.received_ms), line.level[:8], line.message[:1000], fingerprint)


def record_presence(batch: list[Presence], now: datetime) -> list[Any]:
    presence.record(batch, known_devices(message.device_id for message in batch), now)
    return [None] * len(batch)


def record_sent(batch: list[Sent], now: datetime) -> list[Any]:
    """A command went out. Only the first time counts, and only while it has no outcome."""
    known = known_devices(message.device_id for message in batch)
    queued = {
        str(id): device
        for id, device in Command.objects.filter(id__in=[m.command_id for m in batch], status="queued").values_list(
            "id", "device_id"
        )
    }
    fresh: dict[str, Sent] = {}
    for m in batch:
        if queued.get(m.command_id) == m.device_id and m.device_id in known:
            fresh.setdefault(m.command_id, m)
    id_of = rows.adapter(Command, "id")
    rows.update_each(
        f"UPDATE {rows.table(Command)} SET status = 'sent', sent_at = %s WHERE id = %s AND status = 'queued'",  # noqa: S608
        [(connection.ops.adapt_datetimefield_value(instant(m.at_ms)), id_of(m.command_id)) for m in fresh.values()],
    )
    publish_on_commit(
        *(
            event_of(m.device_id, known[m.device_id], "command.sent", "commands", id=m.command_id)
            for m in fresh.values()
        )
    )
    return [None] * len(batch)


def record_answer(batch: list[Answer], now: datetime) -> list[Any]:
    """A command's outcome, once: a repeated or late answer changes nothing and is not refused."""
    known = known_devices(message.device_id for message in batch)
    commands = {
        str(id): (device, status)
        for id, device, status in Command.objects.filter(id__in=[m.command_id for m in batch]).values_list(
            "id", "device_id", "status"
        )
    }
    answers = [_refusal(message, commands.get(message.command_id), known) for message in batch]
    first: dict[str, Answer] = {}
    for message, refusal in zip(batch, answers, strict=True):
        if refusal is None and commands[message.command_id][1] in OPEN:
            first.setdefault(message.command_id, message)
    rows.update_each(_answer_sql(), [_answer_row(message) for message in first.values()])
    publish_on_commit(*(_finished(message, known[message.device_id]) for message in first.values()))
    return answers


def _refusal(message: Answer, command: tuple[str, str] | None, known: dict[str, Known]) -> PanalError | None:
    if message.device_id not in known:
        return UNKNOWN
    if command is None:
        return NotFound("unknown_command", "no such command")
    if command[0] != message.device_id:
        return Forbidden("not_yours", "this is another device's command")
    return None


def _answer_sql() -> str:
    return (
        f"UPDATE {rows.table(Command)} SET status = %s, result = %s, error_code = %s, error_message = %s, "  # noqa: S608
        "finished_at = %s WHERE id = %s AND status IN ('queued', 'sent')"
    )


def _answer_row(message: Answer) -> tuple[Any, ...]:
    result = rows.adapter(Command, "result")(message.result)
    code, text = (message.error_code or "")[:64], (message.error_message or "")[:1000]
    at = connection.ops.adapt_datetimefield_value(instant(message.received_ms))
    return (message.status, result, code, text, at, rows.adapter(Command, "id")(message.command_id))


def _finished(message: Answer, known: Known) -> DomainEvent:
    return event_of(
        message.device_id, known, "command.finished", "commands", id=message.command_id, status=message.status
    )


def record_reported(batch: list[Reported], now: datetime) -> list[Any]:
    """What boards say of themselves, laid over what they said before."""
    known = known_devices(message.device_id for message in batch)
    messages = [message for message in batch if message.device_id in known]
    refusals = _store_reports(messages)
    _tell_cells(messages, refusals, known)
    stored = iter(refusals)
    names: dict[str, set[str]] = {}
    for message in messages:
        names.setdefault(message.device_id, set()).update(message.state)
    publish_on_commit(
        *(event_of(id, known[id], "twin.reported", "twin", names=sorted(said)) for id, said in names.items())
    )
    return [next(stored) if message.device_id in known else UNKNOWN for message in batch]


@cache
def _followers() -> tuple[tuple[str, Callable[[list[Said]], None]], ...]:
    return tuple((name, card.load(reference)) for found in cards() for name, reference in found.reports)


def _tell_cells(batch: Sequence[Reported], refusals: Sequence[Any], known: Mapping[str, Known]) -> None:
    """Cells that keep more of a reported value than its newest state hear of each report, in order."""
    taken = [message for message, refusal in zip(batch, refusals, strict=True) if refusal is None]
    for name, follow in _followers():
        said = [
            Said(m.device_id, known[m.device_id].account_id, m.state[name], m.received_ms)
            for m in taken
            if name in m.state
        ]
        if said:
            follow(said)


def _store_reports(batch: Sequence[Reported]) -> list[PanalError | None]:
    """Merge in order, write each device's twin once."""
    twins = {row.device_id: row for row in Twin.objects.filter(device_id__in={m.device_id for m in batch})}
    answers = [_merge(twins.setdefault(m.device_id, Twin(device_id=m.device_id)), m) for m in batch]
    Twin.objects.bulk_create(
        twins.values(),
        update_conflicts=True,
        unique_fields=["device"],
        update_fields=["reported", "reported_at", "reported_version"],
    )
    return answers


def _merge(row: Twin, message: Reported) -> PanalError | None:
    merged = twin.merge(row.reported, message.state)
    if len(json.dumps(merged)) > twin.MAX_BYTES:
        return BadRequest("too_large", f"a reported state has at most {twin.MAX_BYTES} bytes", "state")
    row.reported, row.reported_at = merged, instant(message.received_ms)
    # a board can have obeyed no more than what we ever asked
    row.reported_version = max(row.reported_version, min(message.version, row.desired_version))
    return None
