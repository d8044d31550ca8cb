"""What changes contacts, channels, teams, policies and alerts: one transaction each, audited without secrets."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from panal.cells.accounts import api as accounts
from panal.cells.accounts.api import Actor, record_audit
from panal.control.events import publish_on_commit
from panal.control.identifiers import time_ordered
from panal.control.preferences import ZONES
from panal.gateway.store import DomainEvent
from panal.protocol.errors import BadRequest, Conflict, Unavailable

from . import alarms, channels, policies
from .kinds import kinds
from .models import (
    Alert,
    Channel,
    Comment,
    Contact,
    Delivery,
    DeliveryState,
    Notice,
    NoticeState,
    Policy,
    Purpose,
    Team,
    Urgency,
)
from .recorder import Job, language_of, send_notice, time_zone_of

MOST_CONTACTS = 2_000
MOST_CHANNELS = 12
MOST_TEAMS = 200
TESTS_PER_MIN = 10
MOST_COMMENTS = 500
LANGUAGES = ("", "es", "en")


def _announce(account_id: int | None, name: str = "contacts.changed") -> None:
    publish_on_commit(DomainEvent(name, "contacts", account_id, "", {}))


# alerts


def acknowledge_alert(*, alert: Alert, actor: Actor, contact: Contact | None = None) -> bool:
    """Whether this is who knew first. With `contact` it is somebody who followed the link in their message."""
    now = timezone.now()
    return alarms.acknowledge([alert.uid], actor, now, contact.pk if contact else None) == 1


@transaction.atomic
def clear_alert(*, alert: Alert, actor: Actor, reason: str = "") -> bool:
    """It is over: everybody who was told hears so."""
    reason = _line(reason, "reason", 200, empty=True)
    if not alarms.clear_alarms([alert.uid], actor.text, timezone.now(), reason):
        return False
    record_audit(
        actor=actor, verb="alert.cleared", subject=alert, account_id=alert.account_id, after={"reason": reason}
    )
    return True


@transaction.atomic
def comment_on(*, alert: Alert, text: str, actor: Actor) -> Comment:
    if alert.comments.count() >= MOST_COMMENTS:
        raise Conflict("too_many", f"at most {MOST_COMMENTS}")
    comment = Comment.objects.create(
        alert=alert, at=timezone.now(), who=actor.text[:200], text=_text(text, "text", 1000)
    )
    publish_on_commit(DomainEvent("alert.commented", "alerts", alert.account_id, alert.device_id, {}))
    return comment


# contacts


@transaction.atomic
def save_contact(
    *,
    account_id: int,
    name: str,
    actor: Actor,
    language: str = "",
    time_zone: str = "",
    quiet_from_min: int | None = None,
    quiet_until_min: int | None = None,
    contact: Contact | None = None,
) -> Contact:
    """A new contact, or `contact` changed. Raises BadRequest, Conflict("name_taken", "too_many_people")."""
    if contact is None and Contact.objects.filter(account_id=account_id).count() >= MOST_CONTACTS:
        raise Conflict("too_many_people", f"at most {MOST_CONTACTS}")
    row = contact or Contact(account_id=account_id)
    before = {} if contact is None else _said_of(row)
    row.name = _line(name, "name", 80)
    row.language, row.time_zone = _choice(language, LANGUAGES, "language"), _zone(time_zone)
    row.quiet_from_min, row.quiet_until_min = _quiet(quiet_from_min, quiet_until_min)
    _save(row)
    _changed("contact", row, actor, before, _said_of(row))
    return row


def _quiet(begin: int | None, end: int | None) -> tuple[int | None, int | None]:
    if begin is None or end is None or begin == end:
        return None, None
    if not (0 <= begin < 1440 and 0 <= end < 1440):
        raise BadRequest("bad_quiet_hours", "minutes of a day", "quiet_from_min")
    return begin, end


def _said_of(contact: Contact) -> dict[str, Any]:
    names = ("name", "language", "time_zone", "quiet_from_min", "quiet_until_min")
    return {name: getattr(contact, name) for name in names}


@transaction.atomic
def delete_contact(*, contact: Contact, actor: Actor) -> None:
    """They are told nothing more; what they were told stays in the alerts with their name."""
    _changed("contact", contact, actor, {"name": contact.name}, {})
    contact.delete()


def own_contact(*, account_id: int, user: Any) -> Contact:
    return policies.contact_of(account_id, user)


# channels


@transaction.atomic
def add_channel(*, contact: Contact, kind: str, fields: Mapping[str, str], actor: Actor, label: str = "") -> Channel:
    """One more way to reach somebody, tried after the others. Never shown again.

    Raises BadRequest, Conflict("channel_taken", "too_many_channels").
    """
    checked = channels.checked(kind, fields)
    return _add(Channel(contact=contact, kind=kind, label=_line(label, "label", 80, empty=True)), checked, actor)


def _add(channel: Channel, fields: Mapping[str, Any], actor: Actor, place: int | None = None) -> Channel:
    own = list(channel.contact.channels.all())
    if len(own) >= MOST_CHANNELS:
        raise Conflict("too_many_channels", f"at most {MOST_CHANNELS}")
    channel.place = max((one.place for one in own), default=-1) + 1 if place is None else place
    channels.seal(channel, fields)
    try:
        with transaction.atomic():
            channel.save()
    except IntegrityError:
        raise Conflict("channel_taken", "this contact has it already") from None
    _about(channel, "channel.added", actor)
    return channel


@transaction.atomic
def change_channel(*, channel: Channel, actor: Actor, is_on: bool | None = None, is_first: bool = False) -> Channel:
    """Turn it on or off, or have it tried before the others."""
    if is_on is not None:
        channel.is_on = is_on
    if is_first:
        others = [one for one in channel.contact.channels.all() if one.pk != channel.pk]
        for place, other in enumerate(others, 1):
            Channel.objects.filter(pk=other.pk).update(place=place)
        channel.place = 0
    channel.save(update_fields=["is_on", "place"])
    _about(channel, "channel.changed", actor)
    return channel


@transaction.atomic
def delete_channel(*, channel: Channel, actor: Actor) -> None:
    _about(channel, "channel.removed", actor)
    channel.delete()


def _about(channel: Channel, verb: str, actor: Actor) -> None:
    contact = channel.contact
    after = {"contact": contact.name, "kind": channel.kind, "provider": channel.provider, "is_on": channel.is_on}
    record_audit(actor=actor, verb=verb, subject=channel, account_id=contact.account_id, after=after)
    _announce(contact.account_id)


def test_channel(*, channel: Channel, actor: Actor) -> Delivery:
    """Send something harmless through it, now; the answer is the provider's. Raises Unavailable("too_many_tests")."""
    contact, now = channel.contact, timezone.now()
    recent = Notice.objects.filter(
        purpose=Purpose.TEST, contact__account=contact.account_id, created_at__gt=now - timedelta(minutes=1)
    )
    if recent.count() >= TESTS_PER_MIN:
        raise Unavailable("too_many_tests", f"{TESTS_PER_MIN} a minute", retry_after_s=60)
    notice = Notice.objects.create(
        id=time_ordered(now), contact=contact, contact_name=contact.name, purpose=Purpose.TEST, created_at=now,
        due_at=now, state=NoticeState.FAILED,
    )  # fmt: skip
    answer = send_notice(_test_job(notice, channel, contact), 0)
    return _note_test(notice, channel, answer)


