"""Recordings made up here, judged as real ones are; the intervals against values from tables."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from panal.cells.care import recordings
from panal.cells.care.recordings import Rate, Tally, Trial
from panal.cli import application
from panal.virtual import motion


def played(*names: str) -> recordings.Counts:
    """Somebody stands for 3 s, moves, and stays so for 5 s."""
    body, found = motion.Body(), []
    for name in (*names, ""):
        length_ms = motion.MOTIONS[name][-1][0] if name else 5000
        if name:
            found += [body.sample() for _ in range(150)]
            body.play(name)
        found += [body.sample() for _ in range(length_ms // motion.STEP_MS)]
    return np.array(found, dtype=np.int16)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    trials = [("A", "F", played("fall")), ("A", "D", played("stumble")), ("B", "D", played("sit"))]
    lengths = [len(counts) for _, _, counts in trials]
    path = tmp_path_factory.mktemp("falls") / "made_up.npz"
    np.savez(
        path,
        acc=np.concatenate([counts for _, _, counts in trials]),
        start=np.cumsum([0, *lengths[:-1]]),
        length=lengths,
        is_fall=[kind == "F" for _, kind, _ in trials],
        subject=[subject for subject, _, _ in trials],
        activity=[kind for _, kind, _ in trials],
        fs=50.0,
        lsb_per_g=4096.0,
    )
    return path


def told(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(application(), ["care", "evaluate", *map(str, arguments)])
    return done.exit_code, done.output


@pytest.mark.parametrize("options", [(), ("--second-stage",)])
def test_it_counts_what_the_profile_finds(file, options):
    found = json.loads(told(file, "--json", *options)[1])
    assert (found["falls"], found["adl"], found["SE"], found["SP"]) == (1, 2, 1.0, 1.0)
    assert (found["FA_per_h"], found["early_alarms_in_fall_trials"]) == (0.0, 0)


def test_classic_misses_a_fall_without_free_fall_and_a_person_reads_it(file):
    code, text = told(file, "--profile", "classic")
    assert code == 0
    assert "profile classic" in text
    assert "sensitivity          0.00 %   (0.00 to 79.35)" in text


def test_subjects_may_be_chosen(file):
    assert json.loads(told(file, "--subjects", "B", "--json")[1])["falls"] == 0
    assert told(file, "--subjects", "C")[0] == 2


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04"])
def test_what_is_no_file_of_recordings_is_refused_in_words(tmp_path, content):
    path = tmp_path / "wrong.npz"
    path.write_bytes(content)
    code, text = told(path)
    assert (code, "Traceback" in text) == (2, False)


def test_other_units_are_refused(tmp_path, file):
    with np.load(file) as good:
        np.savez(tmp_path / "wrong.npz", **{**good, "lsb_per_g": 16384.0})
    with pytest.raises(recordings.Unreadable, match="4096"):
        recordings.load(tmp_path / "wrong.npz")


def test_a_trial_that_is_not_there_is_refused(tmp_path, file):
    with np.load(file) as good:
        np.savez(tmp_path / "wrong.npz", **{**good, "length": good["length"] + 1})
    with pytest.raises(recordings.Unreadable, match="outside"):
        recordings.load(tmp_path / "wrong.npz")


def test_an_unknown_profile_is_refused(file):
    assert told(file, "--profile", "guess")[0] == 2


def trial(is_fall: bool, length: int = 1000, impact: int = 500) -> Trial:
    counts = np.full((length, 3), 2000, dtype=np.int16)
    counts[impact] = 20000
    return Trial(counts, is_fall, "A", "X")


def test_an_alarm_long_before_the_impact_finds_no_fall():
    tally = Tally()
    for alarms in ([449], [450], [449, 700], []):
        tally.add(trial(True), alarms)
    assert (tally.found, tally.missed, tally.early_alarms) == (2, 2, 2)


def test_alarms_within_three_seconds_are_one_false_alarm():
    tally = Tally()
    tally.add(trial(False, 1800), [100, 200, 350, 501, 1000])
    tally.add(trial(False, 1800), [])
    assert tally.false_alarms == 3
    assert tally.document()["SP"] == 0.5
    assert tally.document()["FA_per_h"] == 3 / (3600 / 50 / 3600)


def test_the_intervals_are_wilson_s():
    """Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    for rate, low, high in (
        (Rate(81, 263), 0.2553, 0.3662),
        (Rate(15, 148), 0.0624, 0.1605),
        (Rate(0, 20), 0.0, 0.1611),
        (Rate(1, 29), 0.0061, 0.1718),
    ):
        assert rate.interval() == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    assert Rate(0, 0).interval() == (0.0, 1.0)


def test_the_end_of_a_recording_is_decided_too():
    """A fall three seconds before the end: the board would wait for four."""
    counts = played("fall")
    impact = trial_of(counts).impact
    cut = counts[: impact + 150]
    assert recordings.alarms(trial_of(cut), "posture", False) == [len(cut)]


def trial_of(counts: recordings.Counts) -> Trial:
    return Trial(counts, True, "A", "F")
