"""The last lines of the log on a display, where one is fitted: an LCD1602 has one line of thirty-two letters for it."""

import asyncio

LINES = 30
SLICE_S = 0.02
LOOK_S = 0.2
REVIVE_LOOKS = 25


class Display:
    def __init__(self, board, screen, is_small):
        """`screen`: start(), show(…), work() until it is False, revive()."""
        self._screen = screen
        self._is_small = is_small
        self._lines = []
        self._is_new = False
        screen.start()
        board.log.also = self.write

    def write(self, line):
        text = line["message"]
        if not self._is_small:
            text = line["level"][0].upper() + " " + text
        self._lines = self._lines[1 - LINES :] + [text] if not self._is_small else [text]
        self._is_new = True

    def look(self):
        """One slice of what there is to do; whether there is more."""
        if self._is_new:
            self._is_new = False
            if self._is_small:
                self._screen.show(self._lines[0][:16], self._lines[0][16:32])
            else:
                self._screen.show(self._lines)
        return self._screen.work()

    async def run(self):
        looks = 0
        while True:
            while self.look():
                await asyncio.sleep(SLICE_S)
            looks += 1
            if looks % REVIVE_LOOKS == 0 and not getattr(self._screen, "is_present", True):
                self._screen.revive()
            await asyncio.sleep(LOOK_S)
