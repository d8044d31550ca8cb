"""What changes events of care and their wearers: one transaction each, in the audit log, announced on commit."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from panal.cells.accounts import api as accounts
from panal.cells.accounts.api import Actor, record_audit, system
from panal.cells.devices import api as devices
from panal.control.events import publish_on_commit
from panal.gateway.store import DomainEvent
from panal.protocol.errors import BadRequest, Conflict

from . import alarms, review
from .models import Event, Position, Review, State, Wearer, Wearing

MOST_COMMENT = 1000
MOST_NOTES = 2000
MOST_WEARERS = 5000
OLDEST_BIRTH = 1900
DOUBT_S = 60
"""For how long a doubt waits for a person's word before it counts as a fall."""
DOUBT = timedelta(seconds=DOUBT_S)

WEARER = ("name", "birth_year", "position", "emergency", "notes", "keeps_motion")
PRIVATE = ("emergency", "notes")
"""What is in no audit log: only that it was changed."""


def _news(event: Event, name: str = "care.event_reviewed", **data: Any) -> DomainEvent:
    return DomainEvent(name, "care", event.account_id, event.device_id, {"id": str(event.pk), **data})


# events


@transaction.atomic
def review_event(*, event: Event, action: str, actor: Actor, comment: str = "", seen: int | None = None) -> Event:
    """Say what an event was. `seen`: the revision that the reviewer had before them.

    Raises BadRequest("bad_action", "bad_comment"), Conflict("not_possible"), Conflict("reviewed_already") where
    somebody was faster; then nothing is changed.
    """
    if action not in review.ACTIONS:
        raise BadRequest("bad_action", "no such action", "action", review.ACTIONS)
    now, before = timezone.now(), event.state
    state = review.TABLE.get((before, action))
    if seen is not None and seen != event.revision:
        raise _too_late(event)
    if state is None:
        raise Conflict("not_possible", f"an event that is {before} takes no {action}")
    comment = _text(comment, "comment", MOST_COMMENT)
    values = {
        "state": state,
        "verdict": review.verdict(event.verdict, action),
        "reviewed_at": now,
        "reviewed_by": actor.text[:200],
        "comment": comment,
        "escalate_at": None,
        "alarm_count": event.alarm_count + (action == review.REOPEN),
    }
    same = Event.objects.filter(pk=event.pk, state=before, revision=event.revision)
    if not same.update(revision=F("revision") + 1, **values):
        raise _too_late(event)
    _answer(event, actor, now)
    keep(event, action, state, actor, now, comment)
    event.refresh_from_db()
    _tell_contacts(event, action, actor, now)
    after = {"state": state, "comment": comment}
    _audit(event, "event.reviewed", actor, {"state": before}, after)
    publish_on_commit(_news(event, state=state))
    return event


def _too_late(event: Event) -> Conflict:
    return Conflict("reviewed_already", "somebody else has reviewed it meanwhile: look at it again")


def _text(text: str, field: str, longest: int) -> str:
    text = text.strip().replace("\r\n", "\n")
    if len(text) > longest or "\0" in text:
        raise BadRequest(f"bad_{field}", f"{field}: at most {longest} characters", field)
    return text


def _answer(event: Event, actor: Actor, now: datetime) -> None:
    """The first word of a person stays."""
    Event.objects.filter(pk=event.pk, answered_at=None).update(answered_at=now, answered_by=actor.text[:200])


def keep(event: Event, action: str, state: str, actor: Actor, now: datetime, comment: str = "") -> None:
    Review.objects.create(
        event=event, at=now, action=action, state=state, user=actor.user, by=actor.text[:200], comment=comment
    )


def _audit(event: Event, verb: str, actor: Actor, before: dict[str, Any], after: dict[str, Any]) -> None:
    record_audit(actor=actor, verb=verb, subject=event, account_id=event.account_id, before=before, after=after)


def _tell_contacts(event: Event, action: str, actor: Actor, now: datetime) -> None:
    """Who says that it is over ends the alarm; who says that it is real has taken it; opened again it wakes again."""
    if review.is_over(event.state):
        alarms.clear(event.pk, event.alarm_count, actor, now, str(event.state))
    elif action == review.CONFIRM:
        alarms.acknowledge(event.pk, event.alarm_count, actor, now)
    elif action == review.REOPEN and event.wakes:
        name = _whom(event)
        again = alarms.alarm_of(
            event.pk, event.kind, event.account_id, event.device_id, name, event.occurred_at, event.alarm_count
        )
        alarms.raise_all([again], now)


