"""Twins of many devices at once, for cells above: what we want of each, and what each has decided for itself."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from panal.control import rows
from panal.control.events import publish_on_commit
from panal.gateway.store import DomainEvent
from panal.protocol import codec, twin
from panal.protocol.errors import BadRequest

from .models import Device, Twin


class Said(NamedTuple):
    """One name of what a device has just reported."""

    device_id: str
    account_id: int | None
    value: Any
    received_ms: int


@transaction.atomic
def lay_desired_of_many(*, devices: Iterable[Device], patches: Mapping[str, Mapping[str, Any]], now: datetime) -> None:
    """A patch for each device, as `lay_desired`; the devices are held by `locked`. A constant number of statements.

    Raises BadRequest("too_large").
    """
    owners = {device.pk: device.account_id for device in devices}
    found = _twins(owners)
    changed = []
    for id, row in found.items():
        merged = twin.merge(row.desired, patches[id])
        if merged != row.desired:
            row.desired, row.desired_version = _checked(merged), row.desired_version + 1
            changed.append(row)
    at = connection.ops.adapt_datetimefield_value(now)
    document = rows.adapter(Twin, "desired")
    rows.update_each(
        f"UPDATE {rows.table(Twin)} SET desired = %s, desired_version = %s, desired_at = %s WHERE device_id = %s",  # noqa: S608
        [(document(row.desired), row.desired_version, at, row.device_id) for row in changed],
    )
    publish_on_commit(*(_changed(row, owners[row.device_id]) for row in changed))


def _twins(ids: Iterable[str]) -> dict[str, Twin]:
    found = {row.device_id: row for row in Twin.objects.filter(device_id__in=list(ids))}
    missing = [Twin(device_id=id) for id in ids if id not in found]
    if missing:
        Twin.objects.bulk_create(missing)
    return found | {row.device_id: row for row in missing}


def _checked(desired: dict[str, Any]) -> dict[str, Any]:
    codec.check(desired)
    if len(codec.encode(desired)) > twin.MAX_BYTES:
        raise BadRequest("too_large", f"a desired state has at most {twin.MAX_BYTES} bytes", "desired")
    return desired


def _changed(row: Twin, account_id: int | None) -> DomainEvent:
    return DomainEvent("twin.desired_changed", "twin", account_id, row.device_id, {"version": row.desired_version})


def agree_with(patches: Mapping[str, Mapping[str, Any]]) -> None:
    """These devices have decided something for themselves: we want it so too.

    No new version, and nothing is sent: each is so already, and a board that has lost its memory hears it at hello.
    """
    found = Twin.objects.filter(device_id__in=list(patches)).only("device_id", "desired")
    document = rows.adapter(Twin, "desired")
    merged = [(row, twin.merge(row.desired, patches[row.device_id])) for row in found]
    rows.update_each(
        f"UPDATE {rows.table(Twin)} SET desired = %s WHERE device_id = %s",  # noqa: S608
        [(document(desired), row.device_id) for row, desired in merged if desired != row.desired],
    )
