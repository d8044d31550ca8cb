"""Trains the two models of the fall wearable from recordings that lie outside of this project: docs/falls.md.

    python tools/falls.py posture RECORDINGS.npz …     the board's trees: panal/cells/care/posture.py
    python tools/falls.py held-out RECORDINGS.npz …    writes nothing: how good both are for people they have not seen
    python tools/falls.py judgement RECORDINGS.npz …   the server's second stage: panal/cells/care/judgement.json
                                                       and its calibration plot, docs/images/falls-calibration.svg

Subjects are never divided between training and testing. Every file has the same weight, and in it falls and daily life.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from panal.cells.care import detector, judgement, posture, recordings

ROOT = Path(__file__).parents[1]
PLOT = ROOT / "docs" / "images" / "falls-calibration.svg"
FOLDS = 7
CANDIDATE_G = 1.6
REACH = 25
JUDGE: dict[str, Any] = {"max_iter": 200, "max_leaf_nodes": 8, "learning_rate": 0.06, "min_samples_leaf": 20}
STRENGTH = {"l2_regularization": 10.0}
BOARD: dict[str, Any] = {"max_iter": 40, "max_depth": 2, "learning_rate": 0.25, "min_samples_leaf": 60}
UNIT = 256
"""Of the board's whole numbers, in log odds."""
GATE = 0.1
"""How likely a fall must be before a board asks the second stage about it."""
SEED = 1


Suspicions = Callable[[recordings.Trial], Iterable[tuple[int, Any]]]
"""Of a trial: at which samples, and their numbers."""


class Data:
    """One row for each suspicion: its numbers, the trial it is from, whether it is that trial's fall."""

    def __init__(self, files: list[Path], suspicions: Suspicions) -> None:
        self.rows: list[Any] = []
        self.file: Any = []
        self.trial: Any = []
        self.label: Any = []  # 1 the fall, 0 daily life, -1 another shock in the recording of a fall
        self.counts: Any = []  # whether an alarm for it is one of its trial
        self.trials: list[recordings.Trial] = []
        self.file_of_trial: Any = []
        for number, path in enumerate(files):
            for trial in recordings.load(path):
                self._add(number, trial, suspicions)
        self.rows = np.array(self.rows, dtype=float)
        for name in ("file", "trial", "label", "counts", "file_of_trial"):
            setattr(self, name, np.array(getattr(self, name)))
        self.is_fall = np.array([trial.is_fall for trial in self.trials])
        self.fold_of_trial = folds([trial.subject for trial in self.trials])
        self.fold = self.fold_of_trial[self.trial]

    def _add(self, number: int, trial: recordings.Trial, suspicions: Suspicions) -> None:
        for at, numbers in suspicions(trial):
            self.rows.append(numbers)
            self.file.append(number)
            self.trial.append(len(self.trials))
            self.label.append((1 if abs(at - trial.impact) <= 1 else -1) if trial.is_fall else 0)
            self.counts.append(not trial.is_fall or at >= trial.impact - recordings.EARLY)
        self.trials.append(trial)
        self.file_of_trial.append(number)

    def weights(self, rows: Any) -> Any:
        """So that every file counts as much as another, and its falls as much as its daily life."""
        found = np.zeros(len(self.label))
        for number in np.unique(self.file):
            for label in (0, 1):
                mine = rows & (self.file == number) & (self.label == label)
                found[mine] = 1000 / max(1, mine.sum())
        return found[rows]

    def best(self, scores: Any) -> Any:
        """By trial, the score that decides it: the highest of its suspicions; -inf without any."""
        found = np.full(len(self.trials), -np.inf)
        np.maximum.at(found, self.trial[self.counts], scores[self.counts])
        return found


def folds(subjects: list[str]) -> Any:
    """A fold for each subject, whatever they wore: the k-th of those whose names begin alike goes into fold k."""
    groups: dict[str, list[str]] = {}
    for subject in sorted(set(subjects)):
        groups.setdefault(subject.rstrip("0123456789"), []).append(subject)
    fold = {subject: n % FOLDS for group in groups.values() for n, subject in enumerate(group)}
    return np.array([fold[subject] for subject in subjects])


