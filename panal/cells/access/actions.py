"""What changes doors: opening one from afar, people with their cards, codes and hours, settings, alarms.

One transaction each, written to the audit log without a card's hash or a code, announced on commit.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from panal.cells.accounts.api import Actor, record_audit, system
from panal.cells.contacts import api as contacts
from panal.cells.devices import api as devices
from panal.control.events import publish_on_commit
from panal.control.preferences import ZONES
from panal.gateway.store import DomainEvent
from panal.protocol.errors import BadRequest, Conflict, Unavailable

from . import credentials, lists, machine, messages
from .models import (
    Alarm,
    AlarmState,
    Credential,
    CredentialKind,
    Door,
    Enrolment,
    Event,
    Grant,
    Holder,
    Opener,
    Schedule,
    Unknown,
    Unlock,
)
from .rules import MAX_SCHEDULES, MAX_WINDOWS

UNLOCK, ENROLL = "door.unlock", "door.enroll"
ENROLL_S = 30
UNLOCK_DEADLINE_S = 15
"""Nobody stands at a door for longer and still expects it to open."""
UNLOCKS_PER_MIN = 6
MINUTE = timedelta(minutes=1)
MOST_HOLDERS = 5_000
MOST_CREDENTIALS = 10_000
MOST_GRANTS = 20
DEFAULTS = {name: setting[0] for name, setting in machine.SETTINGS.items()}


def _news(name: str, account_id: int | None, device_id: str = "", **data: Any) -> DomainEvent:
    return DomainEvent(name, "doors", account_id, device_id, data)


# opening from afar


@transaction.atomic
def unlock_door(*, device: Any, reason: str, actor: Actor) -> Unlock:
    """Ask a door to open, now or not at all: its answer, or that there was none, is the command's outcome.

    Raises BadRequest("bad_reason"), Conflict("door_offline"), Unavailable("too_many_unlocks").
    """
    reason = _line(reason, "reason", messages.MAX_NOTE)
    _take_a_turn(actor)
    if not device.is_online:
        raise Conflict("door_offline", "the door is not connected: nothing was sent")
    [command] = devices.queue_commands(
        name=UNLOCK, orders=[(device, messages.build_unlock(reason))], actor=actor, deadline_s=UNLOCK_DEADLINE_S
    )
    unlock = Unlock.objects.create(
        device=device,
        account_id=device.account_id,
        user=actor.user,
        asked_by=actor.text[:200],
        asked_at=command.issued_at,
        reason=reason,
        command=command,
    )
    after = {"reason": reason, "command": str(command.pk)}
    record_audit(actor=actor, verb="door.unlock_asked", subject=device, account_id=device.account_id, after=after)
    publish_on_commit(_news("door.unlock_asked", device.account_id, device.pk))
    return unlock


def _take_a_turn(actor: Actor) -> None:
    """Counted by rows, so that every replica counts the same; refused tries do not count."""
    if actor.user is None:
        return
    Opener.objects.get_or_create(user=actor.user)
    Opener.objects.select_for_update().get(user=actor.user)
    now = timezone.now()
    recent = Unlock.objects.filter(user=actor.user, asked_at__gt=now - MINUTE).order_by("-asked_at")
    times = list(recent.values_list("asked_at", flat=True)[:UNLOCKS_PER_MIN])
    if len(times) == UNLOCKS_PER_MIN:
        wait_s = (times[-1] + MINUTE - now).total_seconds()
        raise Unavailable("too_many_unlocks", f"{UNLOCKS_PER_MIN} a minute", retry_after_s=max(1, round(wait_s)))


# alarms


@transaction.atomic
def acknowledge_alarms(*, alarms: Iterable[Alarm], actor: Actor) -> int:
    """A person has seen them. How many were still open; who was first stays."""
    now, known = timezone.now(), []
    for alarm in alarms:
        still = Alarm.objects.filter(pk=alarm.pk, state=AlarmState.OPEN)
        if not still.update(state=AlarmState.ACKNOWLEDGED, acknowledged_at=now, acknowledged_by=actor.text[:200]):
            continue
        known.append(alarm.pk)
        record_audit(
            actor=actor,
            verb="door.alarm_acknowledged",
            subject=alarm.device,
            account_id=alarm.account_id,
            after={"alarm": alarm.kind},
        )
        publish_on_commit(_news("door.alarm_acknowledged", alarm.account_id, alarm.device_id, kind=alarm.kind))
    uids = Event.objects.filter(pk__in=known).values_list("uid", flat=True)
    contacts.acknowledge([f"access/{uid}" for uid in uids], actor, now)
    return len(known)


@transaction.atomic
def acknowledge_told(uid: str, by: str) -> bool:
    """Somebody took the alert where they were told of it: the door's alarm knows. Whether that was news."""
    alarm = Alarm.objects.filter(event__uid=uid.removeprefix("access/")).first()
    return alarm is not None and bool(by) and acknowledge_alarms(alarms=[alarm], actor=system(by)) == 1


