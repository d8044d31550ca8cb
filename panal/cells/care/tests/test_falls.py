import binascii
import unittest
from array import array

from panal.board.queue import Queue
from panal.cells.care import classic, detector, device, falls
from panal.cells.care.tests import boards


class FallTest(unittest.TestCase):
    def start(self, has_buzzer=True, **wanted):
        self.board = boards.Board(has_buzzer)
        self.parts = self.board.hardware.parts
        self.care = device.make(self.board)
        self.now_ms = 0
        if wanted:
            self.given = self.board.device.settings["care"](wanted)

    def pass_ms(self, ms):
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms:
            self.now_ms += 20
            self.care.look(self.now_ms)

    def fall(self):
        self.pass_ms(3000)
        self.parts["motion"].body.play("fall")
        self.pass_ms(5500)

    def press(self):
        self.parts["button"].waiting = [(True, self.now_ms - 5)]
        self.pass_ms(20)

    def kinds(self):
        return [kind for kind, _ in self.board.outbox.events]

    def test_a_fall_waits_for_the_countdown_and_is_told_when_nobody_presses(self):
        self.start()
        self.fall()
        self.assertEqual((self.kinds(), self.board.outbox.held), (["FALL"], ["u1"]))
        self.assertTrue(0 < self.care.countdown_s(self.now_ms) <= 15)
        self.pass_ms(15000)
        self.assertEqual((self.kinds(), self.board.outbox.held), (["FALL"], []))
        self.assertEqual(self.board.outbox.data[0].get("cancelled"), None)
        self.assertTrue(self.board.outbox.data[0]["impact_g"] > 4)
        self.assertEqual(self.care.countdown_s(self.now_ms), None)

    def test_its_instant_is_that_of_the_impact(self):
        self.start()
        self.fall()
        impact_ms = 3000 + 1080
        self.assertTrue(abs(self.board.outbox.events[0][1] - impact_ms) <= 200)

    def test_a_press_takes_it_back_and_calls_nobody(self):
        self.start()
        self.fall()
        self.press()
        self.assertEqual((self.kinds(), self.board.outbox.held), (["FALL"], []))
        self.assertTrue(self.board.outbox.data[0]["cancelled"])
        self.assertEqual(self.parts["buzzer"].said[-1], 0)

    def test_the_next_press_is_an_emergency(self):
        self.start()
        self.fall()
        self.press()
        self.pass_ms(300)
        self.press()
        self.assertEqual(self.kinds(), ["FALL", "EMERGENCY_BUTTON"])

    def test_a_press_from_before_the_countdown_is_an_emergency(self):
        """Noted by the interrupt while the loop was busy, and read after the fall was found."""
        self.start()
        self.fall()
        self.parts["button"].waiting = [(True, 4500)]
        self.pass_ms(20)
        self.assertEqual(self.kinds(), ["FALL", "EMERGENCY_BUTTON"])
        self.assertEqual(self.board.outbox.held, ["u1"])

    def test_without_a_buzzer_nothing_counts_and_every_press_calls(self):
        self.start(has_buzzer=False)
        self.fall()
        self.assertEqual(self.board.outbox.held, [])
        self.press()
        self.assertEqual(self.kinds(), ["FALL", "EMERGENCY_BUTTON"])
        self.assertEqual(self.parts["buzzer"].said, [])

    def test_the_buzzer_sounds_every_second_and_twice_as_often_at_the_end(self):
        self.start()
        self.fall()
        self.pass_ms(16000)
        self.assertEqual(len([duty for duty in self.parts["buzzer"].said if duty]), 10 + 10)
        self.assertEqual(self.parts["buzzer"].said[-1], 0)

    def test_how_long_it_counts_is_a_setting(self):
        self.start(countdown_s=0)
        self.fall()
        self.assertEqual(self.board.outbox.held, [])
        self.assertEqual(self.given, {"countdown_s": 0})

    def test_stumbling_and_sitting_down_tell_nobody(self):
        self.start()
        self.pass_ms(3000)
        for name in ("stumble", "sit"):
            self.parts["motion"].body.play(name)
            self.pass_ms(12000)
        self.assertEqual(self.kinds(), [])

    def test_the_acceleration_is_told_after_the_event_and_until_it_was_heard(self):
        self.start()
        self.fall()
        self.assertEqual(self.board.link.said, [])
        self.pass_ms(17000)
        said = self.board.link.said[0][1]
        self.assertEqual((self.board.link.said[0][0], said["uid"], said["before"]), ("samples", "u1", 100))
        self.pass_ms(16000)
        self.assertEqual(self.board.link.said[1][1], said)
        self.board.hear["samples"]({"uid": "u1"})
        self.pass_ms(40000)
        self.assertEqual((len(self.board.link.said), self.board.storage.files), (2, {}))

    def test_the_window_is_told_as_it_was_measured(self):
        self.start()
        self.fall()
        self.pass_ms(17000)
        counts = binascii.a2b_base64(self.board.link.said[0][1]["counts"])
        self.assertEqual(len(counts), 200 * 6)
        impact = array("h", counts[600:606])
        size_g = (impact[0] ** 2 + impact[1] ** 2 + impact[2] ** 2) ** 0.5 / detector.LSB_PER_G
        self.assertTrue(abs(size_g - self.board.outbox.data[0]["impact_g"]) < 0.02)

    def test_the_windows_of_earlier_lives_are_told_too(self):
        self.start()
        self.fall()
        files = self.board.storage.files
        self.start()
        self.board.storage.files = files
        self.care = device.make(self.board)
        self.pass_ms(2000)
        self.assertEqual(self.board.link.said[0][1]["uid"], "u1")

    def test_a_board_on_a_table_is_not_worn_after_the_hours_that_were_set(self):
        self.start(not_worn_h=1)
        self.pass_ms(2000)
        self.parts["motion"].body.play("table")
        self.pass_ms(2000)
        self.assertEqual(self.board.device.told[0], ("worn", True))
        self.now_ms += 3600000
        self.pass_ms(2000)
        self.assertEqual(self.board.device.told[-2], ("worn", False))
        self.parts["motion"].body.play("stand")
        self.pass_ms(2000)
        self.assertEqual(self.board.device.told[-2], ("worn", True))

    def test_an_accelerometer_that_is_gone_or_ran_over_is_told(self):
        self.start()
        self.pass_ms(1000)
        self.assertEqual(self.board.device.told[-1][1]["state"], "ok")
        self.parts["motion"].is_plugged = False
        self.pass_ms(1500)
        self.assertEqual(self.board.device.told[-1][1]["state"], "missing")
        self.parts["motion"].is_plugged = True
        self.parts["motion"].lost = 1
        self.pass_ms(falls.RETRY_MS + 2000)
        self.assertEqual(self.board.device.told[-1][1], {"state": "ok", "lost": 1, "buzzer": True})

    def test_the_profile_is_a_setting_and_what_is_not_good_is_passed_over(self):
        self.start(profile="classic", countdown_s=-1, position="knee", classic={"impact_g": 3, "still_ms": True})
        self.assertEqual(self.given["profile"], "classic")
        self.assertEqual(self.given["classic"]["impact_g"], 3)
        self.assertEqual(self.given["classic"]["still_ms"], classic.SETTINGS["still_ms"])
        self.assertEqual(sorted(self.given), ["classic", "profile"])


class HeldTest(unittest.TestCase):
    """The fall is on flash before the countdown begins: what a power cut leaves is a fall that nobody took back."""

    def setUp(self):
        self.flash = boards.Flash()
        self.event = {"uid": "u1", "kind": "FALL", "at_ms": None, "data": {}}
        self.queue = Queue(self.flash, boards.Log())
        self.queue.hold("u1")
        self.queue.add(self.event)

    def test_while_it_counts_nothing_is_handed_over_and_others_pass(self):
        self.assertEqual(self.queue.oldest(), None)
        self.queue.add({"uid": "u2", "kind": "EMERGENCY_BUTTON", "at_ms": None, "data": {}})
        self.assertEqual(self.queue.oldest()["uid"], "u2")

    def test_after_a_power_cut_it_is_handed_over(self):
        self.assertEqual(Queue(self.flash, boards.Log()).oldest(), self.event)

    def test_once_taken_back_it_stays_so_after_a_power_cut(self):
        self.queue.release("u1", {"cancelled": True})
        self.assertEqual(self.queue.oldest()["data"], {"cancelled": True})
        self.assertEqual(Queue(self.flash, boards.Log()).oldest()["data"], {"cancelled": True})


if __name__ == "__main__":
    unittest.main()
