"""Four lights with a wall switch each, model lights-4: an ESP32. Pins: docs/boards/lights-4.md."""

CELLS = ("lights",)
ACCESS_POINT = "RackON_"  # and the device id; the model has it too (panal/cells/devices/catalog.py)
SETUP_BUTTON = "button"
CALLS = {}

BUTTON = 0  # the board's own, BOOT
LED = 2  # active low
LAMPS = (25, 26, 27, 33)  # high is on; quiet while the ESP32 starts
WALLS = (32, 13, 4, 16)  # to ground, pull-up
I2C = (21, 22)  # SDA, SCL: an LCD1602, where one is fitted
SPI = (18, 23, 19)  # SCK, MOSI, MISO: an ILI9342 as on the M5Stack Core2, where one is fitted
DISPLAY_CS = 5
DISPLAY_DC = 15


def parts(drivers):
    """The parts by the names that the cells use; `drivers` is panal.board.drivers.parts, or what stands in for it.

    `lamp(number, kind)` and `display(name)` make theirs when it is known which is fitted.
    """
    from panal.board.drivers import lamps

    machine = drivers.buses()
    pins = [machine.output(number, 0) for number in LAMPS]  # before all else: dark

    def lamp(number, kind):
        if kind == "dimmer":
            return lamps.Dimmer(machine.pwm(LAMPS[number - 1], lamps.PWM_HZ))
        pins[number - 1] = machine.output(LAMPS[number - 1], pins[number - 1].value())
        return lamps.Relay(pins[number - 1])

    return {
        "button": drivers.Switch(BUTTON),
        "led": drivers.ActiveLow(LED),
        "walls": [machine.input(number) for number in WALLS],
        "lamp": lamp,
        "display": lambda name: _display(machine, name),
    }


def _display(machine, name):
    """A display, as panal/board/display.py wants it."""
    if name == "ili9342":
        import framebuf

        from panal.board.drivers import ili9342

        spi = machine.spi(SPI[0], SPI[1], SPI[2], ili9342.SPI_HZ)
        cs, dc = machine.output(DISPLAY_CS, 1), machine.output(DISPLAY_DC, 0)
        return ili9342.Screen(spi, cs, dc, machine.sleep_us, framebuf)
    from panal.board.drivers import lcd1602

    return lcd1602.Lcd(machine.i2c(I2C[0], I2C[1]), machine.sleep_us)
