"""Sends what is due: takes notices from the outbox through the ledger, hands them to providers in threads of its own.

It is woken when an alert is raised and otherwise by the clock. Between taking a notice and writing down what the
provider said there is no transaction: what happens to a server in between is told in recorder.py.
"""

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.routing import BaseRoute

from panal.gateway.cell import Handlers, Hub, Reaction
from panal.gateway.store import DomainEvent
from panal.gateway.stream import Accept
from panal.gateway.tasks import end
from panal.protocol.errors import PanalError, Unavailable

from .messages import CLAIM, TRIED, Claim, Tried

logger = logging.getLogger(__name__)

AT_ONCE = 32
"""Notices that are being sent at the same time."""
LOOK_S = 5.0
"""How often it looks for what another replica left."""
PAUSE_S = 0.05
DOWN_S = 60.0
"""A provider that did not answer is tried after the others for so long."""
AGAIN_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Waits before an answer that could not be committed is committed again."""
PUSH = "push"


class Sender:
    """One in each replica; `worker` is its name on the leases it holds."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.worker = secrets.token_hex(8)
        self._threads = ThreadPoolExecutor(AT_ONCE, "alerts")
        self._wake = asyncio.Event()
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._down: dict[str, float] = {}
        self._loop: asyncio.Task[None] | None = None
        self._next_ms: int | None = 0
        self._has_news = False
        self.counts: Counter[tuple[str, str]] = Counter()

    # Service

    async def start(self) -> None:
        self._loop = asyncio.create_task(self._run())

    def close(self) -> None:
        """Nothing of ours stays open."""

    async def stop(self) -> None:
        """What is being sent gets its answer written down; a provider that hangs is not waited for."""
        await end([self._loop])
        if self._sending:
            await asyncio.wait(self._sending.values(), timeout=3)
        await end(self._sending.values())
        self._threads.shutdown(wait=False, cancel_futures=True)

    def routes(self) -> Iterable[BaseRoute]:
        return ()

    def streams(self) -> Mapping[str, Accept]:
        return {}

    def upgrades(self) -> Mapping[str, Accept]:
        return {}

    def metrics(self) -> Iterable[Metric]:
        counted = CounterMetricFamily(
            "panal_alert_deliveries", "Attempts to hand a notice to a provider.", labels=["channel", "state"]
        )
        for key, count in self.counts.items():
            counted.add_metric(key, count)
        yield counted
        yield GaugeMetricFamily("panal_alert_sending", "Notices being sent now.", value=len(self._sending))

    # turns

    def wake(self) -> None:
        self._has_news = True
        self._wake.set()

    async def _run(self) -> None:
        await self._prepare()
        while True:
            self._wake.clear()
            try:
                if await self._is_due():
                    await self._turn()
            except PanalError as error:  # the database or the ledger is busy: everything is still there
                logger.warning("alerts wait: %s", error.message)
                await asyncio.sleep(AGAIN_S[1])
            except Exception:  # whatever it is, alerts go on
                logger.exception("a turn of the alerts failed")
                await asyncio.sleep(AGAIN_S[-1])
            await self._wait()

    async def _prepare(self) -> None:
        """With SQLite there is one server: leases that are left are those of one that was killed."""
        self._threads.submit(self._hub.store.ask, "contacts.warm")
        if not self._hub.settings.database_url:
            with suppress(PanalError):
                await self._hub.in_thread(self._hub.store.ask, "contacts.on_start", self._hub.now_ms())

    async def _is_due(self) -> bool:
        now_ms = self._hub.now_ms()
        if self._has_news or (self._next_ms is not None and self._next_ms <= now_ms):
            return True
        return bool(await self._hub.in_thread(self._hub.store.ask, "contacts.is_due", now_ms))

    async def _turn(self) -> None:
        self._has_news = False
        room = AT_ONCE - len(self._sending)
        claim = Claim("", self.worker, self._hub.now_ms(), room, tuple(self._sending))
        claimed = await self._hub.submit(CLAIM, claim, urgent=True)
        self._next_ms = claimed.next_ms
        for job in claimed.jobs:
            task = asyncio.create_task(self._send(job))
            self._sending[job.id] = task
            task.add_done_callback(partial(self._sent, job.id))

    def _sent(self, id: str, _task: asyncio.Task[None]) -> None:
        self._sending.pop(id, None)
        self._wake.set()

    async def _wait(self) -> None:
        """Until something is raised, a step is due or it is time to look; a full house waits for a free place."""
        wait_s = LOOK_S
        if self._next_ms is not None and len(self._sending) < AT_ONCE:
            wait_s = min(LOOK_S, max(PAUSE_S, (self._next_ms - self._hub.now_ms()) / 1000))
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._wake.wait()

    # one notice

    async def _send(self, job: Any) -> None:
        """Channel after channel until one takes it; of a person's phones and browsers, each is told."""
        order = self._in_order(job.channels)
        if not order:
            await self._tell(job, -1, "", "", 0, True)
        is_taken = False
        for place, index in enumerate(order):
            kind = job.channels[index][1]
            if is_taken and kind != PUSH:
                continue
            is_last = place == len(order) - 1
            sent, go_on = await self._try(job, index, is_last)
            is_taken = is_taken or (sent and kind == PUSH)
            if not go_on and not is_taken:
                return

    def _in_order(self, channels: Any) -> list[int]:
        """As the person wants them, those of providers that are down last."""
        now = time.monotonic()
        return sorted(range(len(channels)), key=lambda i: (self._down.get(channels[i][2], 0.0) > now, i))

    async def _try(self, job: Any, index: int, is_last: bool) -> tuple[bool, bool]:
        ask = self._hub.store.ask
        try:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._threads, ask, "contacts.send", job, index)
            sent, text, latency_ms, is_dead = answer
        except Exception:  # our own mistake or a vault that does not open: the next channel may work
            logger.exception("a notice could not be sent")
            sent, text, latency_ms, is_dead = False, "our own mistake: see the server's log", 0, False
        _id, kind, provider, _sealed = job.channels[index]
        self._down[provider] = 0.0 if sent or is_dead else time.monotonic() + DOWN_S
        self.counts[(kind, "sent" if sent else "failed")] += 1
        go_on = await self._tell(job, index, "sent" if sent else "failed", text, latency_ms, is_last, is_dead)
        return sent, go_on

    async def _tell(
        self, job: Any, index: int, state: str, text: str, latency_ms: int, is_last: bool, is_dead: bool = False
    ) -> bool:
        """Have it written down; where that cannot be, again until the lease is over and somebody else sends it."""
        id, kind, provider, _sealed = job.channels[index] if index >= 0 else ("", "", "", b"")
        for wait_s in (*AGAIN_S, None):
            tried = Tried(
                "", self.worker, self._hub.now_ms(), job.id, id, kind, provider, state, text, latency_ms, is_last,
                is_dead,
            )  # fmt: skip
            try:
                return bool(await self._hub.submit(TRIED, tried, urgent=True))
            except Unavailable:
                if wait_s is None:
                    raise
                await asyncio.sleep(wait_s)
        return False


async def _wake(hub: Hub, event: DomainEvent) -> None:
    for service in hub.services:
        if isinstance(service, Sender):
            service.wake()


WAKING = ("alert.raised", "alert.changed", "alert.acknowledged", "alert.cleared", "alert.tested", "alert.hurried")
HANDLERS = Handlers(reactions=tuple(Reaction(name, _wake) for name in WAKING), service=Sender)
