"""Pages of lights: rooms with their switches, one light, scenes, schedules, the history, the home."""

from datetime import datetime, time, timedelta
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from panal.cells.accounts.api import EDIT, OPERATE, person
from panal.cells.devices import api as devices
from panal.control import page
from panal.control.refusals import refusals_on
from panal.protocol import keys
from panal.protocol.errors import BadRequest, Forbidden

from . import actions, queries
from .forms import (
    ICON_WORDS,
    AddForm,
    ChannelForm,
    HistoryForm,
    HomeForm,
    LightForm,
    NewSceneForm,
    RoomForm,
    SceneForm,
    ScheduleForm,
)
from .models import By, Light, Scene, Schedule

SHOWN_TOGETHER = 60
"""More lights than this are shown room by room."""
PER_ROOM_PAGE = 60
ROOMS_PER_PAGE = 60
SHOWN_ON_OVERVIEW = 6
CHANGES_ON_LIGHT = 10
LINES_PER_PAGE = 50
CHOSEN_AT_MOST = 300
TIMER_MINUTES = (5, 15, 30, 60, 120)


def _actor(request: HttpRequest) -> Any:
    return person(request.user, request.META.get("REMOTE_ADDR", ""))  # type: ignore[arg-type]


def _account_id(request: HttpRequest) -> int | None:
    account = page.account_of(request)
    return account.pk if account else None


def _editable_account(request: HttpRequest, capability: str = EDIT) -> int:
    """The account in which something new is made. Raises BadRequest("no_account"), Forbidden."""
    account_id = _account_id(request)
    if account_id is None:
        raise BadRequest("no_account", "choose an account")
    may = queries.may_edit if capability == EDIT else queries.may_switch
    if not may(request.user, account_id):
        raise Forbidden("not_allowed", "your role does not allow this")
    return account_id


def _rights(request: HttpRequest) -> dict[str, bool]:
    account_id = _account_id(request)
    return {
        "may_switch": queries.may_switch(request.user, account_id),
        "may_edit": queries.may_edit(request.user, account_id),
    }


