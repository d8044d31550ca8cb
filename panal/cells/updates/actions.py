"""What changes keys, releases and rollouts: one transaction each, written to the audit log, announced on commit."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain, pairwise
from typing import IO, Any, NamedTuple
from zoneinfo import available_timezones

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from panal.cells.accounts.api import Actor, record_audit
from panal.cells.devices import api as devices
from panal.control.events import publish_on_commit
from panal.gateway.store import DomainEvent
from panal.protocol.errors import BadRequest, Conflict

from . import advance, files, messages, progress, queries, stages
from .models import (
    Choice,
    Release,
    ReleaseKey,
    ReleaseState,
    Rollout,
    RolloutState,
    Stage,
    Update,
    UpdateState,
)

MOST_DEVICES = 20_000
MOST_JITTER_S = 86_400
MOST_PATIENCE_S = 90 * 86_400
MOST_PEM = 4096
AT_ONCE = 500
CHUNK_BYTES = 64 * 1024


class Pace(NamedTuple):
    """How a rollout goes about it."""

    plans: Sequence[stages.Plan] = stages.DEFAULT
    jitter_s: int = 600
    window: tuple[int, int] | None = None
    """Minutes of the day, in `time_zone`."""
    time_zone: str = "UTC"
    patience_s: int | None = None


AT_ONE_STROKE = Pace((stages.Plan(100, 100, 100),), 0)
"""One device that somebody waits for."""


# keys


@transaction.atomic
def add_key(*, name: str, pem: str, actor: Actor) -> ReleaseKey:
    """Releases signed with this key are taken from now on. Raises BadRequest("bad_name", "bad_key"), Conflict."""
    name, modulus = name.strip(), _modulus(pem)
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise BadRequest("bad_name", "1 to 80 printable characters", "name")
    fingerprint = hashlib.sha256(modulus).hexdigest()
    if ReleaseKey.objects.filter(fingerprint=fingerprint).exists():
        raise Conflict("key_taken", "this key is here already", "public_key")
    now = timezone.now()
    key = ReleaseKey.objects.create(
        name=name, fingerprint=fingerprint, modulus=modulus, added_by=actor.text[:200], added_at=now
    )
    record_audit(actor=actor, verb="releasekey.added", subject=key, after={"fingerprint": fingerprint}, now=now)
    _announce("release.changed")
    return key


def _modulus(pem: str) -> bytes:
    """Of an RSA-3072 public key; a private one is refused before anybody looks into it."""
    if "PRIVATE" in pem:
        raise BadRequest("private_key", "this is the private key: it stays with the operator", "public_key")
    try:
        key = load_pem_public_key(pem.encode()) if len(pem) <= MOST_PEM else None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or key.key_size != 8 * messages.SIGNATURE_BYTES:
        raise BadRequest("bad_key", "the public half of an RSA-3072 key, as PEM", "public_key")
    numbers = key.public_numbers()
    if numbers.e != messages.EXPONENT:
        raise BadRequest("bad_key", f"its exponent must be {messages.EXPONENT}", "public_key")
    return numbers.n.to_bytes(messages.SIGNATURE_BYTES, "big")


@transaction.atomic
def retire_key(*, key: ReleaseKey, actor: Actor) -> None:
    """New releases signed with it are refused; those that are here stay good. A second time changes nothing."""
    now = timezone.now()
    if not ReleaseKey.objects.filter(pk=key.pk, retired_at=None).update(retired_at=now):
        return
    record_audit(actor=actor, verb="releasekey.retired", subject=key, now=now)
    _announce("release.changed")


# releases


def add_release(*, file: IO[bytes], actor: Actor, notes: str = "") -> Release:
    """Take a release file: the manifest with its signature, and the artifact. It is a draft then.

    Raises BadRequest("not_release", "bad_signature", "bad_size", "bad_hash", …), Conflict("version_taken"), TooLarge.
    """
    head = file.read(messages.MAX_MANIFEST_BYTES + 1)
    manifest, begin = messages.parse_release(head)
    key = _signer(manifest)
    _check_version(manifest)
    notes = _notes(notes)
    path = files.keep(chain((head[begin:],), _chunks(file)), manifest.sha256, manifest.size)
    try:
        if manifest.kind == messages.APP:
            files.check_table(path, manifest.files_size, manifest.files_sha256, manifest.size)
        return _add_release(manifest, key, notes, actor)
    except BaseException:
        _forget_unused(manifest.sha256)
        raise


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def _signer(manifest: Any) -> ReleaseKey:
    for key in ReleaseKey.objects.filter(retired_at=None):
        if messages.is_signed(manifest, bytes(key.modulus)):
            return key
    raise BadRequest("bad_signature", "none of the operator's keys has signed this", "file")


def _check_version(manifest: Any) -> None:
    if Release.objects.filter(board=manifest.board, version=manifest.version).exists():
        raise Conflict("version_taken", f"there is a {manifest.version} for {manifest.board} already", "file")


def _notes(text: str) -> str:
    text = text.strip()
    if len(text) > 4000 or "\0" in text:
        raise BadRequest("bad_notes", "at most 4000 characters", "notes")
    return text


@transaction.atomic
def _add_release(manifest: Any, key: ReleaseKey, notes: str, actor: Actor) -> Release:
    now = timezone.now()
    try:
        with transaction.atomic():
            release = Release.objects.create(
                version=manifest.version,
                board=manifest.board,
                kind=manifest.kind,
                security_version=manifest.security_version,
                notes=notes,
                artifact=manifest.sha256,
                size_bytes=manifest.size,
                manifest=messages.manifest_document(manifest),
                key=key,
                added_by=actor.text[:200],
                added_at=now,
            )
    except IntegrityError:
        _check_version(manifest)
        raise
    after = {"sha256": manifest.sha256, "size_bytes": manifest.size, "key": key.name}
    record_audit(actor=actor, verb="release.added", subject=release, after=after, now=now)
    _announce("release.changed")
    return release


def _forget_unused(sha256: str) -> None:
    if not Release.objects.filter(artifact=sha256).exists():
        files.forget(sha256)


@transaction.atomic
def change_notes(*, release: Release, notes: str, actor: Actor) -> Release:
    before, release.notes = release.notes, _notes(notes)
    if before != release.notes:
        release.save(update_fields=["notes"])
        was, now = {"notes": before[:200]}, {"notes": release.notes[:200]}
        record_audit(actor=actor, verb="release.changed", subject=release, before=was, after=now)
        _announce("release.changed")
    return release


@transaction.atomic
def publish_release(*, release: Release, actor: Actor) -> Release:
    """From now on it may be rolled out. Raises Conflict("not_draft")."""
    _move(release, ReleaseState.DRAFT, ReleaseState.RELEASED, "released_at", "not_draft")
    record_audit(actor=actor, verb="release.released", subject=release)
    _announce("release.changed")
    return release


@transaction.atomic
def withdraw_release(*, release: Release, actor: Actor) -> Release:
    """No board is offered it any more, and its rollouts end; boards that have it keep it. Raises Conflict."""
    _move(release, ReleaseState.RELEASED, ReleaseState.WITHDRAWN, "withdrawn_at", "not_released")
    record_audit(actor=actor, verb="release.withdrawn", subject=release)
    for rollout in Rollout.objects.filter(release=release).exclude(state__in=queries.OVER).order_by("pk"):
        cancel_rollout(rollout=rollout, actor=actor)
    _announce("release.changed")
    return release


def _move(release: Release, before: str, after: str, stamp: str, code: str) -> None:
    now = timezone.now()
    if not Release.objects.filter(pk=release.pk, state=before).update(**{"state": after, stamp: now}):
        raise Conflict(code, f"this release is not {before}")
    release.refresh_from_db()


@transaction.atomic
def delete_draft(*, release: Release, actor: Actor) -> None:
    """A draft that nobody needs goes with its artifact. Raises Conflict("not_draft")."""
    draft = Release.objects.select_for_update().filter(pk=release.pk, state=ReleaseState.DRAFT).first()
    if draft is None:
        raise Conflict("not_draft", "what was released stays")
    record_audit(actor=actor, verb="release.deleted", subject=draft)
    draft.delete()
    transaction.on_commit(lambda: _forget_unused(draft.artifact))
    _announce("release.changed")


# rollouts


@transaction.atomic
def begin_rollout(
    *,
    release: Release,
    device_ids: Iterable[str],
    actor: Actor,
    pace: Pace | None = None,
    choice: str = Choice.DEVICES,
    place: str = "",
) -> Rollout:
    """Offer a release to those of these devices that it is for, stage by stage.

    Left out are those of another board, those that have this version or a newer one, that rolled it back, or are
    revoked. Raises BadRequest("no_devices", "too_many", "bad_stages", …), Conflict("not_released").
    """
    pace = pace or Pace()
    _check_pace(pace)
    wanted = set(device_ids)
    if len(wanted) > MOST_DEVICES:
        raise BadRequest("too_many", f"at most {MOST_DEVICES} devices at once", "devices")
    held = Release.objects.select_for_update().get(pk=release.pk)
    if held.state != ReleaseState.RELEASED:
        raise Conflict("not_released", "only what is released can be rolled out")
    chosen = queries.takers(held, devices.locked(wanted))
    if not chosen:
        raise BadRequest("no_takers", "none of these devices needs this release", "devices")
    rollout = _create(held, chosen, pace, choice, place, actor)
    after = {"release": str(held), "devices": len(chosen), "left_out": len(wanted) - len(chosen)}
    record_audit(actor=actor, verb="rollout.begun", subject=rollout, after=after, now=rollout.created_at)
    advance.judge([rollout.pk], rollout.created_at)
    rollout.refresh_from_db()
    return rollout


def _check_pace(pace: Pace) -> None:
    percents = [plan.percent for plan in pace.plans]
    rising = all(before < after for before, after in pairwise(percents))
    if not 1 <= len(percents) <= stages.MOST_STAGES or not rising or percents[0] <= 0 or percents[-1] != 100:
        raise BadRequest("bad_stages", "1 to 10 rising percentages, the last one 100", "stages")
    if not all(0 < plan.success_pct <= 100 and 0 < plan.error_pct <= 100 for plan in pace.plans):
        raise BadRequest("bad_thresholds", "thresholds are above 0 and at most 100 %", "stages")
    if not 0 <= pace.jitter_s <= MOST_JITTER_S:
        raise BadRequest("bad_jitter_s", f"0 to {MOST_JITTER_S} seconds", "jitter_s")
    if pace.window and not all(0 <= minute < 1440 for minute in pace.window):
        raise BadRequest("bad_window", "minutes of a day", "window")
    if pace.time_zone not in available_timezones():
        raise BadRequest("bad_time_zone", "no such time zone", "time_zone")
    if pace.patience_s is not None and not 60 <= pace.patience_s <= MOST_PATIENCE_S:
        raise BadRequest("bad_patience_s", f"60 to {MOST_PATIENCE_S} seconds", "patience_s")


def _create(release: Release, chosen: list[Any], pace: Pace, choice: str, place: str, actor: Actor) -> Rollout:
    now = timezone.now()
    begin, end = pace.window or (None, None)
    rollout = Rollout.objects.create(
        release=release, choice=choice, place=place[:80], jitter_s=pace.jitter_s, window_begin_min=begin,
        window_end_min=end, time_zone=pace.time_zone, patience_s=pace.patience_s, requested_by=actor.text[:200],
        created_at=now, turns_from=now,
    )  # fmt: skip
    Stage.objects.bulk_create(Stage(rollout=rollout, number=n, **plan._asdict()) for n, plan in enumerate(pace.plans))
    number_of = stages.assigned([d.pk for d in chosen], release.pk, [plan.percent for plan in pace.plans])
    updates = [
        Update(
            rollout=rollout,
            release=release,
            stage_number=number_of[device.pk],
            device=device,
            device_name=str(device),
            delay_s=stages.delay_s(device.pk, rollout.pk, pace.jitter_s),
        )
        for device in chosen
    ]
    Update.objects.bulk_create(updates, batch_size=AT_ONCE)
    return rollout


def update_now(*, release: Release, device: Any, actor: Actor) -> Rollout:
    """One device, for a person who waits: without stages, jitter or hours. Raises as `begin_rollout`."""
    return begin_rollout(release=release, device_ids=[device.pk], actor=actor, pace=AT_ONE_STROKE, place=str(device))


@transaction.atomic
def pause_rollout(*, rollout: Rollout, actor: Actor) -> None:
    """No board begins any more; those that have begun go on. Raises Conflict("not_running")."""
    _turn(rollout, (RolloutState.RUNNING,), "not_running", state=RolloutState.PAUSED)
    _audited(rollout, "rollout.paused", actor)


@transaction.atomic
def resume_rollout(*, rollout: Rollout, actor: Actor) -> None:
    """Go on, also where it stopped by itself: the trouble until now is then forgiven. Raises Conflict("not_paused")."""
    now = timezone.now()
    held = (RolloutState.PAUSED, RolloutState.STOPPED)
    was_stopped = rollout.state == RolloutState.STOPPED
    _turn(rollout, held, "not_paused", state=RolloutState.RUNNING, reason="", turns_from=now)
    if was_stopped:
        advance.forgive(rollout)
    # whoever asked meanwhile was told that there is nothing, and asks again only when it is nudged again
    Update.objects.filter(rollout=rollout, state=UpdateState.WAITING).update(is_nudged=False)
    _audited(rollout, "rollout.resumed", actor)
    advance.judge([rollout.pk], now)


@transaction.atomic
def cancel_rollout(*, rollout: Rollout, actor: Actor) -> int:
    """End it: taken back for every device that has not begun. How many those were. Raises Conflict("over")."""
    now = timezone.now()
    held = (RolloutState.RUNNING, RolloutState.PAUSED, RolloutState.STOPPED)
    _turn(rollout, held, "over", state=RolloutState.CANCELLED, ended_at=now)
    waiting = Update.objects.filter(rollout=rollout, state__in=progress.NOT_BEGUN)
    count = waiting.update(state=UpdateState.CANCELLED, ended_at=now)
    _audited(rollout, "rollout.cancelled", actor, devices=count)
    return count


@transaction.atomic
def retry_rollout(*, rollout: Rollout, actor: Actor) -> int:
    """Let those try again that refused or fell silent; never those that rolled it back. How many those are.

    A rollout that stopped or ended goes on. Raises Conflict("nothing_to_retry", "not_released", "over").
    """
    now = timezone.now()
    if rollout.state == RolloutState.CANCELLED:
        raise Conflict("over", "a cancelled rollout does not go on")
    if not Release.objects.filter(pk=rollout.release_id, state=ReleaseState.RELEASED).exists():
        raise Conflict("not_released", "this release is withdrawn")
    held = (RolloutState.RUNNING, RolloutState.PAUSED, RolloutState.STOPPED, RolloutState.DONE)
    _turn(rollout, held, "over", state=RolloutState.RUNNING, reason="", ended_at=None, turns_from=now)
    failed = Update.objects.filter(rollout=rollout, state__in=progress.AGAIN)
    count = failed.update(
        state=UpdateState.WAITING, attempt=F("attempt") + 1, percent=0, reason="", ended_at=None, is_nudged=False
    )
    if not count:
        raise Conflict("nothing_to_retry", "no device of it refused or fell silent")
    advance.forgive(rollout)
    _audited(rollout, "rollout.retried", actor, devices=count)
    advance.judge([rollout.pk], now)
    return count


def _turn(rollout: Rollout, before: Iterable[str], code: str, **values: Any) -> None:
    if not Rollout.objects.filter(pk=rollout.pk, state__in=before).update(**values):
        raise Conflict(code, "this rollout is not in a state for that")
    rollout.refresh_from_db()


def _audited(rollout: Rollout, verb: str, actor: Actor, **after: Any) -> None:
    record_audit(actor=actor, verb=verb, subject=rollout, after=after)
    _announce("rollout.changed")


def _announce(name: str) -> None:
    publish_on_commit(DomainEvent(name, "updates", None, "", {}))


def prune_artifacts(now: datetime) -> int:
    """Files that no release names and that lie here for a day: an upload that died half-way. How many went."""
    return files.prune(set(Release.objects.values_list("artifact", flat=True)), now - timedelta(days=1))
