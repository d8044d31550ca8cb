"""Motion: what moves in a zone begins and ends; light, noise and broken pictures do not move."""

import threading
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panal.cells.cameras import motion
from panal.cells.cameras.motion import Detector, Lookout, Watched, grey_of, mask_of

from .pictures import jpeg

LEFT = (((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)),)
STILL = grey_of(jpeg())


def walk(detector, boxes, begun_s=0.0, shade=90):
    """What it says of pictures, five a second, each with a light in the box or without; [(second, what)]."""
    said = []
    for number, box in enumerate(boxes):
        at_s = begun_s + number / 5
        moved = detector.look(grey_of(jpeg(box=box, shade=shade)), at_s)
        if moved is not None:
            said.append((round(at_s, 1), moved.what))
    return said


def across(left, count=15, size=60):
    return [(left + 6 * n, 90, left + 6 * n + size, 90 + size) for n in range(count)]


def begun(said):
    return [at_s for at_s, what in said if what == "began"]


def test_something_that_moves_begins_and_ends_once():
    said = walk(Detector(), [None] * 10 + across(20) + [None] * 40)
    assert said[0][1] == "began" and 2.0 <= said[0][0] <= 2.6
    assert [what for _, what in said].count("began") == 1
    assert said[-1][1] == "ended"
    last_motion = [at_s for at_s, what in said if what == "goes_on"][-1]
    assert said[-1][0] == pytest.approx(last_motion + motion.STILL_S, abs=0.21)


def test_only_what_is_in_a_zone_counts():
    right, left = across(180, 10, 40), across(10, 10, 40)
    assert walk(Detector(zones=LEFT), [None] * 10 + right + [None] * 10) == []
    assert begun(walk(Detector(zones=LEFT), [None] * 10 + left))


def test_during_the_cooldown_nothing_begins():
    boxes = [None] * 10 + across(20) + [None] * 40 + across(20) + [None] * 40
    assert len(begun(walk(Detector(cooldown_s=60), boxes))) == 1
    assert len(begun(walk(Detector(cooldown_s=0), boxes))) == 2


def test_the_more_sensitive_the_smaller():
    small = [None] * 10 + across(20, size=14) + [None] * 5
    assert not begun(walk(Detector(sensitivity=1), small))
    assert begun(walk(Detector(sensitivity=90), small))


def test_a_light_that_is_switched_on_does_not_move():
    detector = Detector(sensitivity=100)
    walk(detector, [None] * 10, shade=40)
    assert walk(detector, [None] * 20, 2.0, shade=200) == []


def test_exposure_that_drifts_does_not_move():
    detector = Detector(sensitivity=100)
    assert [walk(detector, [None], n / 5, shade=80 + n) for n in range(30)] == [[]] * 30


def test_something_moves_while_the_exposure_drifts():
    detector, boxes = Detector(), [None] * 10 + across(20)
    said = [each for n, box in enumerate(boxes) for each in walk(detector, [box], n / 5, shade=30 + 5 * n)]
    assert begun(said)


def test_noise_of_the_sensor_does_not_move():
    detector, noise = Detector(sensitivity=100), np.random.default_rng(1)
    looks = [detector.look(STILL + noise.normal(0, 4, STILL.shape).astype(np.float32), n / 5) for n in range(60)]
    assert looks == [None] * 60


def test_what_stays_is_forgotten_after_some_seconds():
    said = walk(Detector(), [None] * 10 + [(20, 20, 100, 100)] * 80)
    assert [what for _, what in said if what != "goes_on"] == ["began", "ended"]


def test_another_size_of_picture_begins_anew():
    detector = Detector()
    detector.look(STILL, 0)
    assert detector.look(grey_of(jpeg(640, 480, shade=200)), 1) is None


def test_a_zone_is_filled_and_two_are_both_watched():
    triangle = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))
    assert mask_of((triangle,), (100, 100)).mean() == pytest.approx(0.5, abs=0.01)
    corner = ((0.9, 0.9), (1.0, 0.9), (1.0, 1.0), (0.9, 1.0))
    assert mask_of((triangle, corner), (100, 100)).mean() == pytest.approx(0.51, abs=0.01)
    assert mask_of((), (3, 4)).all()


@given(st.binary(max_size=3000) | st.binary(max_size=200).map(lambda data: jpeg()[:600] + data))
def test_what_is_no_picture_is_a_value_error_and_nothing_else(data):
    with suppress(ValueError):
        grey_of(data)


def test_a_picture_that_says_it_is_huge_is_not_decoded():
    data = bytearray(jpeg())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = (65_000).to_bytes(2, "big") * 2
    with pytest.raises(ValueError, match="65000"):
        grey_of(bytes(data))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=16))
def test_every_zone_has_a_mask(zone):
    assert mask_of((tuple(zone),), (45, 80)).shape == (45, 80)


@pytest.fixture
def lookout():
    lookout = Lookout()
    yield lookout
    lookout.stop()


def test_of_frames_that_wait_only_the_newest_of_each_camera_is_looked_at(lookout):
    for name in ("ONE", "TWO"):
        lookout.set(name, Detector())
        for number in range(5):
            lookout.offer(name, Watched(jpeg(), number, print))
    lookout.offer("NOBODY", Watched(jpeg(), 0, print))
    assert (lookout.skipped["ONE"], lookout.skipped["TWO"], lookout.skipped["NOBODY"]) == (4, 4, 0)
    seen = threading.Event()
    lookout.set("LAST", type("Last", (Detector,), {"look": lambda *_: seen.set()})())
    lookout.offer("LAST", Watched(jpeg(), 0, print))
    lookout.start()
    assert seen.wait(60)
    assert (lookout.looked["ONE"], lookout.looked["TWO"]) == (1, 1)


def test_a_broken_frame_is_counted_and_the_next_is_looked_at(lookout):
    lookout.set("ONE", Detector())
    lookout.start()
    lookout.offer("ONE", Watched(b"\xff\xd8 no", 0, print))
    while not lookout.unreadable["ONE"]:
        pass
    lookout.offer("ONE", Watched(jpeg(), 1, print))
    while not lookout.looked["ONE"]:
        pass
