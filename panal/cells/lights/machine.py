"""How lights go: what the wall, the page, somebody near by, timers, schedules and power cuts make of each of them.

Every change of a light has a cause (`by`) and an instant (`at_ms`), and the later instant wins, wherever it was made:
what somebody did at the wall while the board was offline stands against an older click on the page, and gives way to a
newer one. `at_ms` only grows: it is the time of day, or one more than the instant before where that is later.
"""

KINDS = ("relay", "dimmer")
SWITCHES = ("toggle", "push", "none")
POWERS = ("last", "on", "off")
BYS = ("wall", "page", "local", "schedule", "timer", "power", "automation")
ASKED_BYS = ("page", "automation")  # what a desired change may be by
SETTINGS: dict = {"kind": KINDS, "switch": SWITCHES, "power": POWERS}
"""Of each channel; the first of each is what holds where nothing is said."""

NAMES = ("name", "room")
MAX_NAME = 80
ABOUT = ("channels", "schedules", "zone", "place")  # what the settings of a board are about
MAX_CHANNELS = 8
MAX_SCHEDULES = 16
MAX_ZONES = 8
FOR_S = (1, 86400)
LEVEL = (1, 100)
WHENS = ("time", "sunrise", "sunset")
MINUTES = {"time": (0, 1439), "sunrise": (-720, 720), "sunset": (-720, 720)}
OFFSET_MIN = (-900, 900)
LATITUDE_E4 = (-900000, 900000)
LONGITUDE_E4 = (-1800000, 1800000)
LATEST_MS = 1 << 52
MAX_ID = (1 << 31) - 1
SET_AT_MS = (1, LATEST_MS)

DEBOUNCE_MS = 40
HOLD_MS = 500
RAMP_MS = 40
RAMP_PCT = 2
DIM_PCT = 5  # where dimming by hand ends: a light that is on can be seen
LATE_MS = 120000  # a schedule that could not run for longer is not made up for
BACK_MS = 3600000  # a clock that went back by more was wrong before
NEAR_MS = 1000  # a clock that is corrected by less than that changes nothing that anybody sees


def is_whole(value, bounds):
    return isinstance(value, int) and not isinstance(value, bool) and bounds[0] <= value <= bounds[1]


def is_channel(value):
    """Whether these may be a channel's settings. `name` and `room` are for the board's own page."""
    return (
        isinstance(value, dict)
        and all(value.get(name, words[0]) in words for name, words in SETTINGS.items())
        and all(isinstance(value.get(name, ""), str) and len(value.get(name, "")) <= MAX_NAME for name in NAMES)
    )


def is_schedule(entry):
    """Whether this is `[id, days, when, minute, channels, on, level, for_s]`: days with bit 0 for Monday, channels with
    bit 0 for the first, minute of the day or of the offset from the sun; level and for_s may be null."""
    if not isinstance(entry, list) or len(entry) != 8 or entry[2] not in WHENS or not isinstance(entry[5], bool):
        return False
    bounds = ((1, MAX_ID), (1, 127), None, MINUTES[entry[2]], (1, (1 << MAX_CHANNELS) - 1), None, LEVEL, FOR_S)
    return all(
        entry[at] is None if at > 5 and entry[at] is None else bounds[at] is None or is_whole(entry[at], bounds[at])
        for at in range(8)
    )


def is_zone(entry):
    """`[from_s, offset_min]`: from this instant on local time is UTC and so many minutes."""
    return isinstance(entry, list) and len(entry) == 2 and is_whole(entry[0], (0, LATEST_MS)) and _is_offset(entry[1])


def _is_offset(value):
    return is_whole(value, OFFSET_MIN)


def is_place(value):
    """`[latitude, longitude]` in ten thousandths of a degree, north and east positive; null where nobody said it."""
    if value is None:
        return True
    return (
        isinstance(value, list)
        and len(value) == 2
        and is_whole(value[0], LATITUDE_E4)
        and is_whole(value[1], LONGITUDE_E4)
    )


def is_list_of(is_one, value, most):
    return isinstance(value, list) and len(value) <= most and all(is_one(entry) for entry in value)


def understood(settings):
    """Of desired settings those that are good; what is not is passed over, and never reported."""
    found = {}
    channels = settings.get("channels")
    if isinstance(channels, dict):
        found["channels"] = {number: about for number, about in channels.items() if is_channel(about)}
    if is_list_of(is_schedule, settings.get("schedules"), MAX_SCHEDULES):
        found["schedules"] = settings["schedules"]
    if is_list_of(is_zone, settings.get("zone"), MAX_ZONES):
        found["zone"] = settings["zone"]
    if settings.get("place") is not None and is_place(settings["place"]):
        found["place"] = settings["place"]
    return found


