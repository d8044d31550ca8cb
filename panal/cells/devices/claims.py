"""Whose a device is: claimed with the code on its label, released, handed over, moved by staff.

A device that changes hands takes nothing of its people along: what it measured and wrote, what was asked of it, its
name and its places are deleted. What other cells keep belongs to the account of that time, and stays with it.
"""

import hmac
import ipaddress
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from panal.cells.accounts.api import Actor, record_audit
from panal.control.events import publish_on_commit
from panal.gateway.store import DomainEvent
from panal.protocol.errors import BadRequest, Conflict, Unavailable

from .actions import claim_hash, word
from .models import ClaimTries, Command, Device, Group, LogLine, State, TelemetryPoint, TelemetrySlot, Twin

HANDED_OVER = timedelta(days=30)
"""How long the code lives that a person gives to the next owner."""
FREE_TRIES = {"person": 3, "address": 20}
"""Many people may sit behind one address."""
FIRST_WAIT_S = 5
LONGEST_WAIT_S = 3600
FORGIVEN_AFTER = timedelta(days=1)

FORGOTTEN: dict[str, Any] = {
    "name": "",
    "sector": None,
    "claim_code_sha256": None,
    "claim_expires_at": None,
    "is_online": False,
    "session": "",
    "online_changed_at": None,
    "last_seen_at": None,
    "battery_pct": None,
    "rssi_dbm": None,
    "ip": "",
    "free_heap_bytes": None,
    "uptime_s": None,
    "reset_cause": "",
    "boot_count": None,
    "mode": "",
    "heartbeat_s": None,
}
"""What stands in a device's row about the home it was in."""


def claim_device(*, device_id: str, code: str, account_id: int, actor: Actor, now: datetime | None = None) -> Device:
    """A person who holds the label makes the device their account's. The code opens it once.

    Raises BadRequest("wrong_claim"), the same for an unknown id, a wrong, used or expired code; Conflict
    ("already_claimed") for who has the code of a device that was sold to somebody; Unavailable("too_many_tries").
    """
    now = now or timezone.now()
    who = list(_who(actor))
    _count_a_try(who, now)
    device = _claim(device_id.strip(), "".join(code.split()).replace("-", "").upper(), account_id, actor, now)
    _forgive(who)
    return device


@transaction.atomic
def _claim(device_id: str, code: str, account_id: int, actor: Actor, now: datetime) -> Device:
    known = {device.pk: device for device in _locked(device_id, device_id.upper())}
    device = known.get(device_id) or known.get(device_id.upper())
    if not _opens(device, code, now) or device is None:
        raise BadRequest("wrong_claim", "no device can be claimed with this id and code", "code")
    if device.account_id is not None:
        raise Conflict("already_claimed", "the device is in an account: its owner has to release it", "device")
    _change_hands(device, account_id, now)
    record_audit(actor=actor, verb="device.claimed", subject=device, account_id=account_id)
    return device


def _locked(*ids: str) -> list[Device]:
    return list(Device.objects.select_for_update().filter(pk__in=set(ids)).order_by("pk"))


def _opens(device: Device | None, code: str, now: datetime) -> bool:
    """As much work for an unknown id as for a wrong code."""
    stored = bytes(device.claim_code_sha256 or b"") if device is not None else b""
    is_same = hmac.compare_digest(stored, claim_hash(device.pk if device else "", code))
    if device is None or device.claim_expires_at is None or device.state == State.REVOKED:
        return False
    return is_same and device.claim_expires_at > now


# who tries too often


def _who(actor: Actor) -> Iterator[str]:
    """The person, and where they are: of IPv6 the network, because a house has 2^64 addresses."""
    if actor.user is not None:
        yield f"person:{actor.user.pk}"
    try:
        address = ipaddress.ip_address(actor.address.partition("%")[0])
    except ValueError:
        return
    yield f"address:{ipaddress.ip_network((address, 64 if address.version == 6 else 32), strict=False)}"


@transaction.atomic
def _count_a_try(who: list[str], now: datetime) -> None:
    """Before it is known how the try ends, so that many at once are counted as many."""
    for name in sorted(who):
        # in one step: between two, somebody else's luck may take the row away
        tries, _ = ClaimTries.objects.select_for_update().get_or_create(who=name, defaults={"last_at": now})
        if tries.blocked_until and tries.blocked_until > now:
            raise _too_many((tries.blocked_until - now).total_seconds())
        tries.count = 1 if now - tries.last_at > FORGIVEN_AFTER else tries.count + 1
        # none rather than "until now": somebody whose try began a moment earlier would be held up by it
        wait_s = _wait_s(tries)
        tries.last_at, tries.blocked_until = now, now + timedelta(seconds=wait_s) if wait_s else None
        tries.save()


