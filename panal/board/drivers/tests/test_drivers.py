"""Drivers against chips that were written from data sheets: both sides at the level of registers and pins."""

import unittest

from panal.board.drivers import door, lcd1602, mfrc522
from panal.virtual.chips import mfrc522 as chip
from panal.virtual.chips import pcf8574_hd44780 as port
from panal.virtual.chips.pins import Machine

CS = 5
FOUR = b"\x04\xa1\xb2\xc3"
SEVEN = b"\x04\x11\x22\x33\x44\x55\x66"
TEN = b"\x04\x01\x02\x03\x04\x05\x06\x07\x08\x09"


class ReaderTest(unittest.TestCase):
    def setUp(self):
        self.machine = Machine()
        self.chip = chip.Mfrc522()
        self.machine.selected[CS] = self.chip
        spi = self.machine.spi(18, 23, 19)
        self.reader = mfrc522.Reader(spi, self.machine.output(CS, 1), self.machine.output(13, 1))
        self.assertTrue(self.reader.start())

    def hold(self, *uids):
        self.chip.cards = [chip.Card(uid) for uid in uids]

    def test_uids_of_4_7_and_10_bytes_are_read_whole(self):
        for uid in (FOUR, SEVEN, TEN):
            self.hold(uid)
            self.assertEqual(self.reader.poll(), uid)

    def test_a_card_that_stays_is_read_once(self):
        self.hold(SEVEN)
        self.assertEqual([self.reader.poll() for _ in range(20)], [SEVEN] + [None] * 19)
        self.assertEqual(self.reader._missed, 0)  # it answers every time: it was put to sleep, and is woken

    def test_a_card_that_was_taken_away_is_read_again(self):
        self.hold(FOUR)
        self.reader.poll()
        self.hold()
        for _ in range(3):
            self.assertIsNone(self.reader.poll())
        self.hold(FOUR)
        self.assertEqual(self.reader.poll(), FOUR)

    def test_a_short_gap_is_the_same_card(self):
        self.hold(FOUR)
        self.reader.poll()
        self.hold()
        self.reader.poll()
        self.hold(FOUR)
        self.assertIsNone(self.reader.poll())

    def test_of_two_cards_one_is_read_whole(self):
        for uids in (
            (FOUR, b"\x04\xa1\xb2\xc7"),
            (b"\x01\x02\x03\x05", b"\xf1\x02\x03\x04"),
            (SEVEN, FOUR),
            (TEN, SEVEN),
        ):
            self.hold(*uids)
            self.assertIn(self.reader.poll(), uids)

    def test_a_wrong_bcc_is_no_card(self):
        self.chip.cards = [chip.Card(FOUR, is_wrong=True)]
        self.assertIsNone(self.reader.poll())

    def test_a_wrong_crc_of_the_confirmation_is_no_card(self):
        self.hold(FOUR)
        card = self.chip.cards[0]
        plain = card.hear

        def hear(data, last_bits):
            answer = plain(data, last_bits)
            return answer[:-1] + [1 - answer[-1]] if answer and data[1:2] == b"\x70" else answer

        card.hear = hear
        self.assertIsNone(self.reader.poll())

    def test_a_reader_that_lost_its_power_for_a_moment_works_again(self):
        self.chip._reset()
        self.hold(FOUR)
        self.assertIsNone(self.reader.poll())
        self.assertEqual(self.reader.poll(), FOUR)

    def test_a_dead_reader_is_noticed_and_costs_no_time(self):
        counted = [0]
        plain = self.chip.exchange

        def exchange(byte):
            counted[0] += 1
            return plain(byte)

        self.chip.exchange = exchange
        self.chip.is_dead = True
        self.assertIsNone(self.reader.poll())
        self.assertFalse(self.reader.is_present)
        self.assertLess(counted[0], 200)

    def test_no_poll_takes_more_exchanges_than_it_may(self):
        """At 1 MHz and 60 µs of overhead for each of them, 280 are 25 ms: WUPA, three levels, HLTA."""
        counted, most = [0], 0
        plain = self.chip.select

        def select():
            counted[0] += 1
            plain()

        self.chip.select = select
        for uids in ((), (FOUR,), (TEN,), (SEVEN, FOUR)):
            self.hold(*uids)
            counted[0] = 0
            self.reader.poll()
            most = max(most, counted[0])
        self.assertLess(most, 280)

    def test_crc_a_is_that_of_the_standard(self):
        """ISO 14443-3, annex B: 0x00 0x00 gives 0xA0 0x1E, 0x12 0x34 gives 0x26 0xCF."""
        self.assertEqual(mfrc522.with_crc(b"\x00\x00"), b"\x00\x00\xa0\x1e")
        self.assertEqual(mfrc522.with_crc(b"\x12\x34"), b"\x12\x34\x26\xcf")
        self.assertEqual(chip.crc_a(b"\x12\x34"), b"\x26\xcf")


