"""REST of lights: what is on, switching, scenes, schedules, the history."""

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from panal.cells.accounts.api import EDIT, OPERATE, account_for
from panal.cells.devices import api as devices
from panal.control.rest import DeviceId, Id, Input, Instant, Page, Paging, actor_of, answers, page_of
from panal.protocol.errors import BadRequest

from . import actions, machine, queries
from .models import ICONS, Change, Light, Scene, Schedule

router = Router(tags=["lights"])

Level = Annotated[int, Field(ge=machine.LEVEL[0], le=machine.LEVEL[1])]
ForS = Annotated[int, Field(ge=machine.FOR_S[0], le=machine.FOR_S[1])]
Name = Annotated[str, Field(max_length=80)]
Icon = Literal[ICONS]  # type: ignore[valid-type]
Days = Annotated[int, Field(ge=1, le=127)]
Ids = Annotated[list[Id], Field(max_length=1000)]


# lights


class LightOut(Schema):
    id: int
    device: str
    channel: int
    account: int | None
    sector: int | None
    name: str
    icon: str
    dims: bool
    when_away: str
    """keep: a click while its board is away is done when it returns; drop: it is refused."""
    on: bool
    """As its board reports it, whatever was asked."""
    level: int | None
    by: str
    """Who made it so: wall, page, local, schedule, timer, power, automation or scene."""
    changed_at: Instant | None
    until: Instant | None
    """When its timer turns it off."""
    online: bool
    wish: str
    """Of what was asked last: empty when its board has done it, else pending, unanswered or kept."""
    wanted_on: bool | None


def _light(light: Light) -> dict[str, Any]:
    wish = light.state_at(timezone.now())
    return {
        "id": light.pk,
        "device": light.device_id,
        "channel": light.channel,
        "account": light.account_id,
        "sector": light.sector_id,
        "name": light.name,
        "icon": light.icon,
        "dims": light.dims,
        "when_away": light.when_away,
        "on": light.is_on,
        "level": light.level_pct,
        "by": light.by,
        "changed_at": light.changed_at,
        "until": light.until_at,
        "online": light.device.is_online,
        "wish": wish,
        "wanted_on": light.wanted_on if wish else None,
    }


class LightFilters(Schema):
    account: Id | None = None
    sector: Id | None = None
    device: DeviceId | None = None
    on: bool | None = None


class LightIn(Input):
    name: Name | None = None
    icon: Icon | None = None
    sector: Id | None = None
    """Left out: it stays where it is; null: it is in no room."""
    when_away: Literal["keep", "drop"] | None = None


class SwitchIn(Input):
    on: bool
    level: Level | None = None
    """In percent, for what can be dimmed. Left out: as bright as it was."""
    for_s: ForS | None = None
    """Off again after so many seconds."""


class OffIn(Input):
    account: Id
    sector: Id | None = None
    """Left out: all of them."""


class LightsAskedOut(Schema):
    asked: int
    """How many lights were asked."""


@router.get("/lights", response=answers(Page[LightOut]))
def lights(request: HttpRequest, filters: Query[LightFilters], paging: Query[Paging]) -> Any:
    """By room and name."""
    found = queries.lights_for(request.user, filters.account, sector=filters.sector or "")
    found = found.filter(device_id=filters.device) if filters.device else found
    found = found.filter(is_on=filters.on) if filters.on is not None else found
    shown = page_of(found, paging)
    return {**shown, "items": [_light(light) for light in shown["items"]]}


@router.post("/lights/off", response=answers(LightsAskedOut))
def all_off(request: HttpRequest, payload: OffIn) -> Any:
    """Whatever is on in an account, or in one of its rooms."""
    account = account_for(request.user, payload.account, OPERATE)  # type: ignore[arg-type]
    sector = devices.sector_for(request.user, payload.sector, OPERATE).pk if payload.sector else ""
    found = queries.lights_for(request.user, account.pk, capability=OPERATE, sector=sector)
    return {"asked": actions.all_off(found, by=actor_of(request), now=timezone.now())}


@router.get("/lights/{light_id}", response=answers(LightOut))
def light(request: HttpRequest, light_id: Id) -> Any:
    return _light(queries.light_for(request.user, light_id))


@router.patch("/lights/{light_id}", response=answers(LightOut))
def change_light(request: HttpRequest, light_id: Id, payload: LightIn) -> Any:
    found = queries.light_for(request.user, light_id, EDIT)
    said = payload.dict(exclude_unset=True)
    sector = found.sector
    if "sector" in said:
        sector = devices.sector_for(request.user, said.pop("sector"), EDIT) if said["sector"] else said.pop("sector")
    values = {name: value for name, value in said.items() if value is not None}
    kept = {name: getattr(found, name) for name in ("name", "icon", "when_away")}
    changed = actions.change_light(light=found, actor=actor_of(request), sector=sector, **{**kept, **values})
    return _light(changed)


