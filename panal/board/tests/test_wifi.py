import unittest

from panal.board import wifi
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
        looked = Wifi(board)
        board.now_ms += start_ms
        board.is_down = True
        looked.look_at_button()
        board.now_ms += 2 * HOLD_MS
        return board.now_ms - looked.pressed_ms if looked.look_at_button() else 0

    def test_a_hold_that_begins_in_the_first_minute_counts(self):
        self.assertEqual(self.held_from(SETUP_MS - 1), 2 * HOLD_MS)

    def test_who_clings_to_the_emergency_button_later_changes_no_network(self):
        self.assertEqual(self.held_from(SETUP_MS), 0)

    def test_letting_go_ends_a_hold(self):
        board = Board()
        looked = Wifi(board)
        board.is_down = True
        looked.look_at_button()
        board.is_down = False
        self.assertFalse(looked.look_at_button())
        self.assertIsNone(looked.pressed_ms)


class MemoryTest(unittest.TestCase):
    """After a set-up the board looks once whether a change of the network would have room."""

    def restarted(self, was_open, room):
        board = Board()
        board.log, board.said = board, []
        board.info, board.restart = board.said.append, board.said.append
        looked = Wifi(board)
        looked.was_open = was_open
        before, wifi.has_room = wifi.has_room, lambda size: size <= room
        try:
            looked._look_at_memory()
            looked._look_at_memory()
        finally:
            wifi.has_room = before
        return board.said.count("memory")

    def test_a_set_up_that_left_too_little_ends_with_a_restart(self):
        self.assertEqual(self.restarted(True, wifi.ROOM_BYTES - 1), 1)

    def test_one_that_left_enough_does_not(self):
        self.assertEqual(self.restarted(True, wifi.ROOM_BYTES), 0)

    def test_without_a_set_up_there_is_nothing_to_look_at(self):
        self.assertEqual(self.restarted(False, 0), 0)


if __name__ == "__main__":
    unittest.main()
