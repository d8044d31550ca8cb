"""Follows the devices of a change: reads what boards and commands say by now, and writes down how far they are.

It looks at states and not at messages, so that news that is lost, late or doubled does no harm.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from panal.cells.devices import api as devices
from panal.control.events import publish_on_commit
from panal.gateway.store import DomainEvent

from . import progress
from .models import DeviceChange

AT_ONCE = 500
NONE = ("", "")
"""The outcome of a command that is gone."""
Outcomes = dict[Any, tuple[str, str]]


def record_news(batch: list[Any], now: datetime) -> list[Any]:
    """Devices that have reported of their Wi-Fi, or whose command has its outcome."""
    follow({message.device_id for message in batch}, now)
    return [None] * len(batch)


def on_time(now: datetime) -> None:
    """Who never answers is silent; and what was not noticed is noticed now."""
    rows = DeviceChange.objects.order_by()
    over = rows.filter(state__in=progress.OPEN, expires_at__lte=now)
    ended = rows.filter(is_sealed=True).filter(Q(command=None) | ~Q(command__status__in=devices.OPEN))
    # two questions, for which there is an index each
    ids = [id for found in (over, ended) for id in found.values_list("device_id", flat=True)[:AT_ONCE]]
    if ids:
        with transaction.atomic():
            follow(set(ids), now)


def follow(device_ids: Iterable[str], now: datetime) -> None:
    """Bring the rows of these devices up to date: the same few statements for one device or five hundred."""
    reports = devices.reported_of(device_ids, "wifi")
    rows = _moving(device_ids, reports)
    outcomes: Outcomes = {**devices.outcomes_of(row.command_id for row in rows if row.command_id)}
    before = {row.pk: (row.state, row.reason) for row in rows}
    for row in rows:
        _step(row, reports.get(row.device_id), outcomes.get(row.command_id, NONE), now)
    _blank(rows, outcomes)
    moved = [row for row in rows if before[row.pk] != (row.state, row.reason)]
    DeviceChange.objects.bulk_update(moved, ["state", "reason", "began_at", "ended_at"], batch_size=AT_ONCE)
    _announce(moved)


def _moving(device_ids: Iterable[str], reports: dict[str, Any]) -> list[DeviceChange]:
    """Rows that may have something to learn: open ones, those with an envelope, and the one that a report is about."""
    revs = {report.get("rev") for report in reports.values() if isinstance(report, dict)}
    about = Q(rev__in=[rev for rev in revs if isinstance(rev, int) and 0 <= rev < 2**63])
    found = DeviceChange.objects.filter(Q(state__in=progress.OPEN) | Q(is_sealed=True) | about)
    rows = found.filter(device_id__in=list(device_ids)).order_by("device_id", "pk").select_related("change")
    return list(rows.select_for_update(of=("self",)))


def _step(row: DeviceChange, report: Any, outcome: tuple[str, str], now: datetime) -> None:
    """The board's own report first: it knows better than a command that was answered twice."""
    said, ended = progress.of_report(report, row.rev), progress.of_command(*outcome)
    if row.command_id is None:  # the device has left the account, and its commands went
        ended = (progress.GIVEN_UP, "")
    for word in (said, ended, (progress.TIME_OVER, "") if now >= row.expires_at else None):
        if word is None or (word is ended and _has_time(row, word[0], now)):
            continue
        row.state, row.reason = progress.after(row.state, row.reason, *word)
    if row.state == progress.WAITING:
        return
    row.began_at = row.began_at or (now if row.state not in (progress.SILENT, progress.CANCELLED) else None)
    row.ended_at = None if row.is_open else row.ended_at or now


def _has_time(row: DeviceChange, word: str, now: datetime) -> bool:
    """A board that took its command in the last second may go on trying after the deadline."""
    return word == progress.TIME_OVER and row.state == progress.TRYING and now < row.expires_at


def _blank(rows: list[DeviceChange], outcomes: Outcomes) -> None:
    """An envelope has no use once its command is over."""
    over = [row for row in rows if row.is_sealed and outcomes.get(row.command_id, NONE)[0] not in devices.OPEN]
    if over:
        devices.blank_args(row.command_id for row in over if row.command_id)
        DeviceChange.objects.filter(pk__in=[row.pk for row in over]).update(is_sealed=False)


def _announce(moved: list[DeviceChange]) -> None:
    publish_on_commit(
        *(DomainEvent("wifi.progressed", "wifi", row.change.account_id, row.device_id, {}) for row in moved)
    )
