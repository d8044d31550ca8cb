"""A simulated board: the names of panal/board/esp32.py, with parts that are worked by words on the standard input.

MicroPython-compatible: it runs inside the VM, beside the firmware's own files, and on CPython.
"""

import asyncio
import errno
import sys
import time

import panal
from panal.board import net

TICKS_PERIOD = 1 << 30
BOUNCE_MS = (0, 2, 5)  # how a cheap contact closes: down, up, down
LED_LOOK_MS = 1200
JOIN_MS = 300
RSSI = -58
HOME = ({"ssid": "Panal", "password": "panal panal"},)  # the one that a virtual board knows unless told otherwise


def ticks_ms():
    """As on the ESP32, where they wrap after 12 days."""
    if hasattr(time, "ticks_ms"):
        return time.ticks_ms()
    return time.monotonic_ns() // 1000000 % TICKS_PERIOD


class Edges:
    """A button. A press is kept edge by edge with its times, as the interrupt of the real one does."""

    def __init__(self, pin):
        self._edges = []
        self._is_down = False

    def press(self, ms):
        ticks = ticks_ms()
        self._is_down = True
        for index, after in enumerate(BOUNCE_MS):
            self._edges.append((index % 2 == 0, (ticks + after) % TICKS_PERIOD))
        asyncio.create_task(self._release(ms))  # noqa: RUF006  the loop holds it

    def is_on(self):
        """Down now?"""
        return self._is_down

    async def _release(self, ms):
        await asyncio.sleep(ms / 1000)
        self._is_down = False
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
        self.is_lit = False
        self._shorts = 0  # changes that followed each other as fast as those of identify
        self._changed_ms = ticks_ms()

    def on(self):
        self.is_lit = True
        self._change()

    def off(self):
        self.is_lit = False
        self._change()

    def _change(self):
        passed_ms = (ticks_ms() - self._changed_ms) % TICKS_PERIOD
        self._changed_ms = ticks_ms()
        shorts, self._shorts = self._shorts, self._shorts + 1 if 60 <= passed_ms < 150 else 0
        if shorts == 3 and passed_ms > 500:
            self._see("flash_2")  # light, dark, light, and a pause
        elif self._shorts > 3:
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


class Lamp:
    """A light that the simulated sensor sees."""

    level = 0

    def __init__(self, pin):
        pass

    def shine(self, level):
        from panal.virtual import camera

        self.level = level
        camera.surroundings["flash"] = level


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
    """A radio in an air full of simulated networks: {"ssid", "password", "rssi", "dhcp", "internet"}, all but the first
    of them optional. It can be switched off. Connections it had then vanish without a goodbye, as in the air."""

    def __init__(self, networks=HOME):
        self.networks = networks
        self.is_on = True
        self.access_point = None  # its name, while it is open
        self._joined = None  # (ssid, password, ticks)
        self._lost = []

    def join(self, ssid, password):
        self._joined = (ssid, password, ticks_ms())

    def leave(self):
        self._joined = None

    def radio(self):
        if self._joined is None or not self.is_on:
            return "down"
        if (ticks_ms() - self._joined[2]) % TICKS_PERIOD < JOIN_MS:
            return "joining"
        network = self._network()
        if network is None:
            return "not_found"
        if network.get("password", "") != self._joined[1]:
            return "wrong_password"
        return "up" if network.get("dhcp", True) else "no_address"

    def is_up(self):
        return self.radio() == "up"

    def has_internet(self):
        return self.is_up() and self._network().get("internet", True)

    def ssid(self):
        """Of the network it is on, or None."""
        return self._joined[0] if self.is_up() else None

    def _network(self):
        for network in self.networks:
            if network["ssid"] == self._joined[0]:
                return network
        return None

    def scan(self):
        return [
            (network["ssid"], network.get("rssi", RSSI), bool(network.get("password")))
            for network in self.networks
            if self.is_on and not network.get("hidden")
        ]

    def open(self, ssid, password):
        self.access_point = ssid

    def close(self):
        self.access_point = None

    def ip(self):
        return "127.0.0.1" if self.is_up() else "0.0.0.0"  # noqa: S104  what a board without an address shows

    def rssi(self):
        return self._network().get("rssi", RSSI) if self.is_up() else None

    def switch(self, is_on):
        self.is_on = is_on
        if not is_on:
            self._joined = None
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
        while not self._wifi.has_internet():
            await asyncio.sleep(0.1)
        return data

    async def write(self, data):
        if not self._wifi.has_internet():
            raise OSError(errno.EHOSTUNREACH)
        await self._stream.write(data)

    def close(self):
        self._wifi.let_go(self._stream)