def _whom(event: Event) -> str:
    return str(event.wearer or event.device_text)


@transaction.atomic
def acknowledge_event(*, event: Event, actor: Actor, now: datetime | None = None) -> bool:
    """Somebody is on their way: nobody else is woken. False where they had said so before."""
    now = now or timezone.now()
    event = Event.objects.select_for_update().get(pk=event.pk)
    if event.reviews.filter(action=review.ACKNOWLEDGE, by=actor.text[:200]).exists():
        return False
    _answer(event, actor, now)
    Event.objects.filter(pk=event.pk).update(escalate_at=None)
    keep(event, review.ACKNOWLEDGE, event.state, actor, now)
    alarms.acknowledge(event.pk, event.alarm_count, actor, now)
    _audit(event, "event.acknowledged", actor, {}, {})
    publish_on_commit(_news(event, "care.event_acknowledged", by=actor.text))
    return True


@transaction.atomic
def cancel_event(*, event: Event, now: datetime) -> None:
    """The wearer said that nothing has happened. What a person has said of it since stays."""
    if not Event.objects.filter(pk=event.pk, is_cancelled=False).update(is_cancelled=True, escalate_at=None):
        return
    still = Event.objects.filter(pk=event.pk, state=State.OPEN, answered_at=None)
    is_over = bool(still.update(state=State.RESOLVED, revision=F("revision") + 1))
    wearer = system("")
    keep(event, review.CANCEL, State.RESOLVED if is_over else event.state, wearer, now)
    if is_over:
        alarms.clear(event.pk, event.alarm_count, wearer, now, "cancelled")
    publish_on_commit(_news(event))


# wearers


@transaction.atomic
def save_wearer(
    *,
    account_id: int,
    actor: Actor,
    wearer: Wearer | None = None,
    caregivers: Iterable[int] | None = None,
    **values: Any,
) -> Wearer:
    """A new wearer, or `wearer` changed. `caregivers`: ids of people of the account; None leaves them.

    Raises BadRequest, Conflict("name_taken", "too_many_people").
    """
    if unknown := set(values) - set(WEARER):
        raise BadRequest("unknown_field", f"{unknown.pop()} cannot be changed")
    if wearer is None and Wearer.objects.filter(account_id=account_id).count() >= MOST_WEARERS:
        raise Conflict("too_many_people", f"at most {MOST_WEARERS} wearers")
    row = wearer or Wearer(account_id=account_id, created_at=timezone.now())
    before = {} if wearer is None else _said_of(row)
    for name, value in _checked(values).items():
        setattr(row, name, value)
    if not row.name:
        raise BadRequest("bad_name", "1 to 80 characters", "name")
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise Conflict("name_taken", "another wearer has this name", "name") from None
    if caregivers is not None:
        row.caregivers.set(_people(account_id, caregivers))
    _changed(row, actor, before, _said_of(row), set(values) & set(PRIVATE))
    for wearing in row.wearings.filter(until_at=None, device__account=row.account_id).select_related("device"):
        _tell_board(wearing)
    return row


def _tell_board(wearing: Wearing) -> None:
    """The detector knows where it is worn."""
    devices.lay_desired(device=wearing.device, patch={"care": {"position": str(wearing.wearer.position)}})


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """Raises BadRequest."""
    found = dict(values)
    if "name" in found:
        found["name"] = str(found["name"]).strip()
        if not 1 <= len(found["name"]) <= 80 or not found["name"].isprintable():
            raise BadRequest("bad_name", "1 to 80 printable characters", "name")
    for field in PRIVATE:
        if field in found:
            found[field] = _text(found[field], field, MOST_NOTES)
    year = found.get("birth_year")
    if year is not None and not OLDEST_BIRTH <= year <= timezone.localdate().year:
        raise BadRequest("bad_birth_year", f"a year from {OLDEST_BIRTH} on", "birth_year")
    if found.get("position", Position.WAIST) not in Position.values:
        raise BadRequest("bad_position", "no such position", "position", tuple(Position.values))
    return found


