"""What is stuck onto a device at the factory: two QR codes and what a person types where there is no camera.

One code opens the claim page, with the claim code behind #: browsers keep that part to themselves, so it stands in no
server's log. The other joins the device's access point. A sheet is A4, for labels as they are sold.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import segno
from django.utils.translation import gettext as _
from django.utils.translation import override

from .catalog import Model

if TYPE_CHECKING:
    from fpdf import FPDF

    from .actions import Minted

A4_MM = (210.0, 297.0)
POINT_MM = 0.3528
QUIET = 4
"""Modules of white that a QR code needs around it."""
SPECIAL = str.maketrans({character: "\\" + character for character in '\\;,:"'})


class Sheet(NamedTuple):
    """Labels on A4, in the middle of the page."""

    width_mm: float
    height_mm: float
    columns: int
    rows: int
    gap_mm: float
    """Between columns; rows touch."""
    text_pt: float


SHEETS = {
    "63x38": Sheet(63.5, 38.1, 3, 7, 2.54, 5.5),
    "99x57": Sheet(99.1, 57.0, 2, 5, 2.54, 7.5),
    "105x74": Sheet(105.0, 74.0, 2, 4, 0.0, 9.0),
}


def claim_url(base: str, device_id: str, code: str) -> str:
    return f"{base.rstrip('/')}/claim/{device_id}#{code}"


def wifi_text(ssid: str, password: str) -> str:
    """As phones read it from a QR code."""
    return f"WIFI:T:WPA;S:{ssid.translate(SPECIAL)};P:{password.translate(SPECIAL)};;"


def qr_data_uri(text: str) -> str:
    """For a page."""
    return str(
        segno.make(text, error="m", micro=False).svg_data_uri(scale=5, border=QUIET, dark="#1e1a14", light="#fff")
    )


def in_fours(code: str) -> str:
    """ABCD-2345: as it is read aloud."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def label_sheet(minted: Sequence["Minted"], model: Model, base_url: str, language: str, size: str) -> bytes:
    """A PDF with one label for each device."""
    from fpdf import FPDF

    sheet = SHEETS[size]
    pdf = FPDF(unit="mm", format="A4")
    pdf.set_auto_page_break(False)
    pdf.set_margin(0)
    pdf.c_margin = 0
    with override(language):
        pdf.set_title(_("Labels"))
        for secret, (x, y) in zip(minted, _places(pdf, sheet), strict=False):
            _draw_label(pdf, sheet, x, y, secret, model, base_url)
    return bytes(pdf.output())


def _places(pdf: "FPDF", sheet: Sheet) -> Iterator[tuple[float, float]]:
    """Where the next label begins; a new page where one is full."""
    left = (A4_MM[0] - sheet.columns * sheet.width_mm - (sheet.columns - 1) * sheet.gap_mm) / 2
    top = (A4_MM[1] - sheet.rows * sheet.height_mm) / 2
    while True:
        pdf.add_page()
        for row in range(sheet.rows):
            for column in range(sheet.columns):
                yield left + column * (sheet.width_mm + sheet.gap_mm), top + row * sheet.height_mm


def _draw_label(pdf: "FPDF", sheet: Sheet, x: float, y: float, secret: "Minted", model: Model, base_url: str) -> None:
    ssid = model.access_point_of(secret.device_id)
    padding, line = sheet.height_mm * 0.06, sheet.text_pt * POINT_MM * 1.25
    inside, half = sheet.width_mm - 2 * padding, (sheet.width_mm - 3 * padding) / 2
    x, y = x + padding, y + padding
    _write(pdf, x, y, inside * 0.62, sheet.text_pt * 1.25, _(model.name), bold=True)
    _write(pdf, x, y, inside, sheet.text_pt * 1.25, secret.device_id, bold=True, mono=True, align="R")
    y += line * 1.25
    _write(pdf, x, y, inside, sheet.text_pt * 0.95, _(model.start))
    top, side = y + line * 1.2, min(half, sheet.height_mm - (2 * padding + line * 6.45))
    wifi = wifi_text(ssid, secret.ap_password)
    halves: tuple[tuple[str, str, list[str]], ...] = (
        (_("1. Its Wi-Fi"), wifi, [ssid, _("Password") + ": " + secret.ap_password]),
        (
            _("2. Add it to your account"),
            claim_url(base_url, secret.device_id, secret.claim_code),
            [_("Claim code") + ":", in_fours(secret.claim_code)],
        ),
    )
    for number, (title, code, texts) in enumerate(halves):
        _draw_half(pdf, sheet, (x + number * (half + padding), top, half, side, line), title, code, texts)


def _draw_half(
    pdf: "FPDF", sheet: Sheet, place: tuple[float, float, float, float, float], title: str, code: str, texts: list[str]
) -> None:
    x, y, width, side, line = place
    _write(pdf, x, y, width, sheet.text_pt, title, bold=True)
    _draw_qr(pdf, x, y + line, side, code)
    for number, text in enumerate(texts):
        _write(pdf, x, y + line + side + number * line + line * 0.2, width, sheet.text_pt, text, mono=True)


def _write(
    pdf: "FPDF", x: float, y: float, width: float, size_pt: float, text: str, *, bold: bool = False,
    mono: bool = False, align: str = "L",
) -> None:  # fmt: skip
    """One line, made smaller until it fits."""
    style: Any = "B" if bold else ""
    pdf.set_font("Courier" if mono else "Helvetica", style, size_pt)
    text = text.encode("latin-1", "replace").decode("latin-1")  # what the built-in fonts of PDF have
    if (wide := pdf.get_string_width(text)) > width:
        pdf.set_font_size(size_pt * width / wide)
    pdf.set_xy(x, y)
    pdf.cell(width, size_pt * POINT_MM * 1.2, text, align=align)


def _draw_qr(pdf: "FPDF", x: float, y: float, side: float, text: str) -> None:
    """Lines of squares, as a drawing: sharp at every size."""
    matrix = segno.make(text, error="m", micro=False).matrix
    module = side / (len(matrix) + QUIET)  # the label around it is white too
    x, y = x + module * QUIET / 2, y + module * QUIET / 2
    for row, line in enumerate(matrix):
        for start, length in _runs(line):
            # a hair more than a module high, so that no printer leaves white between rows
            pdf.rect(x + start * module, y + row * module, length * module, module * 1.02, style="F")


def _runs(line: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where dark modules begin, and how many stand side by side."""
    start = None
    for column, is_dark in enumerate([*line, 0]):
        if is_dark and start is None:
            start = column
        elif not is_dark and start is not None:
            yield start, column - start
            start = None
