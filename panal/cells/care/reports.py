"""Events as files that people take along: CSV for a spreadsheet, a PDF for a folder or a doctor."""

import csv
import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from .models import Event, Kind
from .statistics import Sums

if TYPE_CHECKING:
    from fpdf import FPDF

MOST_IN_CSV = 100_000
MOST_LISTED = 1000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = (
    "id", "received", "occurred", "time_estimated", "kind", "state", "verdict", "cancelled_by_wearer", "wearer",
    "device", "device_name", "answered", "answered_by", "reviewed", "reviewed_by", "comment", "p_fall",
)  # fmt: skip


# CSV


class _Echo:
    """What csv writes into: it hands back each line."""

    def write(self, line: str) -> str:
        return line


def csv_of(events: Any) -> Iterator[str]:
    """Line by line, the oldest event first."""
    writer = csv.writer(_Echo())
    yield str(writer.writerow(COLUMNS))
    for event in events.order_by("received_at", "id")[:MOST_IN_CSV].iterator(chunk_size=500):
        yield str(writer.writerow([cell(value) for value in _line(event)]))


def _line(e: Event) -> tuple[Any, ...]:
    judgement = getattr(e, "judgement", None)
    return (
        e.pk, _iso(e.received_at), _iso(e.occurred_at), e.is_estimated, e.kind, e.state, e.verdict, e.is_cancelled,
        str(e.wearer or ""), e.device_id, e.device_text, _iso(e.answered_at), e.answered_by, _iso(e.reviewed_at),
        e.reviewed_by, e.comment, "" if judgement is None else f"{judgement.p_fall:.3f}",
    )  # fmt: skip


def _iso(at: Any) -> str:
    return at.isoformat(timespec="milliseconds") if at else ""


def cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is text (OWASP, CSV injection)."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


# PDF

FONT = Path("/usr/share/fonts/truetype/dejavu")
"""Where Debian keeps a font with all of Europe's letters; without it what Latin 1 has no letter for is a question
mark."""
INK, MUTED, LINE, ALARM, OTHER = (30, 26, 20), (100, 91, 77), (227, 221, 210), (191, 35, 24), (201, 127, 0)
WIDTH = 180.0
MARGIN = 15.0
ROW = 7.0
COLUMN_MM = (30, 36, 42, 42, 30)


def pdf_of(*, title: str, since: date, until: date, sums: Sums, events: Iterable[Event], language: str) -> bytes:
    """A4: what is counted, when it happened, each event on a line. Texts in `language`, times in the current zone."""
    with override(language):
        paper = _paper(title)
        _head(paper, title, since, until)
        _counts(paper, sums)
        _columns(paper, _("Events a day"), _days(sums, since, until))
        _columns(paper, _("By hour of the day"), [(f"{hour}", *both) for hour, both in enumerate(sums.hours)])
        _table(paper, list(events), sums.total)
        return bytes(paper.output())


def _paper(title: str) -> "FPDF":
    from fpdf import FPDF

    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of every table of a font

    class Paper(FPDF):
        family = "Helvetica"

        def footer(self) -> None:
            self.set_y(-14)
            self.set_font(self.family, size=8)
            self.set_text_color(*MUTED)
            self.cell(0, 5, f"{self.page_no()} / {{nb}}", align="R")

    paper = Paper(unit="mm", format="A4")
    if (FONT / "DejaVuSans.ttf").is_file():
        paper.add_font("DejaVu", fname=FONT / "DejaVuSans.ttf")
        paper.add_font("DejaVu", "B", FONT / "DejaVuSans-Bold.ttf")
        paper.family = "DejaVu"
    paper.set_margin(MARGIN)
    paper.set_auto_page_break(True, 18)
    paper.set_title(title)
    paper.set_creator("Panal")
    paper.add_page()
    return paper


def _say(paper: Any, text: str, size: float = 9, style: str = "", colour: Any = INK, height: float = 5) -> None:
    paper.set_font(paper.family, style, size)
    paper.set_text_color(*colour)
    paper.multi_cell(0, height, _letters(paper, text), align="L", new_x="LMARGIN", new_y="NEXT")


def _letters(paper: Any, text: str) -> str:
    if paper.family != "Helvetica":
        return text
    return text.encode("latin-1", "replace").decode("latin-1")


def _head(paper: Any, title: str, since: date, until: date) -> None:
    _say(paper, _("Report of events"), 10, colour=MUTED)
    _say(paper, title, 18, "B", height=9)
    first, last = (formats.date_format(day, "DATE_FORMAT") for day in (since, until))
    made = formats.date_format(timezone.localtime(), "DATETIME_FORMAT")
    _say(paper, f"{first} – {last} · {_('made on')} {made} ({timezone.get_current_timezone_name()})", 9, colour=MUTED)
    paper.ln(3)


