"""The simple parts of a door: lock, lights, buzzer, knob, keypad. All take parts of `machine` and block for nothing."""

# on and off in ms
PATTERNS = {"short": (30,), "double": (80, 80, 80), "triple": (30, 60, 30, 60, 30), "long": (300,)}
GAP_MS = 200  # of silence after a pattern, so that two of them are heard as two
MOST_PATTERNS = 4  # that wait; more than that is noise
HALF = 32768  # of a PWM's duty
LOCKED_NS = 1450000  # 90° of a servo that turns 180° from 500 to 2400 µs
UNLOCKED_NS = 500000  # 0°
KEYS = ("123A", "456B", "789C", "*0#D")
COLUMNS = 0xF0  # of the keypad's port expander; its rows are the lower half


class Relay:
    """`pin` is an output that rests: machine.Pin(n, machine.Pin.OUT, value=1 if active_low else 0)."""

    def __init__(self, pin, active_low):
        self._pin = pin
        self._on = 0 if active_low else 1
        self.set(False)

    def set(self, is_on):
        self._pin.value(self._on if is_on else 1 - self._on)


class Servo:
    """Stands in for the relay. It does not move before it is told to: a reset must not close it upon an open door."""

    def __init__(self, pwm):
        self._pwm = pwm

    def set(self, is_on):
        self._pwm.duty_ns(UNLOCKED_NS if is_on else LOCKED_NS)


class Buzzer:
    """`pwm` of 2 kHz, silent at first."""

    def __init__(self, pwm):
        self._pwm = pwm
        self._waiting = []
        self._steps = ()
        self._at = 0
        self._until_ms = None
        pwm.duty_u16(0)

    def play(self, name):
        if len(self._waiting) < MOST_PATTERNS:
            self._waiting.append(name)

    def work(self, now_ms):
        """To be called every 20 ms."""
        if self._until_ms is not None and now_ms < self._until_ms:
            return
        if self._at >= len(self._steps):
            if not self._waiting:
                self._until_ms = None
                return
            self._steps, self._at = PATTERNS[self._waiting.pop(0)] + (GAP_MS,), 0  # noqa: RUF005
        self._pwm.duty_u16(0 if self._at % 2 else HALF)
        self._until_ms = now_ms + self._steps[self._at]
        self._at += 1


class Knob:
    """A potentiometer at an ADC: 0..4095, the middle of three readings, as some are far off beside Wi-Fi."""

    def __init__(self, adc):
        self._adc = adc

    def value(self):
        read = self._adc.read_u16
        return sorted((read(), read(), read()))[1] >> 4


class Contact:
    """To ground when closed; `pin` is an input with a pull-up."""

    def __init__(self, pin):
        self._pin = pin

    def is_closed(self):
        return not self._pin.value()


class Keypad:
    """4x4 keys behind a PCF8574: a row is pulled down, and a key pulls its column down with it.

    Texas Instruments, PCF8574, SCPS068J, section 8.3: a pin written as 1 is an input with a weak pull-up.
    """

    def __init__(self, i2c, address=0x20):
        self._i2c = i2c
        self._address = address
        self._last = self._seen = None

    def poll(self):
        """The key that went down since the last poll, or None; every 20 ms. A key counts when it is seen twice."""
        try:
            key = self._scan()
        except OSError:  # it is not there
            key = None
        is_steady, self._seen = key == self._seen, key
        if not is_steady or key == self._last:
            return None
        self._last = key
        return key

    def _scan(self):
        if self._columns(COLUMNS) == COLUMNS:
            return None
        for row in range(4):
            found = self._columns(0xFF & ~(1 << row)) ^ COLUMNS
            for column in range(4):
                if found == 0x10 << column:
                    return KEYS[row][column]
        return None

    def _columns(self, rows):
        self._i2c.writeto(self._address, bytes((rows,)))
        return self._i2c.readfrom(self._address, 1)[0] & COLUMNS