def _number(text: str, least: int, most: int, name: str) -> int | None:
    """A whole number from a form, or None where the field is empty."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19 and least <= int(text) <= most):
        raise BadRequest(f"bad_{name}", f"{least} to {most}", name)
    return int(text)


def _ids(texts: list[str]) -> list[int]:
    return [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < 19]


def _back(request: HttpRequest, otherwise: str) -> str:
    to = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(to, {request.get_host()}, require_https=request.is_secure())
    return to if is_ours else otherwise


# all rooms


@login_required
def lights(request: HttpRequest) -> HttpResponse:
    parts = {"rooms": partial(_rooms, request), "scenes": partial(_scenes, request)}
    context = {"tab": "lights", "room_form": RoomForm(auto_id="room_%s"), **_rights(request)}
    return page.answer(request, "lights/lights.html", parts, context)


def _rooms(request: HttpRequest) -> dict[str, Any]:
    account_id = _account_id(request)
    rooms = queries.rooms_for(request.user, account_id, most=SHOWN_TOGETHER)
    total = sum(room.total for room in rooms)
    return {
        "rooms": page.paginated(request, rooms, ROOMS_PER_PAGE),
        "total": total,
        "shining": sum(room.shining for room in rooms),
        "is_small": total <= SHOWN_TOGETHER,
        "unheard": queries.unheard_for(request.user, account_id) if not total else 0,
    }


def _scenes(request: HttpRequest) -> dict[str, Any]:
    return {"scenes": list(queries.scenes_for(request.user, _account_id(request)))}


@login_required
def room(request: HttpRequest, room_id: str) -> HttpResponse:
    """One room, or with "none" the lights that are in no room."""
    sector = None if room_id == "none" else devices.sector_for(request.user, _room_number(room_id))
    parts = {"lights": partial(_lights_of_room, request, sector)}
    context = {"tab": "lights", "room": sector, "room_id": room_id, **_rights(request)}
    return page.answer(request, "lights/room.html", parts, context)


def _room_number(text: str) -> int:
    return _number(text, 1, 2**63 - 1, "room") or 0


def _lights_of_room(request: HttpRequest, sector: Any) -> dict[str, Any]:
    account_id = sector.account_id if sector else _account_id(request)
    found = queries.lights_for(request.user, account_id, sector=sector.pk if sector else None)
    shown = page.paginated(request, found, PER_ROOM_PAGE)
    now = timezone.now()
    return {
        "page": shown,
        "looks": [queries.look(light, now) for light in shown],
        "shining": found.order_by().filter(queries.SHINING).count(),
    }


@login_required
@require_POST
def add_room(request: HttpRequest) -> HttpResponse:
    form = RoomForm(request.POST)
    if form.is_valid():
        devices.create_sector(
            account_id=_editable_account(request), name=form.cleaned_data["name"], actor=_actor(request)
        )
        messages.success(request, _("The room is there."))
    return redirect("lights")


@login_required
@require_POST
def rename_room(request: HttpRequest, room_id: int) -> HttpResponse:
    sector = devices.sector_for(request.user, room_id, EDIT)
    form = RoomForm(request.POST)
    if form.is_valid():
        devices.rename_place(place=sector, name=form.cleaned_data["name"], actor=_actor(request))
        messages.success(request, _("The room has its new name."))
    return redirect("light_room", room_id)


@login_required
@require_POST
def delete_room(request: HttpRequest, room_id: int) -> HttpResponse:
    """Its lights and devices stay, without a room."""
    sector = devices.sector_for(request.user, room_id, EDIT)
    devices.delete_place(place=sector, actor=_actor(request))
    messages.success(request, _("The room is gone. Its lights are in no room now."))
    return redirect("lights")


# switching


@login_required
@require_POST
def switch(request: HttpRequest, light_id: int) -> HttpResponse:
    """Form fields: on (0 or 1), level in percent, minutes until it goes off again."""
    light = queries.light_for(request.user, light_id, OPERATE)
    minutes = _number(request.POST.get("minutes", ""), 1, 1440, "for_s")
    actions.switch(
        light,
        request.POST.get("on") == "1",
        _number(request.POST.get("level", ""), 1, 100, "level"),
        60 * minutes if minutes else None,
        by=_actor(request),
        now=timezone.now(),
    )
    back = _back(request, reverse("lights"))
    if light.device.is_online:
        return _quiet(request, back)
    return page.done(request, _("Its board is not connected: it will be done when it returns."), back)


def _quiet(request: HttpRequest, back: str) -> HttpResponse:
    """What was asked is seen at the light itself."""
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(status=204, headers={"HX-Trigger": '{"panal:fresh": {}}'})
    return redirect(back)


@login_required
@require_POST
def all_off(request: HttpRequest) -> HttpResponse:
    """Form field: room (an id, "none" or empty for the whole home)."""
    where = request.POST.get("room", "")
    if where and where != "none":
        sector = devices.sector_for(request.user, _room_number(where), OPERATE)
        found = queries.lights_for(request.user, sector.account_id, capability=OPERATE, sector=sector.pk)
    else:
        account_id = _editable_account(request, OPERATE)
        found = queries.lights_for(request.user, account_id, capability=OPERATE, sector=None if where else "")
    count = actions.all_off(found, by=_actor(request), now=timezone.now())
    text = ngettext("%(n)d light is asked to go off.", "%(n)d lights are asked to go off.", count) % {"n": count}
    return page.done(request, text if count else _("No light is on here."), _back(request, reverse("lights")))


# one light


@login_required
@never_cache
def light(request: HttpRequest, light_id: int) -> HttpResponse:
    return _light_page(request, queries.light_for(request.user, light_id))


def _light_page(request: HttpRequest, shown: Light, **forms: Any) -> HttpResponse:
    parts = {"state": partial(_state, request, shown.pk), "history": partial(_history_of, request, shown)}
    may_edit = queries.may_edit(request.user, shown.account_id)
    rooms = devices.sectors_for(request.user, shown.account_id)
    context = {
        "light": shown,
        "may_edit": may_edit,
        "timers": TIMER_MINUTES,
        "icons": ICON_WORDS,
        "form": LightForm(rooms=rooms, light=shown) if may_edit else None,
        "channel_form": ChannelForm(wanted=queries.channel_settings(shown), auto_id="channel_%s") if may_edit else None,
        **forms,
    }
    return page.answer(request, "lights/light.html", parts, context)


def _state(request: HttpRequest, light_id: int) -> dict[str, Any]:
    fresh = queries.light_for(request.user, light_id)
    found = list(queries.schedules_for(request.user, fresh.account_id).filter(lights=fresh.pk))
    times = queries.next_times(found)
    coming = sorted((times[one.pk], one.pk, one) for one in found if one.pk in times)
    return {
        "light": fresh,
        "look": queries.look(fresh, timezone.now()),
        "may_switch": queries.may_switch(request.user, fresh.account_id),
        "coming": coming[0] if coming else None,
    }


def _history_of(request: HttpRequest, shown: Light) -> dict[str, Any]:
    return {"changes": list(queries.changes_for(request.user, light=shown.pk)[:CHANGES_ON_LIGHT])}


@login_required
@require_POST
def change_light(request: HttpRequest, light_id: int) -> HttpResponse:
    found = queries.light_for(request.user, light_id, EDIT)
    form = LightForm(request.POST, rooms=devices.sectors_for(request.user, found.account_id))
    if not form.is_valid():
        return _light_page(request, found, form=form)
    said = form.cleaned_data
    sector = devices.sector_for(request.user, int(said["sector"]), EDIT) if said["sector"] else None
    actions.change_light(light=found, actor=_actor(request), **{**said, "sector": sector})
    messages.success(request, _("Saved."))
    return redirect("light", light_id)


@login_required
@require_POST
def change_channel(request: HttpRequest, light_id: int) -> HttpResponse:
    found = queries.light_for(request.user, light_id, EDIT)
    form = ChannelForm(request.POST, wanted={}, auto_id="channel_%s")
    if not form.is_valid():
        return _light_page(request, found, channel_form=form)
    actions.change_channel(light=found, actor=_actor(request), now=timezone.now(), **form.cleaned_data)
    messages.success(request, _("Saved: the board takes it as soon as it is connected."))
    return redirect("light", light_id)


@login_required
@require_POST
def remove_light(request: HttpRequest, light_id: int) -> HttpResponse:
    found = queries.light_for(request.user, light_id, EDIT)
    actions.remove_light(light=found, actor=_actor(request), now=timezone.now())
    messages.success(request, _("“%(name)s” is off the pages. It can be added again.") % {"name": found})
    return redirect("lights")


@login_required
def add_light(request: HttpRequest) -> HttpResponse:
    """Lights that were removed, to be added again; how a new board comes in."""
    account_id = _editable_account(request)
    rooms = devices.sectors_for(request.user, account_id)
    if request.method == "POST":
        form = AddForm(request.POST, rooms=rooms)
        if form.is_valid():
            return _add(request, form.cleaned_data)
    found = queries.lights_for(request.user, account_id, is_removed=True)
    context = {"tab": "lights", "page": page.paginated(request, found, 20), "rooms": list(rooms)}
    return render(request, "lights/add.html", context)


def _add(request: HttpRequest, said: dict[str, Any]) -> HttpResponseRedirect:
    found = queries.light_for(request.user, said["light"], EDIT, is_removed=True)
    sector = devices.sector_for(request.user, int(said["sector"]), EDIT) if said["sector"] else None
    actions.add_light(light=found, name=said["name"], sector=sector, actor=_actor(request))
    messages.success(request, _("The light is there again."))
    return redirect("light", found.pk)


# scenes


@login_required
def scenes(request: HttpRequest) -> HttpResponse:
    context = {"tab": "scenes", **_rights(request)}
    return page.answer(request, "lights/scenes.html", {"list": partial(_scenes, request)}, context)


@login_required
@require_POST
def run_scene(request: HttpRequest, scene_id: int) -> HttpResponse:
    found = queries.scene_for(request.user, scene_id, OPERATE)
    count = actions.run_scene(scene=found, by=_actor(request), now=timezone.now())
    text = ngettext("“%(scene)s”: %(n)d light was asked.", "“%(scene)s”: %(n)d lights were asked.", count)
    return page.done(request, text % {"scene": found, "n": count}, _back(request, reverse("lights")))


@login_required
def new_scene(request: HttpRequest) -> HttpResponse:
    """Form fields: name, icon, rooms (many) whose lights are taken as they are now."""
    account_id = _editable_account(request)
    form = NewSceneForm(request.POST or None, rooms=queries.rooms_for(request.user, account_id, most=0))
    if form.is_bound and form.is_valid():
        with refusals_on(form):
            found = _lights_of_rooms(request, account_id, form.cleaned_data.pop("rooms"))
            made = actions.save_scene(
                account_id=account_id, lines=actions.states_of(found), actor=_actor(request), **form.cleaned_data
            )
            messages.success(request, _("The scene is there."))
            return redirect("scene", made.pk)
    return render(request, "lights/scene_new.html", {"tab": "scenes", "form": form, "icons": ICON_WORDS})


def _lights_of_rooms(request: HttpRequest, account_id: int, rooms: list[str]) -> list[Light]:
    wanted = {None if room == "none" else int(room) for room in rooms}
    return [light for light in queries.lights_for(request.user, account_id) if light.sector_id in wanted]


@login_required
@never_cache
def scene(request: HttpRequest, scene_id: int) -> HttpResponse:
    """Form fields: name, icon, for each light state-<id> (on, off or leave) and level-<id>, add (many lights)."""
    found = queries.scene_for(request.user, scene_id, EDIT if request.method == "POST" else "see")
    form = SceneForm(request.POST or None, initial={"name": found.name, "icon": found.icon})
    if form.is_bound and form.is_valid():
        with refusals_on(form):
            lines = _lines_said(request, found)
            actions.save_scene(
                account_id=found.account_id, scene=found, lines=lines, actor=_actor(request), **form.cleaned_data
            )
            messages.success(request, _("Saved."))
            return redirect("scene", scene_id)
    return render(request, "lights/scene.html", _scene_page(request, found, form))


def _scene_page(request: HttpRequest, found: Scene, form: Any) -> dict[str, Any]:
    lines = list(found.lines.all())
    others = queries.lights_for(request.user, found.account_id).exclude(pk__in=[line.light_id for line in lines])
    return {
        "tab": "scenes",
        "scene": found,
        "form": form,
        "icons": ICON_WORDS,
        "lines": lines[:CHOSEN_AT_MOST],
        "others": list(others[:CHOSEN_AT_MOST]),
        "may_edit": queries.may_edit(request.user, found.account_id),
        "may_switch": queries.may_switch(request.user, found.account_id),
    }


def _lines_said(request: HttpRequest, found: Scene) -> list[tuple[Light, bool, int | None]]:
    """Those that the form did not show stay as they are."""
    said, lines = request.POST, []
    for line in found.lines.all():
        state = said.get(f"state-{line.light_id}", "")
        if state in ("on", "off"):
            level = _number(said.get(f"level-{line.light_id}", ""), 1, 100, "level")
            lines.append((line.light, state == "on", level if state == "on" else None))
        elif state != "leave":
            lines.append((line.light, line.is_on, line.level_pct))
    added = queries.chosen_for(request.user, _ids(said.getlist("add")[:CHOSEN_AT_MOST]), EDIT)
    return [*lines, *actions.states_of(added)]


@login_required
@require_POST
def capture_scene(request: HttpRequest, scene_id: int) -> HttpResponse:
    """Its lights are remembered as they are now."""
    found = queries.scene_for(request.user, scene_id, EDIT)
    lines = actions.states_of(line.light for line in found.lines.all())
    actions.save_scene(
        account_id=found.account_id, scene=found, name=found.name, icon=found.icon, lines=lines, actor=_actor(request)
    )
    messages.success(request, _("The scene has the lights as they are now."))
    return redirect("scene", scene_id)


@login_required
@require_POST
def delete_scene(request: HttpRequest, scene_id: int) -> HttpResponse:
    found = queries.scene_for(request.user, scene_id, EDIT)
    actions.delete_scene(scene=found, actor=_actor(request))
    messages.success(request, _("The scene is gone."))
    return redirect("scenes")


# schedules


@login_required
def schedules(request: HttpRequest) -> HttpResponse:
    context = {"tab": "schedules", **_rights(request)}
    return page.answer(request, "lights/schedules.html", {"list": partial(_schedules, request)}, context)


def _schedules(request: HttpRequest) -> dict[str, Any]:
    found = page.paginated(request, queries.schedules_for(request.user, _account_id(request)), LINES_PER_PAGE)
    times = queries.next_times(found)
    return {"page": found, "rows": [{"schedule": one, "next": times.get(one.pk)} for one in found]}


@login_required
def new_schedule(request: HttpRequest) -> HttpResponse:
    return _edit_schedule(request, _editable_account(request), None)


@login_required
@never_cache
def schedule(request: HttpRequest, schedule_id: int) -> HttpResponse:
    found = queries.schedule_for(request.user, schedule_id, EDIT)
    return _edit_schedule(request, found.account_id, found)


def _edit_schedule(request: HttpRequest, account_id: int, found: Schedule | None) -> HttpResponse:
    known = queries.lights_for(request.user, account_id)
    form = ScheduleForm(request.POST or None, lights=known, schedule=found)
    if form.is_bound and form.is_valid():
        with refusals_on(form):
            actions.save_schedule(
                account_id=account_id,
                schedule=found,
                lights=queries.chosen_for(request.user, _ids(form.cleaned_data["lights"]), EDIT),
                actor=_actor(request),
                now=timezone.now(),
                **form.values(),
            )
            messages.success(request, _("Saved: the boards take it as soon as they are connected."))
            return redirect("light_schedules")
    home = queries.home_for(request.user, account_id)
    return render(request, "lights/schedule.html", {"schedule": found, "form": form, "home": home, "tab": "schedules"})


@login_required
@require_POST
def delete_schedule(request: HttpRequest, schedule_id: int) -> HttpResponse:
    found = queries.schedule_for(request.user, schedule_id, EDIT)
    actions.delete_schedule(schedule=found, actor=_actor(request), now=timezone.now())
    messages.success(request, _("The schedule is gone."))
    return redirect("light_schedules")


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """By which clock and which sun the schedules go."""
    account_id = _editable_account(request)
    form = HomeForm(request.POST or None, home=queries.home_for(request.user, account_id))
    if form.is_bound and form.is_valid():
        with refusals_on(form):
            actions.change_home(account_id=account_id, actor=_actor(request), now=timezone.now(), **form.cleaned_data)
            messages.success(request, _("Saved: the boards take it as soon as they are connected."))
            return redirect("light_schedules")
    return render(request, "lights/home.html", {"form": form, "tab": "schedules"})


# the history


@login_required
def history(request: HttpRequest) -> HttpResponse:
    filters = HistoryForm(request.GET).chosen()
    account_id = _account_id(request)
    context = {
        "tab": "history",
        "filters": filters,
        "is_filtered": any(filters.values()),
        "bys": By.choices,
        "rooms": list(devices.sectors_for(request.user, account_id)),
    }
    if filters["light"]:
        context["light"] = queries.light_for(request.user, filters["light"])
    return page.answer(request, "lights/history.html", {"list": partial(_changes, request, filters)}, context)


def _changes(request: HttpRequest, filters: dict[str, Any]) -> dict[str, Any]:
    since, until = _day(filters["day"])
    found = queries.changes_for(
        request.user,
        account=_account_id(request),
        light=filters["light"] or None,
        sector=filters["room"] or None,
        by=filters["by"],
        who=filters["q"],
        since=since,
        until=until,
    )
    return {"page": page.paginated(request, found, LINES_PER_PAGE)}


def _day(on: Any) -> tuple[datetime | None, datetime | None]:
    if not on:
        return None, None
    zone = timezone.get_current_timezone()
    return datetime.combine(on, time(), zone), datetime.combine(on + timedelta(days=1), time(), zone)


# whether the home is there


@login_required
@never_cache
def home_state(request: HttpRequest) -> HttpResponse:
    """For every page: whether a board of the home looked at is away, for its icon and its sound."""
    account = page.account_of(request)
    if account is None:
        return render(request, "lights/home_state.html", {"away": [], "known": 0})
    boards = queries.boards_for(request.user, account.pk)
    return render(
        request, "lights/home_state.html", {"known": len(boards), "away": [one for one in boards if not one.is_online]}
    )


# parts of other pages


def overview_part(request: HttpRequest, account: Any) -> page.Part | None:
    found = queries.lights_for(request.user, account.pk if account else None)
    counts = queries.counts_for(request.user, account.pk if account else None)
    if not counts.total:
        return None
    now = timezone.now()
    shining = [queries.look(light, now) for light in found.filter(queries.SHINING)[:SHOWN_ON_OVERVIEW]]
    context = {
        "counts": counts,
        "looks": shining,
        "more": counts.shining - len(shining),
        "account": account,
        "may_switch": account is not None and queries.may_switch(request.user, account.pk),
    }
    return page.Part("lights", "lights/overview/lights.html", context, "lights devices", _("Lights"))


def device_part(request: HttpRequest, device: Any) -> page.Part | None:
    if "lights" not in device.model.cells:
        return None
    now = timezone.now()
    found = queries.lights_for(request.user, device.account_id).filter(device=device)
    may_edit = queries.may_edit(request.user, device.account_id)
    context = {
        "looks": [queries.look(light, now) for light in found],
        "may_switch": queries.may_switch(request.user, device.account_id),
        "local_code": keys.local_code(devices.token_of(device)) if may_edit and device.model.pins else "",
        "local_url": f"http://{device.ip}/local" if device.ip else "",
    }
    return page.Part("lights", "lights/device/lights.html", context, "lights", _("Lights"))
