"""What changes lights: switching them, their names and rooms, scenes, schedules, the home they are in.

Switching is written to the history when its board reports it; everything else to the audit log.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import IntegrityError, connection, models, transaction

from panal.cells.accounts.api import Actor, record_audit
from panal.cells.devices import api as devices
from panal.control import rows
from panal.control.events import publish_on_commit
from panal.control.instants import milliseconds
from panal.control.preferences import ZONES
from panal.gateway.store import DomainEvent
from panal.protocol.errors import BadRequest, Conflict

from . import machine, messages, schedules
from .models import (
    EVERY_DAY,
    ICONS,
    At,
    By,
    Home,
    Light,
    Scene,
    SceneLight,
    Schedule,
    WhenAway,
)

ANSWER_IN = timedelta(seconds=10)
"""A board that is connected has this long to report what was asked of it."""
MOST_AT_ONCE = 2_000
MOST_SCENES = 100
MOST_SCHEDULES = 200


class Wish(NamedTuple):
    """What somebody wants of a light. Level None: as bright as it was. `for_s`: off again after so long."""

    light: Light
    on: bool
    level: int | None = None
    for_s: int | None = None


def _news(name: str, account_id: int | None, device_id: str = "", **data: Any) -> DomainEvent:
    return DomainEvent(name, "lights", account_id, device_id, data)


# switching


def switch(
    light: Light,
    on: bool,
    level: int | None = None,
    for_s: int | None = None,
    *,
    by: Actor,
    now: datetime,
    source: str = By.PAGE,
) -> None:
    """Ask a light to be on or off; it is so once its board reports it. `source`: page, automation or scene.

    Raises BadRequest("bad_level", "bad_for_s"), Conflict("light_away", "revoked").
    """
    switch_many([Wish(light, on, level, for_s)], by=by, now=now, source=source)


@transaction.atomic
def switch_many(wishes: Sequence[Wish], *, by: Actor, now: datetime, source: str = By.PAGE) -> int:
    """Many lights at once, in a constant number of statements. How many were asked.

    One alone that may not wait for its board is refused (Conflict "light_away"); among others it is passed over.
    """
    for wish in wishes:
        _check(wish)
    if len(wishes) > MOST_AT_ONCE:
        raise BadRequest("too_many", f"at most {MOST_AT_ONCE} lights at once", "lights")
    boards = {board.pk: board for board in devices.locked({wish.light.device_id for wish in wishes})}
    taken = [wish for wish in wishes if wish.light.device_id in boards and _may_wait(wish.light, boards)]
    if len(wishes) == 1 and not taken:
        code = "light_away" if wishes[0].light.device_id in boards else "revoked"
        raise Conflict(code, "its board is not connected: nothing was sent" if boards else "its board is revoked")
    if not taken:
        return 0
    fresh = _fresh(taken)
    patches: dict[str, dict[str, Any]] = {}
    values = []
    for wish in taken:
        light = fresh[wish.light.pk]
        set_at_ms = messages.set_at_ms(milliseconds(now), light.at_ms, light.set_at_ms)
        lights = patches.setdefault(light.device_id, {"lights": {}})["lights"]
        lights[str(light.channel)] = _document(wish, set_at_ms, source)
        deadline = now + ANSWER_IN if boards[light.device_id].is_online else None
        values.append(_wanted(wish, set_at_ms, now, deadline, by, source))
    rows.update_each(_want(), values)
    asked = [boards[id] for id in patches]
    devices.lay_desired_of_many(devices=asked, patches=patches, now=now)
    publish_on_commit(*(_asked(board) for board in asked))
    return len(taken)


def _asked(board: Any) -> DomainEvent:
    """A board that is connected reports in a moment, and pages hear of that; else they hear that it is kept."""
    return DomainEvent("light.asked", "wishes" if board.is_online else "lights", board.account_id, board.pk, {})


def _check(wish: Wish) -> None:
    if wish.level is not None and not machine.is_whole(wish.level, machine.LEVEL):
        raise BadRequest("bad_level", "1 to 100 percent", "level")
    if wish.for_s is not None and not machine.is_whole(wish.for_s, machine.FOR_S):
        raise BadRequest("bad_for_s", "1 to 86400 seconds", "for_s")


def _may_wait(light: Light, boards: Mapping[str, Any]) -> bool:
    return light.when_away == WhenAway.KEEP or bool(boards[light.device_id].is_online)


def _fresh(wishes: Iterable[Wish]) -> dict[int, Light]:
    """As they are now that their boards are held: what a board has reported meanwhile is older than this wish."""
    ids = [wish.light.pk for wish in wishes]
    return Light.objects.only("device_id", "channel", "set_at_ms", "at_ms").in_bulk(ids)


def _document(wish: Wish, set_at_ms: int, source: str) -> dict[str, Any]:
    by = "automation" if source == By.AUTOMATION else "page"
    level, for_s = (wish.level, wish.for_s) if wish.on else (None, None)
    found: dict[str, Any] = messages.build_wish(wish.on, level, for_s, set_at_ms, by)
    return found


def _want() -> str:
    return (
        f"UPDATE {rows.table(Light)} SET set_at_ms = %s, wanted_at = %s, wanted_on = %s, wanted_level_pct = %s, "  # noqa: S608
        "wanted_for_s = %s, wanted_by = %s, wanted_source = %s, deadline_at = %s WHERE id = %s"
    )


def _wanted(
    wish: Wish, set_at_ms: int, now: datetime, deadline: datetime | None, by: Actor, source: str
) -> tuple[Any, ...]:
    adapt = connection.ops.adapt_datetimefield_value
    return (
        set_at_ms, adapt(now), wish.on, wish.level if wish.on else None, wish.for_s if wish.on else None,
        by.text[:200], str(source), adapt(deadline) if deadline else None, wish.light.pk,
    )  # fmt: skip


def all_off(lights: Iterable[Light], *, by: Actor, now: datetime) -> int:
    """Whatever is on, or is wanted on. How many were asked."""
    shining = [light for light in lights if light.is_on or (light.wanted_at and light.wanted_on)]
    return switch_many([Wish(light, False) for light in shining[:MOST_AT_ONCE]], by=by, now=now)


# one light


@transaction.atomic
def change_light(
    *, light: Light, actor: Actor, name: str, icon: str, sector: Any = None, when_away: str = WhenAway.KEEP
) -> Light:
    """Its name, icon, room and what becomes of a click while its board is away. Raises BadRequest."""
    if sector is not None and sector.account_id != light.account_id:
        raise BadRequest("bad_sector", "the room is another account's", "sector")
    before = _said_of(light)
    light.name, light.icon, light.sector = _line(name, "name", 80, empty=True), _icon(icon), sector
    if when_away not in WhenAway.values:
        raise BadRequest("bad_when_away", "keep or drop", "when_away", tuple(WhenAway.values))
    light.when_away = when_away
    if before == _said_of(light):
        return light
    light.save(update_fields=["name", "icon", "sector", "when_away"])
    _name_on_board(light)
    _about("light.changed", light, actor, before, _said_of(light))
    return light


def _name_on_board(light: Light) -> None:
    """For the board's own page, which people use when there is no server to ask."""
    if light.device.model.pins:
        about = {"name": str(light)[: machine.MAX_NAME], "room": str(light.sector or "")[: machine.MAX_NAME]}
        patch = {"lights": {"settings": {"channels": {str(light.channel): about}}}}
        devices.lay_desired(device=light.device, patch=patch)


