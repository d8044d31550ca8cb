"""How a door goes: who gets in, when the lock moves, what is heard and seen. Times: docs/boards/door-1.md.

The rule above all: the lock never closes while the door is open, and never opens without a grant.
"""

# name: (default, least, most); a truth has no bounds, a word has its choices
SETTINGS: dict = {
    "mode": ("OR", ("OR", "AND")),
    "code_length": (3, 1, 8),
    "pot_max_digit": (10, 1, 15),
    "pot_dead_zone": (0, 0, 400),
    "pot_inverted": (False,),
    "pot_settle_ms": (1200, 200, 10000),
    "entry_idle_ms": (8000, 1000, 60000),
    "factor_window_ms": (10000, 1000, 60000),
    "fail_limit": (5, 1, 100),
    "fail_window_ms": (60000, 1000, 3600000),
    "pause_ms": (30000, 1000, 3600000),
    "pause_max_ms": (600000, 1000, 3600000),
    "grant_wait_ms": (10000, 1000, 60000),
    "unlock_max_ms": (10000, 1000, 600000),
    "relock_ms": (1000, 200, 60000),
    "held_ms": (60000, 1000, 3600000),
    "jam_ms": (2000, 200, 60000),
    "back_ms": (5000, 1000, 60000),
    "hide_digits": (False,),
    "exit_button": (True,),
    "keypad": (False,),
    "lock_sensor": (False,),
    "lock": ("relay", ("relay", "servo")),
    "lcd_mapping": (-1, -1, 5),
    "encrypt_log": (False,),
    "legacy_topics": (False,),
}


def is_good(name, value):
    """Whether a setting may have this value."""
    default, bounds = SETTINGS[name][0], SETTINGS[name][1:]
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, str):
        return value in bounds[0]
    return isinstance(value, int) and bounds[0] <= value <= bounds[1]


DEBOUNCE_MS = 40
RED_MS = 300
LOCKING_MS = 1000
ANSWER_MS = 2000  # a list that takes longer to answer has not answered
MOVED_COUNTS = 48  # of 4095: more than the noise of an ADC that was smoothed, less than half a digit
SCALE = 64  # of the smoothed value, which is a whole number: floats are single precision and slow
ALPHA_PCT = 15

BOOTING = "booting"  # power has come; locked because the coil has no current; the reed has not said anything steady yet
LOCKED = "locked"
WAITING = "waiting"  # locked, the door is open, and somebody is let in if it closes soon
UNLOCKED = "unlocked"  # released, and the door was not opened since
OPENED = "opened"  # released, and the door is open
CLOSING = "closing"  # released, the door is closed again, and locks in a moment

TRANSITIONS = {
    (BOOTING, "closed"): LOCKED,
    (BOOTING, "opened"): OPENED,
    (BOOTING, "granted"): UNLOCKED,
    (BOOTING, "admitted"): WAITING,
    (LOCKED, "granted"): UNLOCKED,
    (LOCKED, "admitted"): WAITING,
    (WAITING, "granted"): UNLOCKED,
    (WAITING, "closed"): UNLOCKED,
    (WAITING, "over"): LOCKED,
    (UNLOCKED, "granted"): UNLOCKED,
    (UNLOCKED, "opened"): OPENED,
    (UNLOCKED, "over"): LOCKED,
    (OPENED, "closed"): CLOSING,
    (CLOSING, "opened"): OPENED,
    (CLOSING, "granted"): UNLOCKED,
    (CLOSING, "over"): LOCKED,
}
"""granted: unlock now; admitted: unlock when the door has closed; over: the time of the state is."""
RELEASED = (UNLOCKED, OPENED, CLOSING)
COUNTED = ("unknown_card", "wrong_code", "other_person")
"""Failures after which entry pauses, when there are too many in a short time."""


def defaults():
    return {name: about[0] for name, about in SETTINGS.items()}


class Level:
    """A contact: what it shows counts when it has shown nothing else for 40 ms."""

    def __init__(self):
        self.raw = self.steady = None
        self._since_ms = 0

    def receive(self, level, now_ms):
        """Whether the steady level is another one now."""
        if level != self.raw:
            self.raw, self._since_ms = level, now_ms
        if self.raw == self.steady or now_ms - self._since_ms < DEBOUNCE_MS:
            return False
        self.steady = self.raw
        return True


