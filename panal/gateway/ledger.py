"""The ledger: device messages are committed in groups by one writer thread, and answered after the commit.

Two lanes, each with its own bound: what is urgent (events, hellos, answers) goes first and has its own room, so bulk
(heartbeats, telemetry, samples, log) is shed before it. The writer takes all that waits, up to GROUP, as one group:
the slower the disk, the larger the groups. Bulk fills a group only as far as one is written in a tenth of a second, and
does not join what is urgent, except every other time: who reports an emergency waits for the group before theirs, and
not for a longer one of their own. Answers of a whole group return to the loop in one call.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from panal.protocol.errors import PanalError, Unavailable

from .store import Entry

logger = logging.getLogger(__name__)

GROUP = 1000
URGENT_ROOM = 20_000
BULK_ROOM = 20_000
SLOW_S = 0.1
LEAST_BULK = 20
"""Of bulk in a group, however slow the database is."""

Commit = Callable[[Sequence[Entry]], list[Any]]
Done = Callable[[Any], None]


class Waiting(NamedTuple):
    """One message in a lane; `done` is called on the loop with its answer or its PanalError."""

    entry: Entry
    done: Done | None


class Ledger:
    def __init__(
        self,
        commit: Commit,
        *,
        urgent_room: int = URGENT_ROOM,
        bulk_room: int = BULK_ROOM,
        group: int = GROUP,
        observe: Callable[[int, float], None] = lambda size, seconds: None,
    ) -> None:
        self._commit = commit
        self._lanes: tuple[deque[Waiting], deque[Waiting]] = (deque(), deque())
        self._room = (urgent_room, bulk_room)
        self._group = self._bulk = group
        self._was_urgent = False
        self._observe = observe
        self._wake = threading.Event()
        self._is_waking = False
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.shed = [0, 0]
        self.failed_groups = 0
        self.lost = 0

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._write, name="ledger", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Commit what waits, then end the writer."""
        self._stopping = True
        self._wake.set()
        if self._thread:
            await asyncio.to_thread(self._thread.join)

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive() and not self._stopping

    def depth(self) -> tuple[int, int]:
        """How many messages wait in the urgent and in the bulk lane."""
        return len(self._lanes[0]), len(self._lanes[1])

    def submit(self, kind: str, message: Any, urgent: bool = False) -> asyncio.Future[Any]:
        """Commit one message; its answer, or the PanalError that refused it. Unavailable where there is no room."""
        assert self._loop is not None
        future: asyncio.Future[Any] = self._loop.create_future()
        self.put(kind, message, urgent, lambda answer: _resolve(future, answer))
        return future

    def put(self, kind: str, message: Any, urgent: bool = False, done: Done | None = None) -> None:
        """Queue one message; `done` hears its answer. Raises Unavailable when its lane is full or we are stopping."""
        number = 0 if urgent else 1
        lane = self._lanes[number]
        if self._stopping:
            raise Unavailable("stopping", "the server is stopping")
        if len(lane) >= self._room[number]:
            self.shed[number] += 1
            raise Unavailable("busy", "too much is waiting to be stored", retry_after_s=2)
        lane.append(Waiting(Entry(kind, message), done))
        if not self._is_waking:
            self._is_waking = True
            assert self._loop is not None
            self._loop.call_soon(self._wake_writer)

    def _wake_writer(self) -> None:
        """After all that the loop has at hand: the writer then finds one group, not its first message."""
        self._is_waking = False
        self._wake.set()

    def _write(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while group := self._take():
                self._write_group(group)
            if self._stopping and not self._lanes[0] and not self._lanes[1]:
                return

    def _take(self) -> list[Waiting]:
        urgent, bulk = self._lanes
        group = [urgent.popleft() for _ in range(min(len(urgent), self._group))]
        self._was_urgent = bool(group) and not self._was_urgent
        if not self._was_urgent:
            group += [bulk.popleft() for _ in range(min(len(bulk), self._bulk, self._group - len(group)))]
        return group

    def _suit(self, seconds: float) -> None:
        """How much bulk the next group takes, after one that took so long."""
        if seconds > SLOW_S:
            self._bulk = max(min(LEAST_BULK, self._group), self._bulk // 2)
        elif seconds < SLOW_S / 4:
            self._bulk = min(self._group, self._bulk * 2)

    def _write_group(self, group: list[Waiting]) -> None:
        began = time.perf_counter()
        answers = self._answers([waiting.entry for waiting in group])
        took = time.perf_counter() - began
        if not self._was_urgent:
            self._suit(took)
        self._observe(len(group), took)
        answered = [(waiting.done, answer) for waiting, answer in zip(group, answers, strict=True)]
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._tell, answered)
        except RuntimeError:  # the loop is closed: nobody waits any more
            logger.warning("%d answers had nobody to hear them", len(answered))

    def _answers(self, entries: list[Entry]) -> list[Any]:
        try:
            answers = self._commit(entries)
            if len(answers) != len(entries):
                raise AssertionError(f"{len(entries)} messages got {len(answers)} answers")
            return answers
        except Unavailable as error:
            self.failed_groups += 1
            logger.warning("a group of %d was not stored: %s", len(entries), error.message)
            return [error] * len(entries)
        except Exception:  # whatever it is, the writer lives and those who wait try again
            self.failed_groups += 1
            logger.exception("a group of %d was not stored", len(entries))
            return [Unavailable("unavailable", "the message could not be stored")] * len(entries)

    def _tell(self, answered: list[tuple[Done | None, Any]]) -> None:
        for done, answer in answered:
            if done is None:
                self.lost += isinstance(answer, PanalError)
                continue
            try:
                done(answer)
            except Exception:  # one that cannot be told must not keep the others waiting
                logger.exception("an answer was not told")


def _resolve(future: asyncio.Future[Any], answer: Any) -> None:
    if future.done():  # whoever waited has gone
        return
    if isinstance(answer, PanalError):
        future.set_exception(_own(answer))
    else:
        future.set_result(answer)


def _own(error: PanalError) -> PanalError:
    """The error without the traceback that another waiting task hung on it."""
    return error.with_traceback(None)
