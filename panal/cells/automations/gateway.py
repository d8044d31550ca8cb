"""Runs what was set off, and calls webhooks, in threads of its own: woken at once, and by the clock."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from prometheus_client.core import CounterMetricFamily, Metric
from starlette.routing import BaseRoute

from panal.gateway.cell import Handlers, Hub, Reaction
from panal.gateway.store import DomainEvent
from panal.gateway.stream import Accept
from panal.gateway.tasks import end

logger = logging.getLogger(__name__)

CALLS_AT_ONCE = 8
LOOK_S = 5.0
AGAIN_S = 5.0


class Runner:
    """One in each replica."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._threads = ThreadPoolExecutor(1 + CALLS_AT_ONCE, "automations")
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self.runs = 0

    async def start(self) -> None:
        self._loop = asyncio.create_task(self._run())

    def close(self) -> None:
        """Nothing of ours stays open."""

    async def stop(self) -> None:
        await end([self._loop, *self._calls])
        self._threads.shutdown(wait=False, cancel_futures=True)

    def routes(self) -> Iterable[BaseRoute]:
        return ()

    def streams(self) -> Mapping[str, Accept]:
        return {}

    def upgrades(self) -> Mapping[str, Accept]:
        return {}

    def metrics(self) -> Iterable[Metric]:
        yield CounterMetricFamily("panal_automation_runs", "Automations that ran here.", value=self.runs)

    def wake(self) -> None:
        self._wake.set()

    async def _ask(self, question: str, *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._hub.store.ask, question, *arguments)

    async def refresh(self) -> None:
        await self._ask("automations.refresh")

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._turn()
            except Exception:  # the database is away for a moment: everything is still there
                logger.exception("a turn of the automations failed")
                await asyncio.sleep(AGAIN_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()

    async def _turn(self) -> None:
        while await self._ask("automations.run", self._hub.now_ms()):
            self.runs += 1
        while len(self._calls) < CALLS_AT_ONCE:
            call_id = await self._ask("automations.take_call", self._hub.now_ms())
            if call_id is None:
                break
            task = asyncio.create_task(self._call(call_id))
            self._calls.add(task)
            task.add_done_callback(self._called)

    async def _call(self, call_id: int) -> None:
        try:
            await self._ask("automations.make_call", call_id, self._hub.now_ms())
        except Exception:  # it stays due, and is made again
            logger.exception("webhook %s", call_id)

    def _called(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        self._wake.set()


async def _wake(hub: Hub, event: DomainEvent) -> None:
    for service in hub.services:
        if isinstance(service, Runner):
            service.wake()


async def _refresh(hub: Hub, event: DomainEvent) -> None:
    for service in hub.services:
        if isinstance(service, Runner):
            await service.refresh()


HANDLERS = Handlers(
    reactions=(Reaction("automation.due", _wake), Reaction("automation.changed", _refresh)), service=Runner
)