class Knob:
    """Digits from a potentiometer: one is taken when the knob, after it was turned, rests."""

    def __init__(self, settings):
        self.settings = settings
        self._smooth = -1  # nothing was seen yet
        self._rest = 0
        self._since_ms = None  # of the rest after a turn; None while nothing was turned

    def receive_value(self, value, now_ms):
        """What the ADC shows, 0..4095, every 20 ms; the digit that is taken now, or None."""
        if self._smooth < 0:
            self._smooth = self._rest = value * SCALE
        self._smooth += (value * SCALE - self._smooth) * ALPHA_PCT // 100
        if abs(self._smooth - self._rest) > MOVED_COUNTS * SCALE:
            self._rest, self._since_ms = self._smooth, now_ms
        elif self._since_ms is not None and now_ms - self._since_ms >= self.settings["pot_settle_ms"]:
            self._since_ms = None
            return self._digit()
        return None

    def candidate(self):
        """The digit that would be taken if it rested here, or None while it is not being turned."""
        return None if self._since_ms is None else self._digit()

    def _digit(self):
        zone, most = self.settings["pot_dead_zone"], self.settings["pot_max_digit"]
        value = min(max((self._smooth + SCALE // 2) // SCALE, zone), 4095 - zone) - zone
        span = 4095 - 2 * zone
        digit = (value * most + span // 2) // span
        return most - digit if self.settings["pot_inverted"] else digit


class Door:
    """Says what to do, as events in this order:

    ("ask", number, "rfid", card) or ("ask", number, "password", digits): look it up, then receive_answer(number, …) ·
    ("sound", short, double, triple or long) · ("log", kind, data) · ("keep", pauses) on flash, for the next boot ·
    ("enrolled", card or None).
    What lasts is in `is_released`, `is_red()`, `display()`, `lock()` and `alarms`. No method raises for what people do.
    """

    def __init__(self, settings, pauses=0, now_ms=0):
        """`pauses`: what was kept: how many pauses in a row there were, so that a cut of the power ends none."""
        self.state = BOOTING
        self.settings = settings
        self.alarms = []
        self.candidate = None  # digit under the knob, to be shown
        self.paused_until_ms = None
        self._reed = Level()
        self._exit = Level()
        self._until_ms = 0
        self._waiting = ""  # by which method somebody is waiting
        self._events = []
        self._entry = []
        self._entry_ms = 0
        self._factor: tuple = ()  # (method, person, card, ms) of the first of two
        self._ask = None  # (number, method, card, ms)
        self._asks = 0
        self._failures = []
        self._pauses = pauses
        self._open_ms = None
        self._bolt: tuple = ()  # (level, since ms) of a lock sensor that says otherwise
        self._red_ms = None
        self._shown = ("", "", now_ms)
        self._enroll_ms = None
        self._is_pause_told = False
        if pauses:  # silently: the log has it already, from before the power went
            self.alarms.append("paused")
            self._pause(now_ms)

    # what lasts

    @property
    def is_released(self):
        return self.state in RELEASED

    @property
    def is_open(self):
        """None until the reed has said it."""
        return self._reed.steady

    def lock(self):
        return "jammed" if "jammed" in self.alarms else "unlocked" if self.state in RELEASED else "locked"

    def is_red(self, now_ms):
        return self._red_ms is not None and now_ms < self._red_ms

    def events(self):
        """What to do now, handed over once."""
        events, self._events = self._events, []
        return events

    # what happens

    def receive_door(self, is_open, now_ms):
        """What the reed shows now; to be called at least every 50 ms."""
        if self._reed.receive(is_open, now_ms):
            self._door_moved(is_open, now_ms)
        self.handle_deadline(now_ms)

    def receive_exit(self, is_down, now_ms):
        """The button inside: it lets everybody out, whatever the mode."""
        was = self._exit.steady
        is_new = self._exit.receive(is_down, now_ms)
        # A button that is down when power comes is stuck or shorted: a reset alone must not unlock.
        if is_new and is_down and was is False and self.settings["exit_button"]:
            self._grant("exit", now_ms, {})

    def receive_remote(self, note, command, now_ms):
        """Somebody at the panel unlocks; `command` is the id of their command or ""."""
        self._grant("remote", now_ms, {"note": note, "command": command})

    def receive_bolt(self, is_locked, now_ms):
        """What the lock's own sensor shows, where there is one."""
        if is_locked != self.is_released:
            self._bolt = ()
            self._calm("jammed")
        elif not self._bolt or self._bolt[0] != is_locked:
            self._bolt = (is_locked, now_ms)
        elif now_ms - self._bolt[1] >= self.settings["jam_ms"]:
            self._alarm("jammed")

    def receive_key(self, key, now_ms):
        """A key of the keypad: 0 to 9, `*` begins again."""
        if key in "0123456789":
            self.receive_digit(int(key), now_ms)
        elif key == "*":
            self._entry = []

    def receive_digit(self, digit, now_ms):
        if self._is_deaf():
            return
        self._entry.append(digit)
        self._entry_ms = now_ms
        self._shown = ("", "", now_ms)
        self._do("sound", "short")
        if len(self._entry) >= self.settings["code_length"]:
            entry, self._entry = self._entry, []
            self._look_up("password", tuple(entry), "", now_ms)

    def receive_card(self, card, now_ms):
        """A card came to the reader; `card` is its hash, 32 hexadecimal digits."""
        if self._enroll_ms is not None and now_ms < self._enroll_ms:
            self._enroll_ms = None
            self._do("sound", "double")
            self._log("door.note", "rfid", False, {"reason": "enrolled", "card": card})
            self._do("enrolled", card)
        elif self.paused_until_ms is None:
            self._do("sound", "short")
            self._look_up("rfid", card, card, now_ms)
        elif not self._is_pause_told:  # once in each: nobody fills the log by holding cards to a reader that is deaf
            self._is_pause_told = True
            self._refuse("rfid", "paused", card, 0, now_ms)

    def receive_answer(self, number, refusal, person, now_ms):
        """What the access list says: "" is good; `person` is a number, 0 where it is nobody's. Each ask once."""
        ask, self._ask = self._ask, None
        if ask is None or ask[0] != number or now_ms - ask[3] >= ANSWER_MS or self._is_deaf():
            return
        if refusal:
            self._refuse(ask[1], refusal, ask[2], person, now_ms)
        elif self.settings["mode"] == "AND":
            self._take_factor(ask[1], person, ask[2], now_ms)
        else:
            self._let_in(ask[1], person, ask[2], None, now_ms)

    def receive_settings(self, settings, now_ms):
        self.settings = settings
        self._entry, self._factor, self._ask = [], (), None

    def enroll(self, seconds, now_ms):
        """The next card is not tried but told; after so many seconds there was none."""
        self._entry, self._factor = [], ()
        self._enroll_ms = now_ms + 1000 * seconds

    def handle_deadline(self, now_ms):
        """What time alone changes; called with every look at the reed."""
        if self.state not in (BOOTING, LOCKED, OPENED) and now_ms >= self._until_ms:
            self._run_out(now_ms)
        if self.paused_until_ms is not None and now_ms >= self.paused_until_ms:
            self.paused_until_ms = None
            self._calm("paused")
        if self._open_ms is not None and now_ms - self._open_ms >= self.settings["held_ms"]:
            self._alarm("held")
        if self._entry and now_ms - self._entry_ms >= self.settings["entry_idle_ms"]:
            self._entry = []
        if self._factor and now_ms - self._factor[3] > self.settings["factor_window_ms"]:
            method, person, card, _ = self._factor
            self._factor = ()
            self._refuse(method, "no_second_factor", card, person, now_ms)
        if self._enroll_ms is not None and now_ms >= self._enroll_ms:
            self._enroll_ms = None
            self._do("enrolled", None)

    # lock and door

    def _run_out(self, now_ms):
        if self.state == WAITING:
            self._move("over")
            self._shown = ("ACCESS DENIED!", "DOOR STAYED OPEN", now_ms + self.settings["back_ms"])
            self._log("door.attempt", self._waiting, False, {"reason": "not_closed"})
        elif self._reed.steady is False and self._reed.raw is False:
            if self.state == UNLOCKED:
                self._shown = ("LOCKING...", "", now_ms + LOCKING_MS)
            self._move("over")

    def _door_moved(self, is_open, now_ms):
        was = self.state
        self._open_ms = now_ms if is_open else None
        if was == BOOTING:
            self._move("opened" if is_open else "closed")
            self._log("door.note", "door", False, {"reason": "boot"})
            return
        self._log("door.moved", "door", self.is_released, {})
        if is_open and was == LOCKED:
            self._alarm("forced")
        if not is_open:
            self._calm("forced")
            self._calm("held")
        self._move("opened" if is_open else "closed")
        if self.state == UNLOCKED and was == WAITING:
            self._until_ms = now_ms + self.settings["unlock_max_ms"]
        elif self.state == CLOSING:
            self._until_ms = now_ms + self.settings["relock_ms"]
            self._shown = ("LOCKING...", "", now_ms + LOCKING_MS)

    def _let_in(self, method, person, card, factors, now_ms):
        """A card, a code, or both were good."""
        self._failures = []
        if self._pauses:
            self._pauses = 0
            self._do("keep", 0)
        self._grant(method, now_ms, {"card": card, "person": person, "factors": factors})

    def _grant(self, method, now_ms, about):
        self._entry, self._factor, self._ask = [], (), None
        self._do("sound", "double")
        self._shown = ("ACCESS GRANTED!", "WELCOME HOME", now_ms + self.settings["back_ms"])
        self._log("door.attempt", method, True, about)
        if method in ("remote", "exit") or self._reed.steady is False or self.is_released:
            self._move("granted")
            self._until_ms = now_ms + self.settings["unlock_max_ms"]
            if self._reed.steady and self.state == UNLOCKED:
                self._move("opened")
        else:
            self._move("admitted")
            self._waiting = method
            self._until_ms = now_ms + self.settings["grant_wait_ms"]

    def _move(self, word):
        self.state = TRANSITIONS.get((self.state, word), self.state)

    # entry

    def _is_deaf(self):
        return self.paused_until_ms is not None or self._enroll_ms is not None

    def _look_up(self, method, what, card, now_ms):
        self._asks += 1
        self._ask = (self._asks, method, card, now_ms)
        self._do("ask", self._asks, method, what)

    def _take_factor(self, method, person, card, now_ms):
        first = self._factor
        is_late = not first or now_ms - first[3] > self.settings["factor_window_ms"]
        if is_late or first[0] == method:
            self._factor = (method, person, card, now_ms)
        elif first[1] and person and first[1] != person:
            self._refuse(method, "other_person", card, person, now_ms)
        else:
            self._let_in(method, person or first[1], card or first[2], [first[0], method], now_ms)

    def _refuse(self, method, reason, card, person, now_ms):
        self._entry, self._factor = [], ()
        self._red_ms = now_ms + RED_MS
        self._do("sound", "triple")
        self._shown = ("ACCESS DENIED!", "", now_ms + self.settings["back_ms"])
        self._log("door.attempt", method, False, {"reason": reason, "card": card, "person": person})
        if reason in COUNTED:
            window_ms = self.settings["fail_window_ms"]
            self._failures = [at for at in self._failures if now_ms - at < window_ms] + [now_ms]
            if len(self._failures) >= self.settings["fail_limit"]:
                self._pauses += 1
                self._do("keep", self._pauses)
                self._pause(now_ms)

    def _pause(self, now_ms):
        self._failures, self._is_pause_told = [], False
        most_ms = self.settings["pause_max_ms"]
        self.paused_until_ms = now_ms + min(self.settings["pause_ms"] << min(self._pauses - 1, 12), most_ms)
        self._alarm("paused")

    # out

    def _alarm(self, reason):
        if reason not in self.alarms:
            self.alarms.append(reason)
            self._do("sound", "long")
            self._log("door.alarm", "door", False, {"reason": reason})

    def _calm(self, reason):
        if reason in self.alarms:
            self.alarms.remove(reason)
            self._log("door.note", "door", False, {"reason": reason + "_over"})

    def _log(self, kind, method, is_granted, about):
        data = {"door_status": "open" if self._reed.steady else "close"}
        data["access_method"] = method
        data["access_granted"] = is_granted
        for name, value in about.items():
            if value:
                data[name] = value
        self._do("log", kind, data)

    def _do(self, *event):
        self._events.append(event)

    def display(self, now_ms):
        """The two lines that people read, 16 letters each at most."""
        if self._enroll_ms is not None:
            return "HOLD A NEW CARD", "TO THE READER"
        if self._shown[2] > now_ms and self.candidate is None:
            return self._shown[:2]
        if self.paused_until_ms is not None:
            return "PLEASE WAIT", "%d S" % ((self.paused_until_ms - now_ms + 999) // 1000)
        if self.state == WAITING:
            return "CLOSE THE DOOR", "AND COME IN"
        if self._entry or self.candidate is not None:
            return self._pass()
        if self._factor:
            return "AND NOW YOUR", "PASSWORD" if self._factor[0] == "rfid" else "CARD"
        if "jammed" in self.alarms:
            return "THE LOCK", "IS JAMMED"
        if self.alarms:
            return "PLEASE CLOSE", "THE DOOR"
        return "WELCOME, INPUT", "PASSWORD OR RFID" if self.settings["mode"] == "OR" else "PASSWORD + RFID"

    def _pass(self):
        entry = ["*" if self.settings["hide_digits"] else str(digit) for digit in self._entry]
        entry += ["#"] * (self.settings["code_length"] - len(entry))
        turned = "" if self.candidate is None else str(self.candidate)
        return "CURRENT PASS:" + turned, " ".join(entry)[:16]
