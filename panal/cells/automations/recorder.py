"""What sets automations off: events as they are stored, in the same transaction, and the time."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from panal.control.events import publish_on_commit
from panal.control.instants import milliseconds
from panal.gateway.store import DomainEvent

from . import queries, rules
from .models import Automation, Occurrence
from .parts import HEARD

DUE = "automation.due"
PER_TURN = 200

_wanted: frozenset[tuple[int, str]] = frozenset()
"""(account, event) of the automations there are: only then is the database asked. Ingest is not slower without any."""


def refresh() -> None:
    """Called when an automation changes, at any replica, and every few seconds."""
    global _wanted
    _wanted = frozenset(Automation.objects.filter(is_on=True).exclude(event="").values_list("account_id", "event"))


def witness(events: Iterable[DomainEvent]) -> None:
    """An automation that is set off is written down with what set it off: neither is kept without the other."""
    heard = [event for event in events if _is_wanted(event)] if _wanted else []
    if not heard:
        return
    found = Automation.objects.filter(is_on=True, account_id__in={event.account_id for event in heard})
    mine = found.filter(event__in=frozenset().union(*(HEARD[event.name] for event in heard)))
    now = timezone.now()
    note(
        Occurrence(automation=automation, cause=automation.when["kind"], device_id=event.device_id, at=now)
        for automation in mine
        for event in heard
        if event.account_id == automation.account_id
        and automation.event in HEARD[event.name]
        and rules.is_set_off(automation.when, event.device_id, event.data)
    )


def _is_wanted(event: DomainEvent) -> bool:
    return any((event.account_id, name) in _wanted for name in HEARD.get(event.name, ()))


def note(occurrences: Iterable[Occurrence]) -> None:
    """Inside a transaction: they run as soon as it has committed."""
    made = Occurrence.objects.bulk_create(occurrences)
    if made:
        publish_on_commit(DomainEvent(DUE, "runs", None, "", {}))


def on_time(now: datetime) -> None:
    """Those whose time has come are set off; one that slept through several times runs once."""
    refresh()
    if Automation.objects.filter(is_on=True, next_at__lte=now).exists():
        _set_off_by_time(now)
    elif Occurrence.objects.exists():  # left by a server that is gone, or behind a message of the bus that was lost
        publish_on_commit(DomainEvent(DUE, "runs", None, "", {}))


@transaction.atomic
def _set_off_by_time(now: datetime) -> None:
    due = Automation.objects.filter(is_on=True, next_at__lte=now).select_for_update().order_by("pk")[:PER_TURN]
    found = list(due)
    note(Occurrence(automation=one, cause=one.when["kind"], at=one.next_at or now) for one in found)
    for one in found:
        one.next_at = next_at(one, now)
    Automation.objects.bulk_update(found, ["next_at"])


def next_at(automation: Automation, now: datetime) -> datetime | None:
    clock = queries.clock_of(automation.account_id, now)
    found_ms = rules.next_ms(automation.when, milliseconds(now), clock.zone, clock.place)
    return None if found_ms is None else queries.instant(found_ms)
