"""Text on the display, dot by dot, as framebuf draws it; the simulated chip's memory alone is 150 KB."""

import unittest

from panal.board.drivers import ili9342
from panal.virtual.chips import ili9342 as chip
from panal.virtual.chips.pins import Machine

try:
    import framebuf
except ImportError:  # CPython has none

    class framebuf:  # noqa: N801  as the module is named
        RGB565 = 1

        class FrameBuffer:
            """Letters whose first row shows the bits of their code, which is enough to see where they went."""

            def __init__(self, buffer, width, height, format):
                self.buffer, self.width = buffer, width

            def fill(self, colour):
                self.buffer[:] = bytes((colour & 255, colour >> 8)) * (len(self.buffer) // 2)

            def text(self, text, x, y, colour):
                for index, letter in enumerate(text):
                    for bit in range(8):
                        if ord(letter) >> bit & 1:
                            at = 2 * (y * self.width + x + 8 * index + bit)
                            self.buffer[at : at + 2] = bytes((colour & 255, colour >> 8))


VM_HEAP = "500k"
CS, DC = 5, 15


class ScreenTest(unittest.TestCase):
    def setUp(self):
        self.machine = Machine()
        self.chip = chip.Ili9342(lambda: self.machine.levels[DC])
        self.machine.selected[CS] = self.chip
        self.waited_us = 0
        cs, dc = self.machine.output(CS, 1), self.machine.output(DC, 0)
        self.screen = ili9342.Screen(self.machine.spi(18, 23, 19), cs, dc, self.wait, framebuf)
        self.screen.start()

    def wait(self, us):
        self.waited_us += us

    def show(self, *lines):
        self.screen.show(list(lines))
        worked = 0
        while self.screen.work():
            worked += 1
        self.assertEqual(self.chip.mistakes, [])
        return worked

    def drawn(self, text):
        """The dots of one line of text."""
        band = bytearray(ili9342.WIDTH * ili9342.LETTER * 2)
        canvas = framebuf.FrameBuffer(band, ili9342.WIDTH, ili9342.LETTER, framebuf.RGB565)
        canvas.fill(ili9342.DARK)
        canvas.text(text, 0, 0, ili9342.LIGHT)
        return band

    def row(self, number):
        size = ili9342.WIDTH * ili9342.LETTER * 2
        return self.chip.memory[number * size : (number + 1) * size]

    def test_it_is_awake_and_on_after_its_time(self):
        found = (self.chip.is_awake, self.chip.is_on, self.chip.is_inverted, self.chip.bits, self.chip.access)
        self.assertEqual(found, (True, True, True, 16, 8))
        self.assertEqual(self.waited_us, 240000)

    def test_lines_stand_below_each_other_dot_by_dot(self):
        self.show("I started: pwron_reset", "I light 1: 60 %, wall")
        self.assertEqual(self.row(0), self.drawn("I started: pwron_reset"))
        self.assertEqual(self.row(1), self.drawn("I light 1: 60 %, wall"))
        self.assertEqual(self.row(2), self.drawn(""))
        self.assertTrue(self.row(0) != self.drawn(""))

    def test_only_what_changed_is_drawn_again(self):
        self.assertEqual(self.show("a", "b"), ili9342.LINES)  # once all of it, as nobody knows what stood there
        self.assertEqual(self.show("a", "c"), 1)
        self.assertEqual(self.row(1), self.drawn("c"))
        self.assertEqual(self.show("a", "c"), 0)

    def test_what_is_too_long_or_too_much_is_cut(self):
        self.show(*["line %d " % number + "x" * 60 for number in range(40)])
        self.assertEqual(self.row(0), self.drawn(("line 10 " + "x" * 60)[:40]))
        self.assertEqual(self.row(29), self.drawn(("line 39 " + "x" * 60)[:40]))

    def test_the_band_is_all_the_memory_it_takes(self):
        self.assertTrue(ili9342.WIDTH * ili9342.LETTER * 2 <= 8192)
