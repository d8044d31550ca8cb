"""Both profiles on movements that we made up: the same decisions on CPython, on what a board has, and in its VM."""

import gc
import unittest
from array import array

from panal.cells.care import classic, detector, posture
from panal.virtual import motion

LSB = detector.LSB_PER_G


def play(*names, after=250):
    """Counts, x, y and z in turn, of somebody who stands for 3 s, moves, and then stays so for `after` samples."""
    body, found = motion.Body(), array("h")
    feel(body, found, 150)
    for name in names:
        body.play(name)
        feel(body, found, motion.MOTIONS[name][-1][0] // motion.STEP_MS)
    feel(body, found, after)
    return found


def feel(body, found, count):
    for _ in range(count):
        for axis in body.sample():
            found.append(axis)


def falls(machine, counts):
    """At which samples it says that somebody fell."""
    found = []
    for at in range(0, len(counts), 3):
        if machine.receive_sample(counts[at], counts[at + 1], counts[at + 2]):
            found.append(at // 3)
    return found


def largest(counts):
    """The sample with the largest |a|."""
    best = where = 0
    for at in range(0, len(counts), 3):
        size = counts[at] ** 2 + counts[at + 1] ** 2 + counts[at + 2] ** 2
        if size > best:
            best, where = size, at // 3
    return where


def turned(counts):
    """The board worn the other way round and upside down."""
    found = array("h")
    for at in range(0, len(counts), 3):
        for axis in (-counts[at + 2], -counts[at], counts[at + 1]):
            found.append(axis)
    return found


class PostureTest(unittest.TestCase):
    def test_a_fall_is_one_and_is_said_four_seconds_after_its_impact(self):
        counts = play("fall")
        self.assertEqual(falls(detector.Posture(), counts), [largest(counts) + detector.WAIT])

    def test_a_stumble_and_sitting_down_are_none(self):
        self.assertEqual(falls(detector.Posture(), play("stumble")), [])
        self.assertEqual(falls(detector.Posture(), play("sit")), [])
        self.assertEqual(falls(detector.Posture(), play("stumble", "sit", "stand")), [])

    def test_how_it_is_worn_does_not_matter(self):
        counts = play("fall")
        self.assertEqual(falls(detector.Posture(), turned(counts)), falls(detector.Posture(), counts))

    def test_it_finds_the_second_fall_too(self):
        self.assertEqual(len(falls(detector.Posture(), play("fall", "stand", "fall"))), 2)

    def test_bounces_after_the_impact_are_the_same_fall(self):
        """With a threshold that everything passes, what waits when a fall is said is not said once more."""
        counts = play("fall")
        self.assertEqual(len(falls(detector.Posture(-30000), counts)), 1)

    def test_the_window_is_what_came_around_the_impact(self):
        counts, machine = play("fall"), detector.Posture()
        at = falls(machine, counts[: 3 * (largest(counts) + detector.WAIT + 1)])[0]
        window, impact = machine.window(), at - machine.ago
        self.assertEqual(machine.before(), 100)
        self.assertEqual(window, counts[3 * (impact - 100) : 3 * (impact + 100)])

    def test_the_numbers_are_whole_and_fit_the_trees(self):
        machine = detector.Posture()
        for extreme in ((32767, -32768, 32767), (-32768, 32767, -32768)) * 200:
            machine.receive_sample(*extreme)
        for number in machine.numbers():
            self.assertEqual(number, int(number))
            self.assertTrue(-32768 <= number <= 32767)

    def test_the_score_of_a_fall_is_this_on_every_machine(self):
        counts, machine = play("fall"), detector.Posture()
        falls(machine, counts[: 3 * (largest(counts) + detector.WAIT + 1)])
        self.assertEqual((machine.numbers(), machine.score), (NUMBERS, SCORE))

    def test_what_follows_is_said_again_only_where_it_is_more_certain(self):
        """A stumble, the fall and a bounce, with scores that were made up; five seconds later it is another fall."""
        scores, plain = [5, 9, 7, 3], posture.score
        posture.score = lambda numbers: scores.pop(0)
        try:
            found = []
            machine = detector.Posture()
            for at in range(800):
                if machine.receive_sample(0, 4 * LSB if at in (50, 100, 150, 450) else LSB, 0):
                    found.append(at)
        finally:
            posture.score = plain
        self.assertEqual(found, [50 + detector.WAIT, 100 + detector.WAIT, 450 + detector.WAIT])

    def test_a_suspicion_is_the_largest_within_half_a_second(self):
        """Steps every 400 ms that grow and shrink: only one of them is looked at."""
        rest, seen = (0, LSB, 0), []

        class Looking(detector.Posture):
            def numbers(self):
                seen.append(self._square(detector.BEFORE))
                return detector.Posture.numbers(self)

        machine = Looking()
        steps = {100: 2, 120: 3, 140: 4, 160: 3, 180: 2}
        for at in range(500):
            machine.receive_sample(0, steps[at] * LSB, 0) if at in steps else machine.receive_sample(*rest)
        self.assertEqual(seen, [(4 * LSB >> 3) ** 2])


NUMBERS = (-66, -54, -48, 1000, 149, 2636, 704, 506, 18, 10, 9)
SCORE = 1151


def hit(*, falling=8, impact_g=2.0, still=True, gap=10):
    """Rest, free fall, a gap, an impact, then rest or shaking."""
    sizes = [LSB] * 60 + [LSB // 3] * falling + [LSB] * gap + [int(impact_g * LSB)]
    sizes += [LSB if still or n % 20 > 3 else 2 * LSB for n in range(400)]
    counts = array("h")
    for size in sizes:
        for axis in (0, size, 0):
            counts.append(axis)
    return counts


class ClassicTest(unittest.TestCase):
    def test_free_fall_impact_and_stillness_are_a_fall(self):
        found = falls(classic.Classic(), hit())
        impact = 60 + 8 + 10
        self.assertEqual(found, [impact + 10 + 59])

    def test_each_of_the_three_is_needed(self):
        self.assertEqual(falls(classic.Classic(), hit(falling=5)), [])
        self.assertEqual(len(falls(classic.Classic(), hit(falling=6))), 1)
        self.assertEqual(falls(classic.Classic(), hit(impact_g=1.68)), [])
        self.assertEqual(len(falls(classic.Classic(), hit(impact_g=1.71))), 1)
        self.assertEqual(falls(classic.Classic(), hit(still=False)), [])
        self.assertEqual(len(falls(classic.Classic(), hit(gap=99))), 1)
        self.assertEqual(falls(classic.Classic(), hit(gap=101)), [])

    def test_every_limit_is_a_setting(self):
        settings = dict(classic.SETTINGS)
        settings["impact_g"] = 2.5
        self.assertEqual(falls(classic.Classic(settings), hit()), [])

    def test_the_window_holds_the_impact(self):
        counts, machine = hit(), classic.Classic()
        at = falls(classic.Classic(), counts)[0]
        falls(machine, counts[: 3 * (at + 1)])
        self.assertEqual(machine.window()[3 * machine.before() + 1], 2 * LSB)


class MemoryTest(unittest.TestCase):
    def test_a_sample_allocates_nothing(self):
        """On a board: 50 of them a second would else wake the collector all the time."""
        for machine in (detector.Posture(), classic.Classic()):
            rest = [machine.receive_sample(10 * n, -LSB, n) for n in range(50)]
            before = alive()
            for _ in rest:
                machine.receive_sample(900, -LSB, 77)
            self.assertTrue(alive() - before < 64)  # what the loop itself needs

    def test_its_memory_is_1_8_kb(self):
        self.assertEqual(len(detector.Posture()._ring) * 2, 1800)


def alive():
    """Bytes in the heap of a board, with what is not collected yet; nothing where there is no such heap."""
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0


class RootTest(unittest.TestCase):
    def test_it_is_the_whole_part(self):
        for n in list(range(200)) + [2**20 - 1, 2**20, 805306368, 16383 * 16383 - 1]:  # noqa: RUF005
            self.assertTrue(detector.root(n) ** 2 <= n < (detector.root(n) + 1) ** 2)


class TreesTest(unittest.TestCase):
    def test_the_trees_are_whole(self):
        trees = array("h", posture.TREES)
        self.assertEqual(len(trees) % 10, 0)
        for at in range(0, len(trees), 10):
            for node in (0, 2, 4):
                self.assertTrue(0 <= trees[at + node] < 11)


if __name__ == "__main__":
    unittest.main()
