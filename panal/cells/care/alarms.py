"""What care raises, clears and has acknowledged: from its events and faults to alarms of the contacts cell."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from panal.cells.accounts.api import Actor
from panal.cells.contacts import api as contacts
from panal.cells.contacts.api import Alarm

FALL, BUTTON, DOUBT, TILT = "care.fall", "care.button", "care.doubt", "care.tilt"
SILENT, BATTERY, NOT_WORN = "care.silent", "care.battery", "care.not_worn"

OF_EVENTS = {"FALL": FALL, "EMERGENCY_BUTTON": BUTTON, "TILT": TILT}
PREFIX = "care:"


def uid_of(event_id: Any, count: int = 0) -> str:
    """`count`: how often it was opened again. One alarm is raised once, however often we say so."""
    return f"{PREFIX}{event_id}" + (f":{count}" if count else "")


def event_id_of(uid: str) -> str:
    """ "" where the alarm is not about an event of care."""
    return uid.removeprefix(PREFIX).partition(":")[0] if uid.startswith(PREFIX) else ""


def tilt_uid(device_id: str, at: datetime) -> str:
    """A switch that tilts again and again is told of once an hour."""
    return f"care.tilt:{device_id}:{at:%Y%m%d%H}"


def alarm_of(
    id: Any, kind: str, account_id: int | None, device_id: str, name: str, at: datetime, count: int = 0, **data: Any
) -> Alarm:
    """Of an event. `kind` is one of OF_EVENTS, or DOUBT."""
    uid = tilt_uid(device_id, at) if kind == "TILT" else uid_of(id, count)
    wanted = OF_EVENTS.get(kind, kind)
    return Alarm(account_id, wanted, uid, device_id, name, at, f"/events/{id}/", {"event": str(id), **data})


def fault_uid(kind: str, device_id: str, began_at: datetime) -> str:
    return f"care.{kind}:{device_id}:{began_at:%Y%m%d%H%M%S}"


def raise_all(batch: Iterable[Alarm], now: datetime) -> None:
    contacts.raise_alarms(batch, now)


def clear(event_id: Any, count: int, actor: Actor, now: datetime, reason: str) -> None:
    """All clear, for all that was ever raised about this event."""
    contacts.clear_alarms([uid_of(event_id, n) for n in range(count + 1)], actor.text, now, reason)


def acknowledge(event_id: Any, count: int, actor: Actor, now: datetime) -> None:
    contacts.acknowledge([uid_of(event_id, n) for n in range(count + 1)], actor, now)


def change_kind(event_id: Any, count: int, kind: str, now: datetime, *, again: bool = False) -> None:
    contacts.change_kind([uid_of(event_id, n) for n in range(count + 1)], kind, now, again=again)


def clear_fault(kind: str, device_id: str, began_at: datetime, actor: Actor, now: datetime) -> None:
    contacts.clear_alarms([fault_uid(kind, device_id, began_at)], actor.text, now)