def _people(account_id: int, ids: Iterable[int]) -> list[Any]:
    wanted = set(ids)
    found = accounts.people_of(account_id).filter(pk__in=wanted)
    people = list(found)
    if len(people) < len(wanted):
        raise BadRequest("bad_caregivers", "people of this account only", "caregivers")
    return people


def _said_of(wearer: Wearer) -> dict[str, Any]:
    said: dict[str, Any] = {name: getattr(wearer, name) for name in WEARER if name not in PRIVATE}
    said["caregivers"] = sorted(str(person) for person in wearer.caregivers.all()) if wearer.pk else []
    return said


def _changed(
    wearer: Wearer, actor: Actor, before: dict[str, Any], after: dict[str, Any], private: Iterable[str]
) -> None:
    after = after | ({"private": sorted(private)} if private and before else {})
    if before == after:
        return
    verb = "wearer.changed" if before else "wearer.created"
    record_audit(actor=actor, verb=verb, subject=wearer, account_id=wearer.account_id, before=before, after=after)
    publish_on_commit(DomainEvent("care.wearer_changed", "care", wearer.account_id, "", {"id": wearer.pk}))


@transaction.atomic
def give_device(*, wearer: Wearer, device: Any, actor: Actor, now: datetime | None = None) -> Wearing:
    """From now on this wearer wears this device; whoever wore it does so no longer. Their history stays.

    Raises BadRequest("bad_device"), Conflict("worn_already") where they wear it.
    """
    now = now or timezone.now()
    if device.account_id != wearer.account_id or "care" not in device.model.cells:
        raise BadRequest("bad_device", "a wearable of the wearer's account", "device")
    Wearer.objects.select_for_update().get(pk=wearer.pk)
    before = Wearing.objects.select_for_update().select_related("wearer").filter(device=device, until_at=None).first()
    if before is not None and before.wearer_id == wearer.pk:
        raise Conflict("worn_already", "they wear it already", "device")
    if before is not None:
        take_device(wearing=before, actor=actor, now=now)
    try:
        with transaction.atomic():
            wearing = Wearing.objects.create(wearer=wearer, device=device, from_at=now, given_by=actor.text[:200])
    except IntegrityError:
        raise Conflict("worn_already", "somebody was given it at this moment", "device") from None
    _tell_board(wearing)
    _moved("wearer.device_given", wearing, actor)
    return wearing


@transaction.atomic
def take_device(*, wearing: Wearing, actor: Actor, now: datetime | None = None) -> bool:
    """They wear it no longer. False where that had ended before."""
    ended = max(now or timezone.now(), wearing.from_at)
    if not Wearing.objects.filter(pk=wearing.pk, until_at=None).update(until_at=ended):
        return False
    _moved("wearer.device_taken", wearing, actor)
    return True


def _moved(verb: str, wearing: Wearing, actor: Actor) -> None:
    account_id = wearing.wearer.account_id
    after = {"device": wearing.device_id}
    record_audit(actor=actor, verb=verb, subject=wearing.wearer, account_id=account_id, after=after)
    publish_on_commit(DomainEvent(verb.replace("wearer.", "care."), "care", account_id, wearing.device_id, {}))


@transaction.atomic
def delete_wearer(*, wearer: Wearer, actor: Actor) -> int:
    """Everything about a person goes: their notes, who wore what, their events with samples and history.

    What stays is that somebody was deleted, by whom and when. How many events went.
    """
    events = Event.objects.filter(wearer=wearer)
    account_id, id, count = wearer.account_id, wearer.pk, events.count()
    wearer.name = f"#{id}"  # the log of who did what keeps no name of them
    record_audit(actor=actor, verb="wearer.deleted", subject=wearer, account_id=account_id, before={"events": count})
    events.delete()
    wearer.delete()
    publish_on_commit(DomainEvent("care.wearer_deleted", "care", account_id, "", {"id": id}))
    return count


def note_export(*, wearer: Wearer, actor: Actor) -> None:
    record_audit(actor=actor, verb="wearer.exported", subject=wearer, account_id=wearer.account_id)