@router.delete("/lights/{light_id}", response=answers(None, 204))
def remove_light(request: HttpRequest, light_id: Id) -> Any:
    """It leaves pages, scenes and schedules; its board goes on with it."""
    found = queries.light_for(request.user, light_id, EDIT)
    actions.remove_light(light=found, actor=actor_of(request), now=timezone.now())
    return Status(204, None)


@router.post("/lights/{light_id}/switch", response=answers(LightOut))
def switch(request: HttpRequest, light_id: Id, payload: SwitchIn) -> Any:
    """It is asked; it is done once `wish` is empty. One that must not start late is refused (409 light_away)."""
    found = queries.light_for(request.user, light_id, OPERATE)
    actions.switch(found, **payload.dict(), by=actor_of(request), now=timezone.now())
    return _light(queries.light_for(request.user, light_id))


# history


class LightChangeOut(Schema):
    light: int
    at: Instant
    received_at: Instant
    on: bool
    level: int | None
    by: str
    who: str
    until: Instant | None


def _change(change: Change) -> dict[str, Any]:
    return {
        "light": change.light_id,
        "at": change.at,
        "received_at": change.received_at,
        "on": change.is_on,
        "level": change.level_pct,
        "by": change.by,
        "who": change.who,
        "until": change.until_at,
    }


class LightChangeFilters(Schema):
    account: Id | None = None
    light: Id | None = None
    sector: Id | None = None
    by: Literal["", "wall", "page", "local", "schedule", "timer", "power", "automation", "scene"] = ""
    since: Instant | None = None
    until: Instant | None = None


@router.get("/lights-history", response=answers(Page[LightChangeOut]))
def light_history(request: HttpRequest, filters: Query[LightChangeFilters], paging: Query[Paging]) -> Any:
    """Newest first."""
    shown = page_of(queries.changes_for(request.user, **filters.dict()), paging)
    return {**shown, "items": [_change(change) for change in shown["items"]]}


# scenes


class SceneLineShape(Input):
    light: Id
    on: bool
    level: Level | None = None


class SceneOut(Schema):
    id: int
    account: int
    name: str
    icon: str
    lights: list[SceneLineShape]


class SceneIn(Input):
    name: Annotated[str, Field(min_length=1, max_length=80)]
    icon: Icon = "party-popper"
    lights: Annotated[list[SceneLineShape], Field(max_length=1000)]


class NewSceneIn(SceneIn):
    account: Id


def _scene(scene: Scene) -> dict[str, Any]:
    lines = [{"light": line.light_id, "on": line.is_on, "level": line.level_pct} for line in scene.lines.all()]
    return {"id": scene.pk, "account": scene.account_id, "name": scene.name, "icon": scene.icon, "lights": lines}


def _lines(request: HttpRequest, said: list[SceneLineShape]) -> list[tuple[Light, bool, int | None]]:
    known = _chosen(request, [line.light for line in said])
    return [(known[line.light], line.on, line.level) for line in said]


def _chosen(request: HttpRequest, ids: list[int]) -> dict[int, Light]:
    found = {light.pk: light for light in queries.chosen_for(request.user, ids, EDIT)}
    if len(found) < len(set(ids)):
        raise BadRequest("bad_lights", "lights that you may change", "lights")
    return found


@router.get("/light-scenes", response=answers(Page[SceneOut]))
def scenes(request: HttpRequest, paging: Query[Paging], account: Id | None = None) -> Any:
    """By name."""
    shown = page_of(queries.scenes_for(request.user, account).prefetch_related(queries.LINES), paging)
    return {**shown, "items": [_scene(scene) for scene in shown["items"]]}


@router.post("/light-scenes", response=answers(SceneOut, 201))
def add_scene(request: HttpRequest, payload: NewSceneIn) -> Any:
    account = account_for(request.user, payload.account, EDIT)  # type: ignore[arg-type]
    made = actions.save_scene(
        account_id=account.pk, name=payload.name, icon=payload.icon, lines=_lines(request, payload.lights),
        actor=actor_of(request),
    )  # fmt: skip
    return Status(201, _scene(queries.scene_for(request.user, made.pk)))


@router.get("/light-scenes/{scene_id}", response=answers(SceneOut))
def scene(request: HttpRequest, scene_id: Id) -> Any:
    return _scene(queries.scene_for(request.user, scene_id))


