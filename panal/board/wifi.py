"""Keeping the Wi-Fi: tries again every 10 s, and restarts the board after 2 min without."""

import asyncio

RETRY_MS = 10000
RESTART_MS = 120000
LOOK_S = 0.25

CONNECT = "connect"
RESTART = "restart"


class Keeper:
    """What to do about a Wi-Fi that is down."""

    def __init__(self, now_ms):
        self._down_since_ms = now_ms
        self._tried_ms = None

    def receive_state(self, is_up, now_ms):
        """CONNECT, RESTART or None, whenever somebody has looked."""
        if is_up:
            self._down_since_ms = self._tried_ms = None
            return None
        if self._down_since_ms is None:
            self._down_since_ms = now_ms
        if now_ms - self._down_since_ms >= RESTART_MS:
            return RESTART
        if self._tried_ms is None or now_ms - self._tried_ms >= RETRY_MS:
            self._tried_ms = now_ms
            return CONNECT
        return None


async def keep(hardware, clock, log):
    """For ever: looks, and does what the Keeper says."""
    keeper, was_up = Keeper(clock.monotonic_ms()), False
    while True:
        is_up = hardware.wifi.is_up()
        if is_up != was_up:
            log.info("wifi up, " + hardware.wifi.ip() if is_up else "wifi down")
            was_up = is_up
        act = keeper.receive_state(is_up, clock.monotonic_ms())
        if act == CONNECT:
            hardware.wifi.connect()
        elif act == RESTART:
            log.error("no wifi for 2 min: restarting")
            hardware.restart("no_wifi")
        await asyncio.sleep(LOOK_S)
