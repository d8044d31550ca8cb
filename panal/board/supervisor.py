"""Watches the board's tasks: one that crashes is started again, one that hangs lets the watchdog bite.

The watchdog is fed here and nowhere else, and only while every task that promised a sign of life gives it.
"""

import asyncio
import gc
import io
import sys

LOOK_S = 1
PAUSE_S = 2
TOO_MANY = 5
WITHIN_MS = 600000
TRACE = 600  # characters of a traceback that are kept
CRASH_FILE = "crash"


class Supervisor:
    def __init__(self, hardware, clock, log, storage):
        self._hardware = hardware
        self._clock = clock
        self._log = log
        self._storage = storage
        self._tasks = []
        self._alive = {}  # name -> (last sign of life, longest silence), both in ms
        self._crashes = []

    def watch(self, name, run, silent_ms=None):
        """Keep `run()` running. With `silent_ms` it promises to call alive(name) at least that often."""
        self._tasks.append((name, run))
        if silent_ms is not None:
            self._alive[name] = (self._clock.monotonic_ms(), silent_ms)

    def alive(self, name):
        self._alive[name] = (self._clock.monotonic_ms(), self._alive[name][1])

    async def run(self):
        """For ever."""
        self._tell_last_crash()
        for name, run in self._tasks:
            asyncio.create_task(self._keep(name, run))  # noqa: RUF006  they live as long as the loop, which holds them
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self):
        """Feed the watchdog if everybody is well; returns the names of those who are not."""
        now_ms = self._clock.monotonic_ms()
        silent = [name for name, (last_ms, longest) in self._alive.items() if now_ms - last_ms > longest]
        if silent:
            self._log.error("hanging: " + ", ".join(sorted(silent)))
        else:
            self._hardware.feed()
        return silent

    def is_well(self):
        """Whether no task has crashed of late, and none hangs."""
        return not self._crashes and not self.look()

    async def _keep(self, name, run):
        while True:
            try:
                await run()
            except Exception as error:
                self._survive(name, error)
            await asyncio.sleep(PAUSE_S)

    def _survive(self, name, error):
        try:
            self.crashed(name, error)
        except MemoryError:  # not even enough to say so: only a restart gives it back
            self._hardware.restart("memory")

    def crashed(self, name, error):
        gc.collect()
        text = "%s: %s" % (name, describe(error))
        self._log.error("crash: " + text[-120:])
        self._storage.write(CRASH_FILE, text)
        now_ms = self._clock.monotonic_ms()
        self._crashes = [at for at in self._crashes if now_ms - at < WITHIN_MS] + [now_ms]
        if len(self._crashes) > TOO_MANY:
            self._hardware.restart("crashes")

    def _tell_last_crash(self):
        text = self._storage.read(CRASH_FILE)
        if text:
            self._log.error("before the restart: " + text[-120:])
            self._storage.write(CRASH_FILE, "")


def describe(error):
    """The end of a traceback on a board; on CPython the error alone."""
    if not hasattr(sys, "print_exception"):
        return repr(error)
    try:
        trace = io.StringIO()
        sys.print_exception(error, trace)
        return trace.getvalue()[-TRACE:]
    except MemoryError:  # whatever happens here, the task must be started again
        return repr(error)
