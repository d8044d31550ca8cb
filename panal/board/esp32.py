"""The ESP32 as the firmware sees it. A simulated board (panal/virtual/hardware.py) has the same names.

FIRMWARE, MODE, CELLS, TICKS_PERIOD · ticks_ms() · rtc.get_ms(), rtc.set_ms(unix_ms) · wifi.connect(), is_up(), ip(),
rssi() · parts · battery() · hw_id() · reset_cause() · restart(cause) · feed() · connect(…) · open_udp(host, port)
"""

import time

import machine
import network

import panal
from panal.board import drivers, net

EPOCH_2000_S = 946684800
WATCHDOG_MS = 15000
CAUSES = ("PWRON_RESET", "HARD_RESET", "WDT_RESET", "DEEPSLEEP_RESET", "SOFT_RESET")


class Rtc:
    """The time of day, which TLS looks at. The ESP32 counts from 2000."""

    def __init__(self):
        self._rtc = machine.RTC()
        self._epoch_s = EPOCH_2000_S if time.gmtime(0)[0] == 2000 else 0

    def get_ms(self):
        return (time.time() + self._epoch_s) * 1000

    def set_ms(self, unix_ms):
        t = time.gmtime(unix_ms // 1000 - self._epoch_s)
        self._rtc.datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], unix_ms % 1000 * 1000))


class Wifi:
    def __init__(self, networks):
        """`networks`: [ssid, password], the best first; on each try the next one's turn comes."""
        self._networks = networks
        self._turn = 0
        self._wlan = network.WLAN(network.WLAN.IF_STA)
        self._wlan.active(True)
        self._wlan.config(reconnects=0)  # the Keeper decides when, and after how long the board restarts

    def connect(self):
        if self._networks:
            self._wlan.disconnect()
            self._wlan.connect(*self._networks[self._turn % len(self._networks)])
            self._turn += 1

    def is_up(self):
        return self._wlan.isconnected()

    def ip(self):
        return self._wlan.ifconfig()[0]

    def rssi(self):
        return self._wlan.status("rssi") if self._wlan.isconnected() else None


class Hardware:
    FIRMWARE = panal.__version__
    MODE = "normal"
    TICKS_PERIOD = 1 << 30

    def __init__(self, config):
        description = __import__("panal.board.boards." + config["model"].replace("-", "_"), None, None, ("parts",))
        self.CELLS = description.CELLS
        self.parts = description.parts(drivers)
        self.rtc = Rtc()
        self.wifi = Wifi(config["wifi"])
        self._watchdog = machine.WDT(timeout=WATCHDOG_MS)

    def ticks_ms(self):
        return time.ticks_ms()

    def battery(self):
        return self.parts["battery"].level() if "battery" in self.parts else None

    def hw_id(self):
        return "".join(["%02X" % byte for byte in machine.unique_id()])

    def reset_cause(self):
        cause = machine.reset_cause()
        for name in CAUSES:
            if cause == getattr(machine, name, None):
                return name.lower()
        return "unknown"

    def restart(self, cause):
        machine.reset()

    def feed(self):
        self._watchdog.feed()

    async def connect(self, host, port, tls, server_name):
        return await net.connect(host, port, tls, server_name)

    def open_udp(self, host, port):
        from panal.board.udp import Udp

        return Udp(host, port)