# schedules


@transaction.atomic
def save_schedule(
    *,
    account_id: int,
    name: str,
    windows: Iterable[Iterable[int]],
    actor: Actor,
    when_unknown: str = Unknown.DENY,
    schedule: Schedule | None = None,
) -> Schedule:
    """A new schedule, or `schedule` changed. Raises BadRequest, Conflict("name_taken", "too_many_schedules")."""
    before = {} if schedule is None else _said_of(schedule)
    row = schedule or Schedule(account_id=account_id)
    if schedule is None and Schedule.objects.filter(account_id=account_id).count() >= MAX_SCHEDULES:
        raise Conflict("too_many_schedules", f"at most {MAX_SCHEDULES} schedules")
    row.name = _line(name, "name", 80)
    row.windows = _windows(windows)
    row.when_unknown = _unknown(when_unknown)
    _save(row)
    _changed("schedule", row, actor, before, _said_of(row))
    lists.renew(lists.doors_of_schedule(row))
    return row


@transaction.atomic
def delete_schedule(*, schedule: Schedule, actor: Actor) -> None:
    """Raises Conflict("schedule_in_use"): who came in at its hours would else come in at any time, or never."""
    if schedule.grants.exists():
        raise Conflict("schedule_in_use", "take it from the people that have it first")
    _changed("schedule", schedule, actor, _said_of(schedule), {})
    schedule.delete()


def _said_of(schedule: Schedule) -> dict[str, Any]:
    return {
        "name": schedule.name,
        "windows": schedule.windows,
        "when_unknown": str(schedule.when_unknown),
    }


def _windows(windows: Iterable[Iterable[int]]) -> list[list[int]]:
    found = [list(window) for window in windows]
    if not 1 <= len(found) <= MAX_WINDOWS:
        raise BadRequest("bad_windows", f"1 to {MAX_WINDOWS} stretches of time", "windows")
    for window in found:
        if len(window) != 3 or not 1 <= window[0] <= 127 or not 0 <= window[1] < window[2] <= 1440:
            raise BadRequest("bad_windows", "weekdays 1 to 127, and minutes from < until <= 1440", "windows")
    return sorted(found)


def _unknown(choice: str) -> str:
    if choice not in Unknown.values:
        raise BadRequest("bad_when_unknown", "deny or allow", "when_unknown", tuple(Unknown.values))
    return choice


def _range(from_on: date | None, until_on: date | None) -> tuple[date | None, date | None]:
    if from_on and until_on and until_on < from_on:
        raise BadRequest("bad_range", "the last day is before the first", "until_on")
    return from_on, until_on


# people


@transaction.atomic
def save_holder(
    *,
    account_id: int,
    name: str,
    actor: Actor,
    grants: Iterable[Mapping[str, Any]] | None = None,
    is_blocked: bool = False,
    from_on: date | None = None,
    until_on: date | None = None,
    when_unknown: str = Unknown.DENY,
    holder: Holder | None = None,
) -> Holder:
    """A new person, or `holder` changed. `grants`: each with device, group (or neither) and schedule; None leaves them.

    Raises BadRequest, Conflict("name_taken", "too_many_people").
    """
    if holder is None and Holder.objects.filter(account_id=account_id).count() >= MOST_HOLDERS:
        raise Conflict("too_many_people", f"at most {MOST_HOLDERS} people")
    row = holder or Holder(account_id=account_id)
    before = {} if holder is None else _said_of_holder(row)
    reached = lists.doors_of_holder(row) if holder else set()
    row.name, row.is_blocked = _line(name, "name", 80), is_blocked
    row.from_on, row.until_on = _range(from_on, until_on)
    row.when_unknown = _unknown(when_unknown)
    _save(row)
    if grants is not None:
        _grant(row, list(grants))
    _changed("holder", row, actor, before, _said_of_holder(row))
    lists.renew(reached | lists.doors_of_holder(row))
    return row


