"""What other cells and the server may use of devices."""

from datetime import datetime

from . import actions, presence
from .queries import desired, device_for, devices_for, identity, open_commands
from .recorder import heard_from
from .telemetry import prune


def expire(now: datetime) -> None:
    """What time alone changes: commands past their deadline, HTTP devices that fell silent."""
    actions.expire_commands(now=now)
    presence.expire(now)


def reconcile(sessions: dict[str, str], seen_at: datetime) -> None:
    presence.reconcile(sessions, seen_at, datetime.now(tz=seen_at.tzinfo))


__all__ = [
    "desired",
    "device_for",
    "devices_for",
    "expire",
    "heard_from",
    "identity",
    "open_commands",
    "prune",
    "reconcile",
]
