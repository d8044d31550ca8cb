"""What a board of lights does: moves data between wall, lamps and panel and the machine, which decides.

Parts of the hardware: `walls`, a list of pins that are low while their switch is closed; `lamp(number, kind)` makes a
lamp with shine(percent) and work(); `display(name)` makes a display (panal/board/display.py).
"""

import asyncio
import json

from panal.board.memory import forget
from panal.cells.lights import machine

LOOK_S = 0.02
FILE = "lights"
QUIET_MS = 2000  # without another change, before how the lights are is written to flash
LATEST_MS = 10000
IDENTIFY_LOOKS = 150
DISPLAYS = ("lcd1602", "ili9342")


def make(board):
    return Lights(board)


class Lights:
    SILENT_MS = 10000  # without a sign of life, before the watchdog is let loose: a TLS handshake blocks for seconds

    def __init__(self, board):
        self._board = board
        parts = board.hardware.parts
        self._walls = parts["walls"]
        self._changed_ms = self._first_ms = None  # the newest and the oldest change that is not on flash yet
        self._blinks = 0
        self.machine = machine.Lights(len(self._walls), self._load(), self._now())
        self._kinds = [light.settings["kind"] for light in self.machine.lights]
        self.lamps = [parts["lamp"](number, kind) for number, kind in enumerate(self._kinds, 1)]
        board.device.settings["lights"] = self._obey
        board.device.commands["identify"] = self._identify
        self._follow(self._now())
        self._changed_ms = self._first_ms = None
        name = board.config["display"]
        if name in DISPLAYS:
            from panal.board import display

            screen = display.Display(board, parts["display"](name), name == "lcd1602")
            board.supervisor.watch("display", screen.run)
        if board.hardware.PORTAL is not None:
            from panal.board import local

            board.supervisor.watch("local", local.Local(board, self).run)

    def _now(self):
        return self._board.clock.monotonic_ms()

    async def run(self):
        while True:
            self.look(self._now())
            self._board.supervisor.alive("lights")
            await asyncio.sleep(LOOK_S)

    def look(self, now_ms):
        """One round: what the switches show, what the time is, and what follows from it."""
        lights = self.machine
        lights.receive_clock(self._board.clock.at_ms(0), now_ms)
        for number, wall in enumerate(self._walls, 1):
            lights.receive_wall(number, not wall.value(), now_ms)
        due_ms = lights.next_deadline_ms()
        if due_ms is not None and now_ms >= due_ms:
            lights.handle_deadline(now_ms)
        self._follow(now_ms)
        if self._blinks:
            self._blink()

    def show(self):
        """What there is, for the board's own page: names are the panel's."""
        lights = self.machine
        channels = lights.reported(["settings"])["settings"]["channels"] or {}
        return {"lights": [_shown(number, light, channels) for number, light in enumerate(lights.lights, 1)]}

    def switch(self, number, is_on, level=None, for_s=None):
        """Somebody near by. Raises ValueError."""
        now_ms = self._now()
        self.machine.switch(number, is_on, level, for_s, now_ms)
        self._follow(now_ms)

    def _follow(self, now_ms):
        """First the lamps, then the rest."""
        for number, lamp in enumerate(self.lamps, 1):
            lamp.shine(self.machine.shine(number))
            lamp.work()
        events = self.machine.events()
        if events:
            self._tell(events)
            self._changed_ms = now_ms
            self._first_ms = now_ms if self._first_ms is None else self._first_ms
        elif self._changed_ms is not None and (
            now_ms - self._changed_ms >= QUIET_MS or now_ms - self._first_ms >= LATEST_MS
        ):
            self._save()

    def _tell(self, events):
        for number in events:
            if isinstance(number, int):
                light = self.machine.lights[number - 1]
                shown = "%d %%" % light.level if light.is_on else "off"
                self._board.log.note("light %d: %s, %s" % (number, shown, light.by))
        if "settings" in events:
            self._make_lamps()
        if "next" in events or "settings" in events:
            forget("panal.cells.lights.timetable")
            forget("panal.cells.lights.sun")
        self._board.device.tell("lights", self.machine.reported(events), self.machine.reported)

    def _make_lamps(self):
        """Of another kind, where somebody has set one."""
        for at, light in enumerate(self.machine.lights):
            if light.settings["kind"] != self._kinds[at]:
                self._kinds[at] = light.settings["kind"]
                self.lamps[at].stop()
                self.lamps[at] = self._board.hardware.parts["lamp"](at + 1, self._kinds[at])

    # flash

    def _load(self):
        try:
            return json.loads(self._board.storage.read(FILE) or "null")
        except ValueError:
            return None

    def _save(self):
        """Wear: a burst of changes is written once, and a light that is turned all day every ten seconds at most."""
        self._changed_ms = self._first_ms = None
        try:
            self._board.storage.write(FILE, json.dumps(self.machine.kept()))
        except OSError:  # a flash that is full or broken must not keep people in the dark
            self._board.log.error("lights: cannot be written")

    # the panel

    def _obey(self, value):
        """What follows from it is done at the next look, when the message that brought it is out of the memory."""
        if not isinstance(value, dict):
            raise ValueError
        now_ms = self._now()
        self.machine.receive_clock(self._board.clock.at_ms(0), now_ms)
        self.machine.receive_desired(value, now_ms)

    async def _identify(self, args):
        """The LED blinks for three seconds; lamps that go on and off by themselves frighten people."""
        self._blinks = IDENTIFY_LOOKS

    def _blink(self):
        self._blinks -= 1
        led = self._board.hardware.parts["led"]
        led.on() if self._blinks // 5 % 2 else led.off()


def _shown(number, light, channels):
    about = channels.get(str(number), {})
    return {
        "number": number,
        "name": about.get("name") or str(number),
        "room": about.get("room") or "",
        "on": light.is_on,
        "level": light.level,
        "dims": light.settings["kind"] == "dimmer",
        "until_ms": light.until_ms,
    }
