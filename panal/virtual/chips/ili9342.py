"""The display controller ILI9342C at its SPI, as far as text needs it: commands, the window, its memory.

By the names of its data sheet: Software Reset, Sleep Out, Pixel Format Set, Column and Page Address Set, Memory Write.
"""

WIDTH = 320
HEIGHT = 240


class Ili9342:
    """`dc()`: the level of its D/C pin. What it is told while it sleeps, or in another format, is not shown."""

    def __init__(self, dc):
        self._dc = dc
        self._reset()

    def _reset(self):
        self.is_awake = self.is_on = self.is_inverted = False
        self.bits = 18
        self.access = 0
        self.memory = bytearray(WIDTH * HEIGHT * 2)
        self._command = 0
        self._parameters = b""
        self._columns = (0, WIDTH - 1)
        self._pages = (0, HEIGHT - 1)
        self._at = 0  # bytes that were written into the window since Memory Write
        self.mistakes = []

    def select(self):
        """The beginning of an exchange."""

    def exchange(self, byte):
        if not self._dc():
            self._obey(byte)
        elif self._command == 0x2C:
            self._write(byte)
        else:
            self._take(byte)
        return 0

    def _obey(self, command):
        self._command, self._parameters, self._at = command, b"", 0
        if command == 0x01:
            self._reset()
        elif command == 0x11:
            self.is_awake = True
        elif command in (0x20, 0x21):
            self.is_inverted = command == 0x21
        elif command in (0x28, 0x29):
            self.is_on = command == 0x29
        elif command not in (0x2A, 0x2B, 0x2C, 0x36, 0x3A):
            self.mistakes.append(command)

    def _take(self, byte):
        self._parameters += bytes((byte,))
        given = self._parameters
        if self._command == 0x3A:
            self.bits = 16 if byte == 0x55 else 18
        elif self._command == 0x36:
            self.access = byte
        elif self._command in (0x2A, 0x2B) and len(given) == 4:
            span, most = (given[0] << 8 | given[1], given[2] << 8 | given[3]), (WIDTH, HEIGHT)[self._command - 0x2A]
            if not span[0] <= span[1] < most:
                self.mistakes.append(span)
            elif self._command == 0x2A:
                self._columns = span
            else:
                self._pages = span

    def _write(self, byte):
        if not self.is_awake or self.bits != 16:
            self.mistakes.append("memory")
            return
        width = self._columns[1] - self._columns[0] + 1
        dot = self._at >> 1
        row = self._pages[0] + dot // width
        if row <= self._pages[1]:
            self.memory[2 * (row * WIDTH + self._columns[0] + dot % width) + (self._at & 1)] = byte
        self._at += 1
