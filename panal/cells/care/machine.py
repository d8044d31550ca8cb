"""How the wearable's button, tilt switch and LED go. Times: docs/boards/wearable-1.md."""

DEBOUNCE_MS = 60

TILT_DEBOUNCE_MS = 150
TILT_HOLD_MS = 2000
TILT_COOL_DOWN_MS = 3000

BEEP_MS = 1000
BEEP_LENGTH_MS = 150
LAST_MS = 5000  # of a countdown, in which it beeps twice as fast
LAST_BEEP_MS = 500
MOVED = 250  # counts, 0.06 g: more than the noise of the chip, less than a breath

UPRIGHT = "upright"
LEANING = "leaning"  # tilted, but not for long enough yet
TILTED = "tilted"  # said; nothing more until it has been upright again

TILT_TRANSITIONS = {
    (UPRIGHT, "tilted"): LEANING,
    (LEANING, "upright"): UPRIGHT,
    (LEANING, "held"): TILTED,
    (TILTED, "upright"): UPRIGHT,
}

# what the LED shows: half the period in ms, but for these two
STEADY = 0
TWO_FLASHES = 1000  # of 100 ms each, and so long from the first to the first
NO_WIFI = 500
WAITING = 200
IDENTIFYING = 100


class Button:
    """Counts presses: a contact bounces for less than 60 ms, so an edge within 60 ms of another is no new press."""

    def __init__(self):
        self._edge_ms = -DEBOUNCE_MS
        self._events = []

    def receive_edge(self, is_down, at_ms):
        """The contact closed or opened at that instant; edges come in the order of their time."""
        quiet = at_ms - self._edge_ms >= DEBOUNCE_MS
        self._edge_ms = at_ms
        if is_down and quiet:
            self._events.append(at_ms)

    def events(self):
        """Instants of presses in ms, handed over once."""
        events, self._events = self._events, []
        return events


class Tilt:
    """A mechanical switch without an angle: it rattles, so a level counts after 150 ms, and a tilt after 2 s more."""

    def __init__(self):
        self.state = UPRIGHT
        self._level = self._stable = False
        self._level_ms = self._since_ms = 0
        self._said_ms = -TILT_COOL_DOWN_MS
        self._events = []

    def receive_level(self, is_tilted, now_ms):
        """What the switch shows now; to be called at least every 50 ms."""
        if is_tilted != self._level:
            self._level, self._level_ms = is_tilted, now_ms
        if self._level != self._stable and now_ms - self._level_ms >= TILT_DEBOUNCE_MS:
            self._stable, self._since_ms = self._level, now_ms
            self._move("tilted" if self._stable else "upright")
        self.handle_deadline(now_ms)

    def next_deadline_ms(self):
        """When a lean becomes a tilt; None while there is none."""
        if self.state != LEANING:
            return None
        return max(self._since_ms + TILT_HOLD_MS, self._said_ms + TILT_COOL_DOWN_MS)

    def handle_deadline(self, now_ms):
        deadline_ms = self.next_deadline_ms()
        # Not while the contact is open: it may be rattling, or just being set upright.
        if deadline_ms is not None and now_ms >= deadline_ms and self._level:
            self._move("held")
            self._said_ms = now_ms
            self._events.append(now_ms)

    def events(self):
        """Instants of tilts in ms, handed over once."""
        events, self._events = self._events, []
        return events

    def _move(self, event):
        self.state = TILT_TRANSITIONS.get((self.state, event), self.state)


class Countdown:
    """After a fall the wearer has some seconds to say that nothing has happened; the buzzer counts them.

    Events: "cancelled", or "over" when nobody pressed.
    """

    def __init__(self):
        self._begin_ms = self._end_ms = None
        self._events = []

    @property
    def is_running(self):
        return self._end_ms is not None

    def begin(self, now_ms, length_ms):
        self._begin_ms, self._end_ms = now_ms, now_ms + length_ms

    def left_ms(self, now_ms):
        """Until it is over; None while there is none."""
        return None if self._end_ms is None else max(0, self._end_ms - now_ms)

    def receive_press(self, at_ms):
        """Whether this press says that nothing has happened: only one that came while it was counting does."""
        if self._end_ms is None or not self._begin_ms <= at_ms < self._end_ms:
            return False
        self._end("cancelled")
        return True

    def next_deadline_ms(self):
        return self._end_ms

    def handle_deadline(self, now_ms):
        if self._end_ms is not None and now_ms >= self._end_ms:
            self._end("over")

    def _end(self, event):
        self._begin_ms = self._end_ms = None
        self._events.append(event)

    def events(self):
        events, self._events = self._events, []
        return events

    def is_sounding(self, now_ms):
        """Once a second, and twice a second when five are left."""
        left_ms = self.left_ms(now_ms)
        if left_ms is None:
            return False
        period_ms = LAST_BEEP_MS if left_ms <= LAST_MS else BEEP_MS
        return (left_ms - 1) % period_ms >= period_ms - BEEP_LENGTH_MS


class Wear:
    """Whether somebody wears the board: one on which nothing moves for hours lies in a drawer."""

    def __init__(self):
        self.is_worn = True
        self._x = self._y = self._z = 0
        self._moved_ms = None

    def receive_sample(self, x, y, z, now_ms):
        """Counts, 4096 for 1 g. Allocates nothing while nothing changes."""
        dx, dy, dz = x - self._x, y - self._y, z - self._z
        if (
            self._moved_ms is None
            or not (-MOVED < dx < MOVED)
            or not (-MOVED < dy < MOVED)
            or not (-MOVED < dz < MOVED)
        ):
            self._x, self._y, self._z, self._moved_ms = x, y, z, now_ms

    def handle_deadline(self, now_ms, longest_ms):
        """`longest_ms`: for so long a wearer, asleep too, may not move at all."""
        if self._moved_ms is not None:
            self.is_worn = now_ms - self._moved_ms < longest_ms


class Led:
    """Says what the wearer should know, in this order: an open access point, no Wi-Fi, waiting events, all well."""

    def __init__(self):
        self._pattern = None
        self._since_ms = 0

    def receive_state(self, is_open, has_wifi, waiting, is_identifying, now_ms):
        """Whether the LED shines now; to be called at least every 50 ms. `waiting` counts events not handed over."""
        pattern = WAITING if waiting else STEADY
        if is_identifying:
            pattern = IDENTIFYING
        elif is_open:
            pattern = TWO_FLASHES
        elif not has_wifi:
            pattern = NO_WIFI
        if pattern != self._pattern:
            self._pattern, self._since_ms = pattern, now_ms
        passed_ms = now_ms - self._since_ms
        if pattern == TWO_FLASHES:
            return passed_ms % TWO_FLASHES // 100 in (0, 2)
        return not pattern or passed_ms // pattern % 2 == 0
