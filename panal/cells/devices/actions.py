"""What changes devices: one transaction each, written to the audit log, announced on commit."""

import re
import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone

from panal.cells import cards
from panal.cells.accounts.api import Actor, audit_entry, record_audit, record_audits
from panal.control import vault
from panal.control.events import publish_on_commit
from panal.control.instants import instant, milliseconds
from panal.gateway.store import DomainEvent
from panal.protocol import codec, keys, twin
from panal.protocol import command as wire
from panal.protocol.errors import BadRequest, Conflict

from .catalog import MODELS
from .models import OPEN, Batch, Command, CommandStatus, Device, Group, Sector, State, Twin

AnyPlace = TypeVar("AnyPlace", Sector, Group)

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without I, O, 0 and 1: these are read aloud and typed from labels."""
ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
NAME = re.compile(r"[a-z][a-z0-9_.]{0,47}")
CLAIMABLE = timedelta(days=365)
MOST_AT_ONCE = 1000
MINTED_AT_ONCE = 200
"""Rows in one statement while minting."""
DEFAULT_DEADLINE_S = 30
LONGEST_DEADLINE_S = 7 * 86400
MOST_OPEN = 50
"""Open commands of one device: the board reads them one after the other."""
MOST_ARGS_BYTES = 4096
EXPIRED_AT_ONCE = 500
UNSENT_AFTER = timedelta(seconds=4)


class Minted(NamedTuple):
    """What is shown once, when a device is made: goes onto the board and its label."""

    device_id: str
    token: str
    ap_password: str
    claim_code: str


def mint_devices(
    *,
    model: str,
    actor: Actor,
    count: int = 1,
    device_id: str = "",
    account_id: int | None = None,
    note: str = "",
    progress: Callable[[int], object] | None = None,
) -> list[Minted]:
    """Make a batch of devices with their secrets. Raises BadRequest, Conflict("id_taken").

    `progress` hears how many were made since it was last called.
    """
    _check_mint(model, count, device_id)
    note = _one_line(note, "note", 200, empty=True)
    now = timezone.now()
    minted: list[Minted] = []
    with transaction.atomic():
        batch = Batch.objects.create(model_code=model, count=count, note=note, made_by=actor.text[:200], made_at=now)
        while len(minted) < count:
            wanted = min(MINTED_AT_ONCE, count - len(minted))
            minted += _mint(batch, [device_id] if device_id else _free_ids(wanted), account_id, actor)
            if progress:
                progress(wanted)
    return minted


def _check_mint(model: str, count: int, device_id: str) -> None:
    if model not in MODELS:
        raise BadRequest("unknown_model", f"{model!r} is not one of {', '.join(MODELS)}", "model", tuple(MODELS))
    if not 1 <= count <= 100_000:
        raise BadRequest("bad_count", "1 to 100000", "count")
    if device_id and count != 1:
        raise BadRequest("bad_count", "an id is for one device", "count")
    if device_id and not ID.fullmatch(device_id):
        raise BadRequest("bad_id", "1 to 32 letters, digits, - and _", "id")


def _free_ids(count: int) -> list[str]:
    """8 letters of 32 are 10^12 ids; those that are taken are drawn again."""
    ids: set[str] = set()
    while len(ids) < count:
        drawn = {word(8) for _ in range(count - len(ids))}
        ids |= drawn - set(Device.objects.filter(id__in=drawn).values_list("id", flat=True))
    return sorted(ids)


def word(length: int) -> str:
    """Letters and digits that can be read aloud."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _mint(batch: Batch, ids: Sequence[str], account_id: int | None, actor: Actor) -> list[Minted]:
    minted = [Minted(id, secrets.token_hex(32), word(10), word(8)) for id in ids]
    devices = [_device(secret, batch, account_id) for secret in minted]
    try:
        with transaction.atomic():
            Device.objects.bulk_create(devices)
    except IntegrityError:
        raise Conflict("id_taken", f"{ids[0]} exists already", "id") from None
    Twin.objects.bulk_create([Twin(device=device) for device in devices])
    made: dict[str, Any] = {
        "verb": "device.minted",
        "account_id": account_id,
        "after": {"model": batch.model_code, "batch": batch.pk},
    }
    record_audits(audit_entry(actor=actor, subject=device, now=batch.made_at, **made) for device in devices)
    publish_on_commit(*(_news(device, "device.added", "devices") for device in devices))
    return minted


