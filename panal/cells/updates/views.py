"""Pages of updates: releases and their keys, a rollout with a bar for each stage, and a device's own part."""

from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from panal.cells.accounts.api import OPERATE, accounts_for, may, person
from panal.cells.devices import api as devices
from panal.control import page
from panal.control.refusals import refusals_on
from panal.protocol.errors import BadRequest

from . import actions, progress, queries, stages, words
from .forms import KeyForm, NotesForm, ReleaseForm, RolloutForm
from .models import Release, ReleaseState, Rollout, StageState, Update, UpdateState

BAR_PX = 1000
"""How wide a bar is inside itself; the page stretches it."""
IN_BAR = (
    *(progress.DONE, progress.ROLLED_BACK, progress.REFUSED, progress.SILENT, progress.SKIPPED, progress.CANCELLED),
    *(progress.CONFIRMING, progress.INSTALLING, progress.DOWNLOADING, progress.WAITING, progress.QUEUED),
)
"""What has ended first, what waits last."""
SHOWN_ON_DEVICE = 5
SHOWN_ROLLOUTS = 20


def _actor(request: HttpRequest) -> Any:
    return person(request.user, request.META.get("REMOTE_ADDR", ""))  # type: ignore[arg-type]


def _rights(request: HttpRequest) -> dict[str, bool]:
    user = request.user
    return {"may_release": queries.may_release(user), "may_roll_out": queries.may_roll_out(user)}


# releases


@login_required
def releases(request: HttpRequest) -> HttpResponse:
    queries.require_read(request.user)
    board, state = request.GET.get("board", "")[:32], request.GET.get("state", "")
    state = state if state in ReleaseState.values else ""
    parts = {"rollouts": partial(_running, request), "list": partial(_releases, request, board, state)}
    context = {"boards": queries.boards(), "board": board, "state": state, "states": ReleaseState.choices}
    return page.answer(request, "updates/releases.html", parts, context | _rights(request))


def _releases(request: HttpRequest, board: str, state: str) -> dict[str, Any]:
    found = page.paginated(request, queries.releases_for(request.user, board, state))
    shown = [{"release": release, **words.look(release.state, words.RELEASE_SIGNS)} for release in found]
    return {"page": found, "shown": shown}


def _running(request: HttpRequest) -> dict[str, Any]:
    found = queries.rollouts_for(request.user)[:SHOWN_ROLLOUTS] if queries.may_see(request.user) else ()
    return {"rollouts": [_told(rollout) for rollout in found]}


def _told(rollout: Rollout) -> dict[str, Any]:
    counts = queries.counts_of(rollout)
    return {
        "rollout": rollout,
        **_summed(counts),
        "stopped_by": words.STOPS.get(rollout.reason, ""),
        **words.look(rollout.state, words.ROLLOUT_SIGNS),
    }


def _summed(counts: dict[str, int]) -> dict[str, Any]:
    total = sum(counts.values())
    return {
        "total": total,
        "done": counts.get(progress.DONE, 0),
        "ended": total - sum(counts.get(state, 0) for state in progress.OPEN),
        "trouble": sum(counts.get(state, 0) for state in progress.TROUBLE),
        "again": sum(counts.get(state, 0) for state in progress.AGAIN),
        "not_begun": sum(counts.get(state, 0) for state in progress.NOT_BEGUN),
        "bar": _bar(counts, total),
    }


def _bar(counts: dict[str, int], total: int) -> list[dict[str, Any]]:
    x, bar = 0.0, []
    for state in IN_BAR:
        if width := BAR_PX * counts.get(state, 0) / max(1, total):
            bar.append({"state": state, "x": f"{x:.1f}", "width": f"{width:.1f}"})
            x += width
    return bar


@login_required
@never_cache
def release(request: HttpRequest, release_id: int) -> HttpResponse:
    found = queries.release_for(request.user, release_id)
    parts = {"head": partial(_head, request, release_id), "rollouts": partial(_rollouts_of, request, found)}
    context = {"release": found, "form": NotesForm(initial={"notes": found.notes}), **_rights(request)}
    return page.answer(request, "updates/release.html", parts, context)


def _head(request: HttpRequest, release_id: int) -> dict[str, Any]:
    found = queries.release_for(request.user, release_id)
    return {"release": found, **words.look(found.state, words.RELEASE_SIGNS)}


def _rollouts_of(request: HttpRequest, found: Release) -> dict[str, Any]:
    seen = queries.rollouts_for(request.user, found) if queries.may_see(request.user) else Rollout.objects.none()
    rollouts = page.paginated(request, seen)
    return {"page": rollouts, "rollouts": [_told(rollout) for rollout in rollouts]}


