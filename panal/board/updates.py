"""What of updates is always in memory: somebody who knows when to ask for one.

How an update goes is the machine's part (panal/cells/updates/machine.py), which comes into memory for it and leaves it
again. Asked is at the start, when the twin says so (`update`, with `not_before_ms`, so that a fleet does not come at
once), and once a day.
"""

import asyncio
import gc

from panal.board import net
from panal.board.memory import forget

FILE = "update"
LOOK_S = 0.5
EVERY_MS = 86400000


class Updates:
    def __init__(self, board):
        self._board = board
        self._wake = asyncio.Event()
        self.told = {}
        self.failures = 0
        board.device.settings["update"] = self._tell

    async def run(self):
        """For ever."""
        is_trial = self._is_trial()
        if not is_trial and '"stage": ""' in (self._board.storage.read(FILE) or '"stage": ""'):  # nothing is under way
            await net.pause(self._wake, int(self._board.random() * EVERY_MS))
        while True:
            while not self._board.link.is_up and not is_trial:
                await asyncio.sleep(LOOK_S)
            wait_ms = await self._turn()
            is_trial = self._is_trial()
            await net.pause(self._wake, wait_ms)

    async def _turn(self):
        """One turn of the machine; how many ms to wait before the next one."""
        gc.collect()
        from panal.cells.updates import device

        try:
            return await device.run(self._board, self)
        finally:
            for module in device.MODULES:
                forget(module)

    def _is_trial(self):
        pointer = self._board.hardware.pointer
        return pointer is not None and pointer.trial

    def _tell(self, value):
        """The twin's `update`: `{"release", "not_before_ms"}`. It comes with every desired document."""
        if value != self.told:
            self.told = value
            self._wake.set()
        return value
