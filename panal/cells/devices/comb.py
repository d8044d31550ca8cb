"""The honeycomb of the overview: one cell for each device, or a hundred cells for the shares of a large fleet."""

import math
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.urls import reverse

from .models import Device, State
from .queries import Counts

MOST_CELLS = 120
WIDTH, HEIGHT = 18.0, 15.6
"""From one cell's middle to the next in a row, and from row to row."""


class Cell(NamedTuple):
    x: str
    y: str
    presence: str
    href: str = ""
    title: str = ""


def comb_of(devices: QuerySet[Device], counts: Counts) -> dict[str, Any]:
    is_links = counts.total <= MOST_CELLS
    cells = [_of(device) for device in devices] if is_links else _shares(counts)
    columns = _columns(len(cells))
    full = _with_room(cells, columns)
    placed = [cell._replace(x=_x(n, columns), y=_y(n, columns)) for n, cell in enumerate(full)]
    rows = -(-len(full) // columns)
    return {
        "cells": placed,
        "is_links": is_links,
        "width": f"{(columns + 0.5) * WIDTH + 2:.1f}",
        "height": f"{rows * HEIGHT + 6:.1f}",
    }


def _columns(count: int) -> int:
    """Wide rather than high; a few devices do not become giants."""
    return max(14, round(math.sqrt(count * 2.6)))


def _with_room(cells: list[Cell], columns: int) -> list[Cell]:
    """Empty cells up to whole rows, at least three: a comb has room."""
    wanted = max(3, -(-len(cells) // columns)) * columns
    return cells + [Cell("", "", "room")] * (wanted - len(cells))


def _of(device: Device) -> Cell:
    presence = "minted" if device.state == State.MINTED else device.presence
    return Cell("", "", presence, reverse("device", args=[device.pk]), str(device))


def _shares(counts: Counts) -> list[Cell]:
    late = -(-counts.late * 100 // counts.total)
    offline = -(-(counts.total - counts.online - counts.late) * 100 // counts.total)
    words = ["online"] * max(0, 100 - late - offline) + ["late"] * late + ["offline"] * offline
    return [Cell("", "", word) for word in words[:100]]


def _x(n: int, columns: int) -> str:
    row, column = divmod(n, columns)
    return f"{(column + 0.5 + (row % 2) * 0.5) * WIDTH + 1:.1f}"


def _y(n: int, columns: int) -> str:
    return f"{n // columns * HEIGHT + 10.8:.1f}"
