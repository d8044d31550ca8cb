"""Pages of boards of the older kind: where they are, how they do, their lights, firmware for them."""

from functools import partial
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from panal.cells.accounts.api import MANAGE, may, person
from panal.control import page
from panal.control.refusals import refusals_on
from panal.protocol.errors import BadRequest

from . import older, words
from .models import OlderBoard

PUSHES_SHOWN = 5
QUIET = {"autocomplete": "off", "autocapitalize": "off", "autocorrect": "off", "spellcheck": "false"}


class BoardForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80, widget=forms.TextInput(QUIET))
    address = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=60,
        help_text=gettext_lazy("Of the local network, with a port where it is not 80: 192.168.1.40"),
        widget=forms.TextInput({**QUIET, "placeholder": "192.168.1.40"}),
    )


class AddressForm(forms.Form):
    address = BoardForm.base_fields["address"]


class IntervalForm(forms.Form):
    interval_s = forms.IntegerField(
        label=gettext_lazy("Seconds between two looks"), min_value=1, max_value=7200, widget=forms.NumberInput()
    )


class LightForm(forms.Form):
    room = forms.CharField(label=gettext_lazy("Room, as the board calls it"), max_length=40)
    name = forms.CharField(label=gettext_lazy("Light, as the board calls it"), max_length=40)


class PushForm(forms.Form):
    name = forms.ChoiceField(label=gettext_lazy("What it is"), choices=[(name, name) for name in older.FILES])
    file = forms.FileField(label=gettext_lazy("File"))


def _actor(request: HttpRequest) -> Any:
    return person(request.user, request.META.get("REMOTE_ADDR", ""))  # type: ignore[arg-type]


def _own_account(request: HttpRequest) -> int:
    """Whose boards are added. Raises BadRequest("no_account"), NotFound, Forbidden."""
    account = page.account_of(request)
    if account is None:
        raise BadRequest("no_account", "choose an account")
    older.require_manage(request.user, account.pk)
    return int(account.pk)


def _own_board(request: HttpRequest, device_id: str) -> OlderBoard:
    return older.board_for(request.user, device_id, MANAGE)


@login_required
def boards(request: HttpRequest) -> HttpResponse:
    account = page.account_of(request)
    may_manage = bool(account) and may(request.user, account.pk, MANAGE)  # type: ignore[arg-type]
    context = {"account": account, "may_manage": may_manage}
    if may_manage:
        context["interval_form"] = IntervalForm(initial={"interval_s": older.interval_of(account.pk)})
    return page.answer(request, "lights/older_boards.html", {"list": partial(_list, request)}, context)


def _list(request: HttpRequest) -> dict[str, Any]:
    account = page.account_of(request)
    found = older.boards_for(request.user, account.pk if account else None)
    return {"boards": [(board, words.trouble(board.trouble)) for board in page.paginated(request, found)]}


@login_required
@never_cache
def new_board(request: HttpRequest) -> HttpResponse:
    account_id = _own_account(request)
    form = BoardForm(request.POST or None)
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        with refusals_on(form):
            made = older.add_board(account_id=account_id, actor=_actor(request), **form.cleaned_data)
            context = {"made": made}  # the one answer that shows its token
    return render(request, "lights/older_new.html", context)


@login_required
@require_POST
def set_interval(request: HttpRequest) -> HttpResponse:
    account_id, form = _own_account(request), IntervalForm(request.POST)
    if not form.is_valid():
        raise BadRequest("bad_interval", "1 to 7200 seconds")
    older.set_interval(account_id=account_id, interval_s=form.cleaned_data["interval_s"], actor=_actor(request))
    return page.done(request, _("Saved."), "older_boards")


@login_required
def board(request: HttpRequest, device_id: str) -> HttpResponse:
    found = older.board_for(request.user, device_id)
    parts = {"state": partial(_state, found), "pushes": partial(_pushes, found)}
    context = {
        "board": found,
        "lines": found.names.all(),
        "may_manage": may(request.user, found.device.account_id, MANAGE),  # type: ignore[arg-type]
        "address_form": AddressForm(initial={"address": found.place}, auto_id="move_%s"),
        "light_form": LightForm(auto_id="light_%s"),
        "push_form": PushForm(auto_id="push_%s"),
    }
    return page.answer(request, "lights/older_board.html", parts, context)


def _state(found: OlderBoard) -> dict[str, Any]:
    found.refresh_from_db()
    every_s = older.interval_of(found.device.account_id)
    return {"board": found, "trouble": words.trouble(found.trouble), "every_s": every_s}


def _pushes(found: OlderBoard) -> dict[str, Any]:
    newest = found.pushes.defer("data")[:PUSHES_SHOWN]
    return {"pushes": [(push, words.trouble(push.trouble)) for push in newest]}


@login_required
@require_POST
def move_board(request: HttpRequest, device_id: str) -> HttpResponse:
    found = _own_board(request, device_id)
    older.move_board(board=found, address=request.POST.get("address", "")[:60], actor=_actor(request))
    return redirect("older_board", found.pk)


@login_required
@require_POST
def remove_board(request: HttpRequest, device_id: str) -> HttpResponse:
    older.remove_board(board=_own_board(request, device_id), actor=_actor(request))
    return page.done(request, _("The board is removed."), "older_boards")


@login_required
@require_POST
def add_light(request: HttpRequest, device_id: str) -> HttpResponse:
    found = _own_board(request, device_id)
    room, name = request.POST.get("room", ""), request.POST.get("name", "")
    older.add_light(board=found, room=room, name=name, actor=_actor(request))
    return redirect("older_board", found.pk)


@login_required
@require_POST
def remove_light(request: HttpRequest, device_id: str, channel: int) -> HttpResponse:
    found = _own_board(request, device_id)
    older.remove_light(line=get_object_or_404(found.names, channel=channel), actor=_actor(request))
    return redirect("older_board", found.pk)


@login_required
@require_POST
def push(request: HttpRequest, device_id: str) -> HttpResponse:
    found, form = _own_board(request, device_id), PushForm(request.POST, request.FILES)
    if not form.is_valid():
        raise BadRequest("bad_firmware", "a file is expected")
    file = form.cleaned_data["file"]
    if file.size > older.MOST_FIRMWARE:
        raise BadRequest("bad_firmware", "too large")
    older.begin_push(board=found, name=form.cleaned_data["name"], data=file.read(), actor=_actor(request))
    return redirect("older_board", found.pk)
