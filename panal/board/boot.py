"""`main.py` of a board: which of its two slots it starts. It comes at the factory, as source, and no update changes it.

The boot pointer is two small files, each sealed by a CRC-32. The one with the higher number counts and the other one is
written next, so that a power cut at any instant leaves one of them whole.
"""

import binascii
import sys

STARTS = 3  # of a version on trial, before it is given up
LAST_MS = 300000  # after which a version goes that does not even give itself up
WATCHDOG_MS = 120000


class Pointer:
    """`good`: the slot that works. `trial`: the one that has to prove itself, or "". `slot`: which was started."""

    def __init__(self, root, opener=open):
        self.root = root
        self._open = opener
        self.number, self.good, self.trial, self.left, self.why = max(self._read(0), self._read(1))
        self.slot = self.good

    def _read(self, at):
        try:
            with self._open(self._path(at)) as file:
                crc, text = file.read().split("\n")
            number, good, trial, left, why = text.split(" ")
            if crc == _crc(text):
                return int(number), good, trial.strip("-"), int(left), why.strip("-")
        except (OSError, ValueError):
            pass
        return 0, "a", "", 0, ""

    def _write(self, good, trial, left, why):
        text = "%d %s %s %d %s" % (self.number + 1, good, trial or "-", left, why or "-")
        with self._open(self._path((self.number + 1) % 2), "w") as file:
            file.write(_crc(text) + "\n" + text)
        self.number, self.good, self.trial, self.left, self.why = self.number + 1, good, trial, left, why

    def _path(self, at):
        return "%s/boot.%d" % (self.root, at)

    def start(self):
        """The slot to start now. Each start of a trial is counted before it happens."""
        if self.trial and self.left > 0:
            try:
                self._write(self.good, self.trial, self.left - 1, "")
                self.slot = self.trial
            except OSError:  # a trial that cannot be counted does not begin
                pass
        elif self.trial:
            self.back("crash_loop")
        return self.slot

    def begin(self, slot):
        """From the next start on, try this slot."""
        self._write(self.good, slot, STARTS, "")

    def keep(self):
        """What is on trial is good."""
        if self.trial:
            self._write(self.trial, "", 0, "")

    def back(self, why):
        """What is on trial is not tried again."""
        self._write(self.good, "", 0, why)


def _crc(text):
    return "%08x" % (binascii.crc32(text.encode()) & 0xFFFFFFFF)


def run(root, machine):
    pointer = Pointer(root)
    sys.path.insert(0, root + "/slot_" + pointer.start())
    machine.WDT(timeout=WATCHDOG_MS)  # the firmware sets its own, shorter, as soon as it runs

    def give_up(timer):
        if pointer.trial:
            pointer.back("no_server")
            machine.reset()

    if pointer.trial:
        machine.Timer(0).init(mode=machine.Timer.ONE_SHOT, period=LAST_MS, callback=give_up)
    try:
        from panal.board import main

        main.run(pointer)
    except Exception as error:
        getattr(sys, "print_exception", print)(error)
    machine.reset()


if __name__ == "__main__":
    import machine

    run("", machine)
