import unittest

from panal.cells.access import machine

ANN, BOB = "aa" * 16, "bb" * 16
STEP_MS = 10


class Place:
    """A door with people around it, and what its machine made of them."""

    def __init__(self, is_open=False, pauses=0, **settings):
        self.settings = dict(machine.defaults(), **settings)
        self.now_ms = 1000
        self.is_open = is_open
        self.is_pressed = False
        self.bolt = None  # what the lock's sensor shows; None without one
        self.cards = {ANN: ("", 1), BOB: ("", 2)}
        self.codes = {(3, 6, 4): ("", 0), (1, 1, 1): ("", 1)}
        self.log = []
        self.sounds = []
        self.kept = pauses
        self.enrolled = "nothing"
        self.door = machine.Door(self.settings, pauses, self.now_ms)
        self.let(100)

    def let(self, ms):
        """Time passes, with a look every 10 ms."""
        until_ms = self.now_ms + ms
        while self.now_ms < until_ms:
            self.now_ms += STEP_MS
            self.door.receive_door(self.is_open, self.now_ms)
            self.door.receive_exit(self.is_pressed, self.now_ms)
            if self.bolt is not None:
                self.door.receive_bolt(self.bolt, self.now_ms)
            self.obey()

    def obey(self):
        for event in self.door.events():
            if event[0] == "ask":
                answers = self.cards if event[2] == "rfid" else self.codes
                missing = ("unknown_card" if event[2] == "rfid" else "wrong_code", 0)
                refusal, person = answers.get(event[3], missing)
                self.door.receive_answer(event[1], refusal, person, self.now_ms)
                self.obey()
            elif event[0] == "log":
                self.log.append(event[1:])
            elif event[0] == "sound":
                self.sounds.append(event[1])
            elif event[0] == "keep":
                self.kept = event[1]
            elif event[0] == "enrolled":
                self.enrolled = event[1]

    def card(self, card=ANN):
        self.door.receive_card(card, self.now_ms)
        self.obey()

    def code(self, *digits):
        for digit in digits:
            self.door.receive_digit(digit, self.now_ms)
            self.obey()

    def remote(self):
        self.door.receive_remote("the plumber", "c1", self.now_ms)
        self.obey()

    def exit(self):
        self.is_pressed = True
        self.let(100)
        self.is_pressed = False
        self.let(100)

    def open(self, ms=100):
        self.is_open = True
        self.let(ms)

    def close(self, ms=100):
        self.is_open = False
        self.let(ms)

    def said(self):
        """(kind, method, granted, reason) of every line since the last look, without those of moves and the boot."""
        found = []
        for kind, data in self.log:
            if kind != "door.moved" and data.get("reason") != "boot":
                found.append((kind[5:], data["access_method"], data["access_granted"], data.get("reason", "")))
        self.log = []
        return found

    def display(self):
        return self.door.display(self.now_ms)


