"""Log lines on a display of two lines: the real driver and the simulated chip behind it."""

import unittest

from panal.board import display
from panal.board.drivers import lcd1602
from panal.board.log import Log
from panal.virtual.chips import pcf8574_hd44780 as port
from panal.virtual.chips.pins import Machine


class Clock:
    def now_ms(self):
        return None


class Board:
    def __init__(self):
        self.log = Log(Clock())


class DisplayTest(unittest.TestCase):
    def setUp(self):
        self.machine, self.board = Machine(), Board()
        self.chip = port.Hd44780(lcd1602.MAPPINGS[0])
        self.machine.addressed[0x27] = port.Pcf8574(self.chip)
        screen = lcd1602.Lcd(self.machine.i2c(21, 22), self.machine.sleep_us)
        self.display = display.Display(self.board, screen, True)

    def see(self):
        while self.display.look():
            pass
        return [line.rstrip() for line in self.chip.lines()]

    def test_the_newest_line_is_seen_over_both(self):
        self.board.log.info("started: pwron_reset, boot 7")
        self.assertEqual(self.see(), ["started: pwron_r", "eset, boot 7"])

    def test_what_is_noted_is_seen_and_not_sent(self):
        sent = []
        self.board.log.say = lambda leaf, line: sent.append(line) or True
        self.board.log.note("light 1: 60 %")
        self.assertEqual(self.see(), ["light 1: 60 %", ""])
        self.assertEqual(sent, [])

    def test_what_is_below_the_level_is_not_shown(self):
        self.board.log.debug("noise")
        self.assertEqual(self.see(), ["", ""])
