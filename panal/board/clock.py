"""Two clocks: one that only runs forward, and the time of day once somebody has told it.

`ticks_ms` of a board wraps (after 12 days on the ESP32); here it is unwrapped once for everybody. Instants are int
milliseconds since 1970 UTC, because a board's floats are single precision.
"""

TRUSTED_MS = 1700000000000  # an RTC that shows less was never set: the ESP32 begins in 2000


class Clock:
    def __init__(self, ticks_ms, period, rtc):
        """`ticks_ms()` wraps at `period`; `rtc` has get_ms() and set_ms(unix_ms), and TLS looks at it."""
        self._ticks_ms = ticks_ms
        self._period = period
        self._rtc = rtc
        self._last = ticks_ms()
        self._passed = 0
        now = rtc.get_ms()
        self._offset = now if now > TRUSTED_MS else None

    def monotonic_ms(self):
        """Milliseconds since the start. To be asked at least once in every half period."""
        ticks = self._ticks_ms()
        self._passed += (ticks - self._last) % self._period
        self._last = ticks
        return self._passed

    def monotonic_at(self, ticks):
        """The same for an instant of the recent past that an interrupt noted in ticks."""
        now_ms = self.monotonic_ms()
        return now_ms - (self._last - ticks) % self._period

    def now_ms(self):
        """The time of day, or None while nobody has told it."""
        return None if self._offset is None else self._offset + self.monotonic_ms()

    def at_ms(self, monotonic_ms):
        """The time of day at an instant of the other clock, or None."""
        return None if self._offset is None else self._offset + monotonic_ms

    def is_set(self):
        return self._offset is not None

    def set_ms(self, unix_ms):
        self._offset = unix_ms - self.monotonic_ms()
        self._rtc.set_ms(unix_ms)