class DoorTest(unittest.TestCase):
    def at(self, place, state):
        self.assertEqual((place.door.state, place.door.is_released), (state, state in machine.RELEASED))

    # power

    def test_it_locks_when_power_comes_to_a_closed_door(self):
        place = Place()
        self.at(place, machine.LOCKED)
        self.assertEqual(place.log[0][1]["reason"], "boot")

    def test_it_stays_released_when_power_comes_to_an_open_door_and_locks_after_it_closes(self):
        place = Place(is_open=True)
        self.at(place, machine.OPENED)
        place.let(30000)
        self.at(place, machine.OPENED)
        place.close(500)
        self.at(place, machine.CLOSING)
        place.let(1000)
        self.at(place, machine.LOCKED)

    def test_it_is_locked_until_the_reed_is_steady(self):
        door = machine.Door(machine.defaults(), 0, 0)
        for ms in range(0, 2000, 20):
            door.receive_door(ms % 40 == 0, ms)
            self.assertFalse(door.is_released)

    # ways in

    def test_a_card_lets_in(self):
        place = Place()
        place.card()
        self.at(place, machine.UNLOCKED)
        kind, data = place.log[-1]
        self.assertEqual(
            (kind, data), ("door.attempt", {"door_status": "close", "access_method": "rfid", "access_granted": True,
                                            "card": ANN, "person": 1})
        )  # fmt: skip
        self.assertEqual(place.sounds, ["short", "double"])
        self.assertEqual(place.display(), ("ACCESS GRANTED!", "WELCOME HOME"))

    def test_a_combination_lets_in(self):
        place = Place()
        place.code(3, 6)
        self.assertEqual(place.display(), ("CURRENT PASS:", "3 6 #"))
        self.at(place, machine.LOCKED)
        place.code(4)
        self.at(place, machine.UNLOCKED)
        self.assertEqual(place.said(), [("attempt", "password", True, "")])

    def test_the_panel_lets_in(self):
        place = Place(mode="AND")
        place.remote()
        self.at(place, machine.UNLOCKED)
        self.assertEqual(place.log[-1][1]["note"], "the plumber")
        self.assertEqual(place.log[-1][1]["command"], "c1")

    def test_the_exit_button_lets_out_once_a_press(self):
        place = Place(mode="AND")
        place.is_pressed = True
        place.let(5000)
        self.at(place, machine.UNLOCKED)
        place.let(6000)
        self.at(place, machine.LOCKED)
        self.assertEqual(place.said(), [("attempt", "exit", True, "")])

    def test_an_exit_button_that_is_down_when_power_comes_does_not_unlock(self):
        door = machine.Door(machine.defaults(), 0, 0)
        for now_ms in range(0, 500, 20):
            door.receive_door(False, now_ms)
            door.receive_exit(True, now_ms)
        self.assertFalse(door.is_released)

    def test_an_exit_button_that_is_switched_off_does_nothing(self):
        place = Place(exit_button=False)
        place.exit()
        self.at(place, machine.LOCKED)

    def test_keys_are_digits_and_a_star_begins_again(self):
        place = Place()
        for key in "39*3A64":
            place.door.receive_key(key, place.now_ms)
            place.obey()
        self.at(place, machine.UNLOCKED)

    # refusals

    def test_an_unknown_card_and_a_wrong_code_are_refused(self):
        place = Place()
        place.card("cc" * 16)
        place.code(1, 2, 3)
        self.at(place, machine.LOCKED)
        self.assertEqual(
            place.said(), [("attempt", "rfid", False, "unknown_card"), ("attempt", "password", False, "wrong_code")]
        )
        self.assertEqual(place.sounds[-1], "triple")
        self.assertEqual(place.display(), ("ACCESS DENIED!", ""))
        self.assertTrue(place.door.is_red(place.now_ms))
        place.let(300)
        self.assertFalse(place.door.is_red(place.now_ms))
        place.let(5000)
        self.assertEqual(place.display(), ("WELCOME, INPUT", "PASSWORD OR RFID"))

    def test_what_the_list_says_is_logged(self):
        place = Place()
        place.cards[ANN] = ("outside_hours", 1)
        place.card()
        self.at(place, machine.LOCKED)
        self.assertEqual(place.log[-1][1]["person"], 1)
        self.assertEqual(place.said(), [("attempt", "rfid", False, "outside_hours")])

    def test_a_partial_entry_is_forgotten_after_8_s(self):
        place = Place()
        place.code(3, 6)
        place.let(8100)
        place.code(4)
        self.at(place, machine.LOCKED)
        self.assertEqual(place.display()[1], "4 # #")

    def test_five_failures_in_a_minute_pause_entry(self):
        place = Place()
        for _ in range(5):
            place.card("cc" * 16)
        self.assertEqual(place.said()[-1], ("alarm", "door", False, "paused"))
        place.code(3, 6, 4)
        place.card(ANN)
        place.card(ANN)
        self.at(place, machine.LOCKED)
        self.assertEqual(place.said(), [("attempt", "rfid", False, "paused")])
        place.let(6000)
        self.assertEqual(place.display(), ("PLEASE WAIT", "24 S"))
        place.let(24100)
        self.assertEqual(place.said(), [("note", "door", False, "paused_over")])
        place.card(ANN)
        self.at(place, machine.UNLOCKED)

    def test_failures_over_more_than_a_minute_do_not_pause(self):
        place = Place()
        for _ in range(12):
            place.card("cc" * 16)
            place.let(15100)
        self.assertIsNone(place.door.paused_until_ms)

    def test_pauses_double_to_ten_minutes_and_a_success_ends_the_row(self):
        place, lengths = Place(), []
        for _ in range(7):
            for _ in range(5):
                place.card("cc" * 16)
            lengths.append((place.door.paused_until_ms - place.now_ms) // 1000)
            place.now_ms = place.door.paused_until_ms
            place.let(STEP_MS)
        self.assertEqual(lengths, [30, 60, 120, 240, 480, 600, 600])
        self.assertEqual(place.kept, 7)
        place.card(ANN)
        self.assertEqual(place.kept, 0)

    def test_a_power_cut_does_not_end_a_pause(self):
        place = Place(pauses=2)
        place.card(ANN)
        self.at(place, machine.LOCKED)
        place.let(60000)
        place.card(ANN)
        self.at(place, machine.UNLOCKED)

    def test_the_panel_and_the_exit_button_open_in_a_pause(self):
        for way in (Place.remote, Place.exit):
            place = Place(pauses=1)
            way(place)
            self.at(place, machine.UNLOCKED)

    def test_an_answer_that_is_late_or_not_ours_grants_nothing(self):
        place = Place()
        door = place.door
        door.receive_card(ANN, place.now_ms)
        number = door.events()[-1][1]
        door.receive_answer(number + 1, "", 1, place.now_ms)
        door.receive_answer(number, "", 1, place.now_ms)
        self.at(place, machine.LOCKED)
        door.receive_card(ANN, place.now_ms)
        door.receive_answer(number + 1, "", 1, place.now_ms + 2000)
        self.at(place, machine.LOCKED)

    # both factors

    def test_and_needs_both_in_either_order(self):
        for first, second in (
            (Place.card, lambda place: place.code(3, 6, 4)),
            (lambda place: place.code(3, 6, 4), Place.card),
        ):
            place = Place(mode="AND")
            first(place)
            self.at(place, machine.LOCKED)
            place.let(9900)
            second(place)
            self.at(place, machine.UNLOCKED)
            self.assertEqual(len(place.log[-1][1]["factors"]), 2)
            self.assertEqual((place.log[-1][1]["card"], place.log[-1][1]["person"]), (ANN, 1))

    def test_a_first_factor_alone_is_told_after_10_s(self):
        place = Place(mode="AND")
        place.card()
        self.assertEqual(place.display(), ("AND NOW YOUR", "PASSWORD"))
        place.let(10100)
        self.assertEqual(place.said(), [("attempt", "rfid", False, "no_second_factor")])
        place.code(3, 6, 4)
        self.at(place, machine.LOCKED)

    def test_the_same_factor_twice_is_one(self):
        place = Place(mode="AND")
        place.card(ANN)
        place.card(BOB)
        place.card(ANN)
        self.at(place, machine.LOCKED)

    def test_one_persons_card_does_not_go_with_anothers_code(self):
        place = Place(mode="AND")
        place.card(BOB)
        place.code(1, 1, 1)
        self.at(place, machine.LOCKED)
        self.assertEqual(place.said()[-1], ("attempt", "password", False, "other_person"))

    def test_a_wrong_second_factor_ends_the_first(self):
        place = Place(mode="AND")
        place.card()
        place.code(9, 9, 9)
        place.code(3, 6, 4)
        self.at(place, machine.LOCKED)

    # locking

    def test_it_locks_one_second_after_the_door_closed_again(self):
        place = Place()
        place.card()
        place.open()
        self.at(place, machine.OPENED)
        place.let(50000)
        self.at(place, machine.OPENED)
        place.close(900)
        self.at(place, machine.CLOSING)
        self.assertEqual(place.display()[0], "LOCKING...")
        place.let(200)
        self.at(place, machine.LOCKED)

    def test_it_locks_10_s_after_a_grant_that_nobody_used(self):
        place = Place()
        place.card()
        place.let(9900)
        self.at(place, machine.UNLOCKED)
        place.let(200)
        self.at(place, machine.LOCKED)

    def test_it_waits_for_a_door_that_opens_in_the_last_moment(self):
        place = Place()
        place.card()
        place.let(9980)
        place.open(20)  # not steady yet
        self.at(place, machine.UNLOCKED)
        place.let(100)
        self.at(place, machine.OPENED)

    def test_a_door_that_opens_again_within_the_second_is_not_locked(self):
        place = Place()
        place.card()
        place.open()
        place.close(900)
        place.open(500)
        self.at(place, machine.OPENED)

    def test_a_grant_with_the_door_open_waits_for_it_to_close(self):
        place = Place()
        place.open()  # forced
        place.card()
        self.at(place, machine.WAITING)
        place.let(5100)
        self.assertEqual(place.display(), ("CLOSE THE DOOR", "AND COME IN"))
        place.close()
        self.at(place, machine.UNLOCKED)
        place.let(10000)
        self.at(place, machine.LOCKED)

    def test_a_grant_is_over_when_the_door_stays_open(self):
        place = Place()
        place.open()
        place.said()
        place.card()
        place.let(10100)
        self.at(place, machine.LOCKED)
        self.assertEqual(place.said(), [("attempt", "rfid", True, ""), ("attempt", "rfid", False, "not_closed")])
        place.close()
        self.at(place, machine.LOCKED)

    def test_the_panel_unlocks_at_once_also_while_the_door_is_open(self):
        place = Place()
        place.open()
        place.remote()
        self.at(place, machine.OPENED)
        place.close(1200)
        self.at(place, machine.LOCKED)

    def test_a_second_grant_begins_the_time_again(self):
        place = Place()
        place.card()
        place.let(9000)
        place.remote()
        place.let(9000)
        self.at(place, machine.UNLOCKED)
        place.open()
        place.close(500)
        place.card(BOB)
        place.let(9000)
        self.at(place, machine.UNLOCKED)

    # alarms

    def test_a_door_that_opens_while_locked_is_forced(self):
        place = Place()
        place.open()
        self.at(place, machine.LOCKED)
        self.assertEqual(place.said(), [("alarm", "door", False, "forced")])
        self.assertEqual(place.sounds, ["long"])
        place.close()
        self.assertEqual(place.said(), [("note", "door", False, "forced_over")])

    def test_a_door_that_stands_open_for_a_minute_is_held(self):
        place = Place()
        place.card()
        place.open(59000)
        place.said()
        place.let(1100)
        self.assertEqual(place.said(), [("alarm", "door", False, "held")])
        self.assertEqual(place.display(), ("PLEASE CLOSE", "THE DOOR"))
        place.let(120000)
        self.assertEqual(place.said(), [])
        place.close(2000)
        self.assertEqual(place.said(), [("note", "door", False, "held_over")])
        self.at(place, machine.LOCKED)

    def test_a_lock_whose_sensor_says_otherwise_is_jammed(self):
        place = Place()
        place.bolt = True
        place.card()
        place.let(1900)
        self.assertEqual(place.door.lock(), "unlocked")
        place.let(200)
        self.assertEqual(place.door.lock(), "jammed")
        place.bolt = False
        place.let(100)
        self.assertEqual(place.door.lock(), "unlocked")
        place.let(10000)
        self.assertEqual(place.door.lock(), "jammed")
        reasons = [line[3] for line in place.said() if line[0] != "attempt"]
        self.assertEqual(reasons, ["jammed", "jammed_over", "jammed"])

    def test_a_reed_that_rattles_moves_nothing(self):
        place = Place()
        for ms in range(0, 3000, 20):
            place.door.receive_door(ms % 40 == 0, place.now_ms + ms)
        self.at(place, machine.LOCKED)
        self.assertEqual(place.door.alarms, [])

    # the panel

    def test_a_new_card_is_told_and_not_tried(self):
        place = Place()
        place.door.enroll(30, place.now_ms)
        self.assertEqual(place.display(), ("HOLD A NEW CARD", "TO THE READER"))
        place.code(3, 6, 4)
        place.card(ANN)
        self.at(place, machine.LOCKED)
        self.assertEqual(place.enrolled, ANN)
        place.card(ANN)
        self.at(place, machine.UNLOCKED)

    def test_without_a_new_card_it_is_told_too(self):
        place = Place()
        place.door.enroll(30, place.now_ms)
        place.let(30100)
        self.assertIsNone(place.enrolled)

    def test_hidden_digits_are_hidden(self):
        place = Place(hide_digits=True)
        place.code(3)
        self.assertEqual(place.display()[1], "* # #")


class KnobTest(unittest.TestCase):
    def setUp(self):
        self.now_ms = 0

    def knob(self, **settings):
        knob = machine.Knob(dict(machine.defaults(), **settings))
        self.rest(knob, 2000, 2000)
        return knob

    def rest(self, knob, value, ms, noise=0):
        """The digits that are taken while the knob stands at a value."""
        digits, until_ms = [], self.now_ms + ms
        while self.now_ms < until_ms:
            self.now_ms += 20
            digit = knob.receive_value(value + (noise if self.now_ms % 40 else -noise), self.now_ms)
            if digit is not None:
                digits.append(digit)
        return digits

    def test_a_knob_that_was_not_turned_gives_nothing(self):
        self.assertEqual(self.rest(self.knob(), 2000, 10000, noise=60), [])

    def test_the_scale_is_linear_from_end_to_end(self):
        for value, digit in ((0, 0), (409, 1), (1229, 3), (2457, 6), (3686, 9), (4095, 10)):
            knob = self.knob()
            self.assertEqual(self.rest(knob, value, 3000), [digit])

    def test_a_digit_is_taken_once_it_rests_and_the_next_needs_a_turn(self):
        knob = self.knob()
        self.assertEqual(self.rest(knob, 1229, 1200), [])
        self.assertEqual(knob.candidate(), 3)
        self.assertEqual(self.rest(knob, 1229, 5000), [3])
        self.assertIsNone(knob.candidate())
        self.rest(knob, 1400, 500)
        self.assertEqual(self.rest(knob, 1229, 3000), [3])

    def test_dead_zones_and_inversion(self):
        knob = self.knob(pot_max_digit=9, pot_dead_zone=80)
        self.assertEqual(self.rest(knob, 60, 3000), [0])
        self.assertEqual(self.rest(knob, 4030, 3000), [9])
        self.assertEqual(self.rest(self.knob(pot_inverted=True), 0, 3000), [10])

    def test_noise_does_not_disturb_a_rest(self):
        knob = self.knob()
        self.assertEqual(self.rest(knob, 1229, 4000, noise=60), [3])


if __name__ == "__main__":
    unittest.main()