@login_required
@never_cache
def new_release(request: HttpRequest) -> HttpResponse:
    queries.require_release(request.user)
    form = ReleaseForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        with refusals_on(form):
            made = actions.add_release(**form.cleaned_data, actor=_actor(request))
            return redirect("release", made.pk)
    context = {"form": form, "has_keys": queries.keys_for(request.user).filter(retired_at=None).exists()}
    return page.answer(request, "updates/new_release.html", {}, context)


@login_required
@require_POST
def turn_release(request: HttpRequest, release_id: int, verb: str) -> HttpResponse:
    queries.require_release(request.user)
    found, actor = queries.release_for(request.user, release_id), _actor(request)
    back = reverse("release", args=[release_id])
    match verb:
        case "release":
            actions.publish_release(release=found, actor=actor)
            return page.done(request, _("It can be rolled out now."), back)
        case "withdraw":
            actions.withdraw_release(release=found, actor=actor)
            return page.done(request, _("It is offered to nobody any more."), back)
        case "delete":
            actions.delete_draft(release=found, actor=actor)
            return page.done(request, _("The draft is gone."), reverse("updates"))
        case "notes":
            actions.change_notes(release=found, notes=request.POST.get("notes", ""), actor=actor)
            return page.done(request, _("Saved."), back)
    raise Http404


# keys


@login_required
@never_cache
def release_keys(request: HttpRequest) -> HttpResponse:
    keys = queries.keys_for(request.user)
    form = KeyForm(request.POST or None)
    if request.method == "POST":
        queries.require_release(request.user)
        if form.is_valid():
            with refusals_on(form):
                actions.add_key(
                    name=form.cleaned_data["name"], pem=form.cleaned_data["public_key"], actor=_actor(request)
                )
                return page.done(request, _("Releases signed with it are taken now."), reverse("release_keys"))
    parts = {"list": lambda: {"keys": list(keys)}}
    return page.answer(request, "updates/keys.html", parts, {"form": form, **_rights(request)})


@login_required
@require_POST
def retire_key(request: HttpRequest, key_id: int) -> HttpResponse:
    actions.retire_key(key=queries.key_for(request.user, key_id), actor=_actor(request))
    return page.done(request, _("New releases signed with it are refused now."), reverse("release_keys"))


# rollouts


@login_required
@never_cache
def rollout(request: HttpRequest, rollout_id: UUID) -> HttpResponse:
    state, stage = request.GET.get("state", ""), request.GET.get("stage", "")
    state = state if state in progress.STATES else ""
    number = int(stage) if stage.isdecimal() and len(stage) < 3 else None
    found = queries.rollout_for(request.user, rollout_id)
    parts = {
        "progress": partial(_progress, request, rollout_id),
        "rows": partial(_rows, request, rollout_id, state, number),
    }
    context = {"rollout": found, "state": state, "stage": number, **_rights(request)}
    return page.answer(request, "updates/rollout.html", parts, context)


def _progress(request: HttpRequest, rollout_id: UUID) -> dict[str, Any]:
    found = queries.rollout_for(request.user, rollout_id)
    counts = queries.counts_of(found)
    states = [
        {"state": state, "label": UpdateState(state).label, "count": counts[state], **words.look(state)}
        for state in reversed(IN_BAR)
    ]
    return {**_told(found), "states": states, "stages": [_stage(row) for row in queries.stages_of(found)]}


def _stage(row: dict[str, Any]) -> dict[str, Any]:
    stage = row["stage"]
    verdict, why = stages.verdict(stages.tally(row["devices"]), stage.success_pct, stage.error_pct, stage.forgiven)
    summed = _summed(row["devices"])
    return {
        **summed,
        "stage": stage,
        "is_running": stage.state == StageState.RUNNING,
        "is_stopped": why == stages.ERRORS and verdict == stages.STOP,
        "done_pct": round(100 * summed["done"] / summed["total"]) if summed["total"] else 0,
    }


def _rows(request: HttpRequest, rollout_id: UUID, state: str, stage: int | None) -> dict[str, Any]:
    rows = page.paginated(request, queries.updates_for(request.user, rollout_id, state, stage))
    return {"rows": rows, "lines": [_line(row) for row in rows]}


def _line(row: Update) -> dict[str, Any]:
    return {
        "row": row,
        "reason": words.reason(row.reason) if row.reason else "",
        "at": row.ended_at or row.heard_at or row.offered_at,
        **words.look(row.state),
    }


