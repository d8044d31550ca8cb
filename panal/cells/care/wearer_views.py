"""Pages of wearers: who they are, who looks after them, what they wear and wore, all that is kept of them."""

from functools import partial
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from panal.cells.accounts.api import EDIT, MANAGE
from panal.cells.devices import api as devices
from panal.control import page
from panal.control.refusals import refusals_on
from panal.protocol.errors import BadRequest, Forbidden

from . import actions, exports, queries
from .forms import DeviceForm, WearerForm
from .models import Wearer
from .views import account_id_of, actor_of

EVENTS_SHOWN = 8
WEARINGS_SHOWN = 20


@login_required
def wearers(request: HttpRequest) -> HttpResponse:
    search, mine = request.GET.get("q", "").strip()[:80], bool(request.GET.get("mine"))
    may_edit = queries.may_edit(request.user, account_id_of(request))
    context = {"q": search, "mine": mine, "may_edit": may_edit, "is_filtered": bool(search or mine)}
    return page.answer(request, "care/wearers.html", {"list": partial(_list, request, search, mine)}, context)


def _list(request: HttpRequest, search: str, mine: bool) -> dict[str, Any]:
    found = queries.wearers_for(request.user, account_id_of(request), search=search, mine=mine)
    return {"wearers": page.paginated(request, found)}


@login_required
@never_cache
def wearer(request: HttpRequest, wearer_id: int) -> HttpResponse:
    found = queries.wearer_for(request.user, wearer_id)
    context = {
        "wearer": found,
        "age": found.age(timezone.localdate()),
        "may_edit": queries.may_edit(request.user, found.account_id),
        "may_manage": queries.may_manage(request.user, found.account_id),
        "may_read_private": queries.may_read_private(request.user, found.account_id),
    }
    parts = {"wearing": partial(_wearing, request, found), "events": partial(_events, request, found)}
    return page.answer(request, "care/wearer.html", parts, context)


def _wearing(request: HttpRequest, found: Wearer) -> dict[str, Any]:
    return {"wearings": list(queries.wearings_for(request.user, found)[:WEARINGS_SHOWN])}


def _events(request: HttpRequest, found: Wearer) -> dict[str, Any]:
    return {"events": list(queries.events_for(request.user, wearer=found.pk)[:EVENTS_SHOWN])}


@login_required
def new_wearer(request: HttpRequest) -> HttpResponse:
    account_id = account_id_of(request)
    if account_id is None:
        raise BadRequest("no_account", "choose an account")
    if not queries.may_edit(request.user, account_id):
        raise Forbidden("not_allowed", "your role does not allow this")
    return _edit(request, account_id, None)


@login_required
@never_cache
def edit_wearer(request: HttpRequest, wearer_id: int) -> HttpResponse:
    found = queries.wearer_for(request.user, wearer_id, EDIT)
    return _edit(request, found.account_id, found)


def _edit(request: HttpRequest, account_id: int, found: Wearer | None) -> HttpResponse:
    initial = None
    if found is not None:
        initial = {name: getattr(found, name) for name in actions.WEARER}
        initial["caregivers"] = [person.pk for person in found.caregivers.all()]
    form = WearerForm(request.POST or None, initial=initial, people=queries.people_for(request.user, account_id))
    if form.is_valid():
        with refusals_on(form):
            values = form.cleaned_data
            saved = actions.save_wearer(account_id=account_id, wearer=found, actor=actor_of(request), **values)
            return page.done(request, _("Saved."), reverse("wearer", args=[saved.pk]))
    return page.answer(request, "care/wearer_form.html", {}, {"wearer": found, "form": form})


# what they wear


@login_required
@never_cache
def give(request: HttpRequest, wearer_id: int) -> HttpResponse:
    """First which device; where somebody else wears it, what that means; then it is done. Fields: device, sure."""
    found = queries.wearer_for(request.user, wearer_id, EDIT)
    wearables = queries.wearables_for(request.user, found.account_id)
    free = [wearable for wearable in wearables if wearable.worn_by != found]
    form = DeviceForm(request.POST or None, wearables=free)
    context: dict[str, Any] = {"wearer": found, "form": form, "has_wearables": bool(free)}
    if form.is_valid():
        device, worn_by = next(wearable for wearable in free if wearable.device.pk == form.cleaned_data["device"])
        if worn_by is not None and not request.POST.get("sure"):
            return page.answer(request, "care/wearer_give.html", {}, context | {"device": device, "worn_by": worn_by})
        with refusals_on(form):
            chosen = devices.device_for(request.user, device.pk, EDIT)
            actions.give_device(wearer=found, device=chosen, actor=actor_of(request))
            text = _("%(name)s wears %(device)s from now on.") % {"name": found, "device": device}
            return page.done(request, text, reverse("wearer", args=[found.pk]))
    return page.answer(request, "care/wearer_give.html", {}, context)


@login_required
@require_POST
def take(request: HttpRequest, wearing_id: int) -> HttpResponse:
    wearing = queries.wearing_for(request.user, wearing_id, EDIT)
    actions.take_device(wearing=wearing, actor=actor_of(request))
    text = _("%(name)s wears it no longer.") % {"name": wearing.wearer}
    return page.done(request, text, reverse("wearer", args=[wearing.wearer_id]))


# all that is kept of a person


@login_required
def export(request: HttpRequest, wearer_id: int) -> StreamingHttpResponse:
    """One JSON document with everything that is kept of them."""
    found = queries.wearer_for(request.user, wearer_id, MANAGE)
    actions.note_export(wearer=found, actor=actor_of(request))
    answer = StreamingHttpResponse(exports.json_of(found), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="wearer-{found.pk}.json"'
    return answer


@login_required
@require_POST
def delete_wearer(request: HttpRequest, wearer_id: int) -> HttpResponse:
    """Field: name, typed again."""
    found = queries.wearer_for(request.user, wearer_id, MANAGE)
    if request.POST.get("name", "").strip() != found.name:
        raise BadRequest("not_the_name", "type the wearer's name", "name")
    actions.delete_wearer(wearer=found, actor=actor_of(request))
    return redirect("wearers")
