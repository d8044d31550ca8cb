"""How the wearable's button, tilt switch and LED go. Times: docs/boards/wearable-1.md."""

DEBOUNCE_MS = 60

TILT_DEBOUNCE_MS = 150
TILT_HOLD_MS = 2000
TILT_COOL_DOWN_MS = 3000

UPRIGHT = "upright"
LEANING = "leaning"  # tilted, but not for long enough yet
TILTED = "tilted"  # said; nothing more until it has been upright again

TILT_TRANSITIONS = {
    (UPRIGHT, "tilted"): LEANING,
    (LEANING, "upright"): UPRIGHT,
    (LEANING, "held"): TILTED,
    (TILTED, "upright"): UPRIGHT,
}

STEADY = "steady"
NO_WIFI = "no_wifi"
WAITING = "waiting"
IDENTIFYING = "identifying"
HALF_PERIOD_MS = {NO_WIFI: 500, WAITING: 200, IDENTIFYING: 100}


class Button:
    """Counts presses: a contact bounces for less than 60 ms, so an edge within 60 ms of another is no new press."""

    def __init__(self):
        self._edge_ms = None
        self._events = []

    def receive_edge(self, is_down, at_ms):
        """The contact closed or opened at that instant; edges come in the order of their time."""
        quiet = self._edge_ms is None or at_ms - self._edge_ms >= DEBOUNCE_MS
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
        self._said_ms = None
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
        held_ms = self._since_ms + TILT_HOLD_MS
        return held_ms if self._said_ms is None else max(held_ms, self._said_ms + TILT_COOL_DOWN_MS)

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


class Led:
    """Blinks or shines by what the wearer should know: no Wi-Fi before waiting events, and those before all is well."""

    def __init__(self):
        self.pattern = None
        self._is_on = False
        self._since_ms = 0

    def receive_state(self, has_wifi, waiting, is_identifying, now_ms):
        """Whether the LED shines now; to be called at least every 50 ms. `waiting` counts events not handed over."""
        pattern = _pattern(has_wifi, waiting, is_identifying)
        if pattern != self.pattern:
            self.pattern, self._since_ms, self._is_on = pattern, now_ms, True
        half_period_ms = HALF_PERIOD_MS.get(pattern)
        if half_period_ms is not None and now_ms - self._since_ms >= half_period_ms:
            self._since_ms, self._is_on = now_ms, not self._is_on
        return self._is_on


def _pattern(has_wifi, waiting, is_identifying):
    if is_identifying:
        return IDENTIFYING
    if not has_wifi:
        return NO_WIFI
    return WAITING if waiting else STEADY
