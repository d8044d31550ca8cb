"""An update on LittleFS while the power goes at every single write of the flash, in the real VM.

The flash is that of power_cut.py. Real are the boot pointer, the slot, the record and the machine; the server answers
at once. After each cut the board lives on until nothing is left to do. Whatever it starts on the way must be whole, and
it must end on the new version when that one is good, and on the old one when it never reaches the server.
"""

import asyncio
import json
import os

import vfs

from panal.board import folder_slot, slots
from panal.board.boot import Pointer
from panal.board.storage import Storage
from panal.cells.updates import machine, messages, trial
from panal.cells.updates.tests import releases
from panal.virtual.vm.power_cut import BLOCK, Flash

BLOCKS = 64
LIMIT = 1000  # more writes than the whole story takes
OLD, NEW = "1.0.0", "1.2.0"
FILES = (("panal/a.mpy", b"alpha" * 150), ("panal/b/c.mpy", b"gamma" * 60))
MANIFEST, ARTIFACT = releases.app(NEW, FILES, False)
OFFER = messages.Offer("u1", MANIFEST, None, 1)
ROOT, RECORD = "/flash", "update"


class Roomy:
    """`os` that does not tell how little room this flash has."""

    def __getattr__(self, name):
        if name == "statvfs":
            raise AttributeError(name)
        return getattr(os, name)


class Disk(Flash):
    def ioctl(self, operation, argument):
        return BLOCKS if operation == 4 else Flash.ioctl(self, operation, argument)


class Life:
    """From power on to power off. `is_over`: nothing is left to do."""

    def __init__(self, is_good):
        self.is_good = is_good
        self.is_over = False
        self.end = None
        self.pointer = Pointer(ROOT)
        self.pointer.start()
        self.storage = Storage(ROOT + "/own")
        self.boot = slots.Apps(self.pointer)
        self.slot = folder_slot.Folder(ROOT + "/slot_" + self.boot.other, Roomy())
        if self.pointer.slot == "b" and not is_whole(ROOT + "/slot_b"):
            raise AssertionError("it started what is not whole")

    def run(self):
        record = json.loads(self.storage.read(RECORD) or "null")
        if self.boot.is_trial and not self.judge(record):
            return
        version = NEW if self.pointer.slot == "b" else OLD
        self.machine = machine.Machine(record, self.boot, releases.BOARD, version, 0)
        if self.machine.is_over():
            self.machine.ask()
        while not self.machine.is_over():
            for event in self.machine.events():
                getattr(self, event[0])(*event[1:])
        self.is_over = self.machine.state == machine.IDLE

    def judge(self, record):
        """As panal/cells/updates/trial.py."""
        verdict = record["why"] or trial.judge(self.is_good, True, trial.TRIAL_MS)
        if verdict == trial.KEEP:
            self.boot.keep()
            return True
        record["why"] = verdict
        self.storage.write(RECORD, json.dumps(record))
        self.boot.back(verdict)
        return False

    def save(self):
        self.storage.write(RECORD, json.dumps(self.machine.record))

    def ask(self):
        self.machine.receive_offer(None if self.machine.record["tried"] or self.pointer.slot == "b" else OFFER, None)

    def check(self, manifest):
        self.machine.receive_checked("")

    def open(self, manifest):
        self.machine.receive_position(self.slot.open(manifest))

    def fetch(self, sha256, offset, length):
        self.machine.receive_written(self.slot.write(ARTIFACT[offset : offset + min(length, BLOCK)]))

    def verify(self, manifest):
        self.machine.receive_verified(asyncio.run(self.slot.verify(manifest)))

    def clear(self):
        self.slot.clear()

    def switch(self, slot):
        self.boot.begin(slot)

    def restart(self):
        pass

    def tell(self, id, progress):
        pass

    def report(self, id, progress):
        self.end = progress["state"]
        self.machine.receive_reported()


def is_whole(root):
    for path, content in FILES:
        with open(root + "/" + path, "rb") as file:
            if file.read() != content:
                return False
    return True


def story(empty, dies_at, part, is_good):
    """One board until nothing is left to do. (whether the power went, the good slot, what is on trial, the end)"""
    data, died, end = bytearray(empty), False, None
    for _ in range(20):
        flash = Disk(data, None if died else dies_at, part)
        life = None
        try:
            vfs.mount(vfs.VfsLfs2(flash), ROOT)
            life = Life(is_good)
            life.run()
        except OSError:
            pass
        if life is not None:
            end = life.end or end
        found = life and (life.pointer.good, life.pointer.trial)
        if flash.has_died:
            died = True
        elif life is not None and life.is_over:
            return died, found, end
        if dies_at is not None:
            dies_at -= flash.writes
        flash.is_gone = True
        vfs.umount(ROOT)
    raise AssertionError("it never ends")


def main():
    flash = Disk(bytearray(BLOCK * BLOCKS))
    vfs.VfsLfs2.mkfs(flash)
    counts = {}
    for is_good, part in ((True, 0.0), (True, 0.5), (False, 0.5)):
        wanted = (("b", ""), "done") if is_good else (("a", ""), "rolled_back")
        for dies_at in range(LIMIT):
            died, found, end = story(flash.data, dies_at, part, is_good)
            vfs.umount(ROOT)
            if (found, end) != wanted:
                raise AssertionError("cut at %d: %s %s" % (dies_at, found, end))
            if not died:
                break
        counts["%s %s" % ("good" if is_good else "deaf", part)] = dies_at
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
