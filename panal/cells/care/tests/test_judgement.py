"""The second stage on shapes that we made up: what it says, and what it does not care about."""

import math

import pytest

from panal.cells.care import judgement


def shape(*, impact_g: float, turned_deg: float, restless_g: float = 0.0, dip_g: float = 1.0) -> list[list[float]]:
    """200 points in g: standing, a dip, an impact at 0 ms, then turned by so much, and more or less still."""
    points = []
    for n in range(200):
        t_ms = 20 * (n - 100)
        angle = math.radians(turned_deg) * min(1, max(0, t_ms + 300) / 500)
        size = dip_g if -300 <= t_ms < 0 else 1.0
        size += (impact_g - 1) * math.exp(-abs(t_ms) / 80) * (0.6 + 0.4 * math.cos(t_ms / 30)) if t_ms > -100 else 0
        shake = restless_g * math.sin(n * 1.3) if t_ms > 300 else 0.01 * math.sin(n * 2.1)
        points.append([n, t_ms, size * math.sin(angle) + shake, shake / 2, size * math.cos(angle)])
    return points


FALL = shape(impact_g=4.5, turned_deg=85, dip_g=0.6)
STEP = shape(impact_g=1.9, turned_deg=3, restless_g=0.4)


def rotated(points: list[list[float]]) -> list[list[float]]:
    """The board turned in its case: x, y, z become -z, x, -y, and then 30° around the first."""
    c, s = math.cos(math.radians(30)), math.sin(math.radians(30))
    return [[n, t, -z, c * x + s * y, s * x - c * y] for n, t, x, y, z in points]


def test_a_fall_is_likely_and_a_hard_step_is_not():
    fall, step = judgement.judge(FALL), judgement.judge(STEP)
    assert fall is not None and step is not None
    assert fall.p_fall > 0.7
    assert step.p_fall < 0.1
    assert fall.reasons == ("hard_impact", "posture_changed", "lies_still")
    assert step.reasons == ("soft_impact", "posture_kept", "moves_on")
    assert fall.impact_g == pytest.approx(4.5, abs=0.05)
    assert fall.posture_change_deg == pytest.approx(85, abs=3)


def test_how_the_board_is_worn_changes_nothing():
    there, turned = judgement.judge(FALL), judgement.judge(rotated(FALL))
    assert there is not None and turned is not None
    assert turned.p_fall == pytest.approx(there.p_fall, abs=0.001)
    assert turned.reasons == there.reasons


def test_metres_per_second_squared_are_recognised():
    metres = [[n, t, x * 9.80665, y * 9.80665, z * 9.80665] for n, t, x, y, z in FALL]
    assert judgement.judge(metres) == judgement.judge(FALL)


def test_the_impact_is_found_where_the_clock_of_the_samples_is_off():
    late = [[n, t + 400, x, y, z] for n, t, x, y, z in FALL]
    assert judgement.judge(late) == judgement.judge(FALL)


def test_another_rate_and_another_order_say_the_same():
    slower = judgement.judge(FALL[::2][::-1])
    assert slower is not None
    assert slower.p_fall == pytest.approx(judgement.judge(FALL).p_fall, abs=0.2)  # type: ignore[union-attr]
    assert slower.reasons[1:] == ("posture_changed", "lies_still")


@pytest.mark.parametrize(
    "samples",
    [[], FALL[:1], FALL[:150], FALL[60:], FALL[:90] + FALL[110:], [[0, 0, 0.0, 0.0, 1.0]] * 200],
    ids=["none", "one", "no end", "no beginning", "a gap", "one instant"],
)
def test_what_is_not_whole_is_not_judged(samples):
    assert judgement.judge(samples) is None


def test_every_reason_is_a_known_one():
    for impact_g in (1.2, 2.0, 8.0):
        for turned_deg in (0, 50, 170):
            found = judgement.judge(shape(impact_g=impact_g, turned_deg=turned_deg))
            assert found is not None
            assert 0 <= found.p_fall <= 1
            assert set(found.reasons) <= set(judgement.REASONS)
            assert found.model == 1


def test_a_model_of_other_features_is_refused(monkeypatch, tmp_path):
    wrong = tmp_path / "judgement.json"
    wrong.write_text('{"features": ["colour"]}')
    monkeypatch.setattr(judgement, "MODEL", wrong)
    judgement._model.cache_clear()
    with pytest.raises(ValueError, match="other features"):
        judgement.judge(FALL)
    judgement._model.cache_clear()
