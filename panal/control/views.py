"""The pages that belong to no cell: overview, everything else of the menu, the bench."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from panal.cells.accounts import api as accounts
from panal.cells.devices import api as devices
from panal.cells.lights import api as lights
from panal.protocol.errors import BadRequest

from . import bench, mailbox, page

KNOB_DIGITS = 10
"""Of a door's knob as it comes: 0 to 10."""
MOTIONS = (
    ("fall", "trending-down", gettext_lazy("Fall down")),
    ("stumble", "footprints", gettext_lazy("Stumble")),
    ("sit", "armchair", gettext_lazy("Sit down hard")),
    ("table", "table-2", gettext_lazy("Put it on a table")),
)
CARDS = (("04A1B2C3", gettext_lazy("Rosa's card")), ("DEADBEEF", gettext_lazy("An unknown card")))
"""What can be held to a virtual reader; the demo gives the first one to Rosa."""


@login_required
def overview(request: HttpRequest) -> HttpResponse:
    parts = page.parts_of_cells("overview", request, page.account_of(request))
    wanted = [part for part in parts if part.name == request.GET.get("part")]
    if wanted:
        return page.answer_part(request, wanted[0])
    return render(request, "control/overview.html", {"parts": parts})


@login_required
def more(request: HttpRequest) -> HttpResponse:
    return render(request, "control/more.html")


@login_required
def bench_page(request: HttpRequest) -> HttpResponse:
    _require_bench(request)
    parts: dict[str, page.Context] = {
        "boards": lambda: {"boards": _boards(request)},
        "screen": lambda: {"board": _board_asked_for(request)},
    }
    return page.answer(request, "control/bench.html", parts, {"cards": CARDS, "motions": MOTIONS})


@login_required
def mailbox_page(request: HttpRequest) -> HttpResponse:
    """Mail holds links that sign people in: only a bench without customers has this page."""
    _require_bench(request)
    if settings.PANAL.email_url:
        raise Http404
    return page.answer(request, "control/mailbox.html", {"letters": lambda: {"letters": mailbox.letters()}})


@login_required
@require_POST
def bench_do(request: HttpRequest, device_id: str) -> HttpResponse:
    """Form fields: do, and on, ms, value or part as the hub wants them."""
    _require_bench(request)
    device = devices.device_for(request.user, device_id, accounts.OPERATE)
    if not bench.send(device.pk, _message(request)):
        messages.error(request, _("This board is not on the bench."))
    return HttpResponse(status=204) if request.htmx else redirect("bench")  # type: ignore[attr-defined]


def _require_bench(request: HttpRequest) -> None:
    if not page.has_bench(request):
        raise Http404


def _boards(request: HttpRequest) -> list[dict[str, Any]]:
    """Only what this person may see, in the order of the names."""
    states = bench.states()
    known = devices.devices_for(request.user).filter(pk__in=states)
    lit = [device_id for device_id, state in states.items() if state.get("lights")]
    names = lights.lights_for(request.user).filter(device_id__in=lit).values_list("device_id", "channel", "name")
    named = {(device_id, channel): name for device_id, channel, name in names} if lit else {}
    operated = devices.devices_for(request.user, accounts.OPERATE).filter(pk__in=states)
    mine = set(operated.values_list("pk", flat=True))
    return [_board(device, states[device.pk], named, device.pk in mine) for device in known]


def _board_asked_for(request: HttpRequest) -> dict[str, Any] | None:
    """The one whose door alone is fetched again, while somebody has a hand at its knob."""
    wanted = request.GET.get("board")
    return next((board for board in _boards(request) if board["device"].pk == wanted), None) if wanted else None


def _board(device: Any, state: dict[str, Any], names: dict[tuple[str, int], str], may_operate: bool) -> dict[str, Any]:
    battery = state.get("battery")
    door = state.get("door") or {}
    digit = round(door.get("knob", 0) * KNOB_DIGITS / 4095)
    lamps = [{**lamp, "name": names.get((device.pk, lamp["number"]), "")} for lamp in state.get("lights") or ()]
    level = None if battery is None else 100 * battery
    hands = {"may_operate": may_operate, "is_still": not (may_operate and state.get("power"))}
    return {**state, **hands, "device": device, "battery_pct": level, "digit": digit, "lights": lamps}


def _message(request: HttpRequest) -> dict[str, Any]:
    form = request.POST
    match form.get("do"):
        case "press":
            return {"do": "press", "part": "button", "ms": _number(form.get("ms", "100"), 20, 60000)}
        case "wifi" | "power" | "tilt" | "unwell" as what:
            return {"do": what, "on": form.get("on") == "1"}
        case "camera" if form.get("what") in ("covered", "night", "walk"):
            return {"do": "camera", form["what"]: form.get("on") == "1"}
        case "card":
            return {"do": "card", "uid": _card(form.get("uid", ""))}
        case "knob":
            return {"do": "knob", "value": round(_number(form.get("digit", ""), 0, KNOB_DIGITS) * 4095 / KNOB_DIGITS)}
        case "door":
            return {"do": "door", "open": form.get("on") == "1"}
        case "exit":
            return {"do": "exit"}
        case "wall":
            held = {"ms": _number(form["ms"], 80, 60000)} if form.get("ms") else {}
            return {"do": "wall", "number": _number(form.get("number", ""), 1, 8)} | held
        case "shake" if form.get("motion") in {motion for motion, _, _ in MOTIONS}:
            return {"do": "shake", "motion": form["motion"]}
        case "battery":
            return {"do": "battery", "value": _number(form.get("value", ""), 0, 100) / 100}
    raise BadRequest("bad_args")


def _card(text: str) -> str:
    if text not in dict(CARDS):
        raise BadRequest("bad_args")
    return text


def _number(text: str, least: int, most: int) -> int:
    try:
        return max(least, min(most, int(text)))
    except ValueError:
        raise BadRequest("bad_args") from None
