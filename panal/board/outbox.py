"""Events on their way: made once, kept on flash, handed over oldest first, forgotten when the server says so."""

import asyncio
import os

from panal.board.net import Dropped
from panal.protocol import backoff


class Outbox:
    def __init__(self, queue, clock, log, link):
        self._queue = queue
        self._clock = clock
        self._log = log
        self._link = link
        self._news = asyncio.Event()
        self._waits = backoff.for_events()

    def __len__(self):
        return len(self._queue)

    def raise_event(self, kind, data, monotonic_ms, is_held=False):
        """Something happened at that instant of the board's own clock; without a time of day `at_ms` is null.

        `is_held`: it is kept now and handed over once it is released, or after a restart.
        """
        at_ms = self._clock.at_ms(monotonic_ms)
        event = {"uid": new_uid(at_ms), "kind": kind, "at_ms": at_ms, "data": data}
        if is_held:
            self._queue.hold(event["uid"])
        self._queue.add(event)
        self._log.info("event " + kind)
        self._news.set()
        return event["uid"]

    def release(self, uid, data=None):
        """Hand over what was held; `data` takes the place of the event's."""
        self._queue.release(uid, data)
        self._news.set()

    def is_waiting(self, uid):
        return uid in self._queue.uids()

    def try_now(self):
        """There is a connection again."""
        self._waits.succeeded()
        self._news.set()

    def accepted(self, uid):
        self._queue.forget(uid)

    async def run(self):
        while True:
            self._news.clear()
            event = self._queue.oldest()
            if event is None or not self._link.is_up:
                await self._news.wait()
            elif not await self._hand_over(event):
                await self._pause(self._waits.next_ms())

    async def _hand_over(self, event):
        """Whether the event needs no more care."""
        try:
            await self._link.deliver(event)
        except OSError as error:
            self._log.info("event waits: %s" % error)
            return False
        except Dropped as refusal:
            self._log.error("event dropped: %s" % refusal.error.get("code"))
        self._queue.forget(event["uid"])
        self._waits.succeeded()
        return True

    async def _pause(self, ms):
        try:
            await asyncio.wait_for(self._news.wait(), ms / 1000)
        except asyncio.TimeoutError:  # noqa: UP041  a class of its own on MicroPython
            pass


def new_uid(at_ms):
    """A UUID that begins with the time, RFC 9562 section 5.7, so that new ones lie side by side in the server's index;
    without a time of day a random one, section 5.4."""
    data = bytearray(os.urandom(16))
    if at_ms is not None:
        data[:6] = at_ms.to_bytes(6, "big")
    data[6] = data[6] & 0x0F | (0x40 if at_ms is None else 0x70)
    data[8] = data[8] & 0x3F | 0x80
    text = "".join(["%02x" % byte for byte in data])
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
