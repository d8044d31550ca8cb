"""What of updates is always in memory: somebody who knows when to ask for one.

How an update goes is the machine's part (panal/cells/updates/machine.py), which comes into memory for it and leaves it
again. Asked is at the start when an update is under way, when the twin says so (`update`, with `not_before_ms`, so that
a fleet does not come at once), and once a day.

Where there is no room for it beside the cells, the board restarts into a quiet life without them and without a link,
in which nothing is done but this, and restarts again.
"""

import asyncio

from panal.board import net
from panal.board.memory import forget, has_room

MODULES = (
    "panal.cells.updates.device",
    "panal.cells.updates.machine",
    "panal.cells.updates.messages",
    "panal.cells.updates.trial",
    "panal.cells.updates.trust",
    "panal.board.slots",
    "panal.board.folder_slot",
    "panal.board.image_slot",
)
"""What need not stay in memory once it is over."""
FILE = "update"
PUSHED = "pushed"  # a quiet life is wanted for what somebody near by has (panal/board/push.py)
QUIET = "quiet"  # how often in a row it came to that; with `!` while it is wanted
NOTHING = '"stage": ""'  # in the record when no update is under way
LOADING = '"stage": "loading"'
LOOK_S = 0.5
TURN_BYTES = 26 * 1024  # what asking takes
ROOM_LOOKS = 10
EVERY_MS = 86400000
HOUR_MS = 3600000
QUIET_S = 300
MOST_QUIET = 2  # in a row, where nothing is under way: whoever asks for ever must not restart the board for ever
MOST_LOADING = 4  # in a row, where one is: a board that has no room even then watches over somebody, and tries tomorrow
AGAIN_S = 60


def is_quiet(storage):
    """Whether this life is a quiet one; it is the only one."""
    text = storage.read(QUIET) or ""
    if text[:1] != "!":
        return False
    storage.write(QUIET, text[1:])
    return True


async def wait_for_room(size):
    """A board that has just started has other things in memory, for some seconds; who never has the room must try."""
    for _ in range(ROOM_LOOKS):
        if has_room(size):
            return
        await asyncio.sleep(1)


def make_quiet(board, count):
    """The next life is a quiet one. `count`: as of QUIET."""
    board.storage.write(QUIET, "!%d" % count)
    board.hardware.restart("quiet")


def count_of(storage):
    return int(storage.read(QUIET) or "0")


class Updates:
    def __init__(self, board):
        self._board = board
        self._wake = asyncio.Event()
        self.told = {}
        self.failures = 0
        self.is_busy = False  # somebody writes into the other slot
        board.device.settings["update"] = self._tell

    async def run(self):
        """For ever."""
        board = self._board
        if board.is_quiet:
            await self._be_quiet()
        if not await self._trial():
            return
        wait_ms, record = 0, board.storage.read(FILE) or NOTHING
        count = count_of(board.storage)
        if NOTHING in record:
            wait_ms = int(board.random() * EVERY_MS)
        if LOADING in record:
            await asyncio.sleep(min(count * count * AGAIN_S, EVERY_MS // 1000))  # after quiet lives for nothing
        while True:
            await net.pause(self._wake, wait_ms)
            while self.is_busy or not board.link.is_up:
                await asyncio.sleep(LOOK_S)
            try:
                wait_ms = self._early_ms() or await self._turn()
            except MemoryError as error:
                board.log.warning("update: %s" % error)
                if board.clock.monotonic_ms() > HOUR_MS:
                    count = 0
                is_idle = NOTHING in (board.storage.read(FILE) or NOTHING)
                wait_ms = HOUR_MS + 1 if is_idle else EVERY_MS
                if count < (MOST_QUIET if is_idle else MOST_LOADING):
                    make_quiet(board, count + 1)

    async def _trial(self):
        """Whether the board stays as it is; at once when nothing is on trial."""
        pointer = self._board.hardware.pointer
        if pointer is not None and pointer.trial != pointer.slot:
            return True
        from panal.cells.updates import trial

        stays = await trial.run(self._board, FILE)
        for module in MODULES:
            forget(module)
        if stays:
            self._board.storage.write(QUIET, "0")  # what it took to come here does not count against the next one
        return stays

    async def _be_quiet(self):
        while self._board.wifi.is_awake or not self._board.has_network():
            await asyncio.sleep(LOOK_S)
        try:
            if self._board.storage.read(PUSHED):
                await self._listen()
            else:
                await asyncio.wait_for(self._turn(), QUIET_S)
        except asyncio.TimeoutError:  # noqa: UP041  a class of its own on MicroPython
            self._board.log.error("update: no end after %d s" % QUIET_S)
        except MemoryError as error:
            self._board.log.error("update: %s" % error)
        self._board.hardware.restart("update")

    async def _listen(self):
        from panal.board import quiet

        self._board.storage.write(PUSHED, "")  # once: what breaks is not begun again
        await quiet.listen(self._board)

    async def _turn(self):
        """One turn of the machine; how many ms to wait before the next one."""
        self.is_busy = True
        try:
            await wait_for_room(TURN_BYTES)
            from panal.cells.updates import device

            return await device.run(self._board, self)
        finally:
            self.is_busy = False
            for module in MODULES:
                forget(module)
            if self._board.config["transport"] != "http":  # whose link it is
                forget("panal.board.http")

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
