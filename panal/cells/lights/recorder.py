"""Keeps what boards report of their lights: each as it is, a line of history for each change, wishes that are done.

What was changed at the board stands against an older wish: we then want what the board has, so that both agree.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from panal.cells.devices import api as devices
from panal.control import rows
from panal.control.events import publish_on_commit
from panal.control.instants import instant
from panal.gateway.store import DomainEvent
from panal.protocol.errors import BadRequest

from . import messages, schedules
from .models import Change, Light, SceneLight, ScheduledLight

logger = logging.getLogger(__name__)

AHEAD = timedelta(minutes=10)
"""A clock that is further ahead is wrong: the time of receipt is taken."""
SINCE_MS = 1_500_000_000_000
"""What is less than this is a board's count, not a time of day."""
ANSWER_IN = timedelta(seconds=10)
"""A board that is connected has this long to report what was asked of it."""
KEPT = timedelta(days=400)
"""The history goes after a year and a bit: the same day of the year before can be looked at."""
PRUNED_AT_ONCE = 1000
CHANNELS = frozenset(str(number) for number in range(1, messages.MAX_CHANNELS + 1))
CHANGE_FIELDS = ("light", "account", "at", "received_at", "is_on", "level_pct", "by", "who", "until_at")


class Known(NamedTuple):
    """What a batch knows, and what becomes of it."""

    lights: dict[tuple[str, int], Light]
    touched: dict[tuple[str, int], None]
    changes: list[tuple[Any, ...]]
    agreed: dict[str, dict[str, Any]]


class Heard(NamedTuple):
    """One board's report, read."""

    device_id: str
    account_id: int | None
    state: messages.State
    received: datetime


def follow_reports(batch: list[devices.Said]) -> None:
    """Called in the transaction that stores these reports, once for each group of messages."""
    heard = list(_read(batch))
    known = Known(_lights_of(heard, heard[-1].received), {}, [], {}) if heard else Known({}, {}, [], {})
    for board in heard:
        for report in board.state.lights:
            _follow(known, known.lights[board.device_id, report.channel], report, board.received)
        _follow_settings(known, board)
    _store(known)


def _read(batch: Iterable[devices.Said]) -> Iterator[Heard]:
    """What is nonsense stands in the twin as the board said it, and changes no light."""
    for said in batch:
        try:
            state = messages.parse_state(said.value if isinstance(said.value, dict) else {})
        except BadRequest as error:
            logger.info("lights of %s: %s", said.device_id, error)
            continue
        yield Heard(said.device_id, said.account_id, state, instant(said.received_ms))


def _lights_of(heard: Iterable[Heard], now: datetime) -> dict[tuple[str, int], Light]:
    """The rows of all channels that are reported; new ones are made, those of another owner begin anew."""
    owners = {board.device_id: board.account_id for board in heard}
    found = {(row.device_id, row.channel): row for row in Light.objects.filter(device_id__in=owners)}
    _forget([row for row in found.values() if row.account_id != owners[row.device_id]], owners, now)
    wanted = {(board.device_id, light.channel) for board in heard for light in board.state.lights}
    missing = sorted(wanted - found.keys())
    if missing:
        rooms = devices.sectors_of({id for id, _channel in missing})
        fresh = [Light(device_id=id, channel=n, account_id=owners[id], sector_id=rooms.get(id)) for id, n in missing]
        found |= {(row.device_id, row.channel): row for row in Light.objects.bulk_create(fresh)}
    return found


def _forget(lights: list[Light], owners: Mapping[str, int | None], now: datetime) -> None:
    """The names, rooms, wishes, scenes and schedules of the owner before are nobody's any more."""
    if not lights:
        return
    ids = [light.pk for light in lights]
    SceneLight.objects.filter(light_id__in=ids).delete()
    ScheduledLight.objects.filter(light_id__in=ids).delete()
    for light in lights:
        light.account_id, light.sector_id, light.name, light.icon = owners[light.device_id], None, "", "lightbulb"
        light.wanted_at = light.deadline_at = light.removed_at = None
    Light.objects.bulk_update(
        lights, ["account", "sector", "name", "icon", "wanted_at", "deadline_at", "removed_at"], batch_size=500
    )
    schedules.lay(ids={light.device_id for light in lights}, now=now)


def _follow(known: Known, light: Light, report: messages.Light, received: datetime) -> None:
    is_on = light.is_on if report.is_on is None else report.is_on
    is_ours = report.at_ms == light.set_at_ms and report.by in messages.ASKED_BYS
    by = light.wanted_source if is_ours and light.wanted_source else report.by
    at = _believable(report.at_ms, received)
    until = instant(report.until_ms) if report.until_ms is not None else None
    if light.reported_at is not None and _differs(report, light):
        who = light.wanted_by if is_ours else ""
        known.changes.append((light.pk, light.account_id, at, received, is_on, report.level, by, who, until))
    _settle(known, light, report)
    light.is_on, light.level_pct, light.by, light.at_ms = is_on, report.level, by, report.at_ms
    light.changed_at, light.until_at, light.reported_at = at, until, received
    known.touched[light.device_id, light.channel] = None


