import unittest

from panal.cells.care import device, messages
from panal.cells.care.tests import boards


class NewTest(unittest.TestCase):
    """A board that nobody has set up yet."""

    def setUp(self):
        self.board = boards.Board(is_new=True)
        self.wifi = self.board.wifi
        self.wifi.is_awake = True
        self.parts = self.board.hardware.parts
        self.care = device.make(self.board)

    def test_its_button_is_heard_and_its_motion_is_not(self):
        self.parts["button"].waiting = [(True, 100), (False, 180)]
        for _ in range(100):
            self.care.look(2000)
        self.assertEqual(self.board.outbox.events, [("EMERGENCY_BUTTON", 100)])
        self.assertFalse(self.parts["motion"].is_present)
        self.assertEqual(self.board.hardware.restarts, [])

    def test_it_restarts_once_it_is_set_up_and_the_page_is_over(self):
        self.board.link.is_up = True
        self.care.look(2000)
        self.assertEqual(self.board.hardware.restarts, [])
        self.wifi.is_awake = False
        self.care.look(2020)
        self.assertEqual(self.board.hardware.restarts, ["set_up"])


class CareTest(unittest.TestCase):
    def setUp(self):
        self.board = boards.Board()
        self.parts = self.board.hardware.parts
        self.care = device.make(self.board)

    def test_presses_while_the_loop_was_busy_are_all_told_with_their_time(self):
        """The interrupt kept them: a TLS handshake of two seconds lost none."""
        edges = ((True, 100), (False, 180), (True, 900), (False, 960), (True, 1700), (False, 1800))
        self.parts["button"].waiting = list(edges)
        self.care.look(2000)
        self.assertEqual(self.board.outbox.events, [("EMERGENCY_BUTTON", at) for at in (100, 900, 1700)])

    def test_a_tilt_is_told_once(self):
        self.parts["tilt"].value = True
        for now in range(0, 10000, 20):
            self.care.look(now)
        self.assertEqual([kind for kind, _ in self.board.outbox.events], ["TILT"])

    def test_the_led_is_touched_only_when_it_changes(self):
        for now in range(0, 1000, 20):
            self.care.look(now)
        self.assertEqual(self.parts["led"].said, ["on"])

    def test_every_kind_it_tells_is_one_the_server_takes(self):
        self.parts["button"].waiting = [(True, 0)]
        self.parts["tilt"].value = True
        for now in range(0, 5000, 20):
            self.care.look(now)
        for kind, at_ms in self.board.outbox.events:
            said = {"uid": "df18bc4b-7faa-40f3-b17d-878f6b0c40d9", "kind": kind, "at_ms": at_ms, "data": {}}
            self.assertEqual(messages.parse_event(said, "A", 0).kind, kind)


if __name__ == "__main__":
    unittest.main()
