"""Display of two lines of 16 letters: HD44780 behind a PCF8574, which has six wirings in the shops.

Instructions and times: Hitachi HD44780U data sheet, ADE-207-272(Z) Rev. 0.0, tables 6 and 12 and figure 24. At 50 kHz
a byte takes 0.2 ms, so work is cut into slices of at most 13 ms, done 20 ms apart: no instruction takes longer.
"""

# bits of RS, RW, EN, backlight, D4; whether the backlight is on at 0
MAPPINGS = (
    (0, 1, 2, 3, 4, False),
    (4, 5, 6, 7, 0, False),
    (6, 5, 4, 7, 0, False),
    (0, 2, 1, 3, 4, False),
    (0, 1, 2, 3, 4, True),
    (4, 5, 6, 7, 0, True),
)
ADDRESSES = (0x27, 0x3F)
BEGIN = (3, 3, 3, 2)  # half bytes: 8 bits, three times, then 4 bits, figure 24
SET_UP = b"\x28\x0c\x06\x01"  # two lines; display on, no cursor; to the right; clear
CLEAR = 0x01
LINES = b"\x80\xc0"
PROBE = 0x5A
SETTLE_US = 4200  # figure 24: more than 4.1 ms after the first half byte, which is the longest of all


class Lcd:
    """`i2c` of machine.I2C; `mapping` 0..5, or -1 to find out; `sleep_us` waits."""

    def __init__(self, i2c, sleep_us, mapping=-1):
        self._i2c = i2c
        self._sleep_us = sleep_us
        self.mapping = mapping
        self._address = None
        self._slices = []
        self._en = 0
        self._shown = self._wanted = ("", "")
        self.is_present = False

    def start(self):
        """Find the display, its wiring and set it up; whether there is one. Takes 0.3 s: before all else."""
        try:
            self._address = self._find()
            self.is_present = self._address is not None
            if self.is_present:
                self._wire(self.mapping if self.mapping >= 0 else self._probe())
                self._begin()
        except OSError:
            self.is_present = False
        self._slices, self._shown = [], ("", "")
        return self.is_present

    def revive(self):
        """Look whether a display that was lost, or never seen, is there now; its set-up is then done slice by slice."""
        try:
            self._address = self._find()
        except OSError:
            return
        if self._address is not None:
            if not self._en:
                self._wire(max(self.mapping, 0))
            self.is_present = True
            self._slices, self._shown = self._set_up(), ("", "")

    def show(self, first, second):
        self._wanted = (first, second)

    def work(self):
        """One slice of what there is to do; whether there is more."""
        if not self.is_present:
            return False
        if not self._slices and self._wanted != self._shown:
            self._shown = self._wanted
            self._slices.append(self._encoded(bytes((CLEAR,)), False))
            for index, line in enumerate(self._wanted):
                letters = ("%-16s" % line)[:16].encode()
                self._slices.append(self._encoded(LINES[index : index + 1], False) + self._encoded(letters, True))
        if not self._slices:
            return False
        try:
            self._i2c.writeto(self._address, self._slices.pop(0))
        except OSError:  # unplugged
            self.is_present = False
        return bool(self._slices)

    def _find(self):
        for address in ADDRESSES:
            try:
                self._i2c.writeto(address, b"\xff")
                return address
            except OSError:
                pass
        return None

    def _wire(self, mapping):
        rs, rw, en, light, data, is_low = MAPPINGS[mapping]
        self._rs, self._rw, self._en, self._data = 1 << rs, 1 << rw, 1 << en, data
        self._light = 0 if is_low else 1 << light
        self.wired = mapping

    def _set_up(self):
        halves = [bytes((port | self._en, port)) for port in [self._light | half << self._data for half in BEGIN]]
        return halves + [self._encoded(SET_UP[n : n + 1], False) for n in range(len(SET_UP))]

    def _begin(self):
        for data in self._set_up():
            self._i2c.writeto(self._address, data)
            self._sleep_us(SETTLE_US)

    def _probe(self):
        """The wiring for which the display gives back what it was given; 0 where none does, as RW may hang loose.

        Of two wirings that differ in their backlight alone the first is taken: a light cannot be read.
        """
        for mapping in range(len(MAPPINGS)):
            self._wire(mapping)
            self._begin()
            home = self._encoded(LINES[:1], False)
            self._i2c.writeto(self._address, home + self._encoded(bytes((PROBE,)), True) + home)
            if self._read() == PROBE:
                return mapping
        return 0

    def _encoded(self, data, is_letter):
        """What the port is given: each byte as two halves, and each half with EN up and down again."""
        always = self._light | (self._rs if is_letter else 0)
        out = bytearray(4 * len(data))
        for index, byte in enumerate(data):
            for half in (0, 2):
                port = always | ((byte >> 4 if half == 0 else byte) & 0x0F) << self._data
                out[4 * index + half] = port | self._en
                out[4 * index + half + 1] = port
        return out

    def _read(self):
        """The byte at the display's address: the port's pins are inputs while they are written as 1."""
        port = self._light | self._rs | self._rw | 0x0F << self._data
        found = 0
        for _ in range(2):
            self._i2c.writeto(self._address, bytes((port | self._en,)))
            found = found << 4 | self._i2c.readfrom(self._address, 1)[0] >> self._data & 0x0F
            self._i2c.writeto(self._address, bytes((port,)))
        return found