def _said_of(light: Light) -> dict[str, Any]:
    room = str(light.sector or "")
    return {"name": light.name, "icon": light.icon, "sector": room, "when_away": str(light.when_away)}


@transaction.atomic
def move_lights(*, lights: Sequence[Light], sector: Any, actor: Actor) -> int:
    """Into a room, or with None out of any. How many were given."""
    if any(sector is not None and light.account_id != sector.account_id for light in lights):
        raise BadRequest("bad_sector", "the room is another account's", "sector")
    Light.objects.filter(pk__in=[light.pk for light in lights]).update(sector=sector)
    for light in lights:
        _about("light.moved", light, actor, {"sector": str(light.sector or "")}, {"sector": str(sector or "")})
        light.sector = sector
        _name_on_board(light)
    return len(lights)


@transaction.atomic
def remove_light(*, light: Light, actor: Actor, now: datetime) -> None:
    """It is gone from pages, scenes and schedules; its board has it still, and it can be added again."""
    SceneLight.objects.filter(light=light).delete()
    light.schedules.clear()
    light.removed_at, light.wanted_at, light.deadline_at = now, None, None
    light.save(update_fields=["removed_at", "wanted_at", "deadline_at"])
    _about("light.removed", light, actor, {"name": str(light)}, {})
    schedules.lay(ids={light.device_id}, now=now)


@transaction.atomic
def add_light(*, light: Light, actor: Actor, name: str = "", sector: Any = None) -> Light:
    """One that was removed comes back, with a new name."""
    if sector is not None and sector.account_id != light.account_id:
        raise BadRequest("bad_sector", "the room is another account's", "sector")
    light.removed_at, light.name, light.sector = None, _line(name, "name", 80, empty=True), sector
    light.save(update_fields=["removed_at", "name", "sector"])
    _about("light.added", light, actor, {}, {"name": str(light)})
    return light


