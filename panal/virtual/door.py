"""A door around a virtual controller: its chips, its reed and buttons, people with cards; what can be seen and heard.

The controller's own drivers run; they are given simulated pins and buses (panal/virtual/chips). MicroPython-compatible.
"""

import asyncio

from panal.board.boards import door_1
from panal.board.drivers.lcd1602 import MAPPINGS
from panal.virtual.chips import mfrc522, pcf8574_hd44780
from panal.virtual.chips.pins import Machine

HELD_MS = 600  # how long somebody holds a card to the reader, a button or a key
SILENCE_MS = 120  # after a sound, before it counts as over
LONG_MS = 200
SOUNDS = {1: "short", 2: "double", 3: "triple"}

start = {"open": False, "knob": 2048}
"""How the door stands when power comes."""
here = []
"""The door of this process."""


def machine():
    """The pins and buses of a controller, with everything at them."""
    here[:] = [Door()]
    return here[0].machine


class Door:
    def __init__(self):
        self.machine = Machine()
        self.reader = mfrc522.Mfrc522()
        self.display = pcf8574_hd44780.Hd44780(MAPPINGS[0])
        self.keys = pcf8574_hd44780.Keys()
        self._pins = door_1.ESP32
        self.machine.selected[self._pins["cs"]] = self.reader
        self.machine.addressed[0x27] = pcf8574_hd44780.Pcf8574(self.display)
        self.machine.addressed[0x20] = pcf8574_hd44780.Pcf8574(self.keys)
        self.machine.levels[self._pins["exit"]] = 1
        self.machine.levels[self._pins["bolt"]] = 1
        self.machine.levels[self._pins["button"]] = 1
        self.open(start["open"])
        self.turn(start["knob"])
        self._since_ms = None  # of the sound or the silence that is on now
        self._is_on = False
        self._lengths = []
        self._lines = self._steady = ["", ""]  # what stands on the display, and what is not just being written

    # what people do

    def open(self, is_open):
        start["open"] = is_open
        self.machine.levels[self._pins["reed"]] = 1 if is_open else 0

    def turn(self, value):
        start["knob"] = min(max(int(value), 0), 4095)
        self.machine.analog[self._pins["knob"]] = start["knob"]

    def do(self, said):
        """Whether it was something for a door: card, knob, door, exit, key, bolt."""
        do, ms = said["do"], said.get("ms", HELD_MS)
        if do == "card":
            self.reader.cards = [mfrc522.Card(_bytes(said["uid"]))]
            self._later(ms, self._take_away)
        elif do == "knob":
            self.turn(said["value"])
        elif do == "door":
            self.open(bool(said["open"]))
        elif do == "exit":
            self.machine.levels[self._pins["exit"]] = 0
            self._later(ms, self._release)
        elif do == "key":
            self.keys.down = said["key"]
            self._later(ms, self._lift)
        elif do == "bolt":  # what the lock's own sensor shows
            self.machine.levels[self._pins["bolt"]] = 0 if said["locked"] else 1
        elif do == "display":
            self._plug(said["on"])
        else:
            return False
        return True

    def _later(self, ms, what):
        asyncio.create_task(_after(ms, what))  # noqa: RUF006  the loop holds it

    def _take_away(self):
        self.reader.cards = []

    def _release(self):
        self.machine.levels[self._pins["exit"]] = 1

    def _lift(self):
        self.keys.down = ""

    def _plug(self, is_on):
        if is_on:
            self.machine.addressed[0x27] = pcf8574_hd44780.Pcf8574(self.display)
        else:
            self.machine.addressed.pop(0x27, None)

    # what people see and hear

    def is_released(self):
        """The relay's coil has current, or the servo stands at its open end."""
        pwm = self.machine.pwms.get(self._pins["lock"])
        if pwm is not None:
            return pwm.pulse_us == 500
        return self.machine.levels.get(self._pins["lock"], 1) == 0

    def seen(self):
        levels, pins = self.machine.levels, self._pins
        before, self._lines = self._lines, [line.rstrip() for line in self.display.lines()]
        if before == self._lines:
            self._steady = before
        return {
            "lcd": self._steady,
            "leds": {name: bool(levels.get(pins[name])) for name in ("blue", "green", "red")},
            "lock": "unlocked" if self.is_released() else "locked",
            "door": "open" if start["open"] else "close",
        }

    def listen(self, now_ms):
        """The name of a sound that is over, or None; to be called every 10 ms."""
        is_on = self.machine.pwms[self._pins["buzzer"]].duty > 0
        if is_on != self._is_on or self._since_ms is None:
            if self._is_on:
                self._lengths.append(now_ms - self._since_ms)
            self._is_on, self._since_ms = is_on, now_ms
        elif not is_on and self._lengths and now_ms - self._since_ms >= SILENCE_MS:
            lengths, self._lengths = self._lengths, []
            return "long" if lengths[0] >= LONG_MS else SOUNDS.get(len(lengths), "triple")
        return None


def _bytes(text):
    data = bytes([int(text[at : at + 2], 16) for at in range(0, len(text), 2)])
    if len(data) not in (4, 7, 10):
        raise ValueError
    return data


async def _after(ms, what):
    await asyncio.sleep(ms / 1000)
    what()
