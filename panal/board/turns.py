"""What of updates is in memory only while one is looked for: how a turn begins, and what is done where it has no room.

Where there is no room for an update beside the cells, the board restarts into a quiet life without them and without a
link, in which nothing is done but this, and restarts again.
"""

import asyncio
import gc

from panal.board.memory import forget, has_room
from panal.board.updates import EVERY_MS, FILE

MODULES = (
    "panal.cells.updates.asking",
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
PUSHED = "pushed"  # a quiet life is wanted for what somebody near by has (panal/board/push.py)
QUIET = "quiet"  # how often in a row it came to that; with `!` while it is wanted
NOTHING = '"stage": ""'  # in the record when no update is under way
LOADING = '"stage": "loading"'
LOOK_S = 0.5
TURN_BYTES = 26 * 1024  # what taking an offer takes
ROOM_LOOKS = 10
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


def make_quiet(board, count):
    """The next life is a quiet one. `count`: as of QUIET."""
    board.storage.write(QUIET, "!%d" % count)
    board.hardware.restart("quiet")


def count_of(storage):
    return int(storage.read(QUIET) or "0")


async def begin(board, updates):
    """What comes before anybody is asked; after how many ms to ask, None where the board does not stay as it is."""
    if board.is_quiet:
        await _be_quiet(board, updates)
    if not await _trial(board):
        return None
    record = _record(board)
    if LOADING in record:
        count = count_of(board.storage)
        await asyncio.sleep(min(count * count * AGAIN_S, EVERY_MS // 1000))  # after quiet lives for nothing
    return int(board.random() * EVERY_MS) if NOTHING in record else 0


async def take(board, updates):
    """One turn of the machine; how many ms to wait before the next one."""
    try:
        return await _turn(board, updates)
    except MemoryError as error:
        gc.collect()  # what the turn took, before anything is said
        board.log.warning("update: %s" % error)
        return _without_room(board)


def _without_room(board):
    count = 0 if board.clock.monotonic_ms() > HOUR_MS else count_of(board.storage)
    is_idle = NOTHING in _record(board)
    if count < (MOST_QUIET if is_idle else MOST_LOADING):
        make_quiet(board, count + 1)
    return HOUR_MS + 1 if is_idle else EVERY_MS


def _record(board):
    return board.storage.read(FILE) or NOTHING


async def _trial(board):
    """Whether the board stays as it is; at once when nothing is on trial."""
    pointer = board.hardware.pointer
    if pointer is not None and pointer.trial != pointer.slot:
        return True
    from panal.cells.updates import trial

    stays = await trial.run(board, FILE)
    _forget_all()
    if stays:
        board.storage.write(QUIET, "0")  # what it took to come here does not count against the next one
    return stays


async def _be_quiet(board, updates):
    while board.wifi.is_awake or not board.has_network():
        await asyncio.sleep(LOOK_S)
    try:
        if board.storage.read(PUSHED):
            await _listen(board)
        else:
            await asyncio.wait_for(_turn(board, updates), QUIET_S)
    except asyncio.TimeoutError:  # noqa: UP041  a class of its own on MicroPython
        board.log.error("update: no end after %d s" % QUIET_S)
    except MemoryError as error:
        board.log.error("update: %s" % error)
    board.hardware.restart("update")


async def _listen(board):
    from panal.board import quiet

    board.storage.write(PUSHED, "")  # once: what breaks is not begun again
    await quiet.listen(board)


async def _turn(board, updates):
    updates.is_busy = True
    try:
        if NOTHING in _record(board):
            from panal.cells.updates import asking

            wait_ms = await asking.look(board, updates)
            if wait_ms is not None:
                return wait_ms
        await _wait_for_room(TURN_BYTES)
        from panal.cells.updates import device

        return await device.run(board, updates)
    finally:
        updates.is_busy = False
        _forget_all()
        if board.config["transport"] != "http":  # whose link it is
            forget("panal.board.http")


async def _wait_for_room(size):
    """A board that has just started has other things in memory, for some seconds; who never has the room must try."""
    for _ in range(ROOM_LOOKS):
        if has_room(size):
            return
        await asyncio.sleep(1)


def _forget_all():
    for module in MODULES:
        forget(module)