def _device(secret: Minted, batch: Batch, account_id: int | None) -> Device:
    id = secret.device_id
    return Device(
        id=id,
        model_code=batch.model_code,
        account_id=account_id,
        batch=batch,
        created_at=batch.made_at,
        token_sha256=keys.token_hash(secret.token),
        token_encrypted=vault.seal(secret.token, f"token:{id}"),
        ap_password_encrypted=vault.seal(secret.ap_password, f"ap_password:{id}"),
        claim_code_sha256=claim_hash(id, secret.claim_code),
        claim_expires_at=batch.made_at + CLAIMABLE,
    )


def claim_hash(device_id: str, code: str) -> bytes:
    """A claim code is short: hashed with its device's id, so that no table of all codes fits every device."""
    return sha256(f"panal/claim/1/{device_id}/{code}".encode()).digest()


def _news(device: Device, name: str, topic: str, **data: Any) -> DomainEvent:
    return DomainEvent(name, topic, device.account_id, device.id, data)


@transaction.atomic
def rotate_token(*, device: Device, actor: Actor) -> str:
    """A new token; the old one opens nothing from now on. Shown once. Raises Conflict("revoked")."""
    token = secrets.token_hex(32)
    changed = Device.objects.filter(pk=device.pk).exclude(state=State.REVOKED)
    values = {"token_sha256": keys.token_hash(token), "token_encrypted": vault.seal(token, f"token:{device.id}")}
    if not changed.update(**values):
        raise Conflict("revoked", "a revoked device has no token")
    _audit(actor, "device.token_rotated", device)
    publish_on_commit(_news(device, "device.token_changed", "devices"))
    return token


@transaction.atomic
def revoke_device(*, device: Device, actor: Actor) -> None:
    """It is unknown from now on; its history stays. A second time changes nothing."""
    now = timezone.now()
    alive = Device.objects.filter(pk=device.pk).exclude(state=State.REVOKED)
    if not alive.update(state=State.REVOKED, is_online=False, session="", session_at=now, online_changed_at=now):
        return
    before = {"state": device.state}
    device.state = State.REVOKED
    _audit(actor, "device.revoked", device, before, {"state": State.REVOKED.value})
    _cancel_all(device, now)
    publish_on_commit(_news(device, "device.token_changed", "devices"), _news(device, "device.removed", "devices"))


def _cancel_all(device: Device, now: datetime) -> None:
    found = Command.objects.filter(device=device, status__in=OPEN)
    found.update(status=CommandStatus.CANCELLED, finished_at=now, error_code="revoked")


@transaction.atomic
def set_keyless(*, device: Device, keyless: bool, actor: Actor) -> None:
    """Whether an old board on a trusted network may speak without its token."""
    if not Device.objects.filter(pk=device.pk, keyless=not keyless).update(keyless=keyless):
        return
    device.keyless = keyless
    _audit(actor, "device.keyless_changed", device, {"keyless": not keyless}, {"keyless": keyless})
    publish_on_commit(_news(device, "device.token_changed", "devices"))


CHANGEABLE = ("name", "sector", "model_code", "heartbeat_s")


@transaction.atomic
def change_device(*, device: Device, actor: Actor, **values: Any) -> Device:
    """Name, sector (a Sector or None), model_code, heartbeat_s. Raises BadRequest."""
    for field in values:
        if field not in CHANGEABLE:
            raise BadRequest("unknown_field", f"{field} cannot be changed", field, CHANGEABLE)
    before = {field: _readable(getattr(device, field)) for field in values}
    for field, value in values.items():
        setattr(device, field, value)
    _check(device, values)
    after = {field: _readable(getattr(device, field)) for field in values}
    if before == after:
        return device
    device.save(update_fields=list(values))
    _audit(actor, "device.changed", device, before, after)
    publish_on_commit(_news(device, "device.changed", "devices"))
    return device


