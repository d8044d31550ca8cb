"""What of updates is always in memory: somebody who knows when to ask for one.

How that goes (panal/board/turns.py) and how an update goes (panal/cells/updates/machine.py) come into memory for it and
leave it again. Asked is at the start when an update is under way, when the twin says so (`update`, with
`not_before_ms`, so that a fleet does not come at once), and once a day.
"""

import asyncio

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
        self.is_busy = False  # somebody writes into the other slot
        board.device.settings["update"] = self._tell

    async def run(self):
        """For ever, unless the board is about to restart."""
        wait_ms = await self._turn(True)
        while wait_ms is not None:
            await net.pause(self._wake, wait_ms)
            while self.is_busy or not self._board.link.is_up:
                await asyncio.sleep(LOOK_S)
            wait_ms = self._early_ms() or await self._turn(False)

    async def _turn(self, is_first):
        from panal.board import turns

        try:
            return await (turns.begin if is_first else turns.take)(self._board, self)
        finally:
            forget("panal.board.turns")

    def _early_ms(self):
        told, now_ms = self.told, self._board.clock.now_ms()
        not_before_ms = told.get("not_before_ms") if isinstance(told, dict) else None
        if not isinstance(not_before_ms, int) or now_ms is None:
            return 0
        return max(0, min(not_before_ms - now_ms, EVERY_MS))

    def _tell(self, value):
        """The twin's `update`: `{"release", "not_before_ms"}`. It comes with every desired document."""
        if value != self.told:
            self.told = value
            self._wake.set()
        return value
