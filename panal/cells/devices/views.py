"""Pages of devices: the list, one device, sectors and groups, and what they add to the overview."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from panal.cells.accounts.api import EDIT, MANAGE, OPERATE, person
from panal.control import once, page
from panal.control.refusals import refusals_on
from panal.protocol.errors import BadRequest

from . import actions, fleet, plots, queries, words
from .catalog import MODELS
from .comb import comb_of
from .forms import (
    STATE_CHOICES,
    CommandForm,
    DesiredForm,
    DeviceForm,
    FilterForm,
    MoveForm,
    PlaceForm,
    SectorForm,
)
from .models import Device, Group, Sector

COMMANDS_SHOWN = 10
LINES_SHOWN = 100
ATTENTION_SHOWN = 6
ATTENTION_PER_PAGE = 6
RANGES = {
    "hour": (gettext_lazy("1 h"), timedelta(hours=1), "raw"),
    "day": (gettext_lazy("24 h"), timedelta(days=1), "5min"),
    "week": (gettext_lazy("7 days"), timedelta(days=7), "hourly"),
    "month": (gettext_lazy("30 days"), timedelta(days=30), "hourly"),
}


def actor_of(request: HttpRequest) -> Any:
    return person(request.user, request.META.get("REMOTE_ADDR", ""))  # type: ignore[arg-type]


def _account_id(request: HttpRequest) -> int | None:
    account = page.account_of(request)
    return account.pk if account else None


# the list


@login_required
def devices(request: HttpRequest) -> HttpResponse:
    filters = FilterForm(request.GET).chosen()
    context = {
        "filters": filters,
        "is_filtered": any(filters.values()),
        "states": STATE_CHOICES,
        "models": MODELS.values(),
        "may_edit": _may_edit_some(request),
        "selection_parts": page.parts_of_cells("selection", request, page.account_of(request)),
        "sectors": list(queries.sectors_for(request.user, _account_id(request))),
        "groups": list(queries.groups_for(request.user, _account_id(request))),
    }
    return page.answer(request, "devices/devices.html", {"list": partial(_list, request, filters)}, context)


def _list(request: HttpRequest, filters: dict[str, str]) -> dict[str, Any]:
    return {"devices": page.paginated(request, _filtered(request, filters))}


def _filtered(request: HttpRequest, filters: dict[str, str]) -> QuerySet[Device]:
    state, sector = filters["state"], filters["sector"]
    found = queries.filtered(
        queries.devices_for(request.user),
        search=filters["q"],
        presence=state if state in queries.PRESENCES else "",
        state=state if state not in queries.PRESENCES else "",
        sector=int(sector) if sector.isdecimal() else None,
        group=int(filters["group"]) if filters["group"] else None,
        model=filters["model"],
        account=_account_id(request),
    )
    found = found.filter(sector=None) if sector == "none" else found
    return queries.named_first(found)


def _may_edit_some(request: HttpRequest) -> bool:
    """Whether to offer what changes things; each action checks again."""
    ids = queries.account_ids_for(request.user, EDIT)  # type: ignore[arg-type]
    account = _account_id(request)
    return ids is None or (account in ids if account else bool(ids))


@login_required
@require_POST
def place_devices(request: HttpRequest) -> HttpResponse:
    """Form fields: device (many), sector (an id, "none" or empty), group and leave (a group's id or empty)."""
    chosen = list(queries.devices_for(request.user, EDIT).filter(pk__in=request.POST.getlist("device")[:1000]))
    places = _places(request)
    if chosen and places:
        count = actions.place_devices(devices=chosen, actor=actor_of(request), **places)
        text = ngettext("%(n)d device is in its new place.", "%(n)d devices are in their new place.", count)
        messages.success(request, text % {"n": count})
    else:
        messages.info(request, _("Choose devices, and a sector or a group for them."))
    return _back(request, "devices")


def _places(request: HttpRequest) -> dict[str, Any]:
    sector, group = request.POST.get("sector", ""), request.POST.get("group", "")
    places: dict[str, Any] = {}
    if sector:
        places["sector"] = None if sector == "none" else queries.sector_for(request.user, _id(sector), EDIT)
    if group:
        places["join"] = [queries.group_for(request.user, _id(group), EDIT)]
    if leave := request.POST.get("leave"):
        places["leave"] = [queries.group_for(request.user, _id(leave), EDIT)]
    return places


def _id(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise BadRequest("bad_id")
    return int(text)


def _back(request: HttpRequest, otherwise: str) -> HttpResponseRedirect:
    to = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(to, {request.get_host()}, require_https=request.is_secure())
    return redirect(to if is_ours else otherwise)


# the fleet


@login_required
def fleet_page(request: HttpRequest) -> HttpResponse:
    by = "group" if request.GET.get("by") == "group" else "sector"
    need = request.GET.get("need", "")
    account = page.account_of(request)
    parts = {
        "attention": partial(_fleet_attention, request, need if need in fleet.NEEDS else ""),
        "places": partial(_fleet_places, request, by),
    }
    context = {
        "by": by,
        "may_edit": _may_edit_some(request),
        "selection_parts": page.parts_of_cells("selection", request, account),
        "sectors": list(queries.under_parents(queries.sectors_for(request.user, _account_id(request)))),
        "groups": list(queries.groups_for(request.user, _account_id(request))),
    }
    return page.answer(request, "devices/fleet.html", parts, context)


def _fleet_attention(request: HttpRequest, need: str) -> dict[str, Any]:
    account_id = _account_id(request)
    old = fleet.old_firmware(fleet.alive_for(request.user, account_id))
    counts = fleet.need_counts_for(request.user, account_id, old)
    found = page.paginated(request, fleet.attention_for(request.user, account_id, old, need), ATTENTION_PER_PAGE)
    return {
        "need": need,
        "needs": [
            {"name": name, "label": label, "icon": icon, "count": counts[name]}
            for name, (label, icon) in fleet.NEEDS.items()
        ],
        "attention": found,
        "rows": [fleet.attention_row(device, fleet.needs_of(device, old)) for device in found],
    }


def _fleet_places(request: HttpRequest, by: str) -> dict[str, Any]:
    return {"places": fleet.places_for(request.user, _account_id(request), by)}


# one device


@login_required
@never_cache
def device(request: HttpRequest, device_id: str) -> HttpResponse:
    return _device_page(request, queries.device_for(request.user, device_id))


def _device_page(request: HttpRequest, shown: Device, **more: Any) -> HttpResponse:
    if found := _part_of_cell(request, shown):
        return found
    range_ = request.GET.get("range", "")
    parts = {
        "head": dict,
        "vitals": dict,
        "facts": dict,
        "telemetry": partial(_telemetry, request, shown, range_ if range_ in RANGES else "day"),
        "commands": partial(_commands, request, shown),
        "twin": partial(_twin, shown),
        "log": partial(_log, request, shown),
    }
    context = {"device": shown, "may_operate": queries.may_change(request.user, shown, OPERATE), **more}
    if "part" not in request.GET:
        context |= _around(request, shown) | more
    return page.answer(request, "devices/device.html", parts, context)


def _part_of_cell(request: HttpRequest, shown: Device) -> HttpResponse | None:
    wanted = request.GET.get("part")
    if not wanted:
        return None
    found = [part for part in page.parts_of_cells("device", request, shown) if part.name == wanted]
    return page.answer_part(request, found[0]) if found else None


def _around(request: HttpRequest, shown: Device) -> dict[str, Any]:
    """What only the whole page has: other cells' parts and the forms."""
    may_manage = queries.may_change(request.user, shown, MANAGE)
    return {
        "cell_parts": page.parts_of_cells("device", request, shown),
        "may_edit": queries.may_change(request.user, shown, EDIT),
        "may_manage": may_manage,
        "token": once.take(request, f"device_token:{shown.pk}") if may_manage else "",
        "quick": words.QUICK,
        "command_form": CommandForm(auto_id="command_%s"),
        "desired_form": DesiredForm(auto_id="desired_%s"),
        "change_form": _change_form(request, shown),
        "may_move": queries.is_admin(request.user),
        "move_form": MoveForm(initial={"account": shown.account_id}, auto_id="move_%s"),
    }


def _telemetry(request: HttpRequest, shown: Device, range_: str) -> dict[str, Any]:
    _label, length, resolution = RANGES[range_]
    now = timezone.now()
    readings = queries.telemetry_for(request.user, shown.pk, resolution=resolution, since=now - length)
    ranges = [(name, label) for name, (label, *_rest) in RANGES.items()]
    return {"range": range_, "ranges": ranges, "plots": plots.plots_of(readings, resolution, now - length, now)}


def _commands(request: HttpRequest, shown: Device) -> dict[str, Any]:
    return {"commands": list(queries.commands_for(request.user, shown.pk)[:COMMANDS_SHOWN])}


def _twin(shown: Device) -> dict[str, Any]:
    twin = queries.twin_of(shown)
    names = sorted({*twin.desired, *twin.reported})
    rows = [
        {
            "name": name,
            "desired": twin.desired.get(name),
            "reported": twin.reported.get(name),
            "differs": name in twin.desired and twin.desired[name] != twin.reported.get(name),
        }
        for name in names
    ]
    return {"twin": twin, "twin_rows": rows}


def _log(request: HttpRequest, shown: Device) -> dict[str, Any]:
    return {"log": list(queries.log_for(request.user, shown.pk)[:LINES_SHOWN])}


def _change_form(request: HttpRequest, shown: Device, data: Any = None) -> DeviceForm:
    sectors = queries.sectors_for(request.user, shown.account_id) if shown.account_id else Sector.objects.none()
    return DeviceForm(data, instance=shown, sectors=sectors)


@login_required
@require_POST
def change_device(request: HttpRequest, device_id: str) -> HttpResponse:
    form = _change_form(request, queries.device_for(request.user, device_id, EDIT), request.POST)
    fresh = queries.device_for(request.user, device_id, EDIT)
    if not form.is_valid():
        return _device_page(request, fresh, change_form=form)
    actions.change_device(device=fresh, actor=actor_of(request), **form.cleaned_data)
    messages.success(request, _("The device's settings are saved."))
    return redirect("device", device_id)


@login_required
@require_POST
def change_desired(request: HttpRequest, device_id: str) -> HttpResponse:
    shown = queries.device_for(request.user, device_id, EDIT)
    form = DesiredForm(request.POST, auto_id="desired_%s")
    if not form.is_valid():
        return _device_page(request, shown, desired_form=form)
    actions.set_desired(device=shown, patch=form.patch(), actor=actor_of(request))
    messages.success(request, _("The device will be told its new state."))
    return redirect(reverse("device", args=[device_id]) + "#twin")


@login_required
@require_POST
def queue_command(request: HttpRequest, device_id: str) -> HttpResponse:
    shown = queries.device_for(request.user, device_id, OPERATE)
    form = CommandForm(request.POST, auto_id="command_%s")
    if not form.is_valid():
        return _device_page(request, shown, command_form=form)
    actions.queue_command(
        device=shown,
        name=form.cleaned_data["name"],
        args=form.cleaned_data["args"],
        deadline_s=form.cleaned_data["deadline_s"],
        actor=actor_of(request),
    )
    return page.done(request, _("The command is on its way."), reverse("device", args=[device_id]) + "#commands")


@login_required
@require_POST
def cancel_command(request: HttpRequest, command_id: UUID) -> HttpResponse:
    command = queries.command_for(request.user, command_id, OPERATE)
    actions.cancel_command(command=command, actor=actor_of(request))
    return page.done(request, _("The command is cancelled."), reverse("device", args=[command.device_id]) + "#commands")


@login_required
@require_POST
def rotate_token(request: HttpRequest, device_id: str) -> HttpResponse:
    """The device's page shows the token: who reloads it makes no other one, which would end this one."""
    shown = queries.device_for(request.user, device_id, MANAGE)
    once.keep(request, f"device_token:{device_id}", actions.rotate_token(device=shown, actor=actor_of(request)))
    return redirect("device", device_id)


@login_required
@require_POST
def revoke_device(request: HttpRequest, device_id: str) -> HttpResponse:
    actions.revoke_device(device=queries.device_for(request.user, device_id, MANAGE), actor=actor_of(request))
    messages.success(request, _("The device is revoked."))
    return redirect("device", device_id)


# sectors and groups


@login_required
def sectors(request: HttpRequest) -> HttpResponse:
    known = queries.sectors_for(request.user, _account_id(request))
    form = SectorForm(request.POST or None, sectors=known)
    if request.method == "POST" and form.is_valid():
        with refusals_on(form):
            actions.create_sector(account_id=_edited(request), actor=actor_of(request), **form.cleaned_data)
            return page.done(request, _("The sector is there."), reverse("sectors"))
    context = {"form": form, "may_edit": _may_edit_some(request), "kind": "sector", "icon": "map-pin"}
    return page.answer(
        request, "devices/sectors.html", {"list": partial(_place_rows, queries.under_parents(known))}, context
    )


@login_required
def groups(request: HttpRequest) -> HttpResponse:
    form = PlaceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with refusals_on(form):
            actions.create_group(account_id=_edited(request), actor=actor_of(request), **form.cleaned_data)
            return page.done(request, _("The group is there."), reverse("groups"))
    known = queries.groups_for(request.user, _account_id(request))
    context = {"form": form, "may_edit": _may_edit_some(request), "kind": "group", "icon": "boxes"}
    return page.answer(request, "devices/groups.html", {"list": partial(_place_rows, known)}, context)


def _edited(request: HttpRequest) -> int:
    """The account looked at, if its places may be changed."""
    account = page.account_of(request)
    if account is None:
        raise BadRequest("no_account")
    queries.require(request.user, account.pk, EDIT)  # type: ignore[arg-type]
    return int(account.pk)


def _place_rows(places: QuerySet[Any]) -> dict[str, Any]:
    return {"places": list(queries.with_online(places))}


@login_required
@require_POST
def rename_sector(request: HttpRequest, place_id: int) -> HttpResponse:
    return _rename(request, queries.sector_for(request.user, place_id, EDIT), "sectors")


@login_required
@require_POST
def rename_group(request: HttpRequest, place_id: int) -> HttpResponse:
    return _rename(request, queries.group_for(request.user, place_id, EDIT), "groups")


def _rename(request: HttpRequest, place: Sector | Group, back: str) -> HttpResponse:
    actions.rename_place(place=place, name=request.POST.get("name", ""), actor=actor_of(request))
    return page.done(request, _("It has its new name."), reverse(back))


@login_required
@require_POST
def delete_sector(request: HttpRequest, place_id: int) -> HttpResponse:
    return _delete(request, queries.sector_for(request.user, place_id, EDIT), "sectors")


@login_required
@require_POST
def delete_group(request: HttpRequest, place_id: int) -> HttpResponse:
    return _delete(request, queries.group_for(request.user, place_id, EDIT), "groups")


def _delete(request: HttpRequest, place: Sector | Group, back: str) -> HttpResponse:
    text = _("“%(name)s” is deleted; its devices stay.") % {"name": place.name}
    actions.delete_place(place=place, actor=actor_of(request))
    return page.done(request, text, reverse(back))


# the overview


def fleet_part(request: HttpRequest, account: Any) -> page.Part:
    """What is online: the numbers, and a comb with one cell for each device."""
    account_id = account.pk if account else None
    counts = queries.counts_for(request.user, account_id)
    shown = queries.filtered(queries.devices_for(request.user), account=account_id).exclude(state="revoked")
    context = {**counts._asdict(), "comb": comb_of(shown, counts)}
    return page.Part("fleet", "devices/overview/fleet.html", context, "devices", _("Devices now"))


def attention_part(request: HttpRequest, account: Any) -> page.Part:
    """What needs a person, the worst first."""
    account_id = account.pk if account else None
    old = fleet.old_firmware(fleet.alive_for(request.user, account_id))
    found = fleet.attention_for(request.user, account_id, old)[:ATTENTION_SHOWN]
    rows = [fleet.attention_row(device, fleet.needs_of(device, old)) for device in found]
    return page.Part("attention", "devices/overview/attention.html", {"rows": rows}, "devices twin", _("Needs you"))