class Wall:
    """A switch at the wall: what it shows counts when it has shown nothing else for 40 ms.

    A toggle switch turns the light over whenever it is thrown. A push button does so when it is let go, and dims
    while it is held.
    """

    def __init__(self):
        self._raw = self._steady = None
        self._since_ms = 0
        self._down_ms = None  # since when a push button is held
        self._ramp_ms = None  # when the next step of dimming is due
        self._goes_up = False

    def receive(self, is_closed, now_ms, settings):
        """What follows from what it shows, to be asked every 20 ms: "toggle", "up", "down", "rest" or None."""
        if is_closed != self._raw:
            self._raw, self._since_ms = is_closed, now_ms
        if self._raw == self._steady:
            return self._hold(now_ms, settings)
        if now_ms - self._since_ms < DEBOUNCE_MS:
            return None
        was, self._steady = self._steady, self._raw
        if settings["switch"] == "toggle":
            return "toggle" if was is not None else None  # how it stands when power comes says nothing
        return self._push(was, now_ms) if settings["switch"] == "push" else None

    def _push(self, was, now_ms):
        if self._steady:
            self._down_ms = now_ms if was is not None else None
            return None
        held, self._ramp_ms = self._ramp_ms is not None, None
        began_ms, self._down_ms = self._down_ms, None
        return "rest" if held else "toggle" if began_ms is not None else None

    def _hold(self, now_ms, settings):
        if self._down_ms is None or settings["kind"] != "dimmer" or settings["switch"] != "push":
            return None
        if self._ramp_ms is None:
            if now_ms - self._down_ms < HOLD_MS:
                return None
            self._ramp_ms, self._goes_up = now_ms, not self._goes_up
        if now_ms < self._ramp_ms:
            return None
        self._ramp_ms += RAMP_MS
        return "up" if self._goes_up else "down"


class Light:
    """One channel. `level`: 1..100, how bright it is, or will be when it is on."""

    def __init__(self):
        self.settings = {name: words[0] for name, words in SETTINGS.items()}
        self.is_on = False
        self.level = LEVEL[1]
        self.by = "power"
        self.at_ms = 0
        self.seen_ms = 0  # set_at_ms of the newest desired change that came
        self.for_s = None  # of that change
        self.ends_ms = None  # monotonic: when its timer ends
        self.until_ms = None  # the same by the time of day, where that is known
        self.timer_s = None  # how long it was to run
        self.recalled_ms = None  # until_ms of a timer from before a power cut, while nobody knew the time of day
        self.unsure_ms = None  # monotonic: when it was changed, while nobody knew the time of day
        self.wall = Wall()


