"""What stands in the side bar and at the foot of a phone: the cells' own entries, and which account is looked at."""

from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext

from panal.cells import cards
from panal.cells.card import Entry, load

from . import page

OVERVIEW = Entry("Overview", "overview", "layout-dashboard")
BENCH = Entry("Bench", "bench", "flask-conical")
AT_THE_FOOT = 4
"""Thumbs reach four entries and "More"."""


class Line(NamedTuple):
    label: str
    href: str
    icon: str
    is_here: bool
    number: int = 0


def navigation(request: HttpRequest) -> dict[str, Any]:
    """The context of every page. A page without a signed-in person has no navigation."""
    if not hasattr(request, "user") or not request.user.is_authenticated:
        return {"theme": "", "text_size": "", "nav": {}}
    lines = {section: _lines(request, section) for section in ("", "account", "staff")}
    foot = _foot(request)
    return {
        "theme": request.user.theme,
        "text_size": request.user.text_size,
        "frame": [card.frame for card in cards() if card.frame],
        "account": page.account_of(request),
        "accounts": page.accounts_of(request),
        "nav": {
            "daily": lines[""],
            "account": lines["account"],
            "staff": lines["staff"] if request.user.is_staff else [],
            "bottom": foot,
            "more_is_here": not any(line.is_here for line in foot),
        },
    }


def _foot(request: HttpRequest) -> list[Line]:
    """The overview and every cell's first entry, then the others."""
    firsts = [OVERVIEW, *(card.navigation[0] for card in cards() if card.navigation)]
    daily = [entry for entry in firsts if entry.section == "" and _may_open(request, entry)]
    others = [entry for entry in _entries(request) if entry.section == "" and entry not in daily]
    return [_line(request, entry) for entry in [*daily, *others][:AT_THE_FOOT]]


def _lines(request: HttpRequest, section: str) -> list[Line]:
    return [_line(request, entry) for entry in _entries(request) if entry.section == section]


def _entries(request: HttpRequest) -> list[Entry]:
    of_cells = [entry for card in cards() for entry in card.navigation]
    found = [OVERVIEW, *of_cells, *([BENCH] if page.has_bench(request) else [])]
    return [entry for entry in found if _may_open(request, entry)]


def _may_open(request: HttpRequest, entry: Entry) -> bool:
    return not entry.shown or bool(load(entry.shown)(request))


def _line(request: HttpRequest, entry: Entry) -> Line:
    href = reverse(entry.url)
    is_here = request.path == href if href == "/" else request.path.startswith(href)
    return Line(gettext(entry.label), href, entry.icon, is_here, _number(request, entry))


def _number(request: HttpRequest, entry: Entry) -> int:
    """Asked once a request, however often the line is drawn."""
    if not entry.number:
        return 0
    known: dict[str, int] = request.__dict__.setdefault("_numbers", {})
    if entry.number not in known:
        known[entry.number] = load(entry.number)(request)
    return known[entry.number]
