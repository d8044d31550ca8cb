"""Pages of doors: all of them, one with its events, who may come in and when, alarms, enrolment, settings."""

import csv
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from panal.cells.accounts.api import EDIT, HANDLE, OPERATE, person
from panal.cells.devices import api as devices
from panal.control import page
from panal.control.refusals import refusals_on
from panal.protocol.errors import BadRequest, Forbidden

from . import actions, lists, machine, queries
from .forms import (
    OUTCOMES,
    CardForm,
    CodeForm,
    EnrolForm,
    EventFilterForm,
    GrantForm,
    HolderForm,
    ScheduleForm,
    SettingsForm,
    UnlockForm,
    WindowForm,
    WindowForms,
)
from .models import AlarmState, Event, Grant, Holder, Method, Schedule

DOORS_PER_PAGE = 24
SHOWN_ON_DEVICE = 6
SHOWN_ON_OVERVIEW = 5
ALARMS_ON_DOOR = 5
EMPTY_GRANTS = 2
BAR_PX = 100
MOST_IN_CSV = 100_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _actor(request: HttpRequest) -> Any:
    return person(request.user, request.META.get("REMOTE_ADDR", ""))  # type: ignore[arg-type]


def _account_id(request: HttpRequest) -> int | None:
    account = page.account_of(request)
    return account.pk if account else None


def _editable_account(request: HttpRequest) -> int:
    """The account in which somebody new is made. Raises BadRequest("no_account"), Forbidden."""
    account_id = _account_id(request)
    if account_id is None:
        raise BadRequest("no_account", "choose an account")
    if not queries.may_edit(request.user, account_id):
        raise Forbidden("not_allowed", "your role does not allow this")
    return account_id


# all doors


@login_required
def doors(request: HttpRequest) -> HttpResponse:
    search = request.GET.get("q", "").strip()[:80]
    parts = {"list": partial(_doors, request, search), "alarms": partial(_open_alarms, request)}
    context = {"q": search, "may_edit": queries.may_edit(request.user, _account_id(request)), "tab": "doors"}
    return page.answer(request, "access/doors.html", parts, context)


def _doors(request: HttpRequest, search: str) -> dict[str, Any]:
    found = page.paginated(request, queries.doors_for(request.user, _account_id(request), search), DOORS_PER_PAGE)
    return {"page": found, "doors": [queries.shown(device) for device in found]}


def _open_alarms(request: HttpRequest) -> dict[str, Any]:
    account_id = _account_id(request)
    found = queries.alarms_for(request.user, account=account_id, state=AlarmState.OPEN)
    return {
        "alarms": list(found[:SHOWN_ON_OVERVIEW]),
        "alarm_count": found.count(),
        "may_handle": queries.may_handle(request.user, account_id),
    }


# one door


@login_required
@never_cache
def door(request: HttpRequest, device_id: str) -> HttpResponse:
    device = queries.door_for(request.user, device_id)
    filters = EventFilterForm(request.GET).chosen()
    parts = {
        "state": partial(_state, request, device),
        "alarms": partial(_alarms_of, request, device),
        "events": partial(_events, request, device, filters),
    }
    wanted = request.GET.get("part")
    cell_parts = page.parts_of_cells("door", request, device) if wanted not in parts else []
    for part in cell_parts:
        if part.name == wanted:
            return page.answer_part(request, part)
    context = {
        "device": device,
        "cell_parts": cell_parts,
        "filters": filters,
        "methods": Method.choices,
        "outcomes": OUTCOMES,
        "may_edit": queries.may_edit(request.user, device.account_id),
        "unlock_form": UnlockForm(auto_id="unlock_%s"),
        "holder_count": queries.holders_for(request.user, device=device).count(),
    }
    return page.answer(request, "access/door.html", parts, context)


def _state(request: HttpRequest, device: Any) -> dict[str, Any]:
    return {
        "device": device,
        "shown": queries.shown(device),
        "unlock": queries.newest_unlock_for(request.user, device),
        "may_open": queries.may_open(request.user, device.account_id),
    }


