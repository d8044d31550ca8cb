"""An alert's way through its policy, by time alone. Runs wherever the machine does."""

import unittest

from panal.cells.contacts.machine import Plan, Stand, advance, begin, hurry

NOW = 1_000_000_000
DAY = 86_400_000


def told(plan, stand, since, until, step_ms=1000):
    """[(ms since, (round, step)), …] as time goes by, and where it stands at the end."""
    found, now = [], since  # the VM's range has 31 bits
    while now <= until:
        while stand is not None:
            move = advance(stand, plan, now)
            stand = move.stand
            if move.tell is None:
                break
            found.append((now - since, move.tell))
        now += step_ms
    return found, stand


class Escalation(unittest.TestCase):
    def test_steps_come_one_after_the_other_and_then_it_ends(self):
        found, stand = told(Plan([0, 60, 120], 0, 300), begin(NOW), NOW, NOW + 600_000)
        self.assertEqual(found, [(0, (0, 0)), (60_000, (0, 1)), (180_000, (0, 2))])
        self.assertEqual(stand, None)

    def test_everything_is_repeated(self):
        found, stand = told(Plan([0, 60], 2, 300), begin(NOW), NOW, NOW + 2_000_000)
        self.assertEqual([tell for _, tell in found], [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)])
        self.assertEqual(found[2][0], 360_000)
        self.assertEqual(stand, None)

    def test_steps_without_a_delay_come_together(self):
        found, _ = told(Plan([0, 0], 0, 300), begin(NOW), NOW, NOW)
        self.assertEqual(found, [(0, (0, 0)), (0, (0, 1))])

    def test_a_policy_that_became_shorter_goes_on_with_its_next_round(self):
        self.assertEqual(advance(Stand(0, 3, NOW, NOW), Plan([0], 1, 60), NOW).stand, Stand(1, 0, NOW + 60_000, NOW))
        self.assertEqual(advance(Stand(1, 3, NOW, NOW), Plan([0], 1, 60), NOW).stand, None)

    def test_a_policy_without_steps_ends(self):
        self.assertEqual(advance(begin(NOW), Plan([], 3, 60), NOW), (None, None))

    def test_who_was_away_for_long_keeps_the_time_between_steps(self):
        found, _ = told(Plan([0, 600], 0, 300), Stand(0, 1, NOW, NOW), NOW + 3 * DAY, NOW + 3 * DAY)
        self.assertEqual(found, [(0, (0, 1))])

    def test_a_clock_set_back_makes_nobody_wait_longer_than_the_step_takes(self):
        stand = Stand(0, 1, NOW + 60_000, NOW)
        found, _ = told(Plan([0, 60], 0, 300), stand, NOW - DAY, NOW - DAY + 100_000)
        self.assertEqual(found, [(60_000, (0, 1))])

    def test_clocks_that_differ_a_little_change_nothing(self):
        stand = Stand(0, 1, NOW + 90_000, NOW + 30_000)
        self.assertEqual(advance(stand, Plan([0, 60], 0, 300), NOW).stand, stand)

    def test_where_nobody_was_reached_the_next_step_comes_now(self):
        self.assertEqual(hurry(Stand(0, 1, NOW + 60_000, NOW), NOW + 5), Stand(0, 1, NOW + 5, NOW + 5))
        later = Stand(1, 0, NOW + 60_000, NOW)
        self.assertEqual(hurry(later, NOW), later)


if __name__ == "__main__":
    unittest.main()
