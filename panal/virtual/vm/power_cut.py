"""The event queue on LittleFS while the power goes at every single write of the flash, in the real VM.

A flash of RAM blocks dies at its n-th write (erase or program), with none or half of that write done. The queue is then
loaded again from what the flash holds, as after a restart. For every n, and for every second cut in the life after the
first: no event that was kept is lost, none that was forgotten comes back, none is damaged, and the order stays.
"""

import json

import vfs

from panal.board.queue import Queue
from panal.board.storage import Storage

BLOCK = 512
BLOCKS = 48
LIMIT = 400  # more writes than the whole story takes
ERASED = b"\xff" * BLOCK
EIO = 5

CANCELLED = {"cancelled": True}
STORY = (
    ("add", 1),
    ("add", 2),
    ("add", 3),
    ("forget", 1),
    ("add", 4),
    ("forget", 2),
    ("forget", 3),
    ("add", 5),
    ("cancel", 5),
    ("forget", 4),
)


class Flash:
    """Blocks in memory. `dies_at`: the write, counted from 0, in which the power goes."""

    def __init__(self, data, dies_at=None, part=0.0):
        self.data = data
        self.writes = 0
        self.has_died = False
        self.is_gone = False  # a life is over; what the collector still closes must not reach it
        self._dies_at = dies_at
        self._part = part

    def readblocks(self, number, buffer, offset=0):
        if not self.is_gone:
            begin = number * BLOCK + offset
            buffer[:] = self.data[begin : begin + len(buffer)]

    def writeblocks(self, number, buffer, offset=0):
        self._write(number * BLOCK + offset, buffer)

    def ioctl(self, operation, argument):
        if operation == 4:
            return BLOCKS
        if operation == 5:
            return BLOCK
        if operation == 6:
            self._write(argument * BLOCK, ERASED)
        return 0

    def _write(self, begin, buffer):
        if self.is_gone:
            return
        if self.has_died:
            raise OSError(EIO)
        size = len(buffer)
        if self.writes == self._dies_at:
            self.has_died = True
            size = int(size * self._part)
        self.writes += 1
        self.data[begin : begin + size] = buffer[:size]
        if self.has_died:
            raise OSError(EIO)


class Silence:
    def info(self, message):
        pass

    warning = error = info


def event(uid):
    return {"uid": uid, "kind": "EMERGENCY_BUTTON", "at_ms": None, "data": {}}


def is_whole(found, uid, step):
    """An event is as it was added, or as it was taken back, and after that step only so."""
    cancelled = event(uid)
    cancelled["data"] = CANCELLED
    at = STORY.index(("cancel", 5))
    if uid != "u5" or step < at:
        return found == event(uid)
    return found == cancelled or step == at and found == event(uid)


class Life:
    """From power on to power off, on a copy of what the flash held."""

    def __init__(self, data, dies_at=None, part=0.0):
        self.flash = Flash(bytearray(data), dies_at, part)
        vfs.mount(vfs.VfsLfs2(self.flash), "/flash")

    def queue(self):
        return Queue(Storage("/flash"), Silence())

    def end(self):
        self.flash.is_gone = True
        vfs.umount("/flash")
        return self.flash.data


def live(data, begin, have, dies_at, part):
    """Tell the story from step `begin`. Returns (flash, whether it died, in which step, what was there before it)."""
    life, step = Life(data, dies_at, part), begin
    try:
        queue = life.queue()
        while step < len(STORY) and not life.flash.has_died:
            act(queue, step)
            if life.flash.has_died:  # in a write whose failure nobody needs to hear of
                break
            have = after(have, step)
            step += 1
    except OSError:
        pass
    died = life.flash.has_died
    return life.end(), died, step, have


def act(queue, step):
    verb, number = STORY[step]
    if verb == "add":
        queue.add(event("u%d" % number))
    elif verb == "cancel":
        queue.release("u%d" % number, CANCELLED)
    else:
        queue.forget("u%d" % number)


def after(have, step):
    """What must be there once a step is done."""
    verb, number = STORY[step]
    uid = "u%d" % number
    rest = [other for other in have if other != uid]
    return rest if verb == "forget" else rest + [uid]


def look(data, step, have):
    """What the flash holds in the next life: what was there before the step that was cut, or after it."""
    life = Life(data)
    queue = life.queue()
    found = queue.uids()
    oldest = queue.oldest()
    data = life.end()
    allowed = [have] if step >= len(STORY) else [have, after(have, step)]
    if found not in allowed:
        raise AssertionError("step %d: found %s, allowed %s" % (step, found, allowed))
    if found and not is_whole(oldest, found[0], step):
        raise AssertionError("damaged: %s" % oldest)
    return data, found


def cut_once(empty, n, part):
    """(whether it died, flash, step to go on with, what is there) after a cut at write n and a restart."""
    data, died, step, have = live(empty, 0, [], n, part)
    data, found = look(data, step, have)
    done = step < len(STORY) and found == after(have, step) and found != have
    return died, data, step + 1 if done else step, found


def main():
    flash = Flash(bytearray(BLOCK * BLOCKS))
    vfs.VfsLfs2.mkfs(flash)
    cuts = pairs = 0
    for part in (0.0, 0.5):
        for first in range(LIMIT):
            died, data, step, have = cut_once(flash.data, first, part)
            if not died:
                break
            cuts += 1
            for second in range(LIMIT):
                again, died, at, there = live(data, step, have, second, part)
                look(again, at, there)
                if not died:
                    break
                pairs += 1
        else:
            raise AssertionError("it never ends")
    print(json.dumps({"cuts": cuts, "pairs": pairs}))


if __name__ == "__main__":
    main()
