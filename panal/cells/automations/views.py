"""Pages of automations: all of them, one with its log, the editor, a dry run."""

from functools import partial
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from panal.cells.access import api as doors
from panal.cells.accounts.api import EDIT, OPERATE, person, require
from panal.cells.cameras import api as cameras
from panal.control import page
from panal.control.refusals import refusals_on
from panal.protocol.errors import BadRequest

from . import actions, forms, parts, queries, runs, words
from .models import Automation

EXAMPLES = {
    "hall": {"when": "door_opened", "conditions": [{"kind": "hours", "from_min": "21:00", "until_min": "07:00"}],
             "actions": [{"kind": "light", "is_on": "1", "for_min": 5}]},
    "porch": {"when": "sunset", "conditions": [], "actions": [{"kind": "light", "is_on": "1"}]},
    "alert": {"when": "offline", "conditions": [], "actions": [{"kind": "alert"}]},
}  # fmt: skip
"""What one may begin with: it fills the editor."""


def _actor(request: HttpRequest) -> Any:
    return person(request.user, request.META.get("REMOTE_ADDR", ""))  # type: ignore[arg-type]


def _account_id(request: HttpRequest) -> int | None:
    account = page.account_of(request)
    return account.pk if account else None


@login_required
@never_cache
def automations(request: HttpRequest) -> HttpResponse:
    context = {"may_edit": queries.may_edit(request.user, _account_id(request))}
    return page.answer(request, "automations/automations.html", {"list": partial(_list, request)}, context)


def _list(request: HttpRequest) -> dict[str, Any]:
    found = page.paginated(request, queries.automations_for(request.user, _account_id(request)))
    things = {id: queries.Things(id) for id in {one.account_id for one in found}}
    return {"found": found, "lines": [_line(one, things[one.account_id]) for one in found]}


def _line(automation: Automation, things: queries.Things) -> dict[str, Any]:
    return {
        "automation": automation,
        "icon": words.ICONS[automation.when["kind"]],
        "when": words.trigger(automation.when, things),
        "actions": [words.action(action, things) for action in automation.actions],
    }


@login_required
@never_cache
def automation(request: HttpRequest, automation_id: int) -> HttpResponse:
    found = queries.automation_for(request.user, automation_id)
    things = queries.Things(found.account_id)
    context = {
        "automation": found,
        "may_edit": queries.may_edit(request.user, found.account_id),
        "line": _line(found, things),
        "conditions": [words.condition(one, things) for one in found.conditions],
    }
    parts = {"state": dict, "runs": partial(_runs, request, found, things)}
    return page.answer(request, "automations/automation.html", parts, context)


def _runs(request: HttpRequest, automation: Automation, things: queries.Things) -> dict[str, Any]:
    outcome = forms.RunFilterForm(request.GET).chosen() if "outcome" in request.GET else ""
    found = page.paginated(request, queries.runs_for(request.user, automation, outcome).prefetch_related("calls"))
    filter_form = forms.RunFilterForm(initial={"outcome": outcome})
    return {"runs": found, "lines": [_ran(run, things) for run in found], "filter": filter_form, "outcome": outcome}


def _ran(run: Any, things: queries.Things) -> dict[str, Any]:
    calls = {call.place: call for call in run.calls.all()}
    steps = [
        {**step, "word": words.ACTIONS[step["kind"]], "why": words.CODES.get(step["code"], step["code"]),
         "call": calls.get(place)}
        for place, step in enumerate(run.steps) if "kind" in step
    ]  # fmt: skip
    cause = words.PERSON if run.cause == "person" else words.TRIGGERS.get(run.cause, run.cause)
    return {"run": run, "cause": cause, "about": things.name("devices", run.device_id), "steps": steps}


# editing


@login_required
def new(request: HttpRequest) -> HttpResponse:
    account = page.account_of(request)
    if account is None:
        raise BadRequest("no_account")
    require(request.user, account.pk, EDIT)
    return _edit(request, account.pk, None)


@login_required
@never_cache
def edit(request: HttpRequest, automation_id: int) -> HttpResponse:
    found = queries.automation_for(request.user, automation_id, EDIT)
    return _edit(request, found.account_id, found)