def _too_many(wait_s: float) -> Unavailable:
    return Unavailable("too_many_tries", "too many tries", retry_after_s=max(1, round(wait_s)))


def _wait_s(tries: ClaimTries) -> int:
    over = tries.count - FREE_TRIES[tries.who.partition(":")[0]]
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(over, 16)) if over >= 0 else 0


def _forgive(who: list[str]) -> None:
    """Who has claimed a device did not guess: their tries are forgotten, and this one of their address."""
    ClaimTries.objects.filter(who__in=[name for name in who if name.startswith("person:")]).delete()
    address = [name for name in who if name.startswith("address:")]
    ClaimTries.objects.filter(who__in=address, count__gt=0).update(count=F("count") - 1, blocked_until=None)


def prune(now: datetime) -> int:
    """Tries that are forgiven."""
    return ClaimTries.objects.filter(last_at__lt=now - FORGIVEN_AFTER).delete()[0]


# away


@transaction.atomic
def release_device(*, device: Device, actor: Actor) -> None:
    """The owner gives a device back: it is nobody's. Raises Conflict("not_claimed", "revoked")."""
    _let_go(device, actor, "device.released")


@transaction.atomic
def hand_over_device(*, device: Device, actor: Actor) -> str:
    """The owner gives a device to somebody else: the code with which they claim it, shown once.

    Raises Conflict("not_claimed", "revoked").
    """
    locked = _let_go(device, actor, "device.handed_over")
    return _new_code(locked)


@transaction.atomic
def make_claim_code(*, device: Device, actor: Actor) -> str:
    """Staff: a new code for a device that is nobody's, shown once. Raises Conflict("already_claimed", "revoked")."""
    locked = _lock(device)
    if locked.account_id is not None:
        raise Conflict("already_claimed", "the device is in an account", "device")
    record_audit(actor=actor, verb="device.claim_code_made", subject=locked)
    return _new_code(locked)


@transaction.atomic
def move_device(*, device: Device, account_id: int | None, actor: Actor) -> Device:
    """Staff gives a device to a customer, or takes it back. Nothing of the one before goes with it."""
    locked = _lock(device)
    before = locked.account_id
    if before == account_id:
        return locked
    # each account's audit log has its own half, and no word of the other account
    if before is not None:
        record_audit(actor=actor, verb="device.taken_away", subject=locked, account_id=before)
    _change_hands(locked, account_id, timezone.now())
    if account_id is not None:
        record_audit(actor=actor, verb="device.assigned", subject=locked, account_id=account_id)
    return locked


def _let_go(device: Device, actor: Actor, verb: str) -> Device:
    locked = _lock(device)
    if locked.account_id is None or locked.account_id != device.account_id:
        raise Conflict("not_claimed", "the device is in no account any more", "device")
    record_audit(actor=actor, verb=verb, subject=locked, account_id=locked.account_id)
    _change_hands(locked, None, timezone.now())
    return locked


def _lock(device: Device) -> Device:
    [locked] = _locked(device.pk)
    if locked.state == State.REVOKED:
        raise Conflict("revoked", "a revoked device stays where it is")
    return locked


def _new_code(device: Device) -> str:
    code = word(8)
    values = {"claim_code_sha256": claim_hash(device.pk, code), "claim_expires_at": timezone.now() + HANDED_OVER}
    Device.objects.filter(pk=device.pk).update(**values)
    return code


def _change_hands(device: Device, account_id: int | None, now: datetime) -> None:
    """Out of one account, into another or none. Its connection is closed, so that it begins anew."""
    publish_on_commit(_news(device, "device.removed"))
    _forget(device)
    changed = FORGOTTEN | {"account_id": account_id, "session_at": now, "owned_at": now}
    Device.objects.filter(pk=device.pk).update(**changed)
    device.refresh_from_db()
    publish_on_commit(_news(device, "device.added"), _news(device, "device.token_changed"))


def _news(device: Device, name: str) -> DomainEvent:
    return DomainEvent(name, "devices", device.account_id, device.pk, {})


def _forget(device: Device) -> None:
    """The desired version goes on rising: the board keeps the newest it has seen."""
    for kept in (Command, TelemetryPoint, TelemetrySlot, LogLine):
        kept.objects.filter(device=device).delete()
    Group.devices.through.objects.filter(device_id=device.pk).delete()
    empty: dict[str, Any] = {
        "desired": {},
        "desired_at": None,
        "reported": {},
        "reported_version": 0,
        "reported_at": None,
    }
    Twin.objects.filter(device=device).update(desired_version=F("desired_version") + 1, **empty)
