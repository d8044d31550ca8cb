"""What changes networks: one transaction each, written to the audit log without the network, announced on commit."""

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from panal.cells.accounts.api import Actor, record_audit
from panal.cells.devices import api as devices
from panal.control.events import publish_on_commit
from panal.gateway.store import DomainEvent
from panal.protocol import envelope, keys
from panal.protocol.errors import BadRequest, Conflict

from . import messages, progress
from .models import Change, Choice, DeviceChange

DEADLINE_S = 600
"""A board that is away for longer does not change any more when it comes back."""
TRIAL_S = 120
"""The board gives a network 30 s and the server 60 s there; the rest is for the way back."""
MOST_AT_ONCE = 1000
IV_BYTES = 16


@transaction.atomic
def begin_change(
    *,
    account_id: int,
    device_ids: Iterable[str],
    ssid: str,
    password: str,
    actor: Actor,
    choice: str = Choice.DEVICES,
    place: str = "",
    retry_of: Change | None = None,
) -> Change:
    """Tell every one of these devices its new network, each in an envelope that only it can open.

    Raises BadRequest("bad_ssid", "bad_password", "no_devices", "too_many"), Conflict("too_many_commands").
    """
    messages.check_network(ssid, password)
    chosen = _chosen(account_id, set(device_ids))
    now = timezone.now()
    change = Change.objects.create(
        account_id=account_id,
        requested_by=actor.text[:200],
        created_at=now,
        choice=choice,
        place=place[:80],
        retry_of=retry_of,
    )
    _give_up([row.pk for row in _waiting().filter(device__in=chosen)], now)
    _queue(change, chosen, ssid, password, actor, now)
    after = {"devices": len(chosen), "choice": str(choice), "place": place}
    record_audit(actor=actor, verb="wifi.change_begun", subject=change, account_id=account_id, after=after)
    publish_on_commit(DomainEvent("wifi.begun", "wifi", account_id, "", {}))
    return change


def _chosen(account_id: int, ids: set[str]) -> list[Any]:
    if len(ids) > MOST_AT_ONCE:
        raise BadRequest("too_many", f"at most {MOST_AT_ONCE} devices at once", "devices")
    chosen = [device for device in devices.locked(ids) if device.account_id == account_id]
    if not chosen:
        raise BadRequest("no_devices", "there is no device to change", "devices")
    return chosen


def _queue(change: Change, chosen: list[Any], ssid: str, password: str, actor: Actor, now: datetime) -> None:
    revs = _next_revs(chosen, now)
    orders = [(device, {"envelope": _sealed(device, ssid, password, revs[device.pk])}) for device in chosen]
    commands = devices.queue_commands(name="wifi.change", orders=orders, actor=actor, deadline_s=DEADLINE_S)
    DeviceChange.objects.bulk_create(
        [
            DeviceChange(
                change=change,
                device=command.device,
                device_name=str(command.device),
                rev=revs[command.device_id],
                command=command,
                expires_at=command.expires_at + timedelta(seconds=TRIAL_S),
            )
            for command in commands
        ],
        batch_size=500,
    )


def _next_revs(chosen: list[Any], now: datetime) -> dict[str, int]:
    """Higher than every one before, and not lower than the clock: so also after a restore of an old backup."""
    ids = [device.pk for device in chosen]
    last = dict(DeviceChange.objects.filter(device_id__in=ids).order_by().values_list("device_id").annotate(Max("rev")))
    return {id: max(last.get(id, 0) + 1, int(now.timestamp())) for id in ids}


def _sealed(device: Any, ssid: str, password: str, rev: int) -> str:
    token = devices.token_of(device)
    plain = messages.build_order(ssid, password, rev)
    sealed: str = envelope.seal(
        keys.derive(token, "wifi-encrypt"), keys.derive(token, "wifi-mac"), plain, os.urandom(IV_BYTES)
    )
    return sealed


def _waiting() -> Any:
    return DeviceChange.objects.filter(state=progress.WAITING).order_by("pk")


@transaction.atomic
def cancel_change(*, change: Change, actor: Actor) -> int:
    """Take it back for every device that has not begun. How many those were. Raises Conflict("all_begun")."""
    now = timezone.now()
    count = _give_up([row.pk for row in _waiting().filter(change=change)], now)
    if not count:
        raise Conflict("all_begun", "every device of this change has begun already")
    after = {"devices": count}
    record_audit(
        actor=actor, verb="wifi.change_cancelled", subject=change, account_id=change.account_id, after=after, now=now
    )
    publish_on_commit(DomainEvent("wifi.progressed", "wifi", change.account_id, "", {}))
    return count


def _give_up(row_ids: list[int], now: datetime) -> int:
    """Those of these rows whose command was still open."""
    rows = list(_waiting().filter(pk__in=row_ids).select_for_update(of=("self",)))
    cancelled = devices.cancel_commands(ids=[row.command_id for row in rows if row.command_id])
    given_up = [row for row in rows if row.command_id in cancelled]
    for row in given_up:
        row.state, row.reason = progress.after(row.state, row.reason, progress.GIVEN_UP)
        row.ended_at, row.is_sealed = now, False
    DeviceChange.objects.bulk_update(given_up, ["state", "reason", "ended_at", "is_sealed"], batch_size=500)
    return len(given_up)