def _edit(request: HttpRequest, account_id: int, found: Automation | None) -> HttpResponse:
    form, conditions, then = _editor(request, account_id, found)
    if form.is_bound and form.is_valid() and conditions.is_valid() and then.is_valid():
        with refusals_on(form):
            saved = actions.save_automation(
                account_id=account_id,
                name=form.cleaned_data["name"],
                when=form.said(),
                conditions=[said for line in conditions if (said := line.said())],
                actions=[said for line in then if (said := line.said())],
                actor=_actor(request),
                automation=found,
            )
            return page.done(request, _("Saved."), reverse("automation", args=[saved.pk]))
    context = {"automation": found, "form": form, "conditions": conditions, "actions": then}
    return page.answer(request, "automations/edit.html", {}, context)


def _editor(request: HttpRequest, account_id: int, found: Automation | None) -> tuple[Any, Any, Any]:
    things = queries.Things(account_id)
    data, kwargs = request.POST or None, {"form_kwargs": {"things": things}}
    example: dict[str, Any] = EXAMPLES.get(request.GET.get("example", ""), {})
    if found is not None:
        initial = forms.initial_of(found)
        lines = [forms.initial_condition(one) for one in found.conditions]
        steps = [forms.initial_action(one) for one in found.actions]
    else:
        initial = {"when": example.get("when", "door_opened"), "days": forms.bits(parts.EVERY_DAY)}
        lines, steps = example.get("conditions", []), example.get("actions", [])
    return (
        forms.AutomationForm(data, initial=initial, things=things),
        forms.ConditionForms(data, initial=lines, prefix="if", **kwargs),
        forms.ActionForms(data, initial=steps, prefix="then", **kwargs),
    )


@login_required
@require_POST
def turn(request: HttpRequest, automation_id: int) -> HttpResponse:
    found = queries.automation_for(request.user, automation_id, EDIT)
    is_on = request.POST.get("on") == "1"
    actions.turn(automation=found, is_on=is_on, actor=_actor(request))
    text = _("It is on.") if is_on else _("It is off.")
    return page.done(request, text, request.POST.get("back") or reverse("automation", args=[found.pk]))


@login_required
@require_POST
def run(request: HttpRequest, automation_id: int) -> HttpResponse:
    found = queries.automation_for(request.user, automation_id, OPERATE)
    actions.run_now(automation=found, actor=_actor(request))
    return page.done(request, _("It runs now."), reverse("automation", args=[found.pk]))


@login_required
@require_POST
def delete(request: HttpRequest, automation_id: int) -> HttpResponse:
    found = queries.automation_for(request.user, automation_id, EDIT)
    actions.delete_automation(automation=found, actor=_actor(request))
    return page.done(request, _("Deleted."), reverse("automations"))


@login_required
@never_cache
def dry(request: HttpRequest, automation_id: int) -> HttpResponse:
    """What would happen if it were set off now. Nothing does."""
    found = queries.automation_for(request.user, automation_id)
    things = queries.Things(found.account_id)
    unmet, steps = runs.would(found, timezone.now())
    context = {
        "automation": found,
        "conditions": [
            {"text": words.condition(one, things), "is_met": unmet is None or place < unmet, "is_unmet": place == unmet}
            for place, one in enumerate(found.conditions)
        ],
        "unmet": unmet,
        "steps": [{"text": words.action(one, things), "is_there": is_there} for one, is_there in steps],
    }
    return page.answer(request, "automations/dry.html", {}, context)


# the camera beside a door


def door_part(request: HttpRequest, device: Any) -> page.Part | None:
    """On a door's page, where there is a camera to choose or to look through."""
    may_edit = queries.may_edit(request.user, device.account_id)
    choices = cameras.cameras_for(request.user, account=device.account_id) if device.account_id else []
    watch = queries.watch_of(device)
    if watch is None and not (may_edit and choices):
        return None
    camera_id = watch.actions[0]["device_id"] if watch else ""
    found = next((camera for camera in choices if camera.device_id == camera_id), None)
    context = {
        "device_id": device.pk,
        "watch": watch,
        "camera_id": camera_id,
        "tile": cameras.tile_of(found) if found else None,
        "cameras": choices,
        "may_edit": may_edit,
    }
    return page.Part("camera", "automations/door/camera.html", context, "cameras automations", _("Camera"))


@login_required
@require_POST
def door_camera(request: HttpRequest, device_id: str) -> HttpResponse:
    """Form field: camera, the id of one of the account's, or empty."""
    device = doors.door_for(request.user, device_id, EDIT)
    camera_id = request.POST.get("camera", "")
    if camera_id:
        cameras.camera_for(request.user, camera_id)
    name = _("Pictures at %(door)s") % {"door": device}
    actions.watch_door(device=device, camera_id=camera_id, name=name, actor=_actor(request))
    return page.done(request, _("Saved."), reverse("door", args=[device.pk]))