test_channel.__test__ = False  # type: ignore[attr-defined]  # not one of pytest's


def _test_job(notice: Notice, channel: Channel, contact: Contact) -> Job:
    sealed = (str(channel.pk), channel.kind, channel.provider, bytes(channel.secret_encrypted))
    address = contact.user.email if contact.user else ""
    return Job(
        str(notice.pk), Purpose.TEST, 0, 0, contact.pk, language_of(contact), time_zone_of(contact), address, None,
        (sealed,),
    )  # fmt: skip


@transaction.atomic
def _note_test(notice: Notice, channel: Channel, answer: channels.Answer) -> Delivery:
    now = timezone.now()
    state = DeliveryState.SENT if answer.is_sent else DeliveryState.FAILED
    Notice.objects.filter(pk=notice.pk).update(
        state=NoticeState.SENT if answer.is_sent else NoticeState.FAILED, done_at=now
    )
    field = "worked_at" if answer.is_sent else "failed_at"
    Channel.objects.filter(pk=channel.pk).update(answer=answer.text, **{field: now})
    _announce(channel.contact.account_id)
    return Delivery.objects.create(
        notice=notice, channel=channel, kind=channel.kind, provider=channel.provider, state=state, answer=answer.text,
        at=now, latency_ms=answer.latency_ms,
    )  # fmt: skip


# phones and browsers


@transaction.atomic
def subscribe(*, user: Any, subscription: Mapping[str, Any], label: str, actor: Actor) -> int:
    """This browser is told of what happens in every account of this person. How many accounts these are."""
    fields = channels.checked_subscription(subscription)
    count = 0
    for account in accounts.accounts_of_member(user):
        contact = policies.contact_of(account.pk, user)
        channel = Channel(contact=contact, kind="push", label=label[:80])
        channels.seal(channel, fields)
        if not contact.channels.filter(fingerprint=channel.fingerprint).exists():
            _add(channel, fields, actor, place=0)  # before the mail, which nobody hears at night
        count += 1
    return count


@transaction.atomic
def unsubscribe(*, user: Any, subscription: Mapping[str, Any], actor: Actor) -> int:
    """How many channels went."""
    probe = Channel(kind="push")
    channels.seal(probe, channels.checked_subscription(subscription))
    found = list(Channel.objects.filter(contact__user=user, kind="push", fingerprint=probe.fingerprint))
    for channel in found:
        delete_channel(channel=channel, actor=actor)
    return len(found)


# teams


