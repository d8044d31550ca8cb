"""One board, stolen or broken, that asks the broker for more than it needs: the others notice nothing."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from panal.gateway.broker import MAX_SUBSCRIPTIONS
from panal.gateway.gateway import Gateway

from .conftest import until
from .memory import MemoryStore

MB = 1024 * 1024


def stored(gateway: Gateway) -> int:
    """Counted again where the broker makes and removes files meanwhile."""
    folder = Path(gateway.settings.data) / "nats"
    while True:
        with suppress(FileNotFoundError):
            return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


async def test_retained_messages_on_topics_of_its_own_invention_are_not_kept(
    store: MemoryStore, boards: Any, gateway: Gateway
) -> None:
    board = await boards("A", store.add("A"))
    before = stored(gateway)
    for number in range(300):
        board.client.publish(f"panal/A/up/x{number}", b"x" * 50_000, 1, retain=True)
    await until(lambda: len(board.published) == 300)
    assert stored(gateway) - before < 2 * MB


async def test_messages_of_qos_2_that_are_never_finished_are_not_kept(
    store: MemoryStore, boards: Any, gateway: Gateway
) -> None:
    board = await boards("A", store.add("A"))
    before = stored(gateway)
    board.client._send_pubrel = lambda mid: 0
    for _ in range(20):  # as many as this client sends before the first is finished
        board.client.publish("panal/A/up/event", b"x" * 300_000, 2)
    await asyncio.to_thread(board.gone.wait, 2)
    assert stored(gateway) - before < 2 * MB


async def test_subscriptions_are_bounded(store: MemoryStore, boards: Any) -> None:
    board = await boards("A", store.add("A"))
    for number in range(MAX_SUBSCRIPTIONS + 20):
        board.client.subscribe(f"panal/A/down/x{number}", 0)
    await until(lambda: len(board.subscribed) > MAX_SUBSCRIPTIONS or board.gone.is_set())
    assert sum(board.subscribed) <= MAX_SUBSCRIPTIONS
