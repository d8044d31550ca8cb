"""What other cells and the server may use of devices."""

from datetime import datetime

from . import actions, alarms, claims, presence, telemetry
from .actions import change_device, create_sector, delete_place, lay_desired, mint_devices, rename_place, revoke_device
from .commands import blank_args, cancel_commands, locked, outcomes_of, queue_commands, reported_of
from .models import OPEN
from .presence import fell_silent
from .queries import (
    chosen_for,
    desired,
    device_for,
    device_of,
    devices_for,
    devices_of,
    group_for,
    groups_for,
    identity,
    may_change,
    named_first,
    of_account,
    open_commands,
    owned_since,
    owners_of,
    sector_for,
    sectors_for,
    sectors_of,
    sectors_of_account,
    token_of,
    under_parents,
    within,
)
from .recorder import heard_from, lock
from .twins import Said, agree_with, lay_desired_of_many


def expire(now: datetime) -> None:
    """What time alone changes: commands past their deadline or not sent yet, HTTP devices that fell silent."""
    actions.expire_commands(now=now)
    actions.announce_unsent(now=now)
    presence.expire(now)
    alarms.watch(now)


def reconcile(sessions: dict[str, str], seen_at: datetime) -> None:
    presence.reconcile(sessions, seen_at, datetime.now(tz=seen_at.tzinfo))


def prune(now: datetime) -> int:
    """What has been kept long enough goes. How many rows went."""
    return telemetry.prune(now) + claims.prune(now)


__all__ = [
    "OPEN",
    "Said",
    "agree_with",
    "blank_args",
    "cancel_commands",
    "change_device",
    "chosen_for",
    "create_sector",
    "delete_place",
    "desired",
    "device_for",
    "device_of",
    "devices_for",
    "devices_of",
    "expire",
    "fell_silent",
    "group_for",
    "groups_for",
    "heard_from",
    "identity",
    "lay_desired",
    "lay_desired_of_many",
    "lock",
    "locked",
    "may_change",
    "mint_devices",
    "named_first",
    "of_account",
    "open_commands",
    "outcomes_of",
    "owned_since",
    "owners_of",
    "prune",
    "queue_commands",
    "reconcile",
    "rename_place",
    "reported_of",
    "revoke_device",
    "sector_for",
    "sectors_for",
    "sectors_of",
    "sectors_of_account",
    "token_of",
    "under_parents",
    "within",
]
