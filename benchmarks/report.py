"""How a measurement is told: what, ratio or figure, goal, and whether it was met."""

from typing import NamedTuple

from rich.console import Console
from rich.table import Table


class Figure(NamedTuple):
    what: str
    value: float
    unit: str
    goal: str
    met: bool | None
    detail: str = ""


def show(figures: list[Figure]) -> None:
    table = Table("what", "measured", "goal", "met", "detail")
    for f in figures:
        table.add_row(
            f.what, f"{f.value:.3g} {f.unit}".strip(), f.goal, {True: "yes", False: "NO", None: "-"}[f.met], f.detail
        )
    Console(width=150).print(table)


def at_least(what: str, value: float, goal: float, detail: str = "") -> Figure:
    return Figure(what, value, "×", f"≥ {goal:g}", value >= goal, detail)


def under(what: str, value: float, goal: float, unit: str, detail: str = "") -> Figure:
    return Figure(what, value, unit, f"< {goal:g} {unit}", value < goal, detail)
