import unittest

from panal.board.wifi import HOLD_MS, SETUP_MS, Wifi


class Board:
    """As much of a board as looks at its set-up button."""

    SETUP_BUTTON = "button"
    WIFI_PACE = 1

    def __init__(self):
        self.now_ms, self.is_down, self.commands = 1000, False, {}
        self.hardware = self.device = self.clock = self
        self.parts = {"button": self}

    def monotonic_ms(self):
        return self.now_ms

    def is_on(self):
        return self.is_down


class ButtonTest(unittest.TestCase):
    def held_from(self, start_ms):
        """For how long the button counts as held, pressed this long after power-on and kept down."""
        board = Board()
        wifi = Wifi(board)
        board.now_ms += start_ms
        board.is_down = True
        wifi.look_at_button()
        board.now_ms += 2 * HOLD_MS
        return board.now_ms - wifi.pressed_ms if wifi.look_at_button() else 0

    def test_a_hold_that_begins_in_the_first_minute_counts(self):
        self.assertEqual(self.held_from(SETUP_MS - 1), 2 * HOLD_MS)

    def test_who_clings_to_the_emergency_button_later_changes_no_network(self):
        self.assertEqual(self.held_from(SETUP_MS), 0)

    def test_letting_go_ends_a_hold(self):
        board = Board()
        wifi = Wifi(board)
        board.is_down = True
        wifi.look_at_button()
        board.is_down = False
        self.assertFalse(wifi.look_at_button())
        self.assertIsNone(wifi.pressed_ms)


if __name__ == "__main__":
    unittest.main()