def _alarms_of(request: HttpRequest, device: Any) -> dict[str, Any]:
    found = queries.alarms_for(request.user, device_id=device.pk)
    return {
        "alarms": list(found[:ALARMS_ON_DOOR]),
        "alarm_count": found.filter(state=AlarmState.OPEN).count(),
        "may_handle": queries.may_handle(request.user, device.account_id),
    }


def _events(request: HttpRequest, device: Any, filters: dict[str, Any]) -> dict[str, Any]:
    found = _filtered(request, device, filters)
    day = filters["day"]
    return {
        "events": page.paginated(request, found),
        "hours": _bars(queries.hours_of(found)),
        "is_filtered": any(filters[name] for name in ("method", "outcome", "q")),
        "day_before": (day - timedelta(days=1)).isoformat(),
        "day_after": (day + timedelta(days=1)).isoformat(),
    }


def _filtered(request: HttpRequest, device: Any, filters: dict[str, Any]) -> Any:
    since, until = queries.day(filters["day"])
    outcome = filters["outcome"]
    return queries.events_for(
        request.user,
        device_id=device.pk,
        method=filters["method"],
        kind={"door": "door.moved", "alarm": "door.alarm"}.get(outcome, ""),
        granted={"came": True, "refused": False}.get(outcome),
        search=filters["q"],
        since=since,
        until=until,
    )


