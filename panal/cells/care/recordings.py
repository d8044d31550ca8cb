"""Recordings of falls and of daily life, and how good a detector is on them: docs/falls.md.

A file is an .npz with `acc` (n, 3) int16 counts at 50 Hz, ±8 g; trial i is `acc[start[i] : start[i] + length[i]]`, with
`is_fall`, `subject`, `activity`. Falls are in the middle of their recording: where they lie is never used.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np

from . import classic, detector, judgement, posture

LSB_PER_G = 4096
FS_HZ = 50
EARLY = 50
"""An alarm up to one second before the impact, which is the largest |a|, still counts as this fall's."""
SAME_FALL = 500
MERGED = 150
"""Alarms closer together than three seconds are one."""
PROFILES = ("posture", "classic")
SURE = 0.5
"""So likely must the second stage find a fall that somebody is told of it at once."""
NEEDED = ("acc", "start", "length", "is_fall", "subject", "activity")

Counts = Any  # an array (n, 3) of numpy, int16


class Unreadable(Exception):
    """The file is no file of recordings; the text says why."""


class Trial(NamedTuple):
    counts: Counts
    is_fall: bool
    subject: str
    activity: str

    @property
    def impact(self) -> int:
        return int((self.counts.astype(np.int64) ** 2).sum(axis=1).argmax())


class Rate(NamedTuple):
    """So many of so many, with the interval (Wilson, 95 %) that such a count leaves open."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        return self.hits / self.of if self.of else 0.0

    def interval(self, z: float = 1.96) -> tuple[float, float]:
        if not self.of:
            return 0.0, 1.0
        p, n = self.value, self.of
        middle = (p + z * z / 2 / n) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n) / (1 + z * z / n)
        return max(0.0, middle - half), min(1.0, middle + half)


class Tally:
    """Counts trials as they are judged."""

    def __init__(self) -> None:
        self.found = self.missed = self.false = self.silent = 0
        self.early_alarms = self.false_alarms = self.quiet_samples = 0

    def add(self, trial: Trial, alarms: list[int]) -> None:
        """`alarms`: at which samples of the trial somebody would have been told."""
        if trial.is_fall:
            good = [at for at in alarms if at >= trial.impact - EARLY]
            self.early_alarms += len(alarms) - len(good)
            self.found += bool(good)
            self.missed += not good
        else:
            self.false += bool(alarms)
            self.silent += not alarms
            self.false_alarms += sum(not n or at - alarms[n - 1] > MERGED for n, at in enumerate(alarms))
            self.quiet_samples += len(trial.counts)

    @property
    def sensitivity(self) -> Rate:
        return Rate(self.found, self.found + self.missed)

    @property
    def specificity(self) -> Rate:
        return Rate(self.silent, self.silent + self.false)

    @property
    def accuracy(self) -> Rate:
        return Rate(self.found + self.silent, self.sensitivity.of + self.specificity.of)

    @property
    def balanced_accuracy(self) -> float:
        return (self.sensitivity.value + self.specificity.value) / 2

    def balanced_interval(self, z: float = 1.96) -> tuple[float, float]:
        """From the two intervals, which are independent: the root of the sum of their squares."""
        (a, b), (c, d) = self.sensitivity.interval(z), self.specificity.interval(z)
        low = math.hypot(self.sensitivity.value - a, self.specificity.value - c) / 2
        high = math.hypot(b - self.sensitivity.value, d - self.specificity.value) / 2
        return max(0.0, self.balanced_accuracy - low), min(1.0, self.balanced_accuracy + high)

    def document(self) -> dict[str, Any]:
        hours = self.quiet_samples / FS_HZ / 3600
        return {
            "falls": self.sensitivity.of,
            "adl": self.specificity.of,
            "SE": _rounded(self.sensitivity.value),
            "SE_ci": _both(self.sensitivity.interval()),
            "SP": _rounded(self.specificity.value),
            "SP_ci": _both(self.specificity.interval()),
            "BA": _rounded(self.balanced_accuracy),
            "BA_ci": _both(self.balanced_interval()),
            "ACC": _rounded(self.accuracy.value),
            "ACC_ci": _both(self.accuracy.interval()),
            "F1": _rounded(2 * self.found / max(1, 2 * self.found + self.false + self.missed)),
            "early_alarms_in_fall_trials": self.early_alarms,
            "FA_per_h": round(self.false_alarms / hours, 2) if hours else 0.0,
            "adl_hours": round(hours, 2),
        }


def _rounded(value: float) -> float:
    return round(value, 4)


def _both(interval: tuple[float, float]) -> list[float]:
    return [_rounded(value) for value in interval]


def load(path: Path) -> list[Trial]:
    """Every trial of a file. Raises Unreadable."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in NEEDED}
            rate = float(file["fs"]) if "fs" in file else FS_HZ
            scale = float(file["lsb_per_g"]) if "lsb_per_g" in file else LSB_PER_G
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise Unreadable(f"{path}: {error}") from error
    if arrays["acc"].ndim != 2 or arrays["acc"].shape[1] != 3 or rate != FS_HZ or scale != LSB_PER_G:
        raise Unreadable(f"{path}: counts of three axes at 50 Hz with 4096 per g are expected")
    ends = arrays["start"].astype(int) + arrays["length"]
    if (arrays["start"] < 0).any() or (arrays["length"] < 1).any() or (ends > len(arrays["acc"])).any():
        raise Unreadable(f"{path}: a trial lies outside of acc")
    return list(_trials(arrays))