class Lights:
    """`count` channels. `kept`: what `kept()` gave before the power went, or None."""

    def __init__(self, count, kept, now_ms):
        self.lights = [Light() for _ in range(count)]
        self.schedules = []
        self.zone = []
        self.place = None
        self.next = None  # [id, at_ms] of the schedule that runs next
        self._due = []  # the schedules that run then
        self._offset_ms = None  # what the time of day is more than the monotonic clock
        self._fired_ms = 0
        self._is_planned = True
        self._events = []
        self._given = {}
        self._restore(kept if isinstance(kept, dict) else {}, now_ms)

    # what comes

    def receive_clock(self, offset_ms, now_ms):
        """The time of day is `offset_ms` more than the monotonic clock; None while nobody has told it."""
        if offset_ms is None or self._offset_ms is not None and abs(offset_ms - self._offset_ms) < NEAR_MS:
            return
        self._offset_ms = offset_ms
        for number, light in enumerate(self.lights, 1):
            if light.recalled_ms is not None:
                light.ends_ms, light.recalled_ms = min(light.ends_ms, light.recalled_ms - offset_ms), None
            if light.ends_ms is not None:
                light.until_ms = offset_ms + light.ends_ms
                self._say(number)
            if light.unsure_ms is not None:
                light.at_ms, light.unsure_ms = max(light.at_ms, offset_ms + light.unsure_ms), None
                self._say(number)
        self._is_planned = False

    def receive_wall(self, number, is_closed, now_ms):
        """How the contact of a channel's switch stands; every 20 ms."""
        light = self.lights[number - 1]
        word = light.wall.receive(is_closed, now_ms, light.settings)
        if word == "toggle":
            self._change(number, not light.is_on, None, None, "wall", now_ms)
        elif word in ("up", "down"):
            self._ramp(light, word)
        elif word == "rest":
            self._change(number, True, light.level, None, "wall", now_ms)

    def receive_desired(self, document, now_ms):
        """The twin's `lights`: a change for each channel that has one, and settings; what is not good is not heard."""
        settings = document.get("settings")
        if isinstance(settings, dict):
            self._receive_settings(understood(settings))
        for number in range(1, len(self.lights) + 1):
            wish = document.get(str(number))
            if (
                isinstance(wish, dict)
                and isinstance(wish.get("on"), bool)
                and is_whole(wish.get("set_at_ms"), SET_AT_MS)
            ):
                self._receive_wish(number, wish, now_ms)

    def _receive_wish(self, number, wish, now_ms):
        light, set_at_ms, for_s = self.lights[number - 1], wish["set_at_ms"], wish.get("for_s")
        if set_at_ms <= light.seen_ms:
            return
        light.seen_ms = set_at_ms
        light.for_s = for_s if is_whole(for_s, FOR_S) else None
        self._say(number)
        if set_at_ms <= light.at_ms:  # something later has happened here, or this is its echo
            return
        by = wish.get("by") if wish.get("by") in ASKED_BYS else "page"
        level = wish.get("level")
        self._change(number, wish["on"], level if is_whole(level, LEVEL) else None, light.for_s, by, now_ms, set_at_ms)

    def _receive_settings(self, settings):
        if settings == self._given:
            return
        self._given = settings
        channels = settings.get("channels", {})
        for number, light in enumerate(self.lights, 1):
            about = channels.get(str(number), {})
            light.settings = {name: about.get(name, words[0]) for name, words in SETTINGS.items()}
            if light.settings["kind"] == "relay":
                light.level = LEVEL[1]
        self.schedules = settings.get("schedules", [])
        self.zone = settings.get("zone", [])
        self.place = settings.get("place")
        self._say("settings")
        self._is_planned = False

    def switch(self, number, is_on, level, for_s, now_ms):
        """Somebody near by, without the server. Raises ValueError for what cannot be."""
        if not is_whole(number, (1, len(self.lights))) or not isinstance(is_on, bool):
            raise ValueError("light")
        if level is not None and not is_whole(level, LEVEL):
            raise ValueError("level")
        if for_s is not None and not is_whole(for_s, FOR_S):
            raise ValueError("for_s")
        self._change(number, is_on, level, for_s, "local", now_ms)

    # time

    def next_deadline_ms(self):
        """Monotonic, or None: when a timer ends or a schedule runs; 0 while it must be found out what runs next.

        That is not done in passing, as it takes memory that a board may need for the message that brought it.
        """
        if not self._is_planned and self._offset_ms is not None:
            return 0
        found = [light.ends_ms for light in self.lights if light.ends_ms is not None]
        if self.next is not None and self._offset_ms is not None:
            found.append(self.next[1] - self._offset_ms)
        return min(found) if found else None

    def handle_deadline(self, now_ms):
        for number, light in enumerate(self.lights, 1):
            if light.ends_ms is not None and now_ms >= light.ends_ms:
                self._change(number, False, None, None, "timer", now_ms)
        if not self._is_planned:
            self._plan(now_ms)
        if self.next is not None and self._offset_ms is not None and now_ms + self._offset_ms >= self.next[1]:
            self._run_schedules(self.next[1], now_ms + self._offset_ms - self.next[1], now_ms)

    def _run_schedules(self, due_ms, late_ms, now_ms):
        if late_ms <= LATE_MS:
            for _, _, _, _, channels, is_on, level, for_s in self._due:
                for number in range(1, len(self.lights) + 1):
                    if channels >> number - 1 & 1:
                        self._change(number, is_on, level, for_s, "schedule", now_ms)
        self._fired_ms = due_ms
        self._is_planned = False

    def _plan(self, now_ms):
        """Find what runs next."""
        if self._offset_ms is None:
            return
        self._is_planned = True
        unix_ms = now_ms + self._offset_ms
        if self._fired_ms - unix_ms > BACK_MS:
            self._fired_ms = 0
        before, self.next, self._due = self.next, None, []
        if self.schedules:
            from panal.cells.lights import timetable

            self._due, at_ms = timetable.next_after(max(unix_ms, self._fired_ms), self.schedules, self.zone, self.place)
            if self._due:
                self.next = [self._due[0][0], at_ms]
        if self.next != before:
            self._say("next")

    # what follows

    def _change(self, number, is_on, level, for_s, by, now_ms, at_ms=None):
        light = self.lights[number - 1]
        begins_ms = now_ms if at_ms is None or self._offset_ms is None else min(now_ms, at_ms - self._offset_ms)
        if is_on and for_s is not None and begins_ms + for_s * 1000 <= now_ms:
            is_on, for_s, by = False, None, "timer"  # a click that waited for us longer than its timer
        light.is_on, light.by = is_on, by
        light.level = LEVEL[1] if light.settings["kind"] == "relay" else level or light.level
        light.ends_ms = begins_ms + for_s * 1000 if is_on and for_s is not None else None
        light.until_ms = None if light.ends_ms is None or self._offset_ms is None else self._offset_ms + light.ends_ms
        light.timer_s, light.recalled_ms = for_s, None
        light.at_ms, light.unsure_ms = (at_ms, None) if at_ms is not None else self._stamp(light, now_ms)
        self._say(number)

    def _stamp(self, light, now_ms):
        """(at_ms, unsure_ms) of a change that is made here and now."""
        after_ms = max(light.at_ms, light.seen_ms) + 1
        if self._offset_ms is None:
            return after_ms, now_ms
        return max(after_ms, now_ms + self._offset_ms), None

    def _ramp(self, light, word):
        """A step of dimming by hand, which is told when it is over."""
        if not light.is_on:
            light.is_on, light.level = True, DIM_PCT
        elif word == "up":
            light.level = min(LEVEL[1], light.level + RAMP_PCT)
        else:
            light.level = max(DIM_PCT, light.level - RAMP_PCT)

    def _say(self, what):
        if what not in self._events:
            self._events.append(what)

    # what goes

    def shine(self, number):
        """How bright a lamp is to be: 0..100."""
        light = self.lights[number - 1]
        return light.level if light.is_on else 0

    def events(self):
        """What is new, handed over once: the numbers of lights, "settings", "next"."""
        events, self._events = self._events, []
        return events

    def reported(self, what=None):
        """The twin's `lights` as the board reports it: of these events, or the whole. None deletes."""
        names = list(range(1, len(self.lights) + 1)) + ["settings", "next"] if what is None else what
        return {str(name): self._report_of(name) for name in names}

    def _report_of(self, name):
        if name == "settings":
            return {about: self._given.get(about) for about in ABOUT}
        if name == "next":
            return self.next
        light = self.lights[name - 1]
        return {
            "on": light.is_on,
            "level": light.level,
            "by": light.by,
            "at_ms": light.at_ms,
            "until_ms": light.until_ms,
            "for_s": light.for_s,
            "set_at_ms": light.seen_ms,
        }

    # power

    def kept(self):
        """What is written to flash, so that power may go: of each light by its number."""
        return {str(number): _kept_of(light) for number, light in enumerate(self.lights, 1)}

    def _restore(self, kept, now_ms):
        for number, light in enumerate(self.lights, 1):
            try:
                _restore_one(light, kept[str(number)], now_ms)
            except (TypeError, ValueError, KeyError):  # written by another version, or never
                pass
            self._say(number)


def _kept_of(light):
    until_ms = light.recalled_ms or light.until_ms
    changed = [light.is_on, light.level, light.by, light.at_ms, light.seen_ms, light.for_s]
    return changed + [light.timer_s, until_ms, light.settings["kind"], light.settings["power"]]  # noqa: RUF005


def _restore_one(light, kept, now_ms):
    is_on, level, by, at_ms, seen_ms, for_s, timer_s, until_ms, kind, after = kept
    light.is_on, light.level, light.by, light.at_ms = is_on, level, by, at_ms
    light.seen_ms, light.for_s = seen_ms, for_s
    light.settings["kind"], light.settings["power"] = kind, after
    if after != "last" and (is_on != (after == "on") or timer_s is not None):
        light.is_on, light.by, light.at_ms = after == "on", "power", max(at_ms, seen_ms) + 1
    elif is_on and timer_s is not None:
        # Until somebody tells the time the timer runs once more from its beginning: too long rather than for ever.
        light.timer_s, light.recalled_ms, light.ends_ms = timer_s, until_ms, now_ms + 1000 * timer_s
