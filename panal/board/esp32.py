"""The ESP32 as the firmware sees it. A simulated board (panal/virtual/hardware.py) has the same names.

FIRMWARE, MODE, CELLS, TICKS_PERIOD, ACCESS_POINT, SETUP_BUTTON, CALLS, WIFI_PACE, PORTAL · ticks_ms() · rtc.get_ms(),
rtc.set_ms(unix_ms) · wifi (panal/cells/wifi/device.py) · secret(name) · parts · battery() · hw_id() · reset_cause() ·
restart(cause) · pointer and boot() (panal/board/slots.py) · feed() · connect(…) · open_udp(host, port)
"""

import time

import esp32
import machine
import network

import panal
from panal.board import net
from panal.board.drivers import parts

EPOCH_2000_S = 946684800
WATCHDOG_MS = 15000
AP_ADDRESS = "192.168.4.1"
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
    """The radio. Which network it joins and when is decided in panal/cells/wifi/machine.py."""

    def __init__(self):
        self._wlan = network.WLAN(network.WLAN.IF_STA)
        self._wlan.active(True)
        self._wlan.config(reconnects=0)  # else it tries for ever by itself, and says nothing of why it fails
        self._words = {
            network.STAT_GOT_IP: "up",
            network.STAT_WRONG_PASSWORD: "wrong_password",
            network.STAT_HANDSHAKE_TIMEOUT: "wrong_password",  # what most access points make of a wrong one
            network.STAT_NO_AP_FOUND: "not_found",
            network.STAT_CONNECTING: "joining",
        }

    def join(self, ssid, password):
        self.leave()
        self._wlan.connect(ssid, password or None)

    def leave(self):
        try:
            self._wlan.disconnect()
        except OSError:
            pass

    def radio(self):
        """up, joining, down, wrong_password, not_found, or no_address: associated, and nobody gave it one."""
        word = self._words.get(self._wlan.status(), "down")
        if self._wlan.isconnected():
            return "up"
        return "no_address" if word == "joining" and self._is_associated() else word

    def _is_associated(self):
        try:
            return bool(self._wlan.status("rssi"))
        except OSError:
            return False

    def scan(self):
        """[(ssid, rssi, is_locked)]; takes two seconds, in which the board does nothing else."""
        found = []
        for entry in self._wlan.scan():
            try:
                found.append((entry[0].decode(), entry[3], bool(entry[4])))
            except UnicodeError:  # a name that nobody can type
                pass
        return found

    def open(self, ssid, password):
        ap = network.WLAN(network.WLAN.IF_AP)
        ap.active(True)
        security = network.WLAN.SEC_WPA2 if password else network.WLAN.SEC_OPEN
        ap.config(ssid=ssid, key=password, security=security, max_clients=4)
        ap.ifconfig((AP_ADDRESS, "255.255.255.0", AP_ADDRESS, AP_ADDRESS))

    def close(self):
        network.WLAN(network.WLAN.IF_AP).active(False)

    def is_up(self):
        return self._wlan.isconnected()

    def ip(self):
        return self._wlan.ifconfig()[0]

    def rssi(self):
        return self._wlan.status("rssi") if self._wlan.isconnected() else None


def secret(name):
    """What the factory wrote into NVS: `token` (64 hex digits), `ap_password`; "" where there is none."""
    buffer = bytearray(64)
    try:
        length = esp32.NVS("panal").get_blob(name, buffer)
    except OSError:
        return ""
    return bytes(buffer[:length]).decode()


class Hardware:
    FIRMWARE = panal.__version__
    MODE = "normal"
    TICKS_PERIOD = 1 << 30
    WIFI_PACE = 1  # how much faster than life the times of Wi-Fi pass; more than 1 only on the bench
    PORTAL = ("0.0.0.0", 80, 53, "http://" + AP_ADDRESS + "/")  # noqa: S104  the access point's side and no other
    secret = staticmethod(secret)
    pointer = None  # panal/board/boot.py's

    def __init__(self, config):
        description = __import__("panal.board.boards." + config["model"].replace("-", "_"), None, None, ("parts",))
        self.CELLS = description.CELLS
        self.parts = description.parts(parts)
        self.rtc = Rtc()
        self.ACCESS_POINT = description.ACCESS_POINT
        self.SETUP_BUTTON, self.CALLS = description.SETUP_BUTTON, description.CALLS
        self.wifi = Wifi()
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

    def boot(self):
        """How it started, and where a new version goes; None on a board with one partition and no folders for two."""
        from panal.board import slots

        if self.pointer is not None:
            return slots.Apps(self.pointer)
        try:
            return slots.Images(esp32.Partition)
        except OSError:
            return None

    def feed(self):
        self._watchdog.feed()

    async def connect(self, host, port, tls, server_name):
        return await net.connect(host, port, tls, server_name)

    def open_udp(self, host, port):
        from panal.board.udp import Udp

        return Udp(host, port)
