"""Pages of wifi: begin a change of network, watch each device take it, look back."""

from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from panal.cells.accounts.api import OPERATE, person
from panal.cells.devices import api as devices
from panal.control import page
from panal.control.refusals import refusals_on
from panal.protocol.errors import BadRequest, Forbidden

from . import actions, queries, words
from .forms import NetworkForm
from .models import Change, DeviceChange, State

BY = ("all", "sector", "group", "devices")
BAR_PX = 1000
"""How wide the bar is inside itself; the page stretches it."""


def _actor(request: HttpRequest) -> Any:
    return person(request.user, request.META.get("REMOTE_ADDR", ""))  # type: ignore[arg-type]


def _account_id(request: HttpRequest) -> int | None:
    account = page.account_of(request)
    return account.pk if account else None


# looking back


@login_required
def changes(request: HttpRequest) -> HttpResponse:
    context = {"may_operate": queries.may_change(request.user, _account_id(request))}
    return page.answer(request, "wifi/changes.html", {"list": partial(_list, request)}, context)


def _list(request: HttpRequest) -> dict[str, Any]:
    found = page.paginated(request, queries.changes_for(request.user, _account_id(request)))
    return {"changes": found, "shown": [_told(change) for change in found]}


def _told(change: Change) -> dict[str, Any]:
    counts = queries.counts_of(change)
    return {"change": change, "counts": counts, "bar": _bar(counts), "states": _states(counts)}


def _bar(counts: queries.Counts) -> list[dict[str, Any]]:
    """The stretches of the bar: done first, what waits last."""
    order, x, bar = ("changed", "kept", "silent", "cancelled", "trying", "waiting"), 0.0, []
    for state in order:
        width = BAR_PX * getattr(counts, state) / max(1, counts.total)
        bar.append({"state": state, "x": f"{x:.1f}", "width": f"{width:.1f}"})
        x += width
    return bar


def _states(counts: queries.Counts) -> list[dict[str, Any]]:
    return [
        {"state": state, "label": State(state).label, "count": getattr(counts, state), **words.look(state)}
        for state in ("changed", "trying", "waiting", "kept", "silent", "cancelled")
    ]


# one change


@login_required
@never_cache
def change(request: HttpRequest, change_id: UUID) -> HttpResponse:
    found = queries.change_for(request.user, change_id)
    state = request.GET.get("state", "")
    state = state if state in State.values else ""
    parts = {"progress": partial(_progress, request, found), "rows": partial(_rows, request, found, state)}
    context = {"change": found, "state": state, "may_operate": queries.may_change(request.user, found.account_id)}
    return page.answer(request, "wifi/change.html", parts, context)


def _progress(request: HttpRequest, found: Change) -> dict[str, Any]:
    return _told(found)


def _rows(request: HttpRequest, found: Change, state: str) -> dict[str, Any]:
    rows = page.paginated(request, queries.rows_for(request.user, found.pk, state))
    return {"rows": rows, "lines": [_line(row, found) for row in rows]}


def _line(row: DeviceChange, change: Change) -> dict[str, Any]:
    return {
        "row": row,
        "is_ours": row.device.account_id == change.account_id,
        "reason": words.reason(row.reason) if row.state == State.KEPT else "",
        "at": row.ended_at or row.began_at,
        **words.look(row.state),
    }


@login_required
@require_POST
def cancel(request: HttpRequest, change_id: UUID) -> HttpResponse:
    found = queries.change_for(request.user, change_id, OPERATE)
    count = actions.cancel_change(change=found, actor=_actor(request))
    text = ngettext("Cancelled for %(n)d device.", "Cancelled for %(n)d devices.", count) % {"n": count}
    return page.done(request, text, reverse("wifi_change", args=[found.pk]))


# a new one


@login_required
@never_cache
@sensitive_post_parameters("ssid", "password")
def new(request: HttpRequest) -> HttpResponse:
    """A POST without a network is a selection from another page."""
    account_id = _account_id(request)
    if account_id is not None and not queries.may_change(request.user, account_id):
        raise Forbidden("not_allowed", "your role does not allow this")
    form = NetworkForm(request.POST if "ssid" in request.POST else None, auto_id="network_%s")
    if form.is_bound:
        with refusals_on(form):
            chosen = _chosen(request)
            if form.is_valid():
                return _begin(request, chosen, form)
    return page.answer(request, "wifi/new.html", {}, {"form": form, **_choices(request, account_id)})


def _begin(request: HttpRequest, chosen: queries.Chosen, form: NetworkForm) -> HttpResponse:
    begun = actions.begin_change(**chosen._asdict(), **form.cleaned_data, actor=_actor(request))
    return redirect("wifi_change", begun.pk)


def _chosen(request: HttpRequest) -> queries.Chosen:
    given = request.POST
    match given.get("by"):
        case "sector":
            return queries.sector_for(request.user, _id(given.get("sector", "")))
        case "group":
            return queries.group_for(request.user, _id(given.get("group", "")))
        case "devices":
            return queries.chosen_for(request.user, given.getlist("device")[: actions.MOST_AT_ONCE])
        case "all" if account_id := _account_id(request):
            return queries.all_for(request.user, account_id)
    raise BadRequest("no_devices", "choose devices", "devices")


def _id(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise BadRequest("no_devices", "choose a place", "devices")
    return int(text)


def _choices(request: HttpRequest, account_id: int | None) -> dict[str, Any]:
    given = request.POST or request.GET
    by = given.get("by", "") or next((name for name in ("sector", "group") if given.get(name, "").isdecimal()), "")
    ticked = set(given.getlist("device"))
    return {
        "by": "devices" if ticked and by not in BY else by if by in BY else "all" if account_id else "devices",
        "ticked": ticked,
        "sector_id": given.get("sector", ""),
        "group_id": given.get("group", ""),
        "devices": list(queries.devices_for(request.user, account_id)[: actions.MOST_AT_ONCE]),
        "sectors": list(devices.under_parents(devices.sectors_for(request.user, account_id, OPERATE))),
        "groups": list(devices.groups_for(request.user, account_id, OPERATE)),
    }


@login_required
@never_cache
@sensitive_post_parameters("ssid", "password")
def retry(request: HttpRequest, change_id: UUID) -> HttpResponse:
    """The network is typed again: it was not kept."""
    chosen = queries.failed_for(request.user, change_id)
    form = NetworkForm(request.POST or None, auto_id="network_%s")
    if form.is_valid():
        with refusals_on(form):
            return _begin(request, chosen, form)
    return page.answer(request, "wifi/retry.html", {}, {"form": form, "change": chosen.retry_of, "chosen": chosen})


# what is added to pages of devices


def device_part(request: HttpRequest, device: Any) -> page.Part | None:
    """How the newest change of this device went, and the way to the next."""
    if device.account_id is None or device.state != "activated":
        return None
    row = queries.newest_for(request.user, device)
    line = _line(row, row.change) if row else None
    context = {"device": device, "line": line, "may_operate": queries.may_change(request.user, device.account_id)}
    return page.Part("wifi", "wifi/device/part.html", context, "wifi", "Wi-Fi")


def selection_part(request: HttpRequest, account: Any) -> page.Part | None:
    """A button for the devices that are ticked on a page of devices."""
    if not queries.may_change(request.user, account.pk if account else None):
        return None
    return page.Part("wifi", "wifi/selection.html", {}, "", "Wi-Fi")
