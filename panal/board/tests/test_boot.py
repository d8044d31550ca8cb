import unittest

from panal.board import boot
from panal.board.tests import folder


class PowerCut(Exception):
    pass


class Cut:
    """`open` that loses its power in the n-th write, half of which is done."""

    def __init__(self, left):
        self.left = left

    def __call__(self, path, mode="r"):
        if mode == "w":
            if self.left == 0:
                with open(path, "w") as file:
                    file.write("0badc0de\n7 b")
                raise PowerCut
            self.left -= 1
        return open(path, mode)


class FakeTimer:
    """machine.Timer, whose time passes when a test says so."""

    ONE_SHOT = 0
    started = None

    def __init__(self, number):
        pass

    def init(self, mode, period, callback):
        FakeTimer.started = (period, callback)


class FakeMachine:
    Timer = FakeTimer

    def __init__(self):
        self.resets = 0
        FakeTimer.started = None

    def WDT(self, timeout):
        self.timeout = timeout

    def reset(self):
        self.resets += 1


class BootTest(unittest.TestCase):
    def setUp(self):
        self.root = folder.fresh("boot")

    def tearDown(self):
        folder.clear(self.root)

    def pointer(self, opener=open):
        return boot.Pointer(self.root, opener)

    def test_a_new_board_starts_the_first_slot_and_writes_nothing(self):
        self.assertEqual(self.pointer().start(), "a")
        self.assertEqual(self.pointer().number, 0)

    def test_a_trial_has_three_starts(self):
        self.pointer().begin("b")
        self.assertEqual([self.pointer().start() for _ in range(5)], ["b", "b", "b", "a", "a"])
        pointer = self.pointer()
        self.assertEqual((pointer.good, pointer.trial, pointer.why), ("a", "", "crash_loop"))

    def test_what_is_kept_is_started_from_then_on(self):
        self.pointer().begin("b")
        pointer = self.pointer()
        pointer.start()
        pointer.keep()
        self.assertEqual([self.pointer().start() for _ in range(5)], ["b"] * 5)

    def test_what_went_back_is_not_started_again(self):
        self.pointer().begin("b")
        pointer = self.pointer()
        self.assertEqual(pointer.start(), "b")
        pointer.back("no_server")
        self.assertEqual(self.pointer().start(), "a")
        self.assertEqual(self.pointer().why, "no_server")

    def test_wherever_the_power_goes_the_pointer_is_the_one_before_or_the_one_after(self):
        steps = (
            (lambda pointer: pointer.begin("b"), ("a", ""), ("a", "b")),
            (lambda pointer: pointer.start(), ("a", "b"), ("a", "b")),
            (lambda pointer: pointer.keep(), ("a", "b"), ("b", "")),
            (lambda pointer: pointer.begin("a"), ("b", ""), ("b", "a")),
            (lambda pointer: pointer.back("x"), ("b", "a"), ("b", "")),
        )
        for step, before, after in steps:
            with self.assertRaises(PowerCut):
                step(self.pointer(Cut(0)))
            pointer = self.pointer()
            self.assertEqual((pointer.good, pointer.trial), before)
            step(pointer)
            pointer = self.pointer()
            self.assertEqual((pointer.good, pointer.trial), after)

    def test_a_trial_that_cannot_be_counted_does_not_begin(self):
        def broken(path, mode="r"):
            if mode == "w":
                raise OSError(5)
            return open(path, mode)

        self.pointer().begin("b")
        self.assertEqual(self.pointer(broken).start(), "a")

    def test_two_damaged_files_are_a_new_board(self):
        for name in ("boot.0", "boot.1"):
            with open(self.root + "/" + name, "w") as file:
                file.write("12345678\n9 b - 0 -")
        self.assertEqual(self.pointer().start(), "a")

    def test_a_version_that_does_not_even_give_itself_up_goes_after_5_min(self):
        self.pointer().begin("b")
        machine = FakeMachine()
        boot.run(self.root, machine)  # there is no panal.board.main that could run here
        period, late = FakeTimer.started
        self.assertEqual((period, machine.resets), (300000, 1))
        late(None)
        self.assertEqual((self.pointer().trial, machine.resets), ("", 2))

    def test_a_good_version_is_not_timed_and_an_error_of_it_restarts_the_board(self):
        machine = FakeMachine()
        boot.run(self.root, machine)
        self.assertIsNone(FakeTimer.started)
        self.assertEqual(machine.resets, 1)


if __name__ == "__main__":
    unittest.main()
