"""Which changes of network there were and how far they are; a stranger's change does not exist for them."""

import uuid
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.db.models import Count, Q, QuerySet

from panal.cells.accounts.api import OPERATE, SEE, account_ids_for, may, require
from panal.cells.devices import api as devices
from panal.protocol.errors import BadRequest, NotFound

from . import progress
from .models import Change, Choice, DeviceChange


class Counts(NamedTuple):
    """How many devices of a change are in which state."""

    waiting: int
    trying: int
    changed: int
    kept: int
    silent: int
    cancelled: int

    @property
    def total(self) -> int:
        return sum(self)

    @property
    def open(self) -> int:
        return self.waiting + self.trying

    @property
    def ended(self) -> int:
        return self.total - self.open

    @property
    def failed(self) -> int:
        """Those that a retry is for."""
        return self.kept + self.silent


class Chosen(NamedTuple):
    """The devices of a new change, and by what they were chosen."""

    account_id: int
    device_ids: list[str]
    choice: str
    place: str = ""
    retry_of: Change | None = None


FAILED = (progress.KEPT, progress.SILENT)
BY_STATE = {f"{state}_count": Count("rows", filter=Q(rows__state=state)) for state in progress.STATES}


def changes_for(user: Any, account: int | None = None) -> QuerySet[Change]:
    """Newest first, each with how many of its devices are in which state."""
    ids = account_ids_for(user, SEE)
    found = Change.objects.all() if ids is None else Change.objects.filter(account_id__in=ids)
    found = found.filter(account_id=account) if account is not None else found
    return found.select_related("account").annotate(**BY_STATE).order_by("-created_at", "id")


def change_for(user: Any, change_id: uuid.UUID, capability: str = SEE) -> Change:
    """Raises NotFound for a stranger, Forbidden where the role is not enough."""
    found = Change.objects.select_related("account", "retry_of").annotate(**BY_STATE).filter(pk=change_id).first()
    if found is None:
        raise NotFound("not_found")
    require(user, found.account_id, capability)
    return found


def counts_of(change: Change) -> Counts:
    """Of a change that was read here."""
    return Counts(*(getattr(change, f"{state}_count") for state in Counts._fields))


def rows_for(user: Any, change_id: uuid.UUID, state: str = "") -> QuerySet[DeviceChange]:
    """The devices of a change by name."""
    change_for(user, change_id)
    found = DeviceChange.objects.filter(change_id=change_id).select_related("device")
    return found.filter(state=state) if state in progress.STATES else found


def newest_for(user: Any, device: Any) -> DeviceChange | None:
    """The newest change of a device, among those of the account it is in now."""
    require(user, device.account_id, SEE)
    found = DeviceChange.objects.filter(device=device, change__account_id=device.account_id)
    return found.select_related("change").order_by("-rev").first()


def may_change(user: Any, account_id: int | None) -> bool:
    return may(user, account_id, OPERATE)


# choosing


def devices_for(user: Any, account: int | None = None) -> QuerySet[Any]:
    """The devices whose network this person may change: those that have been heard of."""
    found = devices.devices_for(user, OPERATE).filter(state="activated")
    found = found.filter(account_id=account) if account is not None else found.exclude(account=None)
    return devices.named_first(found)


def chosen_for(user: Any, device_ids: Iterable[str]) -> Chosen:
    """Raises NotFound, Forbidden, BadRequest where they are of several accounts."""
    found = devices.chosen_for(user, device_ids, OPERATE)
    accounts = {device.account_id for device in found if device.account_id is not None}
    if len(accounts) != 1:
        raise BadRequest("several_accounts" if accounts else "no_devices", "devices of one account", "devices")
    return Chosen(accounts.pop(), [device.pk for device in found], Choice.DEVICES)


def sector_for(user: Any, sector_id: int) -> Chosen:
    sector = devices.sector_for(user, sector_id, OPERATE)
    return _chosen(
        devices.within(devices_for(user, sector.account_id), sector), sector.account_id, "sector", sector.name
    )


def group_for(user: Any, group_id: int) -> Chosen:
    group = devices.group_for(user, group_id, OPERATE)
    return _chosen(devices_for(user, group.account_id).filter(groups=group), group.account_id, "group", group.name)


def all_for(user: Any, account_id: int) -> Chosen:
    require(user, account_id, OPERATE)
    return _chosen(devices_for(user, account_id), account_id, Choice.ALL)


def failed_for(user: Any, change_id: uuid.UUID) -> Chosen:
    """Those of a change that kept their old network or fell silent, as far as they are still in its account."""
    change = change_for(user, change_id, OPERATE)
    failed = DeviceChange.objects.filter(change=change, state__in=FAILED).values("device_id")
    found = devices_for(user, change.account_id).filter(pk__in=failed)
    return _chosen(found, change.account_id, Choice.FAILED, change.place, change)


def _chosen(
    found: QuerySet[Any], account_id: int, choice: str, place: str = "", retry_of: Change | None = None
) -> Chosen:
    return Chosen(account_id, list(found.values_list("pk", flat=True)), choice, place, retry_of)
