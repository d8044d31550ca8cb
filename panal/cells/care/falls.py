"""Finds falls for the wearable: feels the motion, counts down, keeps the acceleration, and knows whether it is worn."""

from panal.board.memory import forget
from panal.cells.care import detector, machine

RETRY_MS = 30000  # until a chip that did not answer is set up again
SAME_FALL_MS = 10000
SOUND = 32768
FOLDER = "samples"


class Falls:
    def __init__(self, board):
        self._board = board
        self._motion = board.hardware.parts["motion"]
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
        board.device.settings["care"] = self._set
        self._motion.start()
        self._tell()

    def feel(self, now_ms):
        """Everything the accelerometer measured since the last time."""
        motion, self._now_ms = self._motion, now_ms
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

    def receive_press(self, at_ms):
        """Whether the button was about a countdown."""
        return self._countdown.receive_press(at_ms)

    def handle_deadline(self, now_ms):
        """Often: the countdown."""
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
            self._board.hardware.parts["buzzer"].duty_u16(SOUND if sounds else 0)

    def work(self, now_ms):
        """Now and then: what has time."""
        self._wear.handle_deadline(now_ms, self._settings["not_worn_h"] * 3600000)
        self._tell()
        if self._windows is not None and not self._windows.work(now_ms):
            self._windows = None
            forget("panal.cells.care.windows")

    def countdown_s(self, now_ms):
        """Seconds until the fall is told, or None."""
        left_ms = self._countdown.left_ms(now_ms)
        return None if left_ms is None else (left_ms + 999) // 1000

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

    # the panel

    def _tell(self):
        """What is wrong, whenever it is something else."""
        motion = self._motion
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


def _size_g(sample):
    x, y, z = sample[0] >> 3, sample[1] >> 3, sample[2] >> 3
    return round(detector.root(x * x + y * y + z * z) / detector.EIGHTH_G, 2)