@transaction.atomic
def change_channel(*, light: Light, actor: Actor, now: datetime, **settings: str) -> None:
    """How its output is wired: kind, switch and power, as in machine.SETTINGS. Its board takes them when it can."""
    for name, value in settings.items():
        if value not in machine.SETTINGS.get(name, ()):
            raise BadRequest(f"bad_{name}", "no such setting", name, tuple(machine.SETTINGS.get(name, ())))
    patch = {"lights": {"settings": {"channels": {str(light.channel): settings}}}}
    _row, before = devices.lay_desired(device=light.device, patch=patch)
    if before is not None:
        _about("light.set_up", light, actor, {}, dict(settings))


# scenes


@transaction.atomic
def save_scene(
    *,
    account_id: int,
    name: str,
    actor: Actor,
    icon: str = "party-popper",
    lines: Sequence[tuple[Light, bool, int | None]] | None = None,
    scene: Scene | None = None,
) -> Scene:
    """A new scene, or `scene` changed. `lines`: light, on, level of each; None leaves them as they are.

    Raises BadRequest, Conflict("name_taken", "too_many_scenes").
    """
    if scene is None and Scene.objects.filter(account_id=account_id).count() >= MOST_SCENES:
        raise Conflict("too_many_scenes", f"at most {MOST_SCENES} scenes")
    row = scene or Scene(account_id=account_id)
    before = {} if scene is None else {"name": row.name}
    row.name, row.icon = _line(name, "name", 80), _icon(icon)
    _save(row)
    if lines is not None:
        _set_lines(row, lines)
    _about("scene.created" if scene is None else "scene.changed", row, actor, before, {"name": row.name})
    return row


def _set_lines(scene: Scene, lines: Sequence[tuple[Light, bool, int | None]]) -> None:
    if len(lines) > MOST_AT_ONCE:
        raise BadRequest("too_many", f"at most {MOST_AT_ONCE} lights", "lights")
    for light, on, level in lines:
        if light.account_id != scene.account_id:
            raise BadRequest("bad_light", "a light of another account", "lights")
        _check(Wish(light, on, level))
    scene.lines.all().delete()
    last = {light.pk: (on, level) for light, on, level in lines}
    SceneLight.objects.bulk_create(
        [SceneLight(scene=scene, light_id=id, is_on=on, level_pct=level) for id, (on, level) in last.items()]
    )


def states_of(lights: Iterable[Light]) -> list[tuple[Light, bool, int | None]]:
    """How lights are now, as lines of a scene."""
    return [(light, light.is_on, light.level_pct or None if light.is_on and light.dims else None) for light in lights]


@transaction.atomic
def delete_scene(*, scene: Scene, actor: Actor) -> None:
    _about("scene.deleted", scene, actor, {"name": scene.name}, {})
    scene.delete()


def run_scene(*, scene: Scene, by: Actor, now: datetime, source: str = By.SCENE) -> int:
    """Ask for all its lights together. How many were asked."""
    lines = scene.lines.select_related("light").filter(light__removed_at=None, light__account_id=scene.account_id)
    wishes = [Wish(line.light, line.is_on, line.level_pct) for line in lines]
    return switch_many(wishes, by=by, now=now, source=source)


# schedules


@transaction.atomic
def save_schedule(
    *,
    account_id: int,
    lights: Sequence[Light],
    actor: Actor,
    now: datetime,
    minutes: int,
    name: str = "",
    days: int = EVERY_DAY,
    at: str = At.TIME,
    on: bool = True,
    level: int | None = None,
    for_s: int | None = None,
    is_enabled: bool = True,
    schedule: Schedule | None = None,
) -> Schedule:
    """A new schedule, or `schedule` changed; its boards are told.

    Raises BadRequest("bad_days", "bad_minutes", "bad_lights", "no_place"), Conflict("too_many_light_schedules").
    """
    if schedule is None and Schedule.objects.filter(account_id=account_id).count() >= MOST_SCHEDULES:
        raise Conflict("too_many_light_schedules", f"at most {MOST_SCHEDULES} schedules")
    _check_time(account_id, days, at, minutes)
    _check(Wish(Light(), on, level, for_s))
    if not lights or any(light.account_id != account_id for light in lights):
        raise BadRequest("bad_lights", "lights of this account", "lights")
    row = schedule or Schedule(account_id=account_id)
    before = _told_of(row) if schedule else {}
    reached = schedules.boards_of(row.lights.all()) if schedule else set()
    row.name, row.days, row.at, row.minutes = _line(name, "name", 80, empty=True), days, at, minutes
    row.is_on, row.level_pct, row.for_s, row.is_enabled = on, level, for_s if on else None, is_enabled
    row.save()
    row.lights.set(lights)
    reached |= schedules.boards_of(lights)
    _check_room(reached)
    _about(
        "light_schedule.created" if schedule is None else "light_schedule.changed", row, actor, before, _told_of(row)
    )
    schedules.lay(ids=reached, now=now)
    return row