def candidates(counts: Any) -> list[int]:
    """Where |a| is at least 1.6 g, and the largest within half a second to both sides."""
    size = (counts.astype(np.int64) ** 2).sum(axis=1)
    padded = np.pad(size, REACH, constant_values=-1)
    largest = np.lib.stride_tricks.sliding_window_view(padded, 2 * REACH + 1).max(axis=1)
    found: list[int] = []
    for at in np.nonzero((size >= (CANDIDATE_G * recordings.LSB_PER_G) ** 2) & (size == largest))[0].tolist():
        if not found or at - found[-1] > REACH:
            found.append(at)
    return found


def window(trial: recordings.Trial, at: int) -> Any:
    """Four seconds in g; before the recording its first sample, after it its end backwards, as when it is evaluated."""
    counts = trial.counts
    begin, end = at - judgement.BEFORE, at + judgement.AFTER
    padded = np.pad(counts[max(0, begin) : end], ((max(0, -begin), 0), (0, 0)), mode="edge")
    missing = max(0, end - len(counts))
    return np.pad(padded, ((0, missing), (0, 0)), mode="reflect") / recordings.LSB_PER_G


def suspicions_of_judge(trial: recordings.Trial) -> Iterable[tuple[int, Any]]:
    found = candidates(trial.counts)
    if not found:
        return []
    return zip(found, judgement.features(np.stack([window(trial, at) for at in found])), strict=True)


class Noting(detector.Posture):
    """Says nothing and notes what it looked at."""

    def __init__(self) -> None:
        super().__init__(sys.maxsize)
        self.noted: list[tuple[int, Any]] = []

    def _decide(self) -> Any:
        self.noted.append((self._count - 1 - detector.WAIT, self.numbers()))
        return super()._decide()


def suspicions_of_board(trial: recordings.Trial) -> Iterable[tuple[int, Any]]:
    noting = Noting()
    for x, y, z in recordings.mirrored(trial.counts).tolist():
        noting.receive_sample(x, y, z)
    return noting.noted


def train(data: Data, rows: Any, options: dict[str, Any]) -> HistGradientBoostingClassifier:
    model = HistGradientBoostingClassifier(random_state=SEED, early_stopping=False, **options)
    return model.fit(data.rows[rows], data.label[rows] == 1, sample_weight=data.weights(rows))


def held_out(data: Data, options: dict[str, Any]) -> Any:
    """The score of every row by a model that has not seen its subject."""
    scores = np.zeros(len(data.rows))
    for fold in range(FOLDS):
        inside = (data.fold != fold) & (data.label >= 0)
        outside = data.fold == fold
        if outside.any():
            scores[outside] = train(data, inside, options).decision_function(data.rows[outside])
    return scores


def calibrated(data: Data, scores: Any, but_fold: int = -1) -> tuple[float, float]:
    """Platt's slope and offset on held-out scores of whole trials, each file and each outcome with the same weight."""
    best = data.best(scores)
    there = np.isfinite(best) & (data.fold_of_trial != but_fold)
    weights = np.zeros(len(best))
    for number in np.unique(data.file_of_trial):
        for is_fall in (False, True):
            mine = there & (data.file_of_trial == number) & (data.is_fall == is_fall)
            weights[mine] = 1000 / max(1, mine.sum())
    line = LogisticRegression(C=1e6).fit(best[there, None], data.is_fall[there], sample_weight=weights[there])
    return float(line.coef_[0][0]), float(line.intercept_[0])


def tree_of(nodes: Any, at: int = 0) -> Any:
    """A tree of scikit-learn as judgement.json has it."""
    node = nodes[at]
    if node["is_leaf"]:
        return round(float(node["value"]), 4)
    threshold = round(float(node["num_threshold"]), 5)
    return [int(node["feature_idx"]), threshold, tree_of(nodes, node["left"]), tree_of(nodes, node["right"])]


def exported(model: HistGradientBoostingClassifier, calibration: tuple[float, float], version: int) -> dict[str, Any]:
    trees = [tree_of(stage[0].nodes) for stage in model._predictors]
    return {
        "version": version,
        "features": list(judgement.NAMES),
        "start": round(float(model._baseline_prediction[0, 0]), 4),
        "calibration": [round(value, 4) for value in calibration],
        "trees": trees,
    }


