"""The second stage: how likely the acceleration around an event is that of a fall, and why.

Twelve numbers of the four seconds around the impact, none of which depends on how the board is worn, go through a few
hundred small trees (gradient boosting) that `tools/falls.py judgement` trained and wrote into judgement.json. Here they
are only read: numpy, no library of learning. What they were trained on and how good they are: docs/falls.md.
"""

import json
import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import messages

FS_HZ = 50
BEFORE, AFTER = 100, 100
"""Samples of the window before the impact, and from it on."""
MODEL = Path(__file__).with_name("judgement.json")
NEEDED_MS = 1500
"""So much of the time before the impact, and after it, must be there."""
GAP_MS = 100
"""A longer gap between two samples is something missing, and what is missing is not judged."""
NEAR_MS = 1000
"""The impact is looked for so near to the event's own instant."""

HARD_G = 3.0
TURNED_DEG = 45.0
STILL = 0.5
QUIET_STEP_G = 0.04
"""From one sample to the next, in 20 ms: less is lying still."""

Points = Sequence[Sequence[float]]
Array = Any  # of numpy, whose functions mypy knows to return nothing better


class Judgement(NamedTuple):
    p_fall: float
    """0..1: of suspicions that look like this one, half of all suspicions being falls, so many are."""
    impact_g: float
    posture_change_deg: float
    """Between the second before last and the time from one second after the impact on: 0..180."""
    stillness: float
    """0..1: how much of the time from one to two seconds after the impact shows no movement."""
    reasons: tuple[str, ...]
    """Of REASONS, for people: the impact first, then the posture, then the stillness."""
    model: int
    """Version of the model that said so."""


REASONS = ("hard_impact", "soft_impact", "posture_changed", "posture_kept", "lies_still", "moves_on")


def judge(samples: Points) -> Judgement | None:
    """`samples`: (seq, t_ms, x_g, y_g, z_g) each, as messages.Samples has them and the database keeps them.

    None where too little of the four seconds is there. Any mounting, any rate from 20 Hz; m/s² are recognised.
    """
    window = _window(samples)
    if window is None:
        return None
    numbers = features(window[None])[0]
    impact_g = float(np.linalg.norm(window, axis=1)[BEFORE])
    turned_deg = float(numbers[NAMES.index("turned_late_deg")])
    still = _stillness(window)
    p_fall = float(probability(_model(), numbers[None])[0])
    return Judgement(
        round(p_fall, 4),
        round(impact_g, 2),
        round(turned_deg, 1),
        round(still, 2),
        _reasons(impact_g, turned_deg, still),
        _model()["version"],
    )


def _reasons(impact_g: float, turned_deg: float, still: float) -> tuple[str, ...]:
    return (
        "hard_impact" if impact_g >= HARD_G else "soft_impact",
        "posture_changed" if turned_deg >= TURNED_DEG else "posture_kept",
        "lies_still" if still >= STILL else "moves_on",
    )


def _stillness(window: Array) -> float:
    steps = np.linalg.norm(np.diff(window[BEFORE + 50 :], axis=0), axis=1)
    return float(np.nanmean(steps < QUIET_STEP_G)) if len(steps) else 0.0


# the window


def _window(samples: Points) -> Array | None:
    """200 points at 50 Hz with the impact at 100; None where they are not there."""
    points = sorted(samples, key=lambda point: point[1])
    if len(points) < 2:
        return None
    t_ms = np.array([point[1] for point in points], dtype=float)
    xyz = np.array([point[2:5] for point in points], dtype=float)
    if messages.is_in_m_s2(points):
        xyz = xyz / messages.G_M_S2
    at_ms = _impact_ms(t_ms, xyz)
    wanted_ms = at_ms + (np.arange(BEFORE + AFTER) - BEFORE) * (1000 / FS_HZ)
    near = (t_ms >= at_ms - NEEDED_MS) & (t_ms <= at_ms + NEEDED_MS)
    is_whole = t_ms[0] <= at_ms - NEEDED_MS and t_ms[-1] >= at_ms + NEEDED_MS
    if not is_whole or np.diff(t_ms[near]).max(initial=0) > GAP_MS:
        return None
    window = np.stack([np.interp(wanted_ms, t_ms, axis) for axis in xyz.T], axis=1)
    window[(wanted_ms < t_ms[0]) | (wanted_ms > t_ms[-1])] = np.nan
    return window


