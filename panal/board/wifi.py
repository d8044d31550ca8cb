"""What of the Wi-Fi is always in memory: somebody who looks whether all is well.

Deciding is the machine's part (panal/cells/wifi/machine.py). It is woken when there is no network, when somebody holds
the set-up button, or when the server orders another network, and leaves the memory when all is well again.
"""

import asyncio
import gc

from panal.board.memory import forget, has_room

LOOK_S = 0.25
ROOM_BYTES = 20 * 1024  # what a change of the network needs, while messages come and go
HOLD_MS = 5000
SETUP_MS = 60000


class Wifi:
    def __init__(self, board):
        self.board = board
        self.order = None  # [Order, Event, answer] of a command under way
        self.pressed_ms = None
        self.is_open = self.was_open = False  # the access point
        self.is_awake = True  # the machine is in memory
        self.was_up = False  # when the machine looked last
        button = board.hardware.SETUP_BUTTON
        self._button = board.hardware.parts[button] if button else None
        self._until_ms = self.now_ms() + SETUP_MS * board.hardware.WIFI_PACE
        board.device.commands["wifi.change"] = self._change

    async def run(self):
        """For ever."""
        while True:
            await self.run_once()
            while not self._is_needed():  # its first sleep also takes the place on the stack that kept run_once() alive
                await asyncio.sleep(LOOK_S)
                self._look_at_memory()

    def _look_at_memory(self):
        """After a set-up: what it took has to come back, or the next change of the network finds no memory.

        In one set-up of ten it does not. MicroPython's collector takes any word on the C stack for a pointer, and the
        tasks that wait keep others that have long ended (`child_last` in py/pairheap.c). A restart frees all of it.
        """
        if self.was_open:
            self.was_open = False
            if not has_room(ROOM_BYTES):
                self.board.log.info("restarting: the set-up has left too little memory")
                self.board.hardware.restart("memory")

    async def run_once(self):
        gc.collect()
        self.is_awake = True
        from panal.cells.wifi import device

        try:
            await device.Driver(self).run()
        finally:
            for module in device.MODULES:
                forget(module)
            self.is_awake = False

    def look_at_button(self):
        """Whether the set-up button is held; keeps since when.

        Only a press in the first minute after power-on counts: a wearable's only button is the one for emergencies,
        and whoever clings to it must not end up without a network.
        """
        if self._button is None or not self._button.is_on():
            self.pressed_ms = None
        elif self.pressed_ms is None and self.now_ms() < self._until_ms:
            self.pressed_ms = self.now_ms()
        return self.pressed_ms is not None

    def is_up(self):
        """Whether there is a network, and the machine has seen it and can go: there is no room for it and a link."""
        return self.was_up and self.board.hardware.wifi.is_up()

    def now_ms(self):
        return self.board.clock.monotonic_ms() * self.board.hardware.WIFI_PACE

    def _is_needed(self):
        is_held = self.look_at_button() and self.now_ms() - self.pressed_ms >= HOLD_MS
        return is_held or self.order is not None or not self.board.hardware.wifi.is_up()

    async def _change(self, args):
        from panal.cells.wifi import device

        return await device.change(self, args)