def _grant(holder: Holder, grants: list[Mapping[str, Any]]) -> None:
    if len(grants) > MOST_GRANTS:
        raise BadRequest("too_many_grants", f"at most {MOST_GRANTS}", "grants")
    rows = [Grant(holder=holder, **grant) for grant in grants]
    for row in rows:
        if row.device is not None and row.group is not None:
            raise BadRequest("bad_grant", "a door or a group of doors", "grants")
        for place in (row.device, row.group, row.schedule):
            if place is not None and place.account_id != holder.account_id:
                raise BadRequest("bad_grant", "it belongs to another account", "grants")
    holder.grants.all().delete()
    Grant.objects.bulk_create(rows)


def _said_of_holder(holder: Holder) -> dict[str, Any]:
    grants = holder.grants.select_related("device", "group", "schedule") if holder.pk else []
    return {
        "name": holder.name,
        "is_blocked": holder.is_blocked,
        "from_on": str(holder.from_on or ""),
        "until_on": str(holder.until_on or ""),
        "when_unknown": str(holder.when_unknown),
        "doors": sorted(f"{grant.device or grant.group or '*'} {grant.schedule or ''}".strip() for grant in grants),
    }


@transaction.atomic
def delete_holder(*, holder: Holder, actor: Actor) -> None:
    """They come in nowhere any more; the log keeps their name."""
    reached = lists.doors_of_holder(holder)
    _changed("holder", holder, actor, {"name": holder.name}, {})
    holder.delete()
    lists.renew(reached)


@transaction.atomic
def add_code(*, holder: Holder, code: str, actor: Actor, label: str = "") -> Credential:
    """Digits that a person types at the keypad or turns at the knob ("364" or "3-6-10"). Never shown again.

    Raises BadRequest("bad_code"), Conflict("code_taken").
    """
    return _add(holder, CredentialKind.CODE, credentials.code_text(credentials.digits_of(code, "code")), label, actor)


@transaction.atomic
def add_card(*, holder: Holder, number: str, actor: Actor, label: str = "") -> Credential:
    """A card by its UID: 8, 14 or 20 hexadecimal digits, as readers print it. Never shown again.

    Raises BadRequest("bad_card"), Conflict("card_taken").
    """
    return _add(holder, CredentialKind.CARD, credentials.number_of(number), label, actor)


def _add(holder: Holder, kind: str, secret: str, label: str, actor: Actor) -> Credential:
    if Credential.objects.filter(account_id=holder.account_id).count() >= MOST_CREDENTIALS:
        raise Conflict("too_many_cards", f"at most {MOST_CREDENTIALS} cards and codes")
    row = Credential(
        account_id=holder.account_id,
        holder=holder,
        kind=kind,
        label=_line(label, "label", 40, empty=True),
        fingerprint=credentials.fingerprint(holder.account_id, kind, secret),
        secret_encrypted=credentials.seal(holder.account_id, kind, secret),
        created_at=timezone.now(),
    )
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise Conflict(f"{kind}_taken", "somebody has this one already", kind) from None
    _about(row, f"holder.{kind}_added", actor)
    lists.renew(lists.doors_of_holder(holder))
    return row


@transaction.atomic
def delete_credential(*, credential: Credential, actor: Actor) -> None:
    """A lost card, a code that went round: it opens nothing from the moment a door has its new list."""
    _about(credential, f"holder.{credential.kind}_removed", actor)
    credential.delete()
    lists.renew(lists.doors_of_holder(credential.holder))


def _about(credential: Credential, verb: str, actor: Actor) -> None:
    record_audit(
        actor=actor,
        verb=verb,
        subject=credential.holder,
        account_id=credential.account_id,
        after={"label": credential.label},
    )
    publish_on_commit(_news("door.people_changed", credential.account_id))


# enrolment at a reader


