"""Display of 320x240 dots in colour: ILI9342C, as on the M5Stack Core2. Thirty lines of forty letters.

Commands by the names of its data sheet (ILI Technology Corp.). Text is drawn by framebuf, one line at a time, so that a
band of 5 KB is all the memory it takes; one line over SPI at 20 MHz takes 2 ms. Light behind it is the board's affair.
"""

WIDTH = 320
HEIGHT = 240
LETTER = 8  # dots, of the font that framebuf has
COLUMNS = WIDTH // LETTER
LINES = HEIGHT // LETTER
SPI_HZ = 20000000
BEGIN = (
    (0x01, b"", 120000),  # Software Reset: sleeping may end 120 ms later
    (0x11, b"", 120000),  # Sleep Out
    (0x3A, b"\x55", 0),  # Pixel Format Set: 16 bits for a dot
    (0x36, b"\x08", 0),  # Memory Access Control: rows and columns as they are, blue before red
    (0x21, b"", 0),  # Display Inversion ON: the Core2's panel needs it
    (0x29, b"", 0),  # Display ON
)
COLUMN_ADDRESS = 0x2A
PAGE_ADDRESS = 0x2B
MEMORY_WRITE = 0x2C
DARK = 0x0000
LIGHT = 0xFFFF


class Screen:
    """`spi` with write(); `cs` and `dc` are outputs; `sleep_us` waits; `framebuf` is the module."""

    def __init__(self, spi, cs, dc, sleep_us, framebuf):
        self._spi = spi
        self._cs = cs
        self._dc = dc
        self._sleep_us = sleep_us
        self._band = bytearray(WIDTH * LETTER * 2)
        self._canvas = framebuf.FrameBuffer(self._band, WIDTH, LETTER, framebuf.RGB565)
        self._wanted = ()
        self._shown = [None] * LINES

    def start(self):
        """Takes 0.25 s: before all else. Whether it is there nobody can ask: nothing comes back over the bus."""
        for command, parameters, wait_us in BEGIN:
            self._say(command, parameters)
            self._sleep_us(wait_us)
        return True

    def revive(self):
        pass

    def show(self, lines):
        """The newest at the end; what is too much is left out at the beginning."""
        self._wanted = lines[-LINES:]

    def work(self):
        """One line of what there is to do; whether there is more."""
        for row in range(LINES):
            text = self._wanted[row][:COLUMNS] if row < len(self._wanted) else ""
            if text != self._shown[row]:
                self._shown[row] = text
                self._draw(row, text)
                return True
        return False

    def _draw(self, row, text):
        self._canvas.fill(DARK)
        self._canvas.text(text, 0, 0, LIGHT)
        top = row * LETTER
        self._say(COLUMN_ADDRESS, _span(0, WIDTH - 1))
        self._say(PAGE_ADDRESS, _span(top, top + LETTER - 1))
        self._say(MEMORY_WRITE, self._band)

    def _say(self, command, parameters):
        """Over four wires: D/C is low for the command, high for what belongs to it."""
        self._cs.value(0)
        self._dc.value(0)
        self._spi.write(bytes((command,)))
        self._dc.value(1)
        if parameters:
            self._spi.write(parameters)
        self._cs.value(1)


def _span(first, last):
    return first.to_bytes(2, "big") + last.to_bytes(2, "big")