def _impact_ms(t_ms: Array, xyz: Array) -> float:
    """The largest |a| near the event's instant; far from any sample of it, the largest of all."""
    size = np.linalg.norm(xyz, axis=1)
    near = np.abs(t_ms) <= NEAR_MS
    return float(t_ms[np.where(near, size, -1).argmax() if near.any() else size.argmax()])


# the numbers


def _turn(a: Array, b: Array) -> Array:
    """Degrees between vectors."""
    product = (a * b).sum(-1) / np.maximum(1e-6, np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
    return np.degrees(np.arccos(np.clip(product, -1, 1)))


def _log(values: Array) -> Array:
    return np.log(values + 0.01)


def features(windows: Array) -> Array:
    """Windows (n, 200, 3) in g, NaN where nothing is known at an end → (n, len(NAMES)); their order is NAMES'."""
    columns: list[Array] = [compute(windows) for compute in _FEATURES.values()]
    return np.stack(columns, axis=1)


def _mean(windows: Array, begin: int, end: int) -> Array:
    return np.nanmean(windows[:, BEFORE + begin : BEFORE + end], axis=1)


def _jerk(windows: Array, begin: int, end: int) -> Array:
    """Mean of how fast the acceleration changes, in g/s."""
    steps = np.linalg.norm(np.diff(windows[:, BEFORE + begin : BEFORE + end], axis=1), axis=2)
    return np.nanmean(steps, axis=1) * FS_HZ


def _size(windows: Array, begin: int, end: int) -> Array:
    return np.linalg.norm(windows[:, BEFORE + begin : BEFORE + end], axis=2)


def _sinking(windows: Array) -> Array:
    """The fastest that a body without any other force goes down before the impact, m/s: below 0."""
    size = _size(windows, -47, 0)
    smooth = np.stack([size[:, i : i + 5].mean(axis=1) for i in range(43)], axis=1)
    return (np.cumsum((smooth - 1)[:, ::-1], axis=1) * (9.80665 / FS_HZ)).min(axis=1)


_FEATURES: dict[str, Callable[[Array], Array]] = {
    "impact_log_g": lambda w: np.log(_size(w, 0, 1)[:, 0] + 0.01),
    "energy_log": lambda w: _log(((_size(w, -10, 16) - 1) ** 2).sum(axis=1) / FS_HZ),
    "jerk_impact_log": lambda w: _log(_jerk(w, -10, 16)),
    "jerk_before_log": lambda w: _log(_jerk(w, -100, -50)),
    "jerk_soon_log": lambda w: _log(_jerk(w, 25, 51)),
    "jerk_late_log": lambda w: _log(_jerk(w, 50, 100)),
    "turned_soon_deg": lambda w: _turn(_mean(w, -100, -50), _mean(w, 25, 50)),
    "turned_late_deg": lambda w: _turn(_mean(w, -100, -50), _mean(w, 50, 100)),
    "hit_from_before_deg": lambda w: _turn(_mean(w, -100, -50), _mean(w, -3, 4)),
    "hit_from_after_deg": lambda w: _turn(_mean(w, 50, 100), _mean(w, -3, 4)),
    "sinking_m_s": _sinking,
    "range_late_log": lambda w: _log(np.nanmax(_size(w, 50, 100), axis=1) - np.nanmin(_size(w, 50, 100), axis=1)),
}
NAMES = tuple(_FEATURES)


# the trees


@cache
def _model() -> dict[str, Any]:
    model: dict[str, Any] = json.loads(MODEL.read_text(encoding="utf-8"))
    if tuple(model["features"]) != NAMES:
        raise ValueError("judgement.json was trained for other features: tools/falls.py judgement")
    return model


def probability(model: dict[str, Any], numbers: Array) -> Array:
    """What the trees say of rows of numbers, calibrated: 0..1."""
    slope, offset = model["calibration"]
    return 1 / (1 + np.exp(-(slope * scores(model, numbers) + offset)))


def scores(model: dict[str, Any], numbers: Array) -> Array:
    """The sum of the trees' leaves: log odds before the calibration."""
    return np.array([model["start"] + math.fsum(_leaf(tree, row) for tree in model["trees"]) for row in numbers])


def _leaf(node: Any, row: Array) -> float:
    """A tree is a leaf's value, or [feature, threshold, tree where it is not above, tree where it is]."""
    while isinstance(node, list):
        node = node[2] if row[node[0]] <= node[1] else node[3]
    return float(node)
