import unittest

from panal.cells.wifi import machine

HOME, OTHER, NEW = ("Casa", "correcta 1"), ("Abuela", "correcta 2"), ("Nueva", "correcta 3")


class Air:
    """A radio, a server and a clock around a machine, a quarter of a second at a time."""

    def __init__(self, known=(HOME,), has_portal=True, good=(HOME, OTHER, NEW), rev=0):
        self.good = list(good)  # networks that can be joined as they stand here
        self.wrong = {}  # (ssid, password) -> what the radio says instead
        self.served = True  # the server is reached over every network that is up, but these
        self.unserved = []
        self.now_ms = 0
        self.joined = None
        self.is_open = False
        self.done = []
        self.flash = (list(known), rev, ())
        self.machine = machine.Machine(list(known), rev, has_portal, 0)

    def radio(self):
        if self.joined is None:
            return machine.DOWN
        if self.joined in self.wrong:
            return self.wrong[self.joined]
        return machine.UP if self.joined in self.good else machine.NOT_FOUND

    def step(self, is_pressed=False):
        self.now_ms += 250
        has_server = self.radio() == machine.UP and self.served and self.joined not in self.unserved
        self.machine.receive_state(self.radio(), has_server, self.now_ms)
        self.machine.receive_button(is_pressed, self.now_ms)
        self.obey()

    def obey(self):
        for event in self.machine.events():
            self.done.append((self.now_ms,) + event)  # noqa: RUF005  the dialect has no (a, *b)
            verb = event[0]
            if verb == "join":
                self.joined = (event[1], event[2])
            elif verb == "leave":
                self.joined = None
            elif verb in ("open", "close"):
                self.is_open = verb == "open"
            elif verb == "save":
                self.flash = (list(self.machine.networks), self.machine.rev, self.machine.outcome)

    def let(self, seconds, is_pressed=False):
        for _ in range(seconds * 4):
            self.step(is_pressed)

    def verbs(self):
        return [event[1] for event in self.done]

    def times(self, verb):
        return [event[0] // 1000 for event in self.done if event[1] == verb]


class StationTest(unittest.TestCase):
    def test_it_joins_the_network_it_knows_and_is_settled(self):
        air = Air()
        air.let(2)
        self.assertEqual(air.joined, HOME)
        self.assertTrue(air.machine.is_settled())

    def test_it_tries_the_known_ones_in_turn_every_10_s(self):
        air = Air(known=(HOME, OTHER), good=())
        air.let(31)
        self.assertEqual(air.times("join"), [0, 10, 20, 30])
        self.assertEqual([event[2] for event in air.done if event[1] == "join"], ["Casa", "Abuela", "Casa", "Abuela"])

    def test_without_a_portal_it_restarts_after_2_min(self):
        air = Air(good=(), has_portal=False)
        air.let(125)
        self.assertEqual(air.times("restart"), [120])

    def test_the_access_point_opens_after_10_min_and_the_known_one_is_tried_every_minute(self):
        air = Air(good=())
        air.let(800)
        self.assertEqual(air.times("open"), [600])
        late = [at for at in air.times("join") if at > 600]
        self.assertTrue(len(late) >= 3 and all(b - a == 60 for a, b in zip(late, late[1:])), late)  # noqa: B905, RUF007

    def test_a_network_that_comes_back_closes_the_access_point_after_a_minute(self):
        air = Air(good=())
        air.let(650)
        air.good = [HOME]
        air.let(130)
        self.assertFalse(air.is_open)
        self.assertTrue(air.machine.is_settled())


class PortalTest(unittest.TestCase):
    def fresh(self):
        air = Air(known=())
        air.let(1)
        return air

    def test_a_board_without_a_network_opens_its_access_point_at_once(self):
        air = self.fresh()
        self.assertTrue(air.is_open)
        self.assertEqual(air.times("open"), [0])

    def test_a_good_network_is_kept_and_the_access_point_goes_after_60_s(self):
        air = self.fresh()
        self.assertTrue(air.machine.choose(NEW[0], NEW[1], air.now_ms))
        air.let(3)
        self.assertEqual((air.machine.result, air.flash[0]), (("connected", ""), [NEW]))
        air.let(55)
        self.assertTrue(air.is_open)
        air.let(10)
        self.assertFalse(air.is_open)
        self.assertTrue(air.machine.is_settled())

    def test_every_failure_has_its_word_and_leaves_the_access_point_open(self):
        for radio in (machine.WRONG_PASSWORD, machine.NOT_FOUND, machine.NO_ADDRESS):
            air = self.fresh()
            air.wrong[NEW] = radio
            air.machine.choose(NEW[0], NEW[1], air.now_ms)
            air.let(32)
            self.assertEqual((air.machine.result, air.is_open, air.flash[0]), (("failed", radio), True, []))

    def test_without_a_server_it_says_so_after_a_minute(self):
        air = self.fresh()
        air.served = False
        air.machine.choose(NEW[0], NEW[1], air.now_ms)
        air.let(58)
        self.assertEqual(air.machine.result[0], "reaching")
        air.let(5)
        self.assertEqual((air.machine.result, air.flash[0]), (("failed", "no_server"), []))

    def test_somebody_who_types_again_is_heard(self):
        air = self.fresh()
        air.wrong[NEW] = machine.WRONG_PASSWORD
        air.machine.choose(NEW[0], NEW[1], air.now_ms)
        air.let(5)
        air.machine.choose(OTHER[0], OTHER[1], air.now_ms)
        air.let(5)
        self.assertEqual((air.machine.result[0], air.flash[0]), ("connected", [OTHER]))


class ButtonTest(unittest.TestCase):
    def test_held_5_s_it_opens_the_access_point_and_the_network_stays(self):
        air = Air()
        air.let(2)
        air.let(6, is_pressed=True)
        air.let(2)
        self.assertEqual((air.is_open, air.joined), (True, HOME))
        air.let(601)
        self.assertFalse(air.is_open)

    def test_held_4_s_it_does_nothing(self):
        air = Air()
        air.let(2)
        air.let(4, is_pressed=True)
        air.let(5)
        self.assertNotIn("open", air.verbs())

    def test_held_10_s_the_board_forgets(self):
        air = Air()
        air.let(2)
        air.let(11, is_pressed=True)
        self.assertEqual(air.times("reset"), [12])

    def test_a_board_without_a_portal_forgets_nothing(self):
        air = Air(has_portal=False)
        air.let(30, is_pressed=True)
        self.assertNotIn("reset", air.verbs())


class OrderTest(unittest.TestCase):
    def ordered(self, **changes):
        air = Air(known=(HOME, OTHER), rev=6)
        for name, value in changes.items():
            setattr(air, name, value)
        air.let(2)
        self.assertEqual(air.machine.order(NEW[0], NEW[1], 7, air.now_ms), "")
        air.obey()
        return air

    def test_the_new_one_becomes_the_first_and_the_old_one_the_second(self):
        air = self.ordered()
        air.let(3)
        self.assertEqual(air.flash, ([NEW, HOME], 7, (7, "changed", "", "Nueva")))
        self.assertTrue(air.machine.is_settled())

    def test_before_the_old_one_is_left_the_trial_is_on_flash_and_told(self):
        air = self.ordered()
        self.assertEqual(air.verbs()[-3:], ["save", "tell", "join"])
        self.assertEqual(air.flash, ([HOME, OTHER], 7, (7, "trying", "", "Nueva")))

    def test_a_failure_keeps_the_old_one_and_says_why(self):
        for radio in (machine.WRONG_PASSWORD, machine.NOT_FOUND, machine.NO_ADDRESS):
            air = self.ordered(wrong={NEW: radio})
            air.let(35)
            self.assertEqual(air.flash, ([HOME, OTHER], 7, (7, "kept", radio, "Nueva")))
            self.assertEqual((air.joined, air.machine.is_settled()), (HOME, True))

    def test_a_network_without_the_server_is_left_after_a_minute(self):
        air = self.ordered(unserved=[NEW])
        air.let(58)
        self.assertEqual(air.joined, NEW)
        air.let(6)
        self.assertEqual(air.flash, ([HOME, OTHER], 7, (7, "kept", "no_server", "Nueva")))
        self.assertEqual(air.joined, HOME)

    def test_a_network_that_drops_while_the_server_is_looked_for_is_joined_again(self):
        air = self.ordered(unserved=[NEW])
        air.let(10)
        air.done = []
        air.wrong[NEW] = machine.DOWN
        air.let(3)
        self.assertEqual(air.verbs(), ["join"])
        del air.wrong[NEW]
        air.unserved = []
        air.let(20)
        self.assertEqual(air.flash, ([NEW, HOME], 7, (7, "changed", "", "Nueva")))

    def test_if_the_old_one_is_gone_too_the_access_point_opens(self):
        air = self.ordered(good=[HOME], wrong={NEW: machine.NOT_FOUND})
        air.good = []
        air.let(620)
        self.assertTrue(air.is_open)

    def test_an_old_rev_is_refused_and_a_second_order_waits(self):
        air = self.ordered()
        self.assertEqual(air.machine.order("x", "", 7, air.now_ms), "old_rev")
        self.assertEqual(air.machine.order("x", "", 8, air.now_ms), "busy")
        self.assertEqual(air.machine.rev, 7)


if __name__ == "__main__":
    unittest.main()