def _description(model, scene):
    """The board's description; what it imports of MicroPython's own and is not here is simulated."""
    if sys.implementation.name != "micropython":
        sys.modules.setdefault("machine", type(sys)("machine"))  # the drivers name it, and nothing here uses it
    description = __import__("panal.board.boards." + model.replace("-", "_"), None, None, ("parts",))
    if hasattr(description, "SENSOR"):
        from panal.virtual import camera

        camera.sensor, camera.address = description.SENSOR, scene and ("127.0.0.1", scene)
        sys.modules["camera"] = camera
    return description


class Hardware:
    FIRMWARE = panal.__version__
    MODE = "virtual"
    TICKS_PERIOD = TICKS_PERIOD
    pointer = None

    def __init__(self, model, device_id, reset_cause, has_clock=True, networks=HOME, pace=1, portal=None, scene=0):
        """`pace`: how much faster than life the times of Wi-Fi pass; `portal`: its loopback ports, (HTTP, DNS);
        `scene`: the port of what its camera sees (panal/virtual/scene.py)."""
        description = _description(model, scene)
        self.CELLS = description.CELLS
        Drivers.around = {"access": "door", "care": "body", "lights": "lights"}.get(self.CELLS[0])
        self.parts = description.parts(Drivers)
        self.rtc = Rtc(has_clock)
        self.ACCESS_POINT = description.ACCESS_POINT if portal else ""
        self.SETUP_BUTTON, self.CALLS = description.SETUP_BUTTON, description.CALLS
        self.WIFI_PACE = pace
        self.PORTAL = ("127.0.0.1", portal[0], portal[1], "http://127.0.0.1:%d/" % portal[0]) if portal else None
        self.wifi = Wifi(networks)
        self.fed = 0
        self.restarted = asyncio.Event()
        self.restart_cause = None
        self._device_id = device_id
        self._reset_cause = reset_cause

    def ticks_ms(self):
        return ticks_ms()

    def secret(self, name):
        return ""

    def battery(self):
        return self.parts["battery"].level() if "battery" in self.parts else None

    def hw_id(self):
        return "virtual-" + self._device_id

    def reset_cause(self):
        return self._reset_cause

    def restart(self, cause):
        self.restart_cause = cause
        self.restarted.set()

    def boot(self):
        from panal.board import slots

        return None if self.pointer is None else slots.Apps(self.pointer)

    def feed(self):
        self.fed += 1

    async def connect(self, host, port, tls, server_name):
        if not self.wifi.has_internet():
            raise OSError(errno.EHOSTUNREACH)
        return AirStream(self.wifi, await net.connect(host, port, tls, server_name))

    def open_udp(self, host, port):
        if not self.wifi.has_internet():
            raise OSError(errno.EHOSTUNREACH)
        from panal.board.udp import Udp

        return Udp(host, port)


class Drivers:
    """What panal.board.drivers.parts has."""

    Edges = Edges
    Switch = Switch
    ActiveLow = ActiveHigh = ActiveLow
    Battery = Battery
    Lamp = Lamp

    around = None  # "door", "body" or "lights": the module of what is connected to the board's pins and buses

    @staticmethod
    def buses():
        return __import__("panal.virtual." + Drivers.around, None, None, ("machine",)).machine()
