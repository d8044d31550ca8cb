"""The ledger with commits that are slow, fail or lie; and what happens to those who wait."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from panal.gateway.ledger import Ledger
from panal.gateway.store import Entry
from panal.protocol.errors import Conflict, Unavailable

from .conftest import until


class Book:
    """A commit that can be held back and made to fail."""

    def __init__(self) -> None:
        self.groups: list[list[Any]] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.begun = 0
        self.fault: Exception | None = None

    def commit(self, entries: Sequence[Entry]) -> list[Any]:
        self.begun += 1
        assert self.go_on.wait(60)
        self.groups.append([entry.message for entry in entries])
        if self.fault:
            raise self.fault
        return [entry.message if isinstance(entry.message, Exception) else entry.message * 2 for entry in entries]


@pytest.fixture
def book() -> Book:
    return Book()


async def started(book: Book, **options: Any) -> Ledger:
    ledger = Ledger(book.commit, **options)
    ledger.start()
    return ledger


async def held_back(book: Book, ledger: Ledger) -> asyncio.Future[Any]:
    """The writer is at work on one message and takes no other."""
    book.go_on.clear()
    first = asyncio.ensure_future(ledger.submit("k", 0))
    await until(lambda: book.begun)
    return first


async def test_what_waits_together_is_committed_together_and_answered_in_order(book: Book) -> None:
    ledger = await started(book)
    first = await held_back(book, ledger)
    waiting = [asyncio.ensure_future(ledger.submit("k", n)) for n in range(1, 101)]
    await asyncio.sleep(0)
    book.go_on.set()
    assert await asyncio.gather(first, *waiting) == [2 * n for n in range(101)]
    assert [len(group) for group in book.groups] == [1, 100]
    await ledger.stop()


async def test_what_is_urgent_goes_first_and_a_group_has_a_bound(book: Book) -> None:
    ledger = await started(book, group=3)
    first = await held_back(book, ledger)
    bulk = [asyncio.ensure_future(ledger.submit("k", n)) for n in (1, 2, 3)]
    urgent = [asyncio.ensure_future(ledger.submit("k", n, urgent=True)) for n in (10, 20)]
    await asyncio.sleep(0)
    book.go_on.set()
    await asyncio.gather(first, *bulk, *urgent)
    assert book.groups == [[0], [10, 20], [1, 2, 3]]
    await ledger.stop()


async def test_bulk_joins_what_is_urgent_only_every_other_time(book: Book) -> None:
    """So that neither waits for the other for ever."""
    ledger = await started(book, group=3)
    first = await held_back(book, ledger)
    bulk = [asyncio.ensure_future(ledger.submit("k", n)) for n in (1, 2)]
    urgent = [asyncio.ensure_future(ledger.submit("k", n, urgent=True)) for n in range(10, 18)]
    await asyncio.sleep(0)
    book.go_on.set()
    await asyncio.gather(first, *bulk, *urgent)
    assert book.groups == [[0], [10, 11, 12], [13, 14, 15], [16, 17], [1, 2]]
    await ledger.stop()


async def test_bulk_is_shed_when_its_lane_is_full_and_what_is_urgent_is_not(book: Book) -> None:
    ledger = await started(book, bulk_room=2)
    first = await held_back(book, ledger)
    waiting = [asyncio.ensure_future(ledger.submit("k", n)) for n in (1, 2)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await ledger.submit("k", 3)
    urgent = asyncio.ensure_future(ledger.submit("k", 4, urgent=True))
    await asyncio.sleep(0)
    assert ledger.shed == [0, 1]
    book.go_on.set()
    assert await asyncio.gather(first, *waiting, urgent) == [0, 2, 4, 8]
    await ledger.stop()


@pytest.mark.parametrize("fault", [Unavailable("gone", "gone"), RuntimeError("a mistake"), MemoryError()])
async def test_a_group_that_fails_is_unavailable_and_the_writer_lives(book: Book, fault: Exception) -> None:
    ledger = await started(book)
    book.fault = fault
    with pytest.raises(Unavailable):
        await ledger.submit("k", 1)
    book.fault = None
    assert await ledger.submit("k", 2) == 4
    assert ledger.failed_groups == 1
    await ledger.stop()


async def test_a_commit_with_too_few_answers_is_a_failure_for_all() -> None:
    ledger = Ledger(lambda entries: [])
    ledger.start()
    with pytest.raises(Unavailable):
        await ledger.submit("k", 1)
    await ledger.stop()


async def test_a_refusal_reaches_only_the_one_that_was_refused(book: Book) -> None:
    ledger = await started(book)
    first = await held_back(book, ledger)
    good, bad = (asyncio.ensure_future(ledger.submit("k", what)) for what in (1, Conflict("taken")))
    await asyncio.sleep(0)
    book.go_on.set()
    assert (await first, await good) == (0, 2)
    with pytest.raises(Conflict):
        await bad
    await ledger.stop()


async def test_whoever_went_away_does_not_hurt_the_others(book: Book) -> None:
    ledger = await started(book)
    first = await held_back(book, ledger)
    gone, here = (asyncio.ensure_future(ledger.submit("k", n)) for n in (1, 2))
    await asyncio.sleep(0)
    gone.cancel()
    book.go_on.set()
    assert (await first, await here) == (0, 4)
    await ledger.stop()


async def test_stopping_commits_what_waits_and_takes_nothing_more(book: Book) -> None:
    ledger = await started(book)
    first = await held_back(book, ledger)
    waiting = asyncio.ensure_future(ledger.submit("k", 1))
    await asyncio.sleep(0)
    stopping = asyncio.ensure_future(ledger.stop())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await ledger.submit("k", 2)
    book.go_on.set()
    await stopping
    assert (await first, await waiting) == (0, 2)
    assert not ledger.alive


async def test_messages_nobody_waits_for_are_counted_when_they_are_lost(book: Book) -> None:
    ledger = await started(book)
    book.fault = Unavailable()
    ledger.put("k", 1)
    await until(lambda: ledger.lost)
    book.fault = None
    await ledger.stop()
    assert ledger.lost == 1


async def test_bulk_makes_groups_smaller_while_the_database_is_slow_and_larger_again(book: Book) -> None:
    """Who reports an emergency waits for the group before theirs."""
    ledger = Ledger(book.commit, group=400)
    for seconds, most in ((1.0, 200), (1.0, 100), (0.08, 100), (0.01, 200), (0.01, 400), (0.01, 400)):
        ledger._suit(seconds)
        assert ledger._bulk == most
    for _ in range(20):
        ledger._suit(9.0)
    ledger.start()
    first = await held_back(book, ledger)
    bulk = [asyncio.ensure_future(ledger.submit("k", n)) for n in range(1, 51)]
    urgent = [asyncio.ensure_future(ledger.submit("k", n, urgent=True)) for n in range(101, 131)]
    await asyncio.sleep(0)
    book.go_on.set()
    await asyncio.gather(first, *bulk, *urgent)
    assert book.groups[1] == list(range(101, 131))
    assert len(book.groups[2]) in (20, 40)  # the first was quick and may have doubled it
    await ledger.stop()
