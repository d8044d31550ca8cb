"""What the wearable does: hears its emergency button and its tilt switch, finds falls, shows its LED.

Parts of the hardware: `button.edges()` list of (is_down, ticks in ms of the board's own clock), kept by an interrupt,
so that no press is lost while the loop is busy; `tilt.is_on()`; `led.on()`, `led.off()`; `motion.start()`,
`motion.read(receive)`, whose samples wait in the chip while the loop is busy; `buzzer.duty_u16(0..65535)`.

A board that nobody has set up yet looks for no falls: nobody would hear of them, and the set-up page needs the memory.
It restarts once it has been set up.
"""

import asyncio

from panal.cells.care import machine

LOOK_S = 0.02
MOTION_LOOKS = 5  # of the button between two of the accelerometer's FIFO
SLOW_LOOKS = 50
IDENTIFY_MS = 5000


def make(board):
    return Care(board)


class Care:
    SILENT_MS = 10000  # without a sign of life, before the watchdog is let loose: a TLS handshake blocks for seconds

    def __init__(self, board):
        self._board = board
        self._parts = board.hardware.parts
        self._button = machine.Button()
        self._tilt = machine.Tilt()
        self._led = machine.Led()
        self._is_lit = None
        self._identify_until_ms = 0
        self._looks = 0
        self._falls = None
        board.device.commands["identify"] = self._identify
        if not board.is_new:
            from panal.cells.care import falls

            self._falls = falls.Falls(board)

    async def run(self):
        while True:
            self.look(self._board.clock.monotonic_ms())
            self._board.supervisor.alive("care")
            await asyncio.sleep(LOOK_S)

    def look(self, now_ms):
        """One round: what the parts show, and what follows from it."""
        self._looks += 1
        if self._falls is not None and self._looks % MOTION_LOOKS == 0:
            self._falls.feel(now_ms)
        for is_down, ticks in self._parts["button"].edges():
            self._button.receive_edge(is_down, self._board.clock.monotonic_at(ticks))
        self._tilt.receive_level(self._parts["tilt"].is_on(), now_ms)
        for at_ms in self._button.events():
            if self._falls is None or not self._falls.receive_press(at_ms):
                self._board.outbox.raise_event("EMERGENCY_BUTTON", {}, at_ms)
        for at_ms in self._tilt.events():
            self._board.outbox.raise_event("TILT", {}, at_ms)
        if self._falls is None:
            self._look_at_setup()
        else:
            self._falls.handle_deadline(now_ms)
            if self._looks % SLOW_LOOKS == 0:
                self._falls.work(now_ms)
        self._show(now_ms)

    def countdown_s(self, now_ms):
        """Seconds until a fall is told, or None."""
        return None if self._falls is None else self._falls.countdown_s(now_ms)

    def _look_at_setup(self):
        if self._board.link.is_up and not self._board.wifi.is_awake:
            self._board.log.info("restarting: it has been set up")
            self._board.hardware.restart("set_up")

    def _show(self, now_ms):
        board = self._board
        is_lit = self._led.receive_state(
            board.wifi.is_open, board.hardware.wifi.is_up(), len(board.outbox), now_ms < self._identify_until_ms, now_ms
        )
        if is_lit != self._is_lit:
            self._is_lit = is_lit
            led = self._parts["led"]
            (led.on if is_lit else led.off)()

    async def _identify(self, args):
        self._identify_until_ms = self._board.clock.monotonic_ms() + IDENTIFY_MS
