"""Pages of care: what happened to wearers, one event with the acceleration around it."""

from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from panal.control import page

from . import queries
from .models import Kind, Samples

SHOWN_ON_DEVICE = 6
SHOWN_ON_OVERVIEW = 8


@login_required
def events(request: HttpRequest) -> HttpResponse:
    kind = request.GET.get("kind", "")
    filters = {"q": request.GET.get("q", "").strip()[:80], "kind": kind if kind in Kind.values else ""}
    context = {"filters": filters, "kinds": Kind.choices, "is_filtered": any(filters.values())}
    return page.answer(request, "care/events.html", {"list": partial(_list, request, filters)}, context)


def _list(request: HttpRequest, filters: dict[str, str]) -> dict[str, Any]:
    account = page.account_of(request)
    found = queries.events_for(
        request.user, account=account.pk if account else None, search=filters["q"], kind=filters["kind"]
    )
    return {"events": page.paginated(request, found)}


@login_required
def event(request: HttpRequest, event_id: UUID) -> HttpResponse:
    shown = queries.event_for(request.user, event_id)
    samples = queries.samples_for(request.user, shown.pk)
    context = {
        "event": shown,
        "samples": samples,
        "plots": _plots(samples),
        "may_see_device": queries.may_see_device(request.user, shown),
    }
    return page.answer(request, "care/event.html", {"samples": dict}, context)


def _plots(samples: Samples | None) -> list[dict[str, Any]]:
    """How hard, and along which axis: both against milliseconds from the event."""
    if samples is None or not samples.points:
        return []
    _seq, times, xs, ys, zs = zip(*samples.points, strict=True)
    strength = [round((x * x + y * y + z * z) ** 0.5, 4) for x, y, z in zip(xs, ys, zs, strict=True)]
    axes = [{"label": name, "values": values} for name, values in (("x", xs), ("y", ys), ("z", zs))]
    return [
        _plot(_("Strength"), times, [{"label": _("Strength"), "values": strength, "fill": True}], max(strength)),
        _plot(_("Axes x, y, z"), times, axes, None),
    ]


def _plot(label: str, times: Any, lines: list[dict[str, Any]], peak: float | None) -> dict[str, Any]:
    return {"label": label, "peak": peak, "data": {"x": times, "lines": lines, "unit": "g", "relative": True}}


def device_part(request: HttpRequest, device: Any) -> page.Part | None:
    """The newest events of a device, where its model has this cell or there are any."""
    rows = list(queries.events_for(request.user, device_id=device.pk)[:SHOWN_ON_DEVICE])
    if not rows and "care" not in device.model.cells:
        return None
    return page.Part("events", "care/device/events.html", {"events": rows}, "care", _("Events"))


def overview_part(request: HttpRequest, account: Any) -> page.Part:
    """What happened."""
    rows = queries.events_for(request.user, account=account.pk if account else None)[:SHOWN_ON_OVERVIEW]
    return page.Part("events", "care/overview/events.html", {"events": list(rows)}, "care", _("What happened"))
