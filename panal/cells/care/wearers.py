"""Who wore a device when, for the recorders: one statement for a batch."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from panal.control import rows

from .models import Wearer, Wearing

ALWAYS = datetime.min.replace(tzinfo=UTC)


class Person(NamedTuple):
    """Whom an event is about. `name` is the device's where nobody is known to wear it."""

    wearer_id: int | None
    name: str
    from_at: datetime = ALWAYS
    """Since when they have worn it."""


Moment = tuple[str, datetime]
"""A device and when."""


def worn_by(moments: Sequence[Moment], accounts: Mapping[str, int | None]) -> list[Person]:
    """Who wore each device at each instant: nobody, where it is nobody's. A second statement only where something is
    older than the last change."""
    newest = _newest({device_id for device_id, _ in moments if accounts[device_id] is not None})
    last = [newest.get(device_id) or Person(None, device_id) for device_id, _ in moments]
    older = {device_id for (device_id, at), person in zip(moments, last, strict=True) if at < person.from_at}
    before = _history(older) if older else {}
    return [
        person if at >= person.from_at else _at(before.get(id, ()), at, accounts[id]) or Person(None, id)
        for (id, at), person in zip(moments, last, strict=True)
    ]


def _newest(device_ids: set[str]) -> dict[str, Person]:
    """Names of devices, with who wears them now and since when, if it is somebody of the account that owns them."""
    if not device_ids:
        return {}
    device = rows.table(Wearing._meta.get_field("device").related_model)
    wearing, wearer = rows.table(Wearing), rows.table(Wearer)
    theirs, parameters = rows.among(f"{device}.id", list(device_ids))
    found = rows.select(
        f"{device}.id, {device}.name, {wearer}.id, {wearer}.name, {wearing}.from_at",
        f"FROM {device} "
        f"LEFT JOIN {wearing} ON {wearing}.device_id = {device}.id AND {wearing}.until_at IS NULL "
        f"LEFT JOIN {wearer} ON {wearer}.id = {wearing}.wearer_id AND {wearer}.account_id = {device}.account_id "
        f"WHERE {theirs}",
        parameters,
    )
    return {
        id: Person(wearer_id, wearer_name or name or id, _instant(from_at) if from_at else ALWAYS)
        for id, name, wearer_id, wearer_name, from_at in found
    }


def _instant(kept: Any) -> datetime:
    """As the database keeps it: SQLite as text without a zone."""
    return datetime.fromisoformat(kept).replace(tzinfo=UTC) if isinstance(kept, str) else kept


def _history(device_ids: Iterable[str]) -> dict[str, list[Wearing]]:
    found: dict[str, list[Wearing]] = {}
    for wearing in Wearing.objects.filter(device_id__in=list(device_ids)).select_related("wearer"):
        found.setdefault(wearing.device_id, []).append(wearing)
    return found


def _at(wearings: Iterable[Wearing], at: datetime, account_id: int | None) -> Person | None:
    for wearing in wearings:
        ended = wearing.until_at is not None and at >= wearing.until_at
        if wearing.from_at <= at and not ended and wearing.wearer.account_id == account_id:
            return Person(wearing.wearer_id, wearing.wearer.name)
    return None