def _bars(hours: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """The plot's columns: who came in below, who was refused above."""
    most = max(1, *(came + refused for came, refused in hours))
    return [
        {
            "hour": hour,
            "x": hour * 10 + 1,
            "came": came,
            "refused": refused,
            "came_y": f"{BAR_PX - BAR_PX * came / most:.1f}",
            "came_height": f"{BAR_PX * came / most:.1f}",
            "refused_y": f"{BAR_PX - BAR_PX * (came + refused) / most:.1f}",
            "refused_height": f"{BAR_PX * refused / most:.1f}",
        }
        for hour, (came, refused) in enumerate(hours)
    ]


@login_required
@require_POST
def unlock(request: HttpRequest, device_id: str) -> HttpResponse:
    """Form field: reason. What comes of it is on the door's page, live."""
    device = queries.door_for(request.user, device_id, OPERATE)
    actions.unlock_door(device=device, reason=request.POST.get("reason", ""), actor=_actor(request))
    return page.done(request, _("Sent to the door."), reverse("door", args=[device.pk]))


@login_required
def events_csv(request: HttpRequest, device_id: str) -> StreamingHttpResponse:
    """The events that the page shows, in the order in which the door wrote them."""
    device = queries.door_for(request.user, device_id)
    filters = EventFilterForm(request.GET).chosen()
    found = _filtered(request, device, filters).order_by("id")[:MOST_IN_CSV]
    answer = StreamingHttpResponse(_csv(found), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{device.pk}-{filters["day"]}.csv"'
    return answer


class _Echo:
    """What csv writes into: it hands back each line."""

    def write(self, line: str) -> str:
        return line


COLUMNS = (
    "seq", "time", "time_estimated", "kind", "door", "lock", "method", "granted", "who", "reason", "note",
    "missed_before",
)  # fmt: skip


def _csv(events: Any) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield str(writer.writerow(COLUMNS))
    for event in events.iterator(chunk_size=500):
        yield str(writer.writerow([_cell(value) for value in _line(event)]))


def _line(e: Event) -> tuple[Any, ...]:
    at = e.at.isoformat(timespec="milliseconds")
    return (
        e.seq, at, e.is_estimated, e.kind, e.door, e.lock, e.method, e.granted, e.who, e.reason, e.note, e.missed,
    )  # fmt: skip


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is text (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


# settings


@login_required
@never_cache
@sensitive_post_parameters("combination")
def settings(request: HttpRequest, device_id: str) -> HttpResponse:
    device = queries.door_for(request.user, device_id, EDIT)
    wanted = devices.desired(device.pk).state.get("access") or {}
    form = SettingsForm(request.POST or None, initial=_initial(wanted) | {"time_zone": lists.own_zone(device)})
    if form.is_valid():
        with refusals_on(form):
            actions.set_time_zone(device=device, time_zone=form.cleaned_data["time_zone"], actor=_actor(request))
            actions.change_settings(device=device, settings=form.patch(wanted), actor=_actor(request))
            return page.done(request, _("Saved: the door takes it as soon as it is connected."), request.path)
    return page.answer(
        request, "access/settings.html", {"pending": partial(_pending, device)}, {"device": device, "form": form}
    )


def _initial(wanted: dict[str, Any]) -> dict[str, Any]:
    values = {name: wanted.get(name, setting[0]) for name, setting in machine.SETTINGS.items()}
    return {name: value / 1000 if name.endswith("_ms") else value for name, value in values.items()}


def _pending(device: Any) -> dict[str, Any]:
    twin = getattr(device, "twin", None)
    return {"device": device, "twin": twin, "shown": queries.shown(device)}


# alarms


@login_required
def alarms(request: HttpRequest) -> HttpResponse:
    state = request.GET.get("state", "")
    state = state if state in AlarmState.values else ""
    context = {"state": state, "states": AlarmState.choices, "tab": "alarms"}
    return page.answer(request, "access/alarms.html", {"list": partial(_alarm_list, request, state)}, context)


def _alarm_list(request: HttpRequest, state: str) -> dict[str, Any]:
    account_id = _account_id(request)
    found = queries.alarms_for(request.user, account=account_id, state=state)
    return {
        "alarms": page.paginated(request, found),
        "may_handle": queries.may_handle(request.user, account_id),
    }


@login_required
@require_POST
def acknowledge(request: HttpRequest) -> HttpResponse:
    """Form field: alarm (many)."""
    ids = [int(text) for text in request.POST.getlist("alarm")[:100] if text.isdecimal() and len(text) < 19]
    chosen = [queries.alarm_for(request.user, id, HANDLE) for id in ids]
    count = actions.acknowledge_alarms(alarms=chosen, actor=_actor(request))
    text = ngettext("%(n)d alarm acknowledged.", "%(n)d alarms acknowledged.", count) % {"n": count}
    return page.done(request, text, _way_back(request, "door_alarms"))


def _way_back(request: HttpRequest, name: str) -> str:
    device_id = request.POST.get("back", "")
    return reverse("door", args=[device_id]) if device_id.isalnum() else reverse(name)


# people


@login_required
def holders(request: HttpRequest) -> HttpResponse:
    search = request.GET.get("q", "").strip()[:80]
    context = {"q": search, "may_edit": queries.may_edit(request.user, _account_id(request)), "tab": "people"}
    return page.answer(request, "access/holders.html", {"list": partial(_holders, request, search)}, context)


def _holders(request: HttpRequest, search: str) -> dict[str, Any]:
    found = queries.holders_for(request.user, _account_id(request), search=search)
    return {"holders": page.paginated(request, found)}


@login_required
def new_holder(request: HttpRequest) -> HttpResponse:
    return _edit_holder(request, _editable_account(request), None)


@login_required
@never_cache
def holder(request: HttpRequest, holder_id: int) -> HttpResponse:
    found = queries.holder_for(request.user, holder_id)
    if request.method == "POST":
        found = queries.holder_for(request.user, holder_id, EDIT)
    return _edit_holder(request, found.account_id, found)


def _edit_holder(request: HttpRequest, account_id: int, found: Holder | None) -> HttpResponse:
    initial = None if found is None else {name: getattr(found, name) for name in HolderForm.base_fields}
    form = HolderForm(request.POST or None, initial=initial)
    grants = _grant_forms(request, account_id, found)
    if form.is_bound and form.is_valid() and all(line.is_valid() for line in grants):
        with refusals_on(form):
            saved = actions.save_holder(
                account_id=account_id,
                holder=found,
                grants=_grants(request, grants),
                actor=_actor(request),
                **form.cleaned_data,
            )
            return page.done(request, _("Saved. The doors get their new list."), reverse("holder", args=[saved.pk]))
    return page.answer(request, "access/holder.html", {}, _holder_page(request, found, form, grants))


def _holder_page(request: HttpRequest, found: Holder | None, form: Any, grants: list[Any]) -> dict[str, Any]:
    context: dict[str, Any] = {"holder": found, "form": form, "grants": grants, "tab": "people"}
    if found is None:
        return {**context, "may_edit": True}
    return {
        **context,
        "may_edit": queries.may_edit(request.user, found.account_id),
        "credentials": list(found.credentials.all()),
        "code_form": CodeForm(auto_id="code_%s"),
        "card_form": CardForm(auto_id="card_%s"),
        "enrol_form": EnrolForm(doors=list(_readers(request, found.account_id)), auto_id="enrol_%s"),
    }


def _readers(request: HttpRequest, account_id: int) -> Any:
    return queries.doors_for(request.user, account_id, capability=OPERATE).filter(is_online=True)[:200]


def _grant_forms(request: HttpRequest, account_id: int, found: Holder | None) -> list[GrantForm]:
    places, schedules = _places(request, account_id), _schedule_choices(request, account_id)
    given = list(found.grants.all()) if found else []
    lines = [{"place": _place_text(grant), "schedule": str(grant.schedule_id or "")} for grant in given]
    lines = [*lines, *({} for _ in range(EMPTY_GRANTS))]
    if request.method == "POST":
        count = min(int(text) if (text := request.POST.get("grants", "")).isdecimal() and len(text) < 4 else 0, 50)
        return [GrantForm(request.POST, prefix=f"g{n}", places=places, schedules=schedules) for n in range(count)]
    return [GrantForm(initial=line, prefix=f"g{n}", places=places, schedules=schedules) for n, line in enumerate(lines)]


def _places(request: HttpRequest, account_id: int) -> list[Any]:
    of_doors = [(f"d{door.pk}", str(door)) for door in queries.doors_for(request.user, account_id)]
    of_groups = [(f"g{group.pk}", str(group)) for group in devices.groups_for(request.user, account_id)]
    found: list[Any] = [("", "—"), ("all", _("Every door"))]
    found += [(_("Doors"), of_doors)] if of_doors else []
    return [*found, (_("Groups"), of_groups)] if of_groups else found


def _schedule_choices(request: HttpRequest, account_id: int) -> list[tuple[str, Any]]:
    found = queries.schedules_for(request.user, account_id)
    return [("", _("At any time")), *((str(schedule.pk), str(schedule)) for schedule in found)]


def _place_text(grant: Grant) -> str:
    if grant.device_id:
        return f"d{grant.device_id}"
    return f"g{grant.group_id}" if grant.group_id else "all"


def _grants(request: HttpRequest, lines: list[GrantForm]) -> list[dict[str, Any]]:
    found = []
    for line in lines:
        place, schedule = line.cleaned_data["place"], line.cleaned_data["schedule"]
        if place:
            found.append(
                {
                    "device": queries.door_for(request.user, place[1:], EDIT) if place.startswith("d") else None,
                    "group": devices.group_for(request.user, int(place[1:]), EDIT) if place.startswith("g") else None,
                    "schedule": queries.schedule_for(request.user, int(schedule), EDIT) if schedule else None,
                }
            )
    return found


@login_required
@require_POST
def delete_holder(request: HttpRequest, holder_id: int) -> HttpResponse:
    found = queries.holder_for(request.user, holder_id, EDIT)
    actions.delete_holder(holder=found, actor=_actor(request))
    text = _("%(name)s comes in nowhere any more.") % {"name": found.name}
    return page.done(request, text, reverse("holders"))


@login_required
@require_POST
@sensitive_post_parameters("code")
def add_code(request: HttpRequest, holder_id: int) -> HttpResponse:
    found = queries.holder_for(request.user, holder_id, EDIT)
    given = request.POST
    actions.add_code(holder=found, code=given.get("code", ""), label=given.get("label", ""), actor=_actor(request))
    return page.done(request, _("Code added. The doors get their new list."), reverse("holder", args=[found.pk]))


@login_required
@require_POST
@sensitive_post_parameters("number")
def add_card(request: HttpRequest, holder_id: int) -> HttpResponse:
    found = queries.holder_for(request.user, holder_id, EDIT)
    given = request.POST
    actions.add_card(holder=found, number=given.get("number", ""), label=given.get("label", ""), actor=_actor(request))
    return page.done(request, _("Card added. The doors get their new list."), reverse("holder", args=[found.pk]))


@login_required
@require_POST
def delete_credential(request: HttpRequest, credential_id: int) -> HttpResponse:
    found = queries.credential_for(request.user, credential_id, EDIT)
    actions.delete_credential(credential=found, actor=_actor(request))
    return page.done(
        request,
        _("Removed. It opens nothing once the doors have their new list."),
        reverse("holder", args=[found.holder_id]),
    )


# enrolment at a reader


@login_required
@require_POST
def enrol(request: HttpRequest, holder_id: int) -> HttpResponse:
    """Form fields: device, label."""
    found = queries.holder_for(request.user, holder_id, EDIT)
    device = queries.door_for(request.user, request.POST.get("device", ""), OPERATE)
    begun = actions.begin_enrolment(
        device=device, holder=found, label=request.POST.get("label", ""), actor=_actor(request)
    )
    return redirect("enrolment", begun.pk)


@login_required
@never_cache
def enrolment(request: HttpRequest, enrolment_id: int) -> HttpResponse:
    def state() -> dict[str, Any]:
        return {"enrolment": queries.enrolment_for(request.user, enrolment_id)}

    return page.answer(request, "access/enrolment.html", {"state": state}, {"seconds": actions.ENROLL_S})


# schedules


@login_required
def schedules(request: HttpRequest) -> HttpResponse:
    context = {"may_edit": queries.may_edit(request.user, _account_id(request)), "tab": "schedules"}
    return page.answer(request, "access/schedules.html", {"list": partial(_schedules, request)}, context)


def _schedules(request: HttpRequest) -> dict[str, Any]:
    return {"schedules": page.paginated(request, queries.schedules_for(request.user, _account_id(request)))}


@login_required
def new_schedule(request: HttpRequest) -> HttpResponse:
    return _edit_schedule(request, _editable_account(request), None)


@login_required
@never_cache
def schedule(request: HttpRequest, schedule_id: int) -> HttpResponse:
    found = queries.schedule_for(request.user, schedule_id, EDIT)
    return _edit_schedule(request, found.account_id, found)


def _edit_schedule(request: HttpRequest, account_id: int, found: Schedule | None) -> HttpResponse:
    initial = {"name": found.name, "when_unknown": found.when_unknown} if found else None
    form = ScheduleForm(request.POST or None, initial=initial)
    lines = [WindowForm.initial_of(window) for window in found.windows] if found else []
    windows = WindowForms(request.POST or None, initial=lines, prefix="w")
    if form.is_bound and form.is_valid() and windows.is_valid():
        with refusals_on(form):
            saved = actions.save_schedule(
                account_id=account_id,
                schedule=found,
                windows=[window for line in windows if (window := line.window())],
                actor=_actor(request),
                **form.cleaned_data,
            )
            return page.done(request, _("Saved. The doors get their new list."), reverse("schedule", args=[saved.pk]))
    context = {"schedule": found, "form": form, "windows": windows, "tab": "schedules"}
    return page.answer(request, "access/schedule.html", {}, context)


@login_required
@require_POST
def delete_schedule(request: HttpRequest, schedule_id: int) -> HttpResponse:
    found = queries.schedule_for(request.user, schedule_id, EDIT)
    actions.delete_schedule(schedule=found, actor=_actor(request))
    return page.done(request, _("Deleted."), reverse("schedules"))


# what is added to other pages


def device_part(request: HttpRequest, device: Any) -> page.Part | None:
    """The door that this device is, with its newest events."""
    if "access" not in device.model.cells:
        return None
    events = queries.events_for(request.user, device_id=device.pk)[:SHOWN_ON_DEVICE]
    alarms = queries.alarms_for(request.user, device_id=device.pk, state=AlarmState.OPEN)[:SHOWN_ON_DEVICE]
    context = {"shown": queries.shown(device), "events": list(events), "alarms": list(alarms)}
    context["may_handle"] = queries.may_handle(request.user, device.account_id)
    return page.Part("door", "access/device/part.html", context, "doors twin", _("Door"))


def overview_part(request: HttpRequest, account: Any) -> page.Part | None:
    """Alarms that nobody has acknowledged; nothing while there are none."""
    context = _open_alarms(request)
    has_doors = bool(context["alarms"]) or queries.doors_for(request.user, account.pk if account else None).exists()
    if not has_doors:
        return None
    return page.Part("doors", "access/overview/alarms.html", context, "doors", _("Doors"))