class LcdTest(unittest.TestCase):
    def lcd(self, wiring, address=0x27, mapping=-1, has_rw=True):
        self.machine = Machine()
        self.chip = port.Hd44780(lcd1602.MAPPINGS[wiring], has_rw)
        self.machine.addressed[address] = port.Pcf8574(self.chip)
        self.i2c = self.machine.i2c(21, 22)
        return lcd1602.Lcd(self.i2c, lambda us: None, mapping)

    def finish(self, lcd):
        slices = 1
        while lcd.work():
            slices += 1
        return slices

    def test_it_finds_each_wiring_at_each_address(self):
        for wiring in range(4):
            for address in lcd1602.ADDRESSES:
                lcd = self.lcd(wiring, address)
                self.assertTrue(lcd.start())
                self.assertEqual(lcd.wired, wiring)
                lcd.show("WELCOME, INPUT", "PASSWORD OR RFID")
                self.finish(lcd)
                self.assertEqual(self.chip.lines(), ("WELCOME, INPUT  ", "PASSWORD OR RFID"))
                self.assertTrue(self.chip.is_lit)

    def test_a_chosen_wiring_is_taken(self):
        for wiring in range(6):
            lcd = self.lcd(wiring, mapping=wiring, has_rw=False)
            lcd.start()
            lcd.show("CURRENT PASS:", "3 # #")
            self.finish(lcd)
            self.assertEqual(self.chip.lines(), ("CURRENT PASS:   ", "3 # #           "))
            self.assertTrue(self.chip.is_lit)

    def test_where_nothing_can_be_read_back_the_usual_wiring_is_taken(self):
        lcd = self.lcd(0, has_rw=False)
        lcd.start()
        self.assertEqual(lcd.wired, 0)

    def test_it_is_cleared_before_it_shows_something_new_and_left_alone_otherwise(self):
        lcd = self.lcd(0)
        lcd.start()
        clears = self.chip.clears
        for _ in range(3):
            lcd.show("A", "B")
            self.assertEqual(self.finish(lcd) > 0, True)
        self.assertEqual(self.chip.clears, clears + 1)

    def test_no_slice_takes_longer_than_25_ms_at_50_khz(self):
        lcd = self.lcd(0)
        lcd.start()
        lcd.show("0123456789ABCDEF", "0123456789ABCDEF")
        more = True
        while more:
            before_us = self.i2c.busy_us
            more = lcd.work()
            self.assertLess(self.i2c.busy_us - before_us, 13000)

    def test_a_display_that_is_unplugged_is_noticed_and_comes_back(self):
        lcd = self.lcd(0)
        lcd.start()
        chips = dict(self.machine.addressed)
        self.machine.addressed.clear()
        lcd.show("A", "B")
        self.finish(lcd)
        self.assertFalse(lcd.is_present)
        lcd.revive()
        self.assertFalse(lcd.is_present)
        self.chip = port.Hd44780(lcd1602.MAPPINGS[0])
        self.machine.addressed[0x27] = port.Pcf8574(self.chip)
        self.assertTrue(chips)
        lcd.revive()
        self.finish(lcd)
        self.finish(lcd)
        self.assertEqual(self.chip.lines()[0], "A               ")

    def test_without_a_display_it_says_so(self):
        lcd = self.lcd(0)
        self.machine.addressed.clear()
        self.assertFalse(lcd.start())
        self.assertFalse(lcd.work())


class PartsTest(unittest.TestCase):
    def setUp(self):
        self.machine = Machine()

    def test_a_relay_rests_from_the_first_moment(self):
        relay = door.Relay(self.machine.output(25, 1), True)
        self.assertEqual(self.machine.levels[25], 1)
        relay.set(True)
        self.assertEqual(self.machine.levels[25], 0)
        relay = door.Relay(self.machine.output(26, 0), False)
        self.assertEqual(self.machine.levels[26], 0)
        relay.set(True)
        self.assertEqual(self.machine.levels[26], 1)

    def test_a_servo_moves_only_when_it_is_told_to(self):
        servo = door.Servo(self.machine.pwm(25, 50))
        self.assertIsNone(self.machine.pwms[25].pulse_us)
        servo.set(False)
        self.assertEqual(self.machine.pwms[25].pulse_us, 1450)
        servo.set(True)
        self.assertEqual(self.machine.pwms[25].pulse_us, 500)

    def heard(self, *names):
        """How long the buzzer sounded and was silent, in ms."""
        buzzer = door.Buzzer(self.machine.pwm(26, 2000))
        for name in names:
            buzzer.play(name)
        found, last = [], None
        for now_ms in range(0, 2500, 10):
            buzzer.work(now_ms)
            duty = self.machine.pwms[26].duty
            if (duty > 0) != last:
                last = duty > 0
                found.append([last, 0])
            found[-1][1] += 10
        return [tuple(step) for step in found[:-1]]

    def test_the_buzzer_sounds_its_patterns(self):
        on, off = True, False
        self.assertEqual(self.heard("short"), [(on, 30)])
        self.assertEqual(self.heard("double"), [(on, 80), (off, 80), (on, 80)])
        self.assertEqual(self.heard("triple"), [(on, 30), (off, 60), (on, 30), (off, 60), (on, 30)])
        self.assertEqual(self.heard("long"), [(on, 300)])
        self.assertEqual(self.heard("short", "long"), [(on, 30), (off, 200), (on, 300)])

    def test_noise_does_not_pile_up(self):
        self.assertLess(len(self.heard("short", "short", "short", "short", "short", "short", "short")), 9)

    def test_a_knob_is_not_moved_by_one_wild_reading(self):
        knob = door.Knob(self.machine.adc(34))
        self.machine.analog[34] = 1234
        self.assertEqual(knob.value(), 1234)
        values = [1234 << 4, 1234 << 4, 4095 << 4]
        knob._adc.read_u16 = lambda: values.pop()
        self.assertEqual(knob.value(), 1234)

    def test_each_key_is_told_once(self):
        keys = port.Keys()
        self.machine.addressed[0x20] = port.Pcf8574(keys)
        keypad = door.Keypad(self.machine.i2c(21, 22))
        for key in "123A456B789C*0#D":
            keys.down = key
            self.assertEqual([keypad.poll() for _ in range(4)], [None, key, None, None])
            keys.down = ""
            self.assertEqual([keypad.poll() for _ in range(3)], [None, None, None])

    def test_without_a_keypad_there_are_no_keys(self):
        self.assertIsNone(door.Keypad(self.machine.i2c(21, 22)).poll())


if __name__ == "__main__":
    unittest.main()