def report(data: Data, files: list[Path], told: Any) -> None:
    """Held-out figures, a line for each file. `told`: by trial, whether somebody is told."""
    for number, path in enumerate(files):
        tally = recordings.Tally()
        for index in np.nonzero(data.file_of_trial == number)[0]:
            trial = data.trials[index]
            tally.add(trial, [trial.impact] if told[index] else [])
        found = tally.document()
        print(
            f"  {path.stem:22s}", {name: found[name] for name in ("SE", "SE_ci", "SP", "SP_ci", "BA", "BA_ci", "ACC")}
        )


def chances(data: Data, scores: Any, calibration: tuple[float, float]) -> Any:
    """By trial, how likely its suspicions make a fall."""
    return 1 / (1 + np.exp(-(calibration[0] * data.best(scores) + calibration[1])))


def judge(files: list[Path], version: int) -> None:
    data = Data(files, suspicions_of_judge)
    options = JUDGE | STRENGTH
    scores = held_out(data, options)
    calibration = calibrated(data, scores)
    chance = chances(data, scores, calibration)
    print("second stage alone, subjects held out, p >= 0.5")
    report(data, files, chance >= 0.5)
    model = exported(train(data, data.label >= 0, options), calibration, version)
    judgement.MODEL.write_text(json.dumps(model, separators=(",", ":")) + "\n", encoding="utf-8")
    there = np.isfinite(data.best(scores))
    PLOT.write_text(plot(chance[there], data.is_fall[there]), encoding="utf-8")


def board(files: list[Path]) -> None:
    data = Data(files, suspicions_of_board)
    options = BOARD | STRENGTH
    scores = held_out(data, options)
    calibration = calibrated(data, scores)
    chance = chances(data, scores, calibration)
    for name, limit in (("board alone", 0.5), ("as the gate of the second stage", GATE)):
        print(f"{name}, subjects held out")
        report(data, files, chance >= limit)
    write_trees(board_values(train(data, data.label >= 0, options), calibration))


def board_values(model: HistGradientBoostingClassifier, calibration: tuple[float, float]) -> dict[str, Any]:
    """What posture.py holds: leaves in 256ths of log odds, calibrated, so that 0 is an even chance."""
    slope, offset = calibration
    start = round(UNIT * (slope * float(model._baseline_prediction[0, 0]) + offset))
    trees = [whole_tree(stage[0].nodes, slope * UNIT) for stage in model._predictors]
    gate = round(UNIT * float(np.log(GATE / (1 - GATE))))
    return {"START": start, "THRESHOLD": 0, "GATE": gate, "TREES": np.array(trees, dtype="<i2").tobytes()}


def write_trees(values: dict[str, Any]) -> None:
    path = Path(posture.__file__)
    text = path.read_text(encoding="utf-8")
    for name, value in values.items():
        literal = _bytes(value) if isinstance(value, bytes) else value
        written = f"{name} = {literal}".replace("\\", r"\\")
        text = re.sub(rf"(?ms)^{name} = (?:\(\n.*?^\)|[^\n]*)", written, text)
    path.write_text(text, encoding="utf-8")


def held_out_report(files: list[Path]) -> None:
    """The programs themselves play every recording, with models that have not seen its subject."""
    boards, judges = Data(files, suspicions_of_board), Data(files, suspicions_of_judge)
    scores = held_out(boards, BOARD | STRENGTH), held_out(judges, JUDGE | STRENGTH)
    tallies = {(number, stage): recordings.Tally() for number in range(len(files)) for stage in (False, True)}
    for fold in range(FOLDS):
        _install(boards, judges, scores, fold)
        for index in np.nonzero(boards.fold_of_trial == fold)[0]:
            trial = boards.trials[index]
            for stage in (False, True):
                tally = tallies[int(boards.file_of_trial[index]), stage]
                tally.add(trial, recordings.alarms(trial, "posture", stage))
    for (number, stage), tally in tallies.items():
        print(json.dumps({"data": files[number].name, "second_stage": stage, **tally.document()}))