@login_required
@require_POST
def turn_rollout(request: HttpRequest, rollout_id: UUID, verb: str) -> HttpResponse:
    queries.require_roll_out(request.user)
    found, actor = queries.rollout_for(request.user, rollout_id), _actor(request)
    match verb:
        case "pause":
            actions.pause_rollout(rollout=found, actor=actor)
            text = _("Paused: who has begun goes on.")
        case "resume":
            actions.resume_rollout(rollout=found, actor=actor)
            text = _("It goes on.")
        case "cancel":
            count = actions.cancel_rollout(rollout=found, actor=actor)
            text = ngettext("Cancelled for %(n)d device.", "Cancelled for %(n)d devices.", count) % {"n": count}
        case "retry":
            count = actions.retry_rollout(rollout=found, actor=actor)
            text = ngettext("%(n)d device tries again.", "%(n)d devices try again.", count) % {"n": count}
        case _:
            raise Http404
    return page.done(request, text, reverse("rollout", args=[rollout_id]))


@login_required
@never_cache
def new_rollout(request: HttpRequest) -> HttpResponse:
    """A POST without stages is a selection from another page."""
    queries.require_roll_out(request.user)
    places = _places(request)
    if "stages" in request.POST:
        form = RolloutForm(request.POST, places=places)
        if form.is_valid():
            with refusals_on(form):
                return redirect("rollout", _begin(request, form).pk)
    else:
        form = RolloutForm(initial=_initial(request), places=places)
    return page.answer(request, "updates/new_rollout.html", {}, {"form": form, "has_releases": _has_releases(form)})


def _has_releases(form: RolloutForm) -> bool:
    return bool(form.fields["release"].choices)  # type: ignore[attr-defined]


def _initial(request: HttpRequest) -> dict[str, Any]:
    ticked = request.POST.getlist("device")[: actions.MOST_DEVICES]
    release = request.GET.get("release", "")
    return {
        "release": int(release) if release.isdecimal() and len(release) < 18 else None,
        "by": "devices" if ticked else "all",
        "devices": "\n".join(ticked),
    }


def _places(request: HttpRequest) -> dict[str, list[Any]]:
    account = page.account_of(request)
    account_id = account.pk if account else None
    sectors = devices.under_parents(devices.sectors_for(request.user, account_id, OPERATE)).select_related("account")
    groups = devices.groups_for(request.user, account_id, OPERATE)
    return {
        "account": [(found.pk, found.name) for found in accounts_for(request.user, OPERATE)],
        "sector": [(found.pk, _placed(found, account_id)) for found in sectors],
        "group": [(found.pk, _placed(found, account_id)) for found in groups],
    }


def _placed(place: Any, account_id: int | None) -> str:
    name = f"– {place}" if getattr(place, "parent_id", None) else str(place)
    return name if account_id else f"{name} · {place.account}"


def _begin(request: HttpRequest, form: RolloutForm) -> Rollout:
    found = form.cleaned_data
    release = queries.release_for(request.user, found["release"])
    chosen = _chosen(request, form, release)
    return actions.begin_rollout(release=release, pace=form.pace(), actor=_actor(request), **chosen._asdict())


def _chosen(request: HttpRequest, form: RolloutForm, release: Release) -> queries.Chosen:
    found, user = form.cleaned_data, request.user
    match found["by"]:
        case "all":
            return queries.all_for(user, release)
        case "devices":
            return queries.chosen_for(user, form.ids())
        case "model" if found["model"]:
            return queries.model_chosen(user, release, found["model"])
        case "account" if found["account"]:
            return queries.account_of(user, release, found["account"])
        case "sector" if found["sector"]:
            return queries.sector_of(user, release, found["sector"])
        case "group" if found["group"]:
            return queries.group_of(user, release, found["group"])
    raise BadRequest("no_devices", "choose devices", "by")


# one device


@login_required
@require_POST
def update_device(request: HttpRequest, device_id: str) -> HttpResponse:
    device, newest = queries.available_to_take(request.user, device_id)
    actions.update_now(release=newest, device=device, actor=_actor(request))
    return page.done(request, _("It is told at once."), reverse("device", args=[device_id]) + "#updates")


def device_part(request: HttpRequest, device: Any) -> page.Part | None:
    """What firmware it has, what is out for it, and how its updates went."""
    if device.account_id is None or device.state != "activated":
        return None
    history = list(queries.history_for(request.user, device)[:SHOWN_ON_DEVICE])
    context = {
        "device": device,
        "newest": queries.available_for(request.user, device),
        "lines": [_line(row) for row in history],
        "is_open": any(row.is_open for row in history),
        "may_operate": may(request.user, device.account_id, OPERATE),  # type: ignore[arg-type]
        "sees_rollouts": queries.may_see(request.user),
    }
    return page.Part("updates", "updates/device/part.html", context, "updates devices", _("Firmware"))


def selection_part(request: HttpRequest, account: Any) -> page.Part | None:
    """A button for the devices that are ticked on a page of devices."""
    if not queries.may_roll_out(request.user):
        return None
    return page.Part("updates", "updates/selection.html", {}, "", _("Updates"))
