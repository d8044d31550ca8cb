"""What boards ask and tell about their updates, a batch at a time; and what time alone changes.

Whoever writes locks the rollout first and its updates after it, so that replicas never deadlock. Whatever is asked or
told twice, late or in the wrong order changes nothing that was right.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q

from panal.cells.devices import api as devices
from panal.control.events import publish_on_commit
from panal.control.instants import milliseconds
from panal.gateway.store import DomainEvent
from panal.protocol.errors import Forbidden, NotFound, PanalError, Unauthorized

from . import advance, messages, progress, stages, versions
from .gateway import Asked, Told
from .models import ReleaseState, Rollout, RolloutState, Update, UpdateState

SILENT_AFTER = timedelta(hours=1)
"""A board that has begun and says nothing for so long is silent: a download over a bad network says more."""
AT_ONCE = 500
NUDGED_AT_ONCE = 40
"""Twins written in one round, a few times a minute: boards come one after the other, and so does what they cost."""

NOBODY = Unauthorized("unknown_device", "no such device, or the wrong key")


# what boards ask


def record_asked(batch: list[Asked], now: datetime) -> list[Any]:
    """The offer for each, as a document; None where there is nothing for it."""
    known = devices.heard_from((asked.device_id for asked in batch), now)
    rows = _takers({asked.device_id for asked in batch})
    before = {row.pk: row.state for row in rows}
    spurned = _spurned(rows)
    offered: dict[Any, Asked] = {}
    answers: list[Any] = []
    for asked in batch:
        mine = [row for row in rows if row.device_id == asked.device_id]
        found = _offer(asked, mine, spurned, now)
        if found is not None:
            offered[found.pk] = asked
        answers.append(_answer(asked, found, now) if asked.device_id in known else NOBODY)
    moved = [row for row in rows if before[row.pk] != row.state]
    _stamp(moved, now)
    _note_offers([row for row in rows if row.pk in offered and row.offered_at is None], offered, now)
    _follow(moved, now)
    return answers


def _takers(device_ids: set[str]) -> list[Update]:
    """The updates that these devices may take or have taken up, locked after their rollouts."""
    open_for = Q(state__in=progress.TAKES, device_id__in=device_ids, release__state=ReleaseState.RELEASED)
    found = Update.objects.filter(open_for).order_by("pk")
    _lock(found.values_list("rollout_id", flat=True))
    return list(found.select_for_update(of=("self",)).select_related("release", "rollout", "device"))


def _lock(rollout_ids: Iterable[Any]) -> None:
    wanted = sorted(set(rollout_ids))
    if wanted:
        list(Rollout.objects.filter(pk__in=wanted).order_by("pk").select_for_update().values_list("pk"))


def _spurned(rows: list[Update]) -> set[tuple[str, int]]:
    """Pairs of device and release that must never meet again."""
    wanted = Update.objects.filter(
        device_id__in={r.device_id for r in rows}, release_id__in={r.release_id for r in rows}
    )
    if not rows:
        return set()
    return set(wanted.filter(state=UpdateState.ROLLED_BACK).order_by().values_list("device_id", "release_id"))


def _offer(asked: Asked, rows: list[Update], spurned: set[tuple[str, int]], now: datetime) -> Update | None:
    """The newest that this board may have now. Those that it needs no more are moved on here."""
    found: Update | None = None
    for row in rows:
        if not versions.is_newer(row.release.version, asked.version):
            row.state = progress.after(row.state, progress.NEEDLESS)
        elif row.release.board != asked.board:
            row.state, row.reason = progress.after(row.state, progress.REFUSED), "wrong_board"
        elif (row.device_id, row.release_id) not in spurned and _may_begin(row):
            found = max((row, found), key=_place) if found else row
    return found


def _place(row: Update) -> Any:
    return versions.place(row.release.version)


def _may_begin(row: Update) -> bool:
    """A board that has begun goes on, whatever has become of the rollout."""
    return row.state in progress.UNDER_WAY or row.rollout.state == RolloutState.RUNNING


def _answer(asked: Asked, row: Update | None, now: datetime) -> dict[str, Any] | None:
    if row is None:
        return None
    turn = None if row.state in progress.UNDER_WAY else turn_of(row, now)
    not_before_ms = milliseconds(turn) if turn and turn > now else None
    manifest = messages.parse_manifest(row.release.manifest)
    found: dict[str, Any] = messages.build_offer(str(row.pk), manifest, not_before_ms, row.attempt)
    return found


def turn_of(row: Update, now: datetime) -> datetime:
    """When this device may begin: its share of the jitter after the stage began, or after the hours began."""
    rollout = row.rollout
    hours = (rollout.window_begin_min, rollout.window_end_min)
    return stages.turn(rollout.turns_from, row.delay_s, *hours, ZoneInfo(rollout.time_zone), now)


def _note_offers(rows: list[Update], offered: dict[Any, Asked], now: datetime) -> None:
    for row in rows:
        row.offered_at, row.from_version = now, offered[row.pk].version[:64]
    Update.objects.bulk_update(rows, ["offered_at", "from_version"], batch_size=AT_ONCE)


# what boards tell


def record_told(batch: list[Told], now: datetime) -> list[Any]:
    """How far updates are. Late and repeated reports change nothing and are not refused."""
    found = Update.objects.filter(pk__in=[told.id for told in batch]).order_by("pk")
    _lock(found.values_list("rollout_id", flat=True))
    rows = {row.pk: row for row in found.select_for_update(of=("self",)).select_related("device")}
    known = devices.heard_from((told.device_id for told in batch), now)
    answers = [_refusal(told, rows.get(told.id), known) for told in batch]
    before = {id: (row.state, row.percent) for id, row in rows.items()}
    heard = {
        told.id
        for told, refusal in zip(batch, answers, strict=True)
        if refusal is None and _hear(rows[told.id], told, now)
    }
    _stamp([rows[id] for id in heard], now)
    changed = [rows[id] for id in heard if before[id] != (rows[id].state, rows[id].percent)]
    _follow([row for row in changed if before[row.pk][0] != row.state], now)
    _announce([row for row in changed if before[row.pk][0] == row.state])
    return answers


def _refusal(told: Told, row: Update | None, known: dict[str, Any]) -> PanalError | None:
    if told.device_id not in known:
        return NOBODY
    if row is None:
        return NotFound("unknown_update", "no such update")
    return None if row.device_id == told.device_id else Forbidden("not_yours", "this is another device's update")


def _hear(row: Update, told: Told, now: datetime) -> bool:
    """Whether it is news: what is late, out of order or said again after the end is not."""
    state = progress.after(row.state, told.state)
    if state != told.state or (state == row.state and not row.is_open):
        return False
    row.percent = _percent(row, told)
    row.reason = told.reason if state in progress.TROUBLE else ""
    row.state, row.heard_at = state, now
    return True


def _percent(row: Update, told: Told) -> int:
    if told.state == progress.DOWNLOADING:
        return max(row.percent if row.state == progress.DOWNLOADING else 0, told.percent or 0)
    return row.percent if told.state in progress.TROUBLE else 100


def _stamp(rows: list[Update], now: datetime) -> None:
    """Write these rows; those that have ended know since when."""
    for row in rows:
        row.ended_at = None if row.is_open else row.ended_at or now
    Update.objects.bulk_update(rows, ["state", "reason", "percent", "heard_at", "ended_at"], batch_size=AT_ONCE)


def _follow(moved: list[Update], now: datetime) -> None:
    """Pages hear of them, and their rollouts may go on, stop or end."""
    _announce(moved)
    advance.judge({row.rollout_id for row in moved if not row.is_open}, now)


def _announce(rows: list[Update]) -> None:
    publish_on_commit(
        *(DomainEvent("update.progressed", "updates", row.device.account_id, row.device_id, {}) for row in rows)
    )


# what time changes


def on_time(now: datetime) -> None:
    """Rollouts go on, boards that fell silent are silent, boards that are connected hear that it is their turn."""
    _silence(now)
    _calm(now)  # before a board is told of the next one, which this must not take back
    running = list(Rollout.objects.filter(state=RolloutState.RUNNING).order_by("pk"))
    if running:
        _drop_revoked(running, now)
        with transaction.atomic():
            advance.judge([rollout.pk for rollout in running], now)
        _nudge(running, now)


def _silence(now: datetime) -> None:
    over = Update.objects.filter(state__in=progress.UNDER_WAY, heard_at__lte=now - SILENT_AFTER).order_by("pk")
    _conclude(over, progress.TIME_OVER, now)


def _drop_revoked(running: list[Rollout], now: datetime) -> None:
    gone = Update.objects.filter(rollout__in=running, state__in=progress.NOT_BEGUN, device__state="revoked")
    _conclude(gone.order_by("pk"), progress.NEEDLESS, now)


def _conclude(found: Any, word: str, now: datetime) -> None:
    """What the server concludes by itself about these updates."""
    about = list(found.values_list("pk", "rollout_id")[:AT_ONCE])
    if not about:
        return
    with transaction.atomic():
        _lock(rollout_id for _, rollout_id in about)
        locked = found.filter(pk__in=[pk for pk, _ in about]).select_for_update(of=("self",)).select_related("device")
        rows = list(locked)
        for row in rows:
            row.state = progress.after(row.state, word)
        _stamp(rows, now)
        _follow(rows, now)


def _nudge(running: list[Rollout], now: datetime) -> None:
    """Tell boards that are online, a few in each round, that there is something for them."""
    waiting = Update.objects.filter(
        rollout__in=running, state=UpdateState.WAITING, is_nudged=False, device__is_online=True,
        release__state=ReleaseState.RELEASED, rollout__state=RolloutState.RUNNING,
    )  # fmt: skip
    rows = waiting.order_by("delay_s", "pk").select_related("rollout", "device")
    due = [row for row in rows[: 10 * NUDGED_AT_ONCE] if turn_of(row, now) <= now]
    for row in due[:NUDGED_AT_ONCE]:
        _lay(row, True, {"release": row.release_id, "not_before_ms": milliseconds(now)})


def _calm(now: datetime) -> None:
    """What has ended is not desired any more, unless the same board was told of the next one since."""
    ended = Update.objects.filter(is_nudged=True).exclude(state__in=progress.OPEN)
    for row in ended.order_by("pk").select_related("device")[:NUDGED_AT_ONCE]:
        following = Update.objects.filter(device_id=row.device_id, is_nudged=True, state__in=progress.OPEN)
        if following.exists():
            Update.objects.filter(pk=row.pk).update(is_nudged=False)
        else:
            _lay(row, False, None)


def _lay(row: Update, is_nudged: bool, desired: dict[str, Any] | None) -> None:
    """One replica does it, once; a device that was revoked meanwhile has no twin to write to."""
    with transaction.atomic():
        mine = Update.objects.filter(pk=row.pk, is_nudged=not is_nudged)
        if mine.update(is_nudged=is_nudged):
            try:
                devices.lay_desired(device=row.device, patch={"update": desired})
            except PanalError:
                return