@router.put("/light-scenes/{scene_id}", response=answers(SceneOut))
def change_scene(request: HttpRequest, scene_id: Id, payload: SceneIn) -> Any:
    """The whole of it, with all lights."""
    found = queries.scene_for(request.user, scene_id, EDIT)
    actions.save_scene(
        account_id=found.account_id, scene=found, name=payload.name, icon=payload.icon,
        lines=_lines(request, payload.lights), actor=actor_of(request),
    )  # fmt: skip
    return _scene(queries.scene_for(request.user, scene_id))


@router.delete("/light-scenes/{scene_id}", response=answers(None, 204))
def delete_scene(request: HttpRequest, scene_id: Id) -> Any:
    actions.delete_scene(scene=queries.scene_for(request.user, scene_id, EDIT), actor=actor_of(request))
    return Status(204, None)


@router.post("/light-scenes/{scene_id}/run", response=answers(LightsAskedOut))
def run_scene(request: HttpRequest, scene_id: Id) -> Any:
    found = queries.scene_for(request.user, scene_id, OPERATE)
    return {"asked": actions.run_scene(scene=found, by=actor_of(request), now=timezone.now())}


# schedules


class LightScheduleIn(Input):
    name: Name = ""
    at: Literal["time", "sunrise", "sunset"] = "time"
    minutes: Annotated[int, Field(ge=-720, le=1439)]
    """After midnight, or after (minus: before) sunrise or sunset, by the clock and the sun of the home."""
    days: Days = 127
    """Weekdays as bits, Monday is 1."""
    on: bool = True
    level: Level | None = None
    for_s: ForS | None = None
    is_enabled: bool = True
    lights: Annotated[list[Id], Field(min_length=1, max_length=1000)]


class NewLightScheduleIn(LightScheduleIn):
    account: Id


class LightScheduleOut(Schema):
    id: int
    account: int
    name: str
    at: str
    minutes: int
    days: int
    on: bool
    level: int | None
    for_s: int | None
    is_enabled: bool
    lights: list[int]
    next_at: Instant | None
    """When its boards run it next; null: not in use, or the home has no place for its sun."""


def _schedules(found: list[Schedule]) -> list[dict[str, Any]]:
    times = queries.next_times(found)
    return [
        {
            "id": one.pk, "account": one.account_id, "name": one.name, "at": one.at, "minutes": one.minutes,
            "days": one.days, "on": one.is_on, "level": one.level_pct, "for_s": one.for_s,
            "is_enabled": one.is_enabled, "lights": [light.pk for light in one.lights.all()],
            "next_at": times.get(one.pk),
        }
        for one in found
    ]  # fmt: skip


@router.get("/light-schedules", response=answers(Page[LightScheduleOut]))
def schedules(request: HttpRequest, paging: Query[Paging], account: Id | None = None) -> Any:
    shown = page_of(queries.schedules_for(request.user, account), paging)
    return {**shown, "items": _schedules(shown["items"])}


@router.post("/light-schedules", response=answers(LightScheduleOut, 201))
def add_schedule(request: HttpRequest, payload: NewLightScheduleIn) -> Any:
    """Its boards run it by themselves, also without the server."""
    account = account_for(request.user, payload.account, EDIT)  # type: ignore[arg-type]
    return Status(201, _save(request, account.pk, None, payload))


@router.get("/light-schedules/{schedule_id}", response=answers(LightScheduleOut))
def schedule(request: HttpRequest, schedule_id: Id) -> Any:
    return _schedules([queries.schedule_for(request.user, schedule_id)])[0]


@router.put("/light-schedules/{schedule_id}", response=answers(LightScheduleOut))
def change_schedule(request: HttpRequest, schedule_id: Id, payload: LightScheduleIn) -> Any:
    found = queries.schedule_for(request.user, schedule_id, EDIT)
    return _save(request, found.account_id, found, payload)


def _save(request: HttpRequest, account_id: int, found: Schedule | None, payload: LightScheduleIn) -> Any:
    saved = actions.save_schedule(
        account_id=account_id,
        schedule=found,
        lights=list(_chosen(request, payload.lights).values()),
        actor=actor_of(request),
        now=timezone.now(),
        **payload.dict(exclude={"lights", "account"}),
    )
    return _schedules([queries.schedule_for(request.user, saved.pk)])[0]


@router.delete("/light-schedules/{schedule_id}", response=answers(None, 204))
def delete_schedule(request: HttpRequest, schedule_id: Id) -> Any:
    found = queries.schedule_for(request.user, schedule_id, EDIT)
    actions.delete_schedule(schedule=found, actor=actor_of(request), now=timezone.now())
    return Status(204, None)