def _counts(paper: Any, sums: Sums) -> None:
    share = "–" if sums.false_share is None else f"{100 * sums.false_share:.0f} %"
    lines: list[tuple[Any, Any]] = [(Kind(kind).label, count) for kind, count in sorted(sums.by_kind.items())]
    lines += [
        (_("Cancelled by the wearer"), sums.cancelled),
        (_("Confirmed"), sums.confirmed),
        (_("False alarms"), sums.false),
        (_("False alarms among those reviewed"), share),
        (_("Still open"), sums.open),
        (_("Answered within (half of them)"), duration(sums.median_answer_s)),
        (_("Answered within (nine in ten)"), duration(sums.slow_answer_s)),
    ]
    for place, (label, value) in enumerate(lines):
        paper.set_font(paper.family, size=9)
        paper.set_text_color(*MUTED)
        paper.cell(64, 6, _letters(paper, str(label)))
        paper.set_text_color(*INK)
        paper.cell(24, 6, _letters(paper, str(value)), new_x="LMARGIN" if place % 2 else "RIGHT",
                   new_y="NEXT" if place % 2 else "TOP")  # fmt: skip
    paper.ln(9)


def duration(seconds: float | None) -> str:
    """ "40 s", "3 min", "2 h 5 min"."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _days(sums: Sums, since: date, until: date) -> list[tuple[str, int, int]]:
    from .plots import days_between

    return [(formats.date_format(day, "j M"), *sums.days.get(day, (0, 0))) for day in days_between(since, until)]


def _columns(paper: Any, label: str, bars: Sequence[tuple[str, int, int]]) -> None:
    """Falls and buttons below, what else there was above them."""
    height, most = 22.0, max(1, *(alarms + others for _n, alarms, others in bars))
    if paper.get_y() + height + 20 > paper.h - 18:
        paper.add_page()
    _say(paper, f"{label} ({_('at most')} {most})", 9, "B")
    left, ground, step = MARGIN, paper.get_y() + height + 1, WIDTH / len(bars)
    paper.set_draw_color(*LINE)
    paper.line(left, ground, left + WIDTH, ground)
    for place, (name, alarms, others) in enumerate(bars):
        x, low = left + place * step, height * alarms / most
        for colour, top, size in ((ALARM, ground - low, low), (OTHER, ground - low - height * others / most,
                                                              height * others / most)):  # fmt: skip
            paper.set_fill_color(*colour)
            if size:
                paper.rect(x + step * 0.15, top, step * 0.7, size, "F")
        if place % max(1, len(bars) // 8) == 0:
            paper.set_font(paper.family, size=7)
            paper.set_text_color(*MUTED)
            paper.text(x, ground + 3.5, _letters(paper, name))
    paper.set_y(ground + 8)


def _table(paper: Any, events: list[Event], total: int) -> None:
    if not events:
        _say(paper, _("Nothing happened in this time."), 9, colour=MUTED)
        return
    heads = (_("When"), _("What"), _("Wearer, device"), _("State"), _("By"))
    _row(paper, heads, "B")
    for event in events:
        when = formats.date_format(timezone.localtime(event.occurred_at), "SHORT_DATETIME_FORMAT")
        state = _("cancelled by the wearer") if event.is_cancelled else event.state_text
        state = state if event.wakes or event.is_cancelled else ""
        whom = str(event.wearer) if event.wearer else event.device_text
        _row(paper, (when, event.get_kind_display(), whom, state, event.reviewed_by or event.answered_by))
        if event.comment:
            paper.set_x(MARGIN + COLUMN_MM[0])
            paper.set_font(paper.family, size=8)
            paper.set_text_color(*MUTED)
            paper.multi_cell(0, 4.5, _letters(paper, event.comment), new_x="LMARGIN", new_y="NEXT")
    if total > len(events):
        _say(paper, _("The newest %(n)d of %(total)d.") % {"n": len(events), "total": total}, 8, colour=MUTED)


def _row(paper: Any, cells: Sequence[Any], style: str = "") -> None:
    if paper.get_y() + ROW > paper.h - 20:
        paper.add_page()
    paper.set_font(paper.family, style, 8)
    paper.set_text_color(*(MUTED if style else INK))
    paper.set_draw_color(*LINE)
    for width, text in zip(COLUMN_MM, cells, strict=True):
        paper.cell(width, ROW, _fitting(paper, _letters(paper, str(text)), width - 2), border="B")
    paper.ln(ROW)


def _fitting(paper: Any, text: str, width_mm: float) -> str:
    """Cut at the end where it is too long for its column."""
    if paper.get_string_width(text) <= width_mm:
        return text
    while text and paper.get_string_width(text + "…" if paper.family != "Helvetica" else text + "...") > width_mm:
        text = text[:-1]
    return text + ("…" if paper.family != "Helvetica" else "...")