def _differs(report: messages.Light, light: Light) -> bool:
    """A board that learns the time corrects when something happened: that is no second change."""
    if (report.is_on, report.level) != (light.is_on, light.level_pct):
        return True
    return bool(report.at_ms > light.at_ms >= SINCE_MS)


def _believable(at_ms: int, received: datetime) -> datetime:
    at = instant(at_ms) if at_ms >= SINCE_MS else received
    return received if at > received + AHEAD else at


def _settle(known: Known, light: Light, report: messages.Light) -> None:
    """A wish that the board has seen is done. What is later than all wishes stands: we want it so too."""
    if messages.is_own_doing(report) and report.at_ms > light.set_at_ms:
        known.agreed.setdefault(light.device_id, {})[str(light.channel)] = messages.build_agreement(report)
        light.set_at_ms, light.wanted_at, light.deadline_at = report.at_ms, None, None
    elif report.set_at_ms >= light.set_at_ms:
        light.wanted_at = light.deadline_at = None


def _follow_settings(known: Known, board: Heard) -> None:
    """A channel dims where its board says that a dimmer is set."""
    channels = (board.state.settings or {}).get("channels")
    for name, about in channels.items() if isinstance(channels, dict) else ():
        light = known.lights.get((board.device_id, int(name))) if name in CHANNELS else None
        if light is not None and isinstance(about, dict):
            light.dims = about.get("kind") == "dimmer"
            known.touched[light.device_id, light.channel] = None


# writing


def _store(known: Known) -> None:
    touched = [known.lights[key] for key in known.touched]
    rows.update_each(_update(), [_values(light) for light in touched])
    if known.changes:
        rows.insert_new(Change, CHANGE_FIELDS, known.changes, ("id",))
    if known.agreed:
        devices.agree_with({id: {"lights": wishes} for id, wishes in known.agreed.items()})
    publish_on_commit(*_news(touched))


def _update() -> str:
    return (
        f'UPDATE {rows.table(Light)} SET is_on = %s, level_pct = %s, "by" = %s, at_ms = %s, changed_at = %s, '  # noqa: S608
        "until_at = %s, reported_at = %s, set_at_ms = %s, wanted_at = %s, deadline_at = %s, dims = %s WHERE id = %s"
    )


def _values(light: Light) -> tuple[Any, ...]:
    adapt = connection.ops.adapt_datetimefield_value
    changed, until, reported, wanted, deadline = (
        adapt(at) if at is not None else None
        for at in (light.changed_at, light.until_at, light.reported_at, light.wanted_at, light.deadline_at)
    )
    return (
        light.is_on, light.level_pct, light.by, light.at_ms, changed, until, reported, light.set_at_ms, wanted,
        deadline, light.dims, light.pk,
    )  # fmt: skip


def _news(lights: Iterable[Light]) -> list[DomainEvent]:
    """One event for each board, with its lights as they are now."""
    found: dict[tuple[str, int | None], list[dict[str, Any]]] = {}
    for light in lights:
        about = {"id": light.pk, "on": light.is_on, "level": light.level_pct, "by": light.by}
        found.setdefault((light.device_id, light.account_id), []).append(about)
    return [DomainEvent("light.changed", "lights", owner, id, {"lights": told}) for (id, owner), told in found.items()]


# what changed around the boards


def record_around(batch: list[Any], now: datetime) -> list[Any]:
    """Boards that came back get their time to answer once more; those with a new owner begin anew."""
    ids = {message.device_id for message in batch}
    open_wishes = Light.objects.filter(device_id__in=ids, wanted_at__isnull=False)
    open_wishes.filter(device__is_online=True).update(deadline_at=now + ANSWER_IN)
    open_wishes.filter(device__is_online=False).update(deadline_at=None)
    owners = devices.owners_of(ids)
    changed = [row for row in Light.objects.filter(device_id__in=ids) if row.account_id != owners.get(row.device_id)]
    _forget(changed, owners, now)
    known = Light.objects.filter(device_id__in=ids).order_by().values_list("device_id", flat=True).distinct()
    publish_on_commit(*(_about_board(topic, id, owners.get(id)) for id in known for topic in ("lights", "home")))
    return [None] * len(batch)


def _about_board(topic: str, device_id: str, account_id: int | None) -> DomainEvent:
    return DomainEvent("light.board_changed", topic, account_id, device_id, {})


def expire(now: datetime) -> None:
    """Wishes whose board did not answer in time are said so; they stay wanted."""
    late = Light.objects.filter(deadline_at__lte=now)
    told = set(late.order_by().values_list("device_id", "account_id"))
    if told:
        late.update(deadline_at=None)
        publish_on_commit(*(DomainEvent("light.unanswered", "lights", owner, id, {}) for id, owner in told))


def prune(now: datetime) -> int:
    """History that has been kept long enough goes, a thousand lines in a statement. How many went."""
    gone, old = 0, Change.objects.filter(received_at__lt=now - KEPT).order_by("received_at")
    while ids := list(old.values_list("pk", flat=True)[:PRUNED_AT_ONCE]):
        gone += Change.objects.filter(pk__in=ids).delete()[0]
    return gone