def _check_time(account_id: int, days: int, at: str, minutes: int) -> None:
    if not machine.is_whole(days, (1, EVERY_DAY)):
        raise BadRequest("bad_days", "weekdays as bits, 1 to 127", "days")
    if at not in At.values or not machine.is_whole(minutes, machine.MINUTES[str(at)]):
        raise BadRequest("bad_minutes", "0 to 1439 of the day, or -720 to 720 from the sun", "minutes")
    if at != At.TIME and not Home.objects.filter(pk=account_id, latitude_deg__isnull=False).exists():
        raise BadRequest("no_place", "say first where the home is", "at")


def _check_room(ids: Iterable[str]) -> None:
    held = Schedule.objects.filter(is_enabled=True, lights__device_id__in=list(ids)).order_by()
    counted = held.values("lights__device_id").annotate(n=models.Count("id", distinct=True))
    if counted.filter(n__gt=machine.MAX_SCHEDULES).exists():
        raise Conflict("too_many_light_schedules", f"a board has room for {machine.MAX_SCHEDULES} schedules", "lights")


def _told_of(schedule: Schedule) -> dict[str, Any]:
    names = ("name", "days", "at", "minutes", "is_on", "level_pct", "for_s", "is_enabled")
    return {name: getattr(schedule, name) for name in names} | {"lights": [str(x) for x in schedule.lights.all()]}


@transaction.atomic
def delete_schedule(*, schedule: Schedule, actor: Actor, now: datetime) -> None:
    reached = schedules.boards_of(schedule.lights.all())
    _about("light_schedule.deleted", schedule, actor, _told_of(schedule), {})
    schedule.delete()
    schedules.lay(ids=reached, now=now)


@transaction.atomic
def change_home(
    *,
    account_id: int,
    actor: Actor,
    now: datetime,
    time_zone: str = "",
    latitude_deg: float | None = None,
    longitude_deg: float | None = None,
) -> Home:
    """By which clock and which sun its schedules go; its boards are told. Raises BadRequest."""
    if time_zone and time_zone not in ZONES:
        raise BadRequest("bad_time_zone", "a name such as Europe/Madrid", "time_zone")
    _check_place(latitude_deg, longitude_deg)
    if latitude_deg is None and Schedule.objects.filter(account_id=account_id).exclude(at=At.TIME).exists():
        raise BadRequest("place_needed", "a schedule goes by the sun", "latitude_deg")
    values = {"time_zone": time_zone, "latitude_deg": latitude_deg, "longitude_deg": longitude_deg}
    home, _made = Home.objects.update_or_create(account_id=account_id, defaults=values)
    record_audit(actor=actor, verb="home.changed", subject=home, account_id=account_id, after=values)
    boards = Light.objects.filter(account_id=account_id, schedules__isnull=False).order_by()
    schedules.lay(ids=boards.values_list("device_id", flat=True).distinct(), now=now)
    publish_on_commit(_news("light.home_changed", account_id))
    return home


def _check_place(latitude_deg: float | None, longitude_deg: float | None) -> None:
    if (latitude_deg is None) != (longitude_deg is None):
        raise BadRequest("bad_home_place", "both latitude and longitude, or neither", "longitude_deg")
    if latitude_deg is not None and not -90 <= latitude_deg <= 90:
        raise BadRequest("bad_home_place", "-90 to 90 degrees", "latitude_deg")
    if longitude_deg is not None and not -180 <= longitude_deg <= 180:
        raise BadRequest("bad_home_place", "-180 to 180 degrees", "longitude_deg")


# words, saving, telling


def _line(text: str, field: str, longest: int, empty: bool = False) -> str:
    text = text.strip()
    if (not text and not empty) or len(text) > longest or not text.isprintable():
        raise BadRequest(f"bad_{field}", f"{field}: 1 to {longest} printable characters", field)
    return text


def _icon(name: str) -> str:
    if name not in ICONS:
        raise BadRequest("bad_icon", "no such icon", "icon", ICONS)
    return name


def _save(row: models.Model) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise Conflict("name_taken", f"{row} exists already", "name") from None


def _about(verb: str, row: Any, actor: Actor, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    record_audit(actor=actor, verb=verb, subject=row, account_id=row.account_id, before=before, after=after)
    name = "light.described" if verb == "light.changed" else verb.replace("light_schedule", "schedule")
    publish_on_commit(_news(name, row.account_id, getattr(row, "device_id", "")))
