import unittest

from panal.cells.care import machine


class ButtonTest(unittest.TestCase):
    def presses(self, *edges):
        button = machine.Button()
        for is_down, at_ms in edges:
            button.receive_edge(is_down, at_ms)
        return button.events()

    def test_a_bouncing_contact_is_one_press(self):
        edges = ((True, 0), (False, 3), (True, 5), (False, 100), (True, 102), (False, 104))
        self.assertEqual(self.presses(*edges), [0])

    def test_two_presses_are_two(self):
        self.assertEqual(self.presses((True, 0), (False, 80), (True, 200), (False, 300)), [0, 200])

    def test_a_very_short_press_counts(self):
        self.assertEqual(self.presses((True, 1000), (False, 1001)), [1000])

    def test_59_ms_is_bouncing_and_60_is_a_press(self):
        self.assertEqual(self.presses((True, 0), (False, 10), (True, 69)), [0])
        self.assertEqual(self.presses((True, 0), (False, 10), (True, 70)), [0, 70])

    def test_presses_are_handed_over_once(self):
        button = machine.Button()
        button.receive_edge(True, 0)
        self.assertEqual((button.events(), button.events()), ([0], []))


def tilts(levels, end_ms, step_ms=10):
    """Instants of events when the switch changes at the given instants: {at_ms: level}."""
    tilt, level, found = machine.Tilt(), False, []
    for now in range(0, end_ms, step_ms):
        level = levels.get(now, level)
        tilt.receive_level(level, now)
        found += tilt.events()
    return found


class TiltTest(unittest.TestCase):
    def test_it_says_once_that_it_was_tilted_for_two_seconds(self):
        self.assertEqual(tilts({1000: True}, 20000), [1000 + 150 + 2000])

    def test_a_short_lean_is_nothing(self):
        self.assertEqual(tilts({1000: True, 3100: False}, 20000), [])

    def test_rattling_is_nothing(self):
        levels = {1000 + n * 100: n % 2 == 0 for n in range(100)}
        self.assertEqual(tilts(levels, 20000), [])

    def test_a_rattle_within_a_tilt_changes_nothing(self):
        self.assertEqual(tilts({1000: True, 2000: False, 2100: True}, 20000), [3150])

    def test_it_must_stand_up_before_it_can_tilt_again(self):
        self.assertEqual(tilts({1000: True, 10000: False, 12000: True}, 30000), [3150, 14150])

    def test_events_are_at_least_three_seconds_apart(self):
        first, second = tilts({0: True, 2200: False, 2400: True}, 20000)
        self.assertEqual((first, second), (2150, 2150 + 3000))

    def test_setting_it_upright_says_nothing(self):
        self.assertEqual(tilts({0: True, 5000: False}, 20000), [2150])


class LedTest(unittest.TestCase):
    def changes(self, end_ms, **state):
        led, was, found = machine.Led(), None, []
        for now in range(0, end_ms, 10):
            said = [
                state.get(*known) for known in (("open", False), ("wifi", True), ("waiting", 0), ("identify", False))
            ]
            lit = led.receive_state(said[0], said[1], said[2], said[3], now)
            if lit != was:
                found.append(now)
            was = lit
        return found

    def test_all_well_is_steady(self):
        self.assertEqual(self.changes(5000), [0])

    def test_no_wifi_blinks_at_500_ms_even_with_events(self):
        self.assertEqual(self.changes(2100, wifi=False, waiting=3), [0, 500, 1000, 1500, 2000])

    def test_waiting_events_blink_at_200_ms(self):
        self.assertEqual(self.changes(900, waiting=1), [0, 200, 400, 600, 800])

    def test_an_open_access_point_flashes_twice_a_second_with_or_without_wifi(self):
        twice = [0, 100, 200, 300, 1000, 1100, 1200, 1300, 2000]
        self.assertEqual(self.changes(2100, open=True, wifi=False, waiting=1), twice)
        self.assertEqual(self.changes(2100, open=True), twice)

    def test_identifying_blinks_at_100_ms_whatever_else(self):
        self.assertEqual(self.changes(350, wifi=False, open=True, identify=True), [0, 100, 200, 300])


if __name__ == "__main__":
    unittest.main()
