"""Commands for many devices at once, for cells above: each with values of its own, which can be taken back afterwards.

Who calls writes the audit log: it knows what the commands are part of, and which of their values are nobody's business.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from panal.cells.accounts.api import Actor
from panal.control.events import publish_on_commit
from panal.control.instants import instant, milliseconds
from panal.gateway.store import DomainEvent
from panal.protocol.errors import Conflict

from .actions import MOST_OPEN, check_command
from .models import OPEN, Command, CommandStatus, Device, State, Twin

AT_ONCE = 500
"""Rows in one statement."""


def locked(device_ids: Iterable[str]) -> list[Device]:
    """These devices by id, held until the end of the transaction; those that are revoked are left out."""
    found = Device.objects.filter(pk__in=list(device_ids)).exclude(state=State.REVOKED)
    return list(found.order_by("pk").select_for_update())


@transaction.atomic
def queue_commands(
    *, name: str, orders: Sequence[tuple[Device, Mapping[str, Any]]], actor: Actor, deadline_s: int
) -> list[Command]:
    """The same command for many devices, in the order given: a constant number of statements.

    Raises BadRequest, Conflict("too_many_commands").
    """
    for _device, args in orders:
        check_command(name, args, deadline_s)
    _check_room([device.pk for device, _args in orders])
    now = instant(milliseconds(timezone.now()))
    expires_at = now + timedelta(seconds=deadline_s)
    commands = [
        Command(
            id=uuid.uuid4(),
            device=device,
            name=name,
            args=dict(args),
            requested_by=actor.text[:200],
            issued_at=now,
            expires_at=expires_at,
        )
        for device, args in orders
    ]
    Command.objects.bulk_create(commands, batch_size=AT_ONCE)
    publish_on_commit(*(_news(command.device, "command.queued", command.pk) for command in commands))
    return commands


def _check_room(device_ids: Sequence[str]) -> None:
    waiting = Command.objects.filter(device_id__in=device_ids, status__in=OPEN).order_by()
    if waiting.values("device_id").annotate(n=Count("id")).filter(n__gte=MOST_OPEN).exists():
        raise Conflict("too_many_commands", f"{MOST_OPEN} commands are waiting already for one of them")


@transaction.atomic
def cancel_commands(*, ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Give up those that have no outcome yet, and forget their values; which ones they were."""
    wanted = Command.objects.filter(pk__in=list(ids), status__in=OPEN).select_related("device")
    found = list(wanted.order_by("pk").select_for_update(of=("self",)))
    Command.objects.filter(pk__in=[command.pk for command in found]).update(
        status=CommandStatus.CANCELLED, finished_at=timezone.now(), args={}
    )
    publish_on_commit(*(_news(c.device, "command.finished", c.pk, status="cancelled") for c in found))
    return {command.pk for command in found}


def outcomes_of(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, tuple[str, str]]:
    """Status and error code of these commands."""
    found = Command.objects.filter(pk__in=list(ids)).order_by()
    return {id: (status, code) for id, status, code in found.values_list("pk", "status", "error_code")}


def blank_args(ids: Iterable[uuid.UUID]) -> None:
    """Forget the values of commands that have their outcome."""
    Command.objects.filter(pk__in=list(ids)).exclude(status__in=OPEN).update(args={})


def reported_of(device_ids: Iterable[str], name: str) -> dict[str, Any]:
    """What these devices report by this name; those that do not are left out."""
    twins = Twin.objects.filter(device_id__in=list(device_ids)).values_list("device_id", "reported")
    return {id: reported[name] for id, reported in twins if reported and name in reported}


def _news(device: Device, name: str, command_id: uuid.UUID, **data: Any) -> DomainEvent:
    return DomainEvent(name, "commands", device.account_id, device.pk, {"id": str(command_id), **data})
