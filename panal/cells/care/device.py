"""What the wearable does: finds falls, hears its emergency button and its tilt switch, shows its LED.

Parts of the hardware: `button.edges()` list of (is_down, ticks in ms of the board's own clock), kept by an interrupt,
so that no press is lost while the loop is busy; `tilt.is_on()`; `led.on()`, `led.off()`; `motion.start()`,
`motion.read(receive)`, whose samples wait in the chip while the loop is busy; `buzzer.duty_u16(0..65535)`.
"""

import asyncio

from panal.board.memory import forget
from panal.cells.care import detector, machine

LOOK_S = 0.02
MOTION_LOOKS = 5  # of the button between two of the accelerometer's FIFO
SLOW_LOOKS = 50
IDENTIFY_MS = 5000
RETRY_MS = 30000  # until a chip that did not answer is set up again
SAME_FALL_MS = 10000
SOUND = 32768
FOLDER = "samples"


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
        self._settings = self._detector = None
        self._set({})
        self._wear = machine.Wear()
        self._countdown = machine.Countdown()
        self._held = None  # (uid, data) of the fall that the countdown is about
        self._fell_ms = None
        self._fall = None  # (uid, score) of the last one
        self._now_ms = 0
        self._sounds = False
        self._told = None
        self._start_ms = 0  # when a chip that did not answer is to be set up again
        self._windows = None  # while some are to be told
        if board.storage.names(FOLDER):
            self._open_windows()
        board.device.commands["identify"] = self._identify
        board.device.settings["care"] = self._set
        self._parts["motion"].start()
        self._tell()

    async def run(self):
        while True:
            self.look(self._board.clock.monotonic_ms())
            self._board.supervisor.alive("care")
            await asyncio.sleep(LOOK_S)

    def look(self, now_ms):
        """One round: what the parts show, and what follows from it."""
        self._looks += 1
        if self._looks % MOTION_LOOKS == 0:
            self._feel(now_ms)
        for is_down, ticks in self._parts["button"].edges():
            self._button.receive_edge(is_down, self._board.clock.monotonic_at(ticks))
        self._tilt.receive_level(self._parts["tilt"].is_on(), now_ms)
        for at_ms in self._button.events():
            if not self._countdown.receive_press(at_ms):
                self._board.outbox.raise_event("EMERGENCY_BUTTON", {}, at_ms)
        for at_ms in self._tilt.events():
            self._board.outbox.raise_event("TILT", {}, at_ms)
        self._count_down(now_ms)
        if self._looks % SLOW_LOOKS == 0:
            self._wear.handle_deadline(now_ms, self._settings["not_worn_h"] * 3600000)
            self._tell()
            if self._windows is not None and not self._windows.work(now_ms):
                self._windows = None
                forget("panal.cells.care.windows")
        self._show(now_ms)

    # falls

    def _feel(self, now_ms):
        """Everything the accelerometer measured since the last time."""
        motion, self._now_ms = self._parts["motion"], now_ms
        try:
            if not motion.is_present:
                if now_ms < self._start_ms:
                    return
                self._start_ms = now_ms + RETRY_MS
                if not motion.start():
                    return
            motion.read(self._receive)
        except OSError:
            self._start_ms = now_ms + RETRY_MS

    def _receive(self, x, y, z):
        self._wear.receive_sample(x, y, z, self._now_ms)
        if self._detector.receive_sample(x, y, z):
            self._fell()

    def _fell(self):
        now_ms = self._now_ms
        ring = self._detector
        score = getattr(ring, "score", None)
        if self._fell_ms is not None and now_ms - self._fell_ms < SAME_FALL_MS:
            if score is not None and score > self._fall[1]:  # a stumble came first
                self._fall = (self._fall[0], score)
                self._keep(self._fall[0])
            return
        if self._countdown.is_running:
            return
        self._fell_ms = now_ms
        data = {"profile": self._settings["profile"], "impact_g": _size_g(ring.part(ring.before(), 1))}
        if data["profile"] == "posture":
            data["score"] = score
        length_ms = self._countdown_ms()
        at_ms = now_ms - ring.ago * 1000 // detector.FS_HZ
        uid = self._board.outbox.raise_event("FALL", data, at_ms, bool(length_ms))
        if length_ms:
            self._held = (uid, data)
            self._countdown.begin(now_ms, length_ms)
        self._fall = (uid, score)
        self._keep(uid)

    def _keep(self, uid):
        try:
            self._open_windows().keep(uid, self._detector, self._now_ms)
        except (OSError, MemoryError):  # the fall itself is kept
            self._board.log.error("no room for the acceleration of a fall")

    def _open_windows(self):
        if self._windows is None:
            from panal.cells.care import windows

            self._windows = windows.Windows(self._board)
        return self._windows

    def _countdown_ms(self):
        """Without a buzzer nobody would know of it: a press of somebody who lies there must call for help."""
        return self._settings["countdown_s"] * 1000 if self._board.config["buzzer"] else 0

    def _count_down(self, now_ms):
        self._countdown.handle_deadline(now_ms)
        for event in self._countdown.events():
            uid, data = self._held
            if event == "cancelled":
                data["cancelled"] = True
            self._board.outbox.release(uid, data if event == "cancelled" else None)
            self._board.log.info("countdown " + event)
        sounds = self._countdown.is_sounding(now_ms)
        if sounds != self._sounds:
            self._sounds = sounds
            self._parts["buzzer"].duty_u16(SOUND if sounds else 0)

    def countdown_s(self, now_ms):
        """Seconds until the fall is told, or None."""
        left_ms = self._countdown.left_ms(now_ms)
        return None if left_ms is None else (left_ms + 999) // 1000

    # the panel

    def _tell(self):
        """What is wrong, whenever it is something else."""
        motion = self._parts["motion"]
        sensor = "ok" if motion.is_present else "missing"
        told = (self._wear.is_worn, sensor, motion.lost)
        if told == self._told:
            return
        if self._told is not None:
            if motion.lost > self._told[2]:
                self._board.log.error("accelerometer: samples were lost, the board was busy for too long")
            if sensor != self._told[1]:
                self._board.log.error("accelerometer: " + sensor)
        self._told = told
        self._board.device.tell("worn", self._wear.is_worn)
        has_buzzer = bool(self._board.config["buzzer"])
        self._board.device.tell("accelerometer", {"state": sensor, "lost": motion.lost, "buzzer": has_buzzer})

    def _set(self, value):
        """The twin's `care`: what is not good is passed over; what is obeyed is reported."""
        from panal.cells.care import settings

        wanted, given = settings.obeyed(value)
        if settings.is_other_detector(wanted, self._settings):
            self._detector = None  # there is no room for two
            self._detector = settings.detector(wanted)
        self._settings = wanted
        del settings
        forget("panal.cells.care.settings")
        return given

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


def _size_g(sample):
    x, y, z = sample[0] >> 3, sample[1] >> 3, sample[2] >> 3
    return round(detector.root(x * x + y * y + z * z) / detector.EIGHTH_G, 2)
