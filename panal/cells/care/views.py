"""Pages of care: what happened to wearers, one event with what people said of it, statistics, CSV and PDF."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from panal.cells.accounts.api import HANDLE, person
from panal.control import page
from panal.control.refusals import sentence
from panal.protocol.errors import Conflict

from . import actions, plots, queries, reports, review, words
from . import statistics as sums
from .forms import EventFilterForm, Stretch
from .models import Event, Kind, State

SHOWN_ON_DEVICE = 6
SHOWN_ON_OVERVIEW = 8
USUAL_DAYS = 30
MOST_DAYS = 366
OUTCOMES = ("state", "kind", "wearer", "q", "since", "until", "mine")


def actor_of(request: HttpRequest) -> Any:
    return person(request.user, request.META.get("REMOTE_ADDR", ""))  # type: ignore[arg-type]


def account_id_of(request: HttpRequest) -> int | None:
    account = page.account_of(request)
    return account.pk if account else None


# the list


@login_required
def events(request: HttpRequest) -> HttpResponse:
    filters = EventFilterForm(request.GET).chosen()
    context = {
        "filters": filters,
        "kinds": Kind.choices,
        "states": State.choices,
        "wearers": queries.wearer_names_for(request.user, account_id_of(request)),
        "is_filtered": any(filters[name] for name in OUTCOMES),
        "tab": "events",
    }
    return page.answer(request, "care/events.html", {"list": partial(_list, request, filters)}, context)


def _list(request: HttpRequest, filters: dict[str, Any]) -> dict[str, Any]:
    return {"events": page.paginated(request, _filtered(request, filters))}


def _filtered(request: HttpRequest, filters: dict[str, Any]) -> Any:
    since, until = queries.span(filters["since"] or None, filters["until"] or None)
    return queries.events_for(
        request.user,
        account=account_id_of(request),
        search=filters["q"],
        kind=filters["kind"],
        state=filters["state"],
        wearer=filters["wearer"] or None,
        mine=bool(filters["mine"]),
        since=since,
        until=until,
    )


@login_required
def events_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The events that the page shows, the oldest first; as it is read, so that a long one costs no memory."""
    found = _filtered(request, EventFilterForm(request.GET).chosen())
    answer = StreamingHttpResponse(reports.csv_of(found), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="events-{timezone.localdate()}.csv"'
    return answer


# one event


@login_required
@never_cache
def event(request: HttpRequest, event_id: UUID) -> HttpResponse:
    shown = queries.event_for(request.user, event_id)
    parts = {"state": partial(_state, request, shown), "samples": partial(_samples, request, shown)}
    context = {
        "event": shown,
        "may_see_device": queries.may_see_device(request.user, shown),
        "may_read_private": queries.may_read_private(request.user, shown.account_id),
        "age": shown.wearer.age(timezone.localdate()) if shown.wearer else None,
    }
    return page.answer(request, "care/event.html", parts, context)


def _state(request: HttpRequest, shown: Event) -> dict[str, Any]:
    history = list(queries.reviews_for(request.user, shown))
    mine = {line.action for line in history if line.user_id == request.user.pk}
    return {
        "event": shown,
        "history": history,
        "may_handle": queries.may_handle(request.user, shown.account_id),
        "possible": [(action, words.action(action, shown.kind)) for action in review.possible(shown.state)],
        "is_mine": review.ACKNOWLEDGE in mine,
        "on_the_way": [line for line in history if line.action == review.ACKNOWLEDGE],
        "doubt_s": actions.DOUBT_S,
    }


def _samples(request: HttpRequest, shown: Event) -> dict[str, Any]:
    samples = queries.samples_for(request.user, shown.pk)
    judgement = getattr(shown, "judgement", None)
    return {"samples": samples, "judgement": judgement, "plots": plots.of_samples(samples)}


@login_required
@require_POST
def review_event(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """Form fields: action (one of review.ACTIONS, or "acknowledge"), comment, seen."""
    found = queries.event_for(request.user, event_id, HANDLE)
    action, seen = request.POST.get("action", ""), request.POST.get("seen", "")
    try:
        if action == review.ACKNOWLEDGE:
            actions.acknowledge_event(event=found, actor=actor_of(request))
            messages.success(request, _("Everybody who was told hears that you are on your way."))
        else:
            comment, revision = request.POST.get("comment", ""), int(seen) if _is_number(seen) else None
            actions.review_event(event=found, action=action, actor=actor_of(request), comment=comment, seen=revision)
            messages.success(request, _("Saved."))
    except Conflict as error:
        messages.error(request, _who_was_faster(found) or sentence(error))
    return redirect("event", found.pk)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 9


def _who_was_faster(found: Event) -> str:
    found.refresh_from_db()
    if not found.reviewed_by:
        return ""
    said = {"who": found.reviewed_by, "what": found.state_text}
    return _("%(who)s was faster: %(what)s. Look before you say it again.") % said


# statistics and the report


@login_required
def statistics(request: HttpRequest) -> HttpResponse:
    chosen = _stretch(request)
    context = {
        "filters": chosen,
        "wearers": queries.wearer_names_for(request.user, account_id_of(request)),
        "tab": "statistics",
    }
    return page.answer(request, "care/statistics.html", {"numbers": partial(_numbers, request, chosen)}, context)


def _stretch(request: HttpRequest) -> dict[str, Any]:
    """At most a year, at least a day; without a choice the last thirty days."""
    chosen, today = Stretch(request.GET).chosen(), timezone.localdate()
    until = chosen["until"] or today
    since = chosen["since"] or until - timedelta(days=USUAL_DAYS - 1)
    since = max(min(since, until), until - timedelta(days=MOST_DAYS - 1))
    return chosen | {"since": since, "until": until}


def _numbers(request: HttpRequest, chosen: dict[str, Any]) -> dict[str, Any]:
    counted = sums.count(_told(request, chosen))
    days = plots.days_between(chosen["since"], chosen["until"])
    return {
        "sums": counted,
        "kinds": [(Kind(kind).label, count, kind) for kind, count in sorted(counted.by_kind.items())],
        "plots": [
            plots.per_day([(day, *counted.days.get(day, (0, 0))) for day in days]),
            plots.per_hour(counted.hours),
        ],
    }


def _told(request: HttpRequest, chosen: dict[str, Any]) -> list[sums.Told]:
    since, until = queries.span(chosen["since"], chosen["until"])
    found = queries.events_for(
        request.user, account=account_id_of(request), wearer=chosen["wearer"] or None, since=since, until=until
    )
    rows = found.select_related(None).values_list(*sums.FIELDS)[: sums.MOST]
    return [sums.Told(*row) for row in rows]


@login_required
def report(request: HttpRequest) -> HttpResponse:
    """A PDF of a stretch of time, of one wearer or of all: counts, plots, the list."""
    chosen = _stretch(request)
    since, until = queries.span(chosen["since"], chosen["until"])
    wearer = queries.wearer_for(request.user, chosen["wearer"]) if chosen["wearer"] else None
    account = page.account_of(request)
    listed = queries.events_for(
        request.user, account=account_id_of(request), wearer=chosen["wearer"] or None, since=since, until=until
    )
    pdf = reports.pdf_of(
        title=str(wearer or account or _("All accounts")),
        since=chosen["since"],
        until=chosen["until"],
        sums=sums.count(_told(request, chosen)),
        events=listed[: reports.MOST_LISTED],
        language=get_language() or "es",
    )
    answer = HttpResponse(pdf, content_type="application/pdf")
    name = f"report-{chosen['since']}-{chosen['until']}.pdf"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


# what is added to other pages


def device_part(request: HttpRequest, device: Any) -> page.Part | None:
    """The newest events of a device, where its model has this cell or there are any, and who wears it."""
    rows = list(queries.events_for(request.user, device_id=device.pk)[:SHOWN_ON_DEVICE])
    if not rows and "care" not in device.model.cells:
        return None
    context = {"events": rows, "wearer": queries.wearer_of_device(request.user, device)}
    return page.Part("events", "care/device/events.html", context, "care", _("Events"))


def overview_part(request: HttpRequest, account: Any) -> page.Part:
    """What happened; what nobody has looked at yet comes first."""
    account_id = account.pk if account else None
    waiting = list(queries.events_for(request.user, account=account_id, state=State.OPEN)[:SHOWN_ON_OVERVIEW])
    newest = queries.events_for(request.user, account=account_id)[:SHOWN_ON_OVERVIEW]
    rows = waiting + [row for row in newest if not row.is_open]
    context = {"events": rows[:SHOWN_ON_OVERVIEW]}
    return page.Part("events", "care/overview/events.html", context, "care", _("What happened"))
