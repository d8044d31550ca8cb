"""The PCF8574 port expander, a display HD44780 behind it in any wiring, and a keypad of 4x4 keys.

Texas Instruments, PCF8574, SCPS068J: quasi-bidirectional pins, 8.3.1 and 9. Hitachi, HD44780U, ADE-207-272(Z) Rev. 0.0:
interface to the MPU, instructions table 6, reset function and initialising by instruction, figures 23 and 24.
"""

COLUMNS = 16
DDRAM = 0x80


class Pcf8574:
    """`attached` has changed(port), which hears of every write, and pulls(port), the pins that it holds low."""

    def __init__(self, attached):
        self.attached = attached
        self._port = 0xFF  # after power-on

    def write(self, data):
        for byte in data:
            self._port = byte
            self.attached.changed(byte)

    def read(self, count):
        return bytes([self._port & ~self.attached.pulls(self._port) & 0xFF] * count)


class Hd44780:
    """`wiring`: bits of RS, RW, EN, backlight, D4; whether the backlight is on at 0. RW may hang loose."""

    def __init__(self, wiring, has_rw=True):
        self._rs, self._rw, self._en, self._light, self._data, self._light_is_low = wiring
        self._has_rw = has_rw
        self.is_lit = False
        self.is_on = False
        self.clears = 0
        self._is_8_bit = True
        self._half = None
        self._was_enabled = False
        self._drives = None  # the half byte it holds on D4..D7 while it is read
        self._address = 0
        self._memory = bytearray(b" " * DDRAM)

    def lines(self):
        """What can be read on it."""
        if not self.is_on:
            return "", ""
        return self._memory[:COLUMNS].decode(), self._memory[0x40 : 0x40 + COLUMNS].decode()

    def changed(self, port):
        self.is_lit = bool(port >> self._light & 1) != self._light_is_low
        enabled = port >> self._en & 1
        reads = self._has_rw and port >> self._rw & 1
        if enabled and not self._was_enabled and reads:
            self._drives = self._give(port)
        elif not enabled and self._was_enabled:  # the falling edge takes what is on D4..D7
            if reads:
                self._drives = None
            else:
                self._take(port >> self._data & 0x0F, port >> self._rs & 1)
        self._was_enabled = enabled

    def pulls(self, port):
        if self._drives is None:
            return 0
        return (~self._drives & 0x0F) << self._data

    def _give(self, port):
        if not port >> self._rs & 1:
            return 0  # busy flag: never, and the address is not asked for
        byte = self._memory[self._address % DDRAM]
        if self._half is None:
            self._half = byte
            return byte >> 4
        self._half = None
        self._address += 1
        return byte & 0x0F

    def _take(self, half, is_data):
        if self._is_8_bit:  # D0..D3 hang loose and count as 0
            self._obey(half << 4, is_data)
        elif self._half is None:
            self._half = half
        else:
            byte, self._half = self._half << 4 | half, None
            self._obey(byte, is_data)

    def _obey(self, byte, is_data):
        if is_data:
            self._memory[self._address % DDRAM] = byte
            self._address += 1
        elif byte & 0x80:
            self._address = byte & 0x7F
        elif byte & 0x20:
            self._is_8_bit, self._half = bool(byte & 0x10), None
        elif byte & 0x08 and not byte & 0x30:
            self.is_on = bool(byte & 0x04)
        elif byte == 0x01:
            self._memory[:] = b" " * DDRAM
            self._address = 0
            self.clears += 1
        elif byte & 0x02 and not byte & 0xFC:
            self._address = 0


class Keys:
    """A keypad: rows at pins 0..3, columns at 4..7. `down` is the key that is held, or ""."""

    ROWS = ("123A", "456B", "789C", "*0#D")

    def __init__(self):
        self.down = ""

    def changed(self, port):
        pass

    def pulls(self, port):
        for row, keys in enumerate(self.ROWS):
            column = keys.find(self.down) if self.down else -1
            if column >= 0 and not port >> row & 1:
                return 0x10 << column
        return 0