def _trials(arrays: dict[str, Any]) -> Iterator[Trial]:
    rows = zip(*(arrays[name].tolist() for name in NEEDED[1:]), strict=True)
    for start, length, is_fall, subject, activity in rows:
        yield Trial(arrays["acc"][start : start + length], bool(is_fall), str(subject), str(activity))


def mirrored(counts: Counts) -> Counts:
    """With its end once more backwards, so that what happened in the last four seconds is decided too."""
    return np.concatenate([counts, counts[: -detector.WAIT - 1 : -1]])


def evaluate(trials: list[Trial], profile: str, has_second_stage: bool) -> Tally:
    """Every trial is played to a detector of its own."""
    tally = Tally()
    for trial in trials:
        tally.add(trial, alarms(trial, profile, has_second_stage))
    return tally


def alarms(trial: Trial, profile: str, has_second_stage: bool) -> list[int]:
    """At which samples of the trial it is told that somebody fell; those decided after its end count as at its end."""
    if has_second_stage:
        return [at for at, window, before in _falls(trial) if _is_confirmed(window, before)]
    machine = _machine(profile, False)
    counts = trial.counts if profile == "classic" else mirrored(trial.counts)
    decided = [at for at, (x, y, z) in enumerate(counts.tolist()) if machine.receive_sample(x, y, z)]
    return [min(at, len(trial.counts)) for at in decided]


def _falls(trial: Trial) -> list[tuple[int, Any, int]]:
    """What a board tells of a trial to the second stage: (when, window, samples before the impact) of each fall.

    As on a board, what follows within ten seconds is the same fall, and its most certain window is sent.
    """
    machine, found = _machine("posture", True), []
    first, best = -SAME_FALL, 0
    for at, (x, y, z) in enumerate(mirrored(trial.counts).tolist()):
        if not machine.receive_sample(x, y, z):
            continue
        if at - first >= SAME_FALL:
            first, best = at, machine.score
            found.append((min(at, len(trial.counts)), machine.window(), machine.before()))
        elif machine.score > best:
            best = machine.score
            found[-1] = (min(at, len(trial.counts)), machine.window(), machine.before())
    return found


def _machine(profile: str, has_second_stage: bool) -> Any:
    if profile == "classic":
        return classic.Classic()
    return detector.Posture(posture.GATE if has_second_stage else posture.THRESHOLD)


def _is_confirmed(window: Any, before: int) -> bool:
    """What the server says of the window that the board sends."""
    found = judgement.judge(points(window, before))
    return found is None or found.p_fall >= SURE


def points(window: Any, before: int) -> list[tuple[int, int, float, float, float]]:
    """A window of counts as the samples of an event."""
    rows = np.array(window, dtype=float).reshape(-1, 3) / LSB_PER_G
    step_ms = 1000 // FS_HZ
    return [(n, step_ms * (n - before), *row) for n, row in enumerate(rows.tolist())]
