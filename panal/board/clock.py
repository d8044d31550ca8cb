"""Two clocks: one that only runs forward, and the time of day once somebody has told it.

`ticks_ms` of a board wraps (after 12 days on the ESP32); here it is unwrapped once for everybody. Instants are int
milliseconds since 1970 UTC, because a board's floats are single precision. SNTP: RFC 4330.
"""

import asyncio

SNTP_EPOCH_S = 2208988800  # 1900 to 1970
TRUSTED_MS = 1700000000000  # an RTC that shows less was never set: the ESP32 begins in 2000
POLL_S = 0.02
ANSWER_S = 2


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


def request():
    """An SNTP question: version 4, mode client (RFC 4330 section 4)."""
    return b"\x23" + bytes(47)


def parse_answer(data, asked_ms, heard_ms):
    """Unix milliseconds at `heard_ms` from a server's answer, or None for an answer that is none."""
    if len(data) < 48 or data[0] & 7 != 4 or not 1 <= data[1] <= 15:  # mode server; stratum 0 is a kiss-o'-death
        return None
    seconds = int.from_bytes(data[40:44], "big")
    if not seconds:
        return None
    if seconds < 0x80000000:  # era 1 begins in 2036, RFC 4330 section 3
        seconds += 1 << 32
    fraction_ms = int.from_bytes(data[44:48], "big") * 1000 >> 32
    return (seconds - SNTP_EPOCH_S) * 1000 + fraction_ms + (heard_ms - asked_ms) // 2


async def ask(clock, open_udp, host, port=123):
    """Set the clock by an SNTP server; False when it does not answer. `open_udp(host, port)`: send, receive, close."""
    try:
        udp = open_udp(host, port)
    except OSError:
        return False
    try:
        return await _ask(clock, udp)
    except OSError:
        return False
    finally:
        udp.close()


async def _ask(clock, udp):
    asked_ms = clock.monotonic_ms()
    udp.send(request())
    while clock.monotonic_ms() - asked_ms < ANSWER_S * 1000:
        data = udp.receive(48)
        if data:
            now = parse_answer(data, asked_ms, clock.monotonic_ms())
            if now is not None:
                clock.set_ms(now)
            return now is not None
        await asyncio.sleep(POLL_S)
    return False
