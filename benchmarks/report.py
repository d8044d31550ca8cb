"""How a measurement is told: what, ratio or figure, goal, and whether it was met."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psutil
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


class Cost:
    """CPU seconds of some processes, user and system: less moved by a busy machine than what a clock says."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def each(self, events: float) -> float:
        """Microseconds for each event."""
        return self.seconds / events * 1e6 if events else 0.0


@contextmanager
def cost_of(*pids: int) -> Iterator[Cost]:
    """What these processes, without their children, use while the block runs."""
    cost = Cost()
    before = sum(map(_cpu_s, pids))
    yield cost
    cost.seconds = sum(map(_cpu_s, pids)) - before


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
