"""How a page is answered: whole, or the one part of it that a live page asks for again; and for which account."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.forms.renderers import TemplatesSetting
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render

from panal.cells import card as cell_card
from panal.cells import cards
from panal.cells.accounts import api as accounts

from .preferences import Respond

PER_PAGE = 50
CHOSEN = "account"
"""The session's key of the account that a person of several looks at."""


class FormRenderer(TemplatesSetting):
    form_template_name = "control/form.html"
    field_template_name = "control/field.html"


class Part(NamedTuple):
    """What a cell adds to another's page. `topics`: on which live topics it is fetched again."""

    name: str
    template: str
    context: dict[str, Any]
    topics: str
    title: str


Context = Callable[[], dict[str, Any]]


def arrival(get_response: Respond) -> Respond:
    """Middleware: keeps when the page was asked for. What happens from then on is news to it (gateway/live.py)."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        request.came_ms = time.time_ns() // 1_000_000  # type: ignore[attr-defined]
        return get_response(request)

    return respond


def answer(
    request: HttpRequest, template: str, parts: Mapping[str, Context], context: dict[str, Any] | None = None
) -> HttpResponse:
    """`devices/device.html` whole, or with ?part=vitals `devices/device/vitals.html` alone."""
    context = dict(context or {})
    name = request.GET.get("part", "")
    if name in parts:
        return render(request, f"{template.removesuffix('.html')}/{name}.html", context | parts[name]())
    for part in parts.values():
        context |= part()
    return render(request, template, context)


def answer_part(request: HttpRequest, part: Part) -> HttpResponse:
    """A part that a cell adds, alone."""
    return render(request, part.template, {"part": part.context})


def done(request: HttpRequest, text: str, back: str) -> HttpResponse:
    """Something was done: htmx shows the sentence and fetches the live parts again, a browser goes `back`."""
    if request.htmx:  # type: ignore[attr-defined]
        said = {"toast": {"text": text}, "panal:fresh": {}}
        return HttpResponse(status=204, headers={"HX-Trigger": json.dumps(said)})
    messages.success(request, text)
    return redirect(back)


def parts_of_cells(page: str, request: HttpRequest, subject: Any) -> list[Part]:
    """What the cells add to the overview (subject: the account) or to a page of a device or a door."""
    found = [
        cell_card.load(reference)(request, subject)
        for card in cards()
        for where, reference in card.parts
        if where == page
    ]
    return [part for part in found if part is not None]


def account_of(request: HttpRequest) -> Any:
    """The account looked at. None: a member of the staff looks at all, or a person has none."""
    if not hasattr(request, "_account"):
        request._account = _account_of(request)  # type: ignore[attr-defined]
    return request._account  # type: ignore[attr-defined]


def _account_of(request: HttpRequest) -> Any:
    chosen = request.session.get(CHOSEN)
    mine = accounts_of(request)
    for account in mine:
        if account.pk == chosen:
            return account
    if request.user.is_staff:
        return accounts.accounts_for(request.user).filter(pk=chosen or 0).first()
    return mine[0] if mine else None


def accounts_of(request: HttpRequest) -> list[Any]:
    """The accounts a person is a member of, read once a request."""
    if not hasattr(request, "_accounts"):
        request._accounts = accounts.accounts_of_member(request.user)  # type: ignore[attr-defined, arg-type]
    return request._accounts  # type: ignore[attr-defined, no-any-return]


def may_manage(request: HttpRequest) -> bool:
    """Whether to offer what only who manages the account looked at may open; without one, the page says so."""
    account, user = account_of(request), cast(Any, request.user)
    return account is None or accounts.may(user, account.pk, accounts.MANAGE)


def has_bench(request: HttpRequest) -> bool:
    """The bench is for the operator's people and for a demo, whose server runs with PANAL_BENCH."""
    return bool(settings.PANAL.bench)


def paginated(request: HttpRequest, rows: Any, per_page: int = PER_PAGE) -> Page[Any]:
    return Paginator(rows, per_page).get_page(request.GET.get("page"))
