"""How a board started, and where a new version is written meanwhile: the other folder of two, or partition of two.

A slot, of `open(storage)`, has: open(manifest), which empties it unless a part of this artifact lies in it, and returns
how much does · write(data), which goes on there and returns how much there is then · await verify(manifest), "" or what
is wrong, read back from flash · clear(). Raises Bad, whose text is the reason for a refusal.
"""

import os


class Bad(Exception):
    pass


class Apps:
    """How a board started whose firmware lies in two folders; `pointer` is main.py's."""

    kinds = ("app",)
    is_counted = True

    def __init__(self, pointer, fs=os, opener=open):
        self._pointer = pointer
        self.slot, self.number, self.why = pointer.slot, pointer.number, pointer.why
        self.other = "b" if pointer.slot == "a" else "a"
        self.is_trial = pointer.trial == pointer.slot
        self._files = (fs, opener)
        self.begin, self.keep, self.back = pointer.begin, pointer.keep, pointer.back

    def open(self, storage):
        from panal.board.folder_slot import Folder

        return Folder(self._pointer.root + "/slot_" + self.other, *self._files)


class Images:
    """How a board started whose whole firmware is an image, in one of two partitions. `partition` is esp32.Partition.

    Its loader goes back by itself from an image that restarts before it was kept. Source: MicroPython's documentation
    of esp32.Partition; the loader's rollback is on in its builds (boards/sdkconfig.base).
    """

    kinds = ("image",)
    is_counted = False
    number = 0  # nobody counts: the machine does
    is_trial = True  # of what it knows to be on trial
    why = ""

    def __init__(self, partition):
        self._partition = partition
        running = partition(partition.RUNNING)
        self._next = running.get_next_update()
        self.slot, self.other = running.info()[4], self._next.info()[4]

    def begin(self, slot):
        self._next.set_boot()

    def keep(self):
        self._partition.mark_app_valid_cancel_rollback()

    def back(self, why):
        self._next.set_boot()

    def open(self, storage):
        from panal.board.image_slot import Image

        return Image(self._next, storage)
