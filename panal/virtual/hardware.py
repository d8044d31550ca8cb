"""A simulated board: the names of panal/board/esp32.py, with parts that are worked by words on the standard input.

MicroPython-compatible: it runs inside the VM, beside the firmware's own files, and on CPython.
"""

import asyncio
import errno
import time

import panal
from panal.board import net

TICKS_PERIOD = 1 << 30
BOUNCE_MS = (0, 2, 5)  # how a cheap contact closes: down, up, down
LED_LOOK_MS = 1200


def ticks_ms():
    """As on the ESP32, where they wrap after 12 days."""
    if hasattr(time, "ticks_ms"):
        return time.ticks_ms()
    return time.monotonic_ns() // 1000000 % TICKS_PERIOD


class Edges:
    """A button. A press is kept edge by edge with its times, as the interrupt of the real one does."""

    def __init__(self, pin):
        self._edges = []

    def press(self, ms):
        ticks = ticks_ms()
        for index, after in enumerate(BOUNCE_MS):
            self._edges.append((index % 2 == 0, (ticks + after) % TICKS_PERIOD))
        asyncio.create_task(self._release(ms))  # noqa: RUF006  the loop holds it

    async def _release(self, ms):
        await asyncio.sleep(ms / 1000)
        self._edges.append((False, ticks_ms()))

    def edges(self):
        now = ticks_ms()
        # The bounces of a press lie a few milliseconds ahead.
        past = [edge for edge in self._edges if (now - edge[1]) % TICKS_PERIOD < TICKS_PERIOD // 2]
        self._edges = [edge for edge in self._edges if edge not in past]
        return past


class Switch:
    def __init__(self, pin):
        self.value = False

    def is_on(self):
        return self.value


class ActiveLow:
    """An LED that somebody looks at: `seen` is called with the pattern, which is told from the changes alone."""

    def __init__(self, pin):
        self.seen = None
        self.pattern = None
        self._changed_ms = ticks_ms()

    def on(self):
        self._change()

    def off(self):
        self._change()

    def _change(self):
        passed_ms = (ticks_ms() - self._changed_ms) % TICKS_PERIOD
        self._changed_ms = ticks_ms()
        if 60 <= passed_ms < 150:
            self._see("blink_100")
        elif 150 <= passed_ms < 350:
            self._see("blink_200")
        elif 350 <= passed_ms < 800:
            self._see("blink_500")

    def look(self):
        """To be called now and then: a light that has not changed for longer than any blinking is steady."""
        if (ticks_ms() - self._changed_ms) % TICKS_PERIOD > LED_LOOK_MS:
            self._see("steady")

    def _see(self, pattern):
        if pattern != self.pattern and self.seen is not None:
            self.pattern = pattern
            self.seen(pattern)


class Battery:
    def __init__(self, pin, divider, empty_mv, full_mv):
        self.value = 0.87

    def level(self):
        return self.value


class Rtc:
    """The host's clock, or one that begins in 2000 as an ESP32's does until it is set."""

    def __init__(self, is_set=True):
        self._offset_ms = 0 if is_set else 946684800000 - self._host_ms()

    def _host_ms(self):
        return time.time_ns() // 1000000

    def get_ms(self):
        return self._host_ms() + self._offset_ms

    def set_ms(self, unix_ms):
        self._offset_ms = unix_ms - self._host_ms()


class Wifi:
    """A radio that can be switched off. Connections it had then vanish without a goodbye, as in the air."""

    def __init__(self):
        self.is_on = True
        self.signal_dbm = -58
        self._is_associated = False
        self._lost = []

    def connect(self):
        self._is_associated = self.is_on

    def is_up(self):
        return self._is_associated and self.is_on

    def ip(self):
        return "127.0.0.1" if self.is_up() else "0.0.0.0"  # noqa: S104  what a board without an address shows

    def rssi(self):
        return self.signal_dbm if self.is_up() else None

    def switch(self, is_on):
        self.is_on = is_on
        self._is_associated = self._is_associated and is_on
        if is_on:
            for stream in self._lost:
                stream.close()
            self._lost = []

    def let_go(self, stream):
        """The board closes a connection; while the radio is off, nobody outside hears of it."""
        if self.is_on:
            stream.close()
        else:
            self._lost.append(stream)


class AirStream:
    """A connection over the simulated radio."""

    def __init__(self, wifi, stream):
        self._wifi = wifi
        self._stream = stream

    async def read(self, n):
        data = await self._stream.read(n)
        while not self._wifi.is_on:
            await asyncio.sleep(0.1)
        return data

    async def write(self, data):
        if not self._wifi.is_up():
            raise OSError(errno.EHOSTUNREACH)
        await self._stream.write(data)

    def close(self):
        self._wifi.let_go(self._stream)


class Hardware:
    FIRMWARE = panal.__version__
    MODE = "virtual"
    TICKS_PERIOD = TICKS_PERIOD

    def __init__(self, model, device_id, reset_cause, has_clock=True):
        description = __import__("panal.board.boards." + model.replace("-", "_"), None, None, ("parts",))
        self.CELLS = description.CELLS
        self.parts = description.parts(Drivers)
        self.rtc = Rtc(has_clock)
        self.wifi = Wifi()
        self.fed = 0
        self.restarted = asyncio.Event()
        self.restart_cause = None
        self._device_id = device_id
        self._reset_cause = reset_cause

    def ticks_ms(self):
        return ticks_ms()

    def battery(self):
        return self.parts["battery"].level() if "battery" in self.parts else None

    def hw_id(self):
        return "virtual-" + self._device_id

    def reset_cause(self):
        return self._reset_cause

    def restart(self, cause):
        self.restart_cause = cause
        self.restarted.set()

    def feed(self):
        self.fed += 1

    async def connect(self, host, port, tls, server_name):
        if not self.wifi.is_up():
            raise OSError(errno.EHOSTUNREACH)
        return AirStream(self.wifi, await net.connect(host, port, tls, server_name))

    def open_udp(self, host, port):
        if not self.wifi.is_up():
            raise OSError(errno.EHOSTUNREACH)
        from panal.board.udp import Udp

        return Udp(host, port)


class Drivers:
    """What panal.board.drivers has."""

    Edges = Edges
    Switch = Switch
    ActiveLow = ActiveLow
    Battery = Battery