def _install(boards: Data, judges: Data, scores: tuple[Any, Any], fold: int) -> None:
    """In this process: the models of everybody who is not in this fold."""
    rows = (boards.fold != fold) & (boards.label >= 0)
    model = train(boards, rows, BOARD | STRENGTH)
    for name, value in board_values(model, calibrated(boards, scores[0], fold)).items():
        setattr(posture, name, value)
    rows = (judges.fold != fold) & (judges.label >= 0)
    found = exported(train(judges, rows, JUDGE | STRENGTH), calibrated(judges, scores[1], fold), 0)
    judgement._model = lambda: found  # type: ignore[assignment]


def _bytes(data: bytes) -> str:
    """A literal whose lines are not long."""
    rows = [data[at : at + 25] for at in range(0, len(data), 25)]
    lines = ['    b"' + "".join(map("\\x{:02x}".format, row)) + '"' for row in rows]
    return "(\n" + "\n".join(lines) + "\n)"


def whole_tree(nodes: Any, scale: float) -> list[int]:
    """Ten whole numbers: three nodes of (number, threshold) and four leaves, the same twice where a branch ends."""
    top = nodes[0]
    below = [_pair(nodes, top["left"], scale), _pair(nodes, top["right"], scale)]
    return [*_node(top), *below[0][0], *below[1][0], *below[0][1], *below[1][1]]


def _node(node: Any) -> list[int]:
    return [int(node["feature_idx"]), int(np.clip(np.floor(node["num_threshold"]), -32768, 32767))]


def _pair(nodes: Any, at: int, scale: float) -> tuple[list[int], list[int]]:
    node = nodes[at]
    if node["is_leaf"]:
        return [0, 0], [round(node["value"] * scale)] * 2
    return _node(node), [round(nodes[node[side]]["value"] * scale) for side in ("left", "right")]


def plot(chance: Any, is_fall: Any) -> str:
    """What was said (across) and what then was (up), in tenths that each hold some trials, with Wilson's intervals."""
    side, edge = 320, 40
    parts = []
    weights = np.where(is_fall, 1 / is_fall.sum(), 1 / (~is_fall).sum())
    for low in np.arange(0, 1, 0.1):
        mine = (chance >= low) & (chance < low + 0.1 + (low > 0.85))
        if mine.sum() < 5:
            continue
        said = np.average(chance[mine], weights=weights[mine])
        was = (weights * is_fall)[mine].sum() / weights[mine].sum()
        rate = recordings.Rate(round(was * int(mine.sum())), int(mine.sum()))
        x, (bottom, top) = edge + said * side, rate.interval()
        parts.append(f'<path d="M{x:.1f} {_up(bottom, side):.1f}V{_up(top, side):.1f}"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{_up(was, side):.1f}" r="4"/>')
    return FRAME.format(size=side + 2 * edge, edge=edge, far=edge + side, middle=edge + side / 2, points="".join(parts))


def _up(value: float, side: int) -> float:
    return 20 + (1 - value) * side


FRAME = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" font-family="sans-serif" font-size="13">'
    "<style>text{{fill:#777}}.line{{stroke:#999;fill:none}}.points{{stroke:#d97706;fill:#d97706;stroke-width:2}}</style>"
    '<path class="line" d="M{edge} 20V340H{far}M{edge} 340L{far} 20" stroke-dasharray="none"/>'
    '<g class="points">{points}</g>'
    '<text x="{edge}" y="358">0</text><text x="{far}" y="358" text-anchor="end">1</text>'
    '<text x="{middle}" y="376" text-anchor="middle">p_fall, by a model that has not seen the subject</text>'
    '<text transform="translate(22 180) rotate(-90)" text-anchor="middle">share that were falls</text></svg>\n'
)


def main(arguments: Iterable[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["posture", "judgement", "held-out"])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--version", type=int, default=1)
    given = parser.parse_args(list(arguments))
    if given.what == "posture":
        board(given.files)
    elif given.what == "held-out":
        held_out_report(given.files)
    else:
        judge(given.files, given.version)


if __name__ == "__main__":
    main(sys.argv[1:])
