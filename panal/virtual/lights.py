"""A home around a virtual board of lights: four lamps that can be seen, and a switch at the wall for each.

The board's own drivers run; they are given simulated pins and buses (panal/virtual/chips). MicroPython-compatible.
"""

import asyncio

from panal.board.boards import lights_4
from panal.board.drivers.lamps import duty
from panal.virtual.chips.pins import Machine

PRESS_MS = 150

start = {"closed": [False] * len(lights_4.WALLS)}
"""How the switches at the wall stand when power comes."""
here = []
"""The home of this process."""


def word():
    """How the switches stand, as --walls says it."""
    return "".join(["1" if is_closed else "0" for is_closed in start["closed"]])


def machine():
    """The pins and buses of the board, with everything at them."""
    here[:] = [Home()]
    return here[0].machine


class Home:
    def __init__(self):
        self.machine = Machine()
        self._shown = {duty(percent): percent for percent in range(101)}
        for number, is_closed in enumerate(start["closed"], 1):
            self.set(number, is_closed)

    # what people do

    def set(self, number, is_closed):
        start["closed"][number - 1] = is_closed
        self.machine.levels[lights_4.WALLS[number - 1]] = 0 if is_closed else 1

    def do(self, said):
        """Whether it was something for lights: a switch is thrown, or pressed for so long."""
        if said["do"] != "wall" or not 1 <= said["number"] <= len(lights_4.WALLS):
            return False
        number = said["number"]
        if "ms" not in said:
            self.set(number, not start["closed"][number - 1])
            return True
        self.set(number, True)
        asyncio.create_task(self._let_go(number, said["ms"]))  # noqa: RUF006  the loop holds it
        return True

    async def _let_go(self, number, ms):
        await asyncio.sleep(ms / 1000)
        self.set(number, False)

    # what people see

    def brightness(self, number):
        """Percent of what the eye sees."""
        pin = lights_4.LAMPS[number - 1]
        pwm = self.machine.pwms.get(pin)
        if pwm is not None:
            return self._shown.get(pwm.duty, 0)
        return 100 if self.machine.levels.get(pin) else 0

    def seen(self):
        numbers = range(1, len(lights_4.LAMPS) + 1)
        return {"lamps": [self.brightness(number) for number in numbers], "walls": list(start["closed"])}