def _readable(value: Any) -> Any:
    return str(value) if isinstance(value, Sector) else value


def _check(device: Device, values: Mapping[str, Any]) -> None:
    device.name = _one_line(device.name, "name", 80, empty=True)
    if "sector" in values and device.sector is not None and device.sector.account_id != device.account_id:
        raise BadRequest("bad_sector", "the sector is another account's", "sector")
    if "model_code" in values and device.model_code not in MODELS:
        raise BadRequest("unknown_model", "no such model", "model", tuple(MODELS))
    if device.heartbeat_s is not None and not 5 <= device.heartbeat_s <= 86400:
        raise BadRequest("bad_heartbeat_s", "5 to 86400 seconds", "heartbeat_s")


def _one_line(text: str, field: str, longest: int, empty: bool = False) -> str:
    text = text.strip()
    if (not text and not empty) or len(text) > longest or not text.isprintable():
        raise BadRequest(f"bad_{field}", f"{field}: 1 to {longest} printable characters", field)
    return text


@transaction.atomic
def mark_flashed(*, device: Device, actor: Actor) -> None:
    """Its firmware and its secrets are on the board. Again, when it is flashed again."""
    Device.objects.filter(pk=device.pk).update(flashed_at=timezone.now())
    _audit(actor, "device.flashed", device)
    publish_on_commit(_news(device, "device.changed", "devices"))


KEEP = object()
"""Leave the sector as it is."""


@transaction.atomic
def place_devices(
    *,
    devices: Iterable[Device],
    actor: Actor,
    sector: Any = KEEP,
    join: Iterable[Group] = (),
    leave: Iterable[Group] = (),
) -> int:
    """Many devices at once: into a sector (None: out of it), into and out of groups. How many devices were given.

    Raises BadRequest where a device is of another account than the place.
    """
    chosen, join, leave = list(devices), list(join), list(leave)
    if len(chosen) > MOST_AT_ONCE:
        raise BadRequest("too_many", f"at most {MOST_AT_ONCE} devices at once", "devices")
    places: list[Any] = [*join, *leave, *([sector] if isinstance(sector, Sector) else [])]
    if any(place.account_id != device.account_id for device in chosen for place in places):
        raise BadRequest("bad_place", "devices and places belong to one account", "devices")
    ids = [device.pk for device in chosen]
    if sector is not KEEP:
        Device.objects.filter(pk__in=ids).update(sector=sector)
    _membership(ids, join, leave)
    after = _placed(sector, join, leave)
    record_audits(_entry(actor, "device.placed", device, {}, after) for device in chosen)
    publish_on_commit(*(_news(device, "device.changed", "devices") for device in chosen))
    return len(chosen)


def _membership(ids: list[str], join: Iterable[Group], leave: Iterable[Group]) -> None:
    through = Group.devices.through
    through.objects.bulk_create(
        [through(group_id=group.pk, device_id=id) for group in join for id in ids], ignore_conflicts=True
    )
    through.objects.filter(group__in=[group.pk for group in leave], device_id__in=ids).delete()


def _placed(sector: Any, join: Iterable[Group], leave: Iterable[Group]) -> dict[str, Any]:
    said: dict[str, Any] = {} if sector is KEEP else {"sector": _readable(sector)}
    named = {"joined": [str(group) for group in join], "left": [str(group) for group in leave]}
    return said | {key: names for key, names in named.items() if names}


@transaction.atomic
def create_sector(*, account_id: int, name: str, actor: Actor, parent: Sector | None = None) -> Sector:
    """Raises BadRequest, Conflict("name_taken")."""
    if parent is not None and parent.account_id != account_id:
        raise BadRequest("bad_parent", "the parent is another account's", "parent")
    return _create_place(Sector(account_id=account_id, name=_one_line(name, "name", 80), parent=parent), actor)


