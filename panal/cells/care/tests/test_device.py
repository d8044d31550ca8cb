import unittest

from panal.cells.care import device, messages


class Clock:
    def monotonic_at(self, ticks):
        return ticks

    def monotonic_ms(self):
        return 0


class Button:
    def __init__(self):
        self.waiting = []

    def edges(self):
        waiting, self.waiting = self.waiting, []
        return waiting


class Tilt:
    value = False

    def is_on(self):
        return self.value


class Led:
    def __init__(self):
        self.said = []

    def on(self):
        self.said.append("on")

    def off(self):
        self.said.append("off")


class Wifi:
    is_open = False

    def is_up(self):
        return True


class Outbox:
    def __init__(self):
        self.events = []

    def __len__(self):
        return len(self.events)

    def raise_event(self, kind, data, monotonic_ms):
        self.events.append((kind, monotonic_ms))


class Hardware:
    def __init__(self):
        self.parts = {"button": Button(), "tilt": Tilt(), "led": Led()}
        self.wifi = Wifi()


class Commands:
    def __init__(self):
        self.commands = {}


class Board:
    def __init__(self):
        self.hardware = Hardware()
        self.clock = Clock()
        self.outbox = Outbox()
        self.device = Commands()
        self.wifi = self.hardware.wifi


class CareTest(unittest.TestCase):
    def setUp(self):
        self.board = Board()
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