@transaction.atomic
def save_team(
    *, account_id: int, name: str, contacts: Iterable[Contact], actor: Actor, team: Team | None = None
) -> Team:
    """Raises BadRequest, Conflict("name_taken")."""
    people = list(contacts)
    if any(contact.account_id != account_id for contact in people):
        raise BadRequest("bad_contacts", "they belong to another account", "contacts")
    if team is None and Team.objects.filter(account_id=account_id).count() >= MOST_TEAMS:
        raise Conflict("too_many", f"at most {MOST_TEAMS}")
    row = team or Team(account_id=account_id)
    row.name = _line(name, "name", 80)
    _save(row)
    row.contacts.set(people)
    _changed("team", row, actor, {} if team is None else {"name": team.name}, {"name": row.name, "people": len(people)})
    return row


@transaction.atomic
def delete_team(*, team: Team, actor: Actor) -> None:
    _changed("team", team, actor, {"name": team.name}, {})
    team.delete()


# policies


@transaction.atomic
def save_policy(
    *,
    account_id: int,
    steps: Iterable[Mapping[str, Any]],
    actor: Actor,
    kind: str = "",
    urgency: str = "",
    repeats: int = 0,
    repeat_after_s: int = 600,
) -> Policy:
    """Who is told of this kind (or urgency, or of everything), in which order. It counts from the next step on.

    Raises BadRequest.
    """
    if kind and kind not in kinds():
        raise BadRequest("bad_kind", "no such kind of alert", "kind", tuple(kinds()))
    _choice(urgency, ("", *Urgency.values), "urgency")
    if kind and urgency:
        raise BadRequest("bad_scope", "a kind or an urgency, not both", "urgency")
    if not 0 <= repeats <= policies.MAX_REPEATS or not 30 <= repeat_after_s <= policies.MAX_DELAY_S:
        raise BadRequest("bad_repeats", f"0 to {policies.MAX_REPEATS}, after 30 s to a day", "repeats")
    row, is_new = Policy.objects.get_or_create(account_id=account_id, kind=kind, urgency=urgency)
    before = {} if is_new else {"steps": row.steps, "repeats": row.repeats}
    row.steps, row.repeats, row.repeat_after_s = _steps(account_id, steps), repeats, repeat_after_s
    row.save()
    _changed("policy", row, actor, before, {"steps": row.steps, "repeats": row.repeats})
    return row


def _steps(account_id: int, steps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "after_s": int(step.get("after_s", 0)) if place else 0,
            "contacts": sorted(set(step.get("contacts", ()))),
            "teams": sorted(set(step.get("teams", ()))),
            "roles": sorted(set(step.get("roles", ()))),
        }
        for place, step in enumerate(steps)
    ]
    if not 1 <= len(found) <= policies.MAX_STEPS:
        raise BadRequest("bad_steps", f"1 to {policies.MAX_STEPS} steps", "steps")
    for step in found:
        if not 0 <= step["after_s"] <= policies.MAX_DELAY_S:
            raise BadRequest("bad_delay", "at most a day", "steps")
        if not (step["contacts"] or step["teams"] or step["roles"]) or not set(step["roles"]) <= set(policies.ROLES):
            raise BadRequest("bad_steps", "each step tells somebody", "steps")
    own = set(Contact.objects.filter(account_id=account_id).values_list("pk", flat=True))
    own_teams = set(Team.objects.filter(account_id=account_id).values_list("pk", flat=True))
    if not all(set(step["contacts"]) <= own and set(step["teams"]) <= own_teams for step in found):
        raise BadRequest("bad_steps", "contacts and teams of this account", "steps")
    return found


@transaction.atomic
def delete_policy(*, policy: Policy, actor: Actor) -> None:
    """What came before it counts again: the policy of everything, or ours."""
    _changed("policy", policy, actor, {"steps": policy.steps}, {})
    policy.delete()


# shared


def _changed(what: str, row: Any, actor: Actor, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    verb = f"{what}.{'created' if not before else 'changed' if after else 'deleted'}"
    if before == after:
        return
    record_audit(actor=actor, verb=verb, subject=row, account_id=row.account_id, before=before, after=after)
    _announce(row.account_id)


def _save(row: Any) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise Conflict("name_taken", "there is one with this name", "name") from None


def _line(text: str, field: str, longest: int, *, empty: bool = False) -> str:
    text = text.strip()
    if (not text and not empty) or len(text) > longest or not text.isprintable():
        raise BadRequest(f"bad_{field}", f"1 to {longest} printable characters", field)
    return text


def _text(text: str, field: str, longest: int) -> str:
    """Several lines."""
    text = text.strip().replace("\r\n", "\n")
    if not text or len(text) > longest or not all(part.isprintable() for part in text.split("\n")):
        raise BadRequest(f"bad_{field}", f"1 to {longest} characters", field)
    return text


def _choice(value: str, allowed: Iterable[str], field: str) -> str:
    if value not in allowed:
        raise BadRequest(f"bad_{field}", "not one of them", field, tuple(allowed))
    return value


def _zone(name: str) -> str:
    if name and name not in ZONES:
        raise BadRequest("bad_time_zone", "no such time zone", "time_zone")
    return name