@transaction.atomic
def create_group(*, account_id: int, name: str, actor: Actor) -> Group:
    """Raises BadRequest, Conflict("name_taken")."""
    return _create_place(Group(account_id=account_id, name=_one_line(name, "name", 80)), actor)


@transaction.atomic
def rename_place(*, place: AnyPlace, name: str, actor: Actor) -> AnyPlace:
    """A sector or a group. Raises BadRequest, Conflict("name_taken")."""
    before = {"name": place.name}
    place.name = _one_line(name, "name", 80)
    if before == {"name": place.name}:
        return place
    _save_place(place)
    _about_place(actor, "renamed", place, before, {"name": place.name})
    return place


@transaction.atomic
def delete_place(*, place: Sector | Group, actor: Actor) -> None:
    """A sector (with the sectors inside it) or a group. Its devices stay."""
    _about_place(actor, "deleted", place, {"name": place.name}, {})
    place.delete()


def _create_place(place: AnyPlace, actor: Actor) -> AnyPlace:
    _save_place(place)
    _about_place(actor, "created", place, {}, {"name": place.name})
    return place


def _save_place(place: Sector | Group) -> None:
    try:
        with transaction.atomic():
            place.save()
    except IntegrityError:
        raise Conflict("name_taken", f"{place.name} exists already", "name") from None


