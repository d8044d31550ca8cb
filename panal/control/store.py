"""The control plane as the data plane sees it: panal.gateway.store.Store on Django."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import DataError, InterfaceError, OperationalError, connection, transaction

from panal.cells.accounts.api import account_ids_for
from panal.cells.devices import api as devices
from panal.gateway.store import Desired, Entry, Identity, OpenCommand, Viewer
from panal.protocol.errors import BadRequest, Unavailable

from .callers import caller_of
from .instants import instant
from .recorders import answers, on_time, prunes, recorders

logger = logging.getLogger(__name__)

GONE = (OperationalError, InterfaceError)
"""The database is busy, full or away: nothing was written, everything may be tried again."""

UNSTORABLE = (DataError, OverflowError, UnicodeError)
"""The message holds what no database takes, however often it is sent."""

LOST_A_RACE = ("40001", "40P01")
"""Serialization failure and deadlock, as PostgreSQL calls them."""
ATTEMPTS = 3

FRESH_S = 1.0
"""As long as this after its last use a connection is taken to be alive."""

P = ParamSpec("P")
R = TypeVar("R")


def on_database(function: Callable[P, R]) -> Callable[P, R]:
    """Threads of the data plane have no request that would look after their connection: we do."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if not connection.in_atomic_block:  # a caller's transaction, as in tests, must not be closed under its feet
            _see_to_connection()
        try:
            return function(*args, **kwargs)
        except GONE as error:
            logger.warning("the database refused %s: %s", function.__name__, error)
            raise Unavailable("database", "the database is busy or away") from error

    return call


def _see_to_connection() -> None:
    """Close it where it is broken or old. Whether it still answers is asked only after a rest: to ask before each group
    of events is a twentieth of the group's time. One that breaks in between fails that group: it was not stored."""
    connection.close_if_unusable_or_obsolete()
    now = time.monotonic()
    if now - getattr(connection, "panal_used", 0.0) < FRESH_S:
        connection.health_check_done = True  # type: ignore[attr-defined]
    connection.panal_used = now  # type: ignore[attr-defined]


class DjangoStore:
    @on_database
    def identity(self, device_id: str) -> Identity | None:
        return devices.identity(device_id)

    @on_database
    def commit(self, entries: Sequence[Entry]) -> list[Any]:
        now = datetime.now(tz=instant(0).tzinfo)
        try:
            return _insisting(_all_at_once, entries, now)
        except GONE:
            raise
        except Exception:  # noqa: BLE001  one message's fault, whatever it is, must not be the others'
            logger.info("a group of %d messages goes one by one", len(entries))
            return _insisting(_one_by_one, entries, now)

    @on_database
    def open_commands(self, device_id: str, now_ms: int) -> list[OpenCommand]:
        return devices.open_commands(device_id, instant(now_ms))

    @on_database
    def desired(self, device_id: str) -> Desired:
        return devices.desired(device_id)

    @on_database
    def ask(self, question: str, *arguments: Any) -> Any:
        return answers()[question](*arguments)

    @on_database
    def viewer(self, cookie: str, authorization: str = "") -> Viewer | None:
        caller = caller_of(cookie, authorization)
        return Viewer(caller.user.pk, account_ids_for(caller.user)) if caller and caller.user else None

    @on_database
    def expire(self, now_ms: int) -> None:
        for change in on_time():
            change(instant(now_ms))

    @on_database
    def reconcile(self, broker: str, sessions: dict[str, str], now_ms: int) -> None:
        devices.reconcile(sessions, instant(now_ms))

    @on_database
    def prune(self) -> int:
        """Retention: what is older than the settings say goes. How many rows went."""
        now = datetime.now(tz=instant(0).tzinfo)
        return devices.prune(now) + sum(prune(now) for prune in prunes())


def _insisting(
    write: Callable[[Sequence[Entry], datetime], list[Any]], entries: Sequence[Entry], now: datetime
) -> list[Any]:
    """PostgreSQL may end a transaction in favour of another one; nothing of it was written, and it goes at once again.

    What boards say without waiting for an answer (a hello, a heartbeat) would otherwise be lost with it.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return write(entries, now)
        except OperationalError as error:
            if connection.in_atomic_block or getattr(error.__cause__, "sqlstate", "") not in LOST_A_RACE:
                raise
    return write(entries, now)


def _lock(entries: Sequence[Entry]) -> None:
    """Every device of the group, in one order: each kind locks its own again, and two replicas would wait in a ring."""
    if len({entry.kind for entry in entries}) > 1:
        devices.lock({entry.message.device_id for entry in entries})


def _all_at_once(entries: Sequence[Entry], now: datetime) -> list[Any]:
    groups: dict[str, list[int]] = {}
    for index, entry in enumerate(entries):
        groups.setdefault(entry.kind, []).append(index)
    answers: list[Any] = [None] * len(entries)
    with transaction.atomic():
        _lock(entries)
        for kind, record in recorders().items():
            if kind in groups:
                batch = [entries[index].message for index in groups[kind]]
                for index, answer in zip(groups[kind], record(batch, now), strict=True):
                    answers[index] = answer
    return answers


def _one_by_one(entries: Sequence[Entry], now: datetime) -> list[Any]:
    """Each in its own savepoint of one transaction. In the order of kinds, as when they go together."""
    order = {kind: place for place, kind in enumerate(recorders())}
    answers: list[Any] = [None] * len(entries)
    with transaction.atomic():
        _lock(entries)
        for index in sorted(range(len(entries)), key=lambda index: order[entries[index].kind]):
            answers[index] = _alone(entries[index], now)
    return answers


def _alone(entry: Entry, now: datetime) -> Any:
    try:
        with transaction.atomic():
            return recorders()[entry.kind]([entry.message], now)[0]
    except GONE:
        raise
    except UNSTORABLE:
        return BadRequest("not_storable", "the message holds what cannot be stored")
    except Exception:  # our own mistake: the device may try again after we have mended it
        logger.exception("a %s could not be recorded", entry.kind)
        return Unavailable("internal", "our own mistake")