@transaction.atomic
def begin_enrolment(*, device: Any, holder: Holder, actor: Actor, label: str = "") -> Enrolment:
    """The next card that is held to this reader becomes the holder's.

    Raises BadRequest("bad_holder"), Conflict("door_offline", "enrolling_already").
    """
    if holder.account_id != device.account_id:
        raise BadRequest("bad_holder", "this person is of another account", "holder")
    if not device.is_online:
        raise Conflict("door_offline", "the door is not connected: nothing was sent")
    if Enrolment.objects.filter(device=device, state="waiting", command__status__in=devices.OPEN).exists():
        raise Conflict("enrolling_already", "this reader waits for a card already")
    [command] = devices.queue_commands(
        name=ENROLL,
        orders=[(device, messages.build_enroll(ENROLL_S))],
        actor=actor,
        deadline_s=ENROLL_S + UNLOCK_DEADLINE_S,
    )
    enrolment = Enrolment.objects.create(
        device=device,
        holder=holder,
        label=_line(label, "label", 40, empty=True),
        asked_by=actor.text[:200],
        asked_at=command.issued_at,
        command=command,
    )
    publish_on_commit(_news("door.enrolling", device.account_id, device.pk))
    return enrolment


# settings


@transaction.atomic
def change_settings(*, device: Any, settings: Mapping[str, Any], actor: Actor) -> Any:
    """What a door should be set to from now on: pending until the board reports it. Raises BadRequest.

    None puts a setting back to its default. `combination` is digits, which go out as a keyed hash; the audit log says
    that it changed and nothing more.
    """
    patch: dict[str, Any] = dict(settings)
    combination = patch.pop("combination", None)
    if unknown := next((name for name in patch if name not in DEFAULTS), None):
        raise BadRequest("unknown_field", "no such setting", unknown)
    messages.check_settings({name: value for name, value in patch.items() if value is not None})
    after = dict(patch)
    if combination is not None:
        if not isinstance(combination, str):
            raise BadRequest("bad_code", "digits as a text", "combination")
        length = patch.get("code_length") or lists.setting_of(device, "code_length")
        patch["combination"] = credentials.combination(
            device, credentials.digits_of(combination, "combination", length)
        )
        after["combination"] = "…"
    twin, before = devices.lay_desired(device=device, patch={"access": patch})
    if before is not None:
        old = before["access"] or {}
        record_audit(
            actor=actor,
            verb="door.settings_changed",
            subject=device,
            account_id=device.account_id,
            before={name: "…" if name == "combination" else old.get(name) for name in after if name in old},
            after=after,
        )
        publish_on_commit(_news("door.settings_changed", device.account_id, device.pk))
    return twin


@transaction.atomic
def set_time_zone(*, device: Any, time_zone: str, actor: Actor) -> None:
    """By which clock the door's schedules are read; "" is the server's own. Raises BadRequest("bad_time_zone")."""
    if time_zone and time_zone not in ZONES:
        raise BadRequest("bad_time_zone", "a name such as Europe/Madrid", "time_zone")
    before = lists.own_zone(device)
    if before == time_zone:
        return
    values = {"owned_at": device.owned_at, "time_zone": time_zone}
    Door.objects.update_or_create(device_id=device.pk, defaults=values)
    record_audit(
        actor=actor,
        verb="door.settings_changed",
        subject=device,
        account_id=device.account_id,
        before={"time_zone": before},
        after={"time_zone": time_zone},
    )
    lists.renew([device.pk])


# what they share


def _line(text: str, field: str, longest: int, empty: bool = False) -> str:
    text = text.strip()
    if (not text and not empty) or len(text) > longest or not text.isprintable():
        raise BadRequest(f"bad_{field}", f"{field}: 1 to {longest} printable characters", field)
    return text


def _save(row: models.Model) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise Conflict("name_taken", f"{row} exists already", "name") from None


def _changed(
    what: str, row: Schedule | Holder, actor: Actor, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    verb = f"{what}.{'deleted' if not after else 'changed' if before else 'created'}"
    if dict(before) != dict(after):
        record_audit(actor=actor, verb=verb, subject=row, account_id=row.account_id, before=before, after=after)
    publish_on_commit(_news("door.people_changed", row.account_id))