def _about_place(
    actor: Actor, verb: str, place: Sector | Group, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    record_audit(
        actor=actor,
        verb=f"{place._meta.model_name}.{verb}",
        subject=place,
        account_id=place.account_id,
        before=before,
        after=after,
    )
    publish_on_commit(DomainEvent("account.changed", "accounts", place.account_id, "", {}))


@transaction.atomic
def queue_command(
    *,
    device: Device,
    name: str,
    actor: Actor,
    args: Mapping[str, Any] | None = None,
    deadline_s: int = DEFAULT_DEADLINE_S,
) -> Command:
    """Ask a device to do something before a deadline. Raises BadRequest, Conflict("revoked", "too_many_commands")."""
    args = dict(args or {})
    check_command(name, args, deadline_s)
    if name in own_commands():
        raise BadRequest("own_command", f"{name} is sent by what it belongs to, with its own rules", "name")
    locked = Device.objects.select_for_update().get(pk=device.pk)
    if locked.state == State.REVOKED:
        raise Conflict("revoked", "a revoked device takes no commands")
    if Command.objects.filter(device=device, status__in=OPEN).count() >= MOST_OPEN:
        raise Conflict("too_many_commands", f"{MOST_OPEN} commands are waiting already")
    # whole milliseconds: the deadline is signed, and the wire has no finer instants
    now = instant(milliseconds(timezone.now()))
    command = Command.objects.create(
        id=uuid.uuid4(),
        device=device,
        name=name,
        args=args,
        requested_by=actor.text[:200],
        issued_at=now,
        expires_at=now + timedelta(seconds=deadline_s),
    )
    _audit(actor, "command.queued", device, {}, {"command": str(command.id), "name": name, "args": args})
    publish_on_commit(_news(device, "command.queued", "commands", id=str(command.id)))
    return command


@cache
def own_commands() -> frozenset[str]:
    """Commands with rules of their own, which no general way of sending a command goes around."""
    return frozenset(name for card in cards() for name in card.own_commands)


def check_command(name: str, args: Mapping[str, Any], deadline_s: int) -> None:
    if not NAME.fullmatch(name):
        raise BadRequest("bad_name", "1 to 48 lower-case letters, digits, _ and . that begin with a letter", "name")
    if not 1 <= deadline_s <= LONGEST_DEADLINE_S:
        raise BadRequest("bad_deadline_s", f"1 to {LONGEST_DEADLINE_S} seconds", "deadline_s")
    codec.check(args)
    if len(wire.canonical(args)) > MOST_ARGS_BYTES:
        raise BadRequest("too_large", f"at most {MOST_ARGS_BYTES} bytes of arguments", "args")


@transaction.atomic
def cancel_command(*, command: Command, actor: Actor) -> Command:
    """Give up a command that has no outcome yet. Raises Conflict("not_open")."""
    open_still = Command.objects.filter(pk=command.pk, status__in=OPEN)
    if not open_still.update(status=CommandStatus.CANCELLED, finished_at=timezone.now()):
        raise Conflict("not_open", "this command has its outcome already")
    command.refresh_from_db()
    _audit(actor, "command.cancelled", command.device, {}, {"command": str(command.id), "name": command.name})
    publish_on_commit(_finished(command))
    return command


def _finished(command: Command) -> DomainEvent:
    return _news(command.device, "command.finished", "commands", id=str(command.id), status=str(command.status))


def expire_commands(*, now: datetime) -> int:
    """Commands past their deadline get their outcome. How many did."""
    late = list(
        Command.objects.filter(status__in=OPEN, expires_at__lte=now)
        .order_by("expires_at")
        .select_related("device")[:EXPIRED_AT_ONCE]
    )
    return sum(_expire(command, now) for command in late)


@transaction.atomic
def _expire(command: Command, now: datetime) -> int:
    expired = {"status": CommandStatus.EXPIRED, "finished_at": now, "error_code": "expired"}
    if not Command.objects.filter(pk=command.pk, status__in=OPEN).update(**expired):
        return 0
    command.status = CommandStatus.EXPIRED
    publish_on_commit(_finished(command))
    return 1


def announce_unsent(*, now: datetime) -> int:
    """Say again that a command waits for a board that is connected: the server that queued it died before it sent it.

    Once it went out it is not queued any more, and a board that hears a command twice does it once.
    """
    unsent = Command.objects.filter(status=CommandStatus.QUEUED, issued_at__lte=now - UNSENT_AFTER, expires_at__gt=now)
    found = unsent.exclude(device__session="").order_by("issued_at").select_related("device")[:EXPIRED_AT_ONCE]
    news = {c.device_id: _news(c.device, "command.queued", "commands", id=str(c.id)) for c in found}
    publish_on_commit(*news.values())
    return len(news)


@transaction.atomic
def set_desired(*, device: Device, patch: Mapping[str, Any], actor: Actor) -> Twin:
    """Lay a partial document over what we want of a device; null deletes. The version grows by one if it changes.

    Raises BadRequest, Conflict("revoked").
    """
    row, before = lay_desired(device=device, patch=patch)
    if before is not None:
        _audit(actor, "twin.desired_changed", device, before, dict(patch))
    return row


@transaction.atomic
def lay_desired(*, device: Device, patch: Mapping[str, Any]) -> tuple[Twin, dict[str, Any] | None]:
    """As `set_desired`, for cells that write the audit log in their own words: the twin, and what stood there before.

    None: nothing changed. Raises BadRequest, Conflict("revoked").
    """
    codec.check(dict(patch))
    if Device.objects.select_for_update().get(pk=device.pk).state == State.REVOKED:
        raise Conflict("revoked", "a revoked device has no desired state")
    row, _ = Twin.objects.get_or_create(device=device)
    merged = twin.merge(row.desired, patch)
    if len(codec.encode(merged)) > twin.MAX_BYTES:
        raise BadRequest("too_large", f"a desired state has at most {twin.MAX_BYTES} bytes", "desired")
    if merged == row.desired:
        return row, None
    before = {key: row.desired.get(key) for key in patch}
    row.desired, row.desired_version, row.desired_at = merged, row.desired_version + 1, timezone.now()
    row.save(update_fields=["desired", "desired_version", "desired_at"])
    publish_on_commit(_news(device, "twin.desired_changed", "twin", version=row.desired_version))
    return row, before


def _audit(
    actor: Actor,
    verb: str,
    device: Device,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    _entry(actor, verb, device, before or {}, after or {}).save()


def _entry(actor: Actor, verb: str, device: Device, before: Mapping[str, Any], after: Mapping[str, Any]) -> Any:
    return audit_entry(actor=actor, verb=verb, subject=device, account_id=device.account_id, before=before, after=after)
