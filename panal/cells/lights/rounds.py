"""Visits to boards of the older kind: are they there, what are they to switch, new firmware; the wire is visits.py.

Every replica makes rounds; the database says which board is whose next. Nothing here waits for a board but the task
that visits it, and one board is visited by one task at a time.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from starlette.routing import BaseRoute

from panal.cells.devices.messages import Reported
from panal.gateway.cell import Hub
from panal.gateway.store import DomainEvent
from panal.gateway.stream import Accept
from panal.gateway.tasks import end
from panal.protocol.errors import PanalError

from . import visits
from .visits import Place, Trouble

logger = logging.getLogger(__name__)

TICK_S = 1.0
MOST_VISITS = 32
LOOK_AGAIN_S = 30.0
"""How often we look for boards of which another replica has not told us."""
TELL_BYTES = 64 * 1024
"""Firmware that has left between two words about it."""


class Checked(NamedTuple):
    """For the ledger: how a visit went; `trouble` "" is well."""

    device_id: str
    at_ms: int
    trouble: str


class Pushed(NamedTuple):
    device_id: str
    push_id: int
    state: str
    sent_bytes: int
    trouble: str


class Rounds:
    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._known: set[str] = set()
        self._looked_s = float("-inf")
        self._found: set[str] = set()
        """Who was there when we last looked: who comes back is told what it missed."""
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._visits = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._pushing = False

    async def start(self) -> None:
        self.hub.bus.on_own(self._notice)
        self.hub.bus.listen(self._hear)
        self._spawn(self._run)

    def close(self) -> None: ...

    async def stop(self) -> None:
        self.hub.bus.forget(self._hear)
        await end(self._tasks)

    def routes(self) -> Iterable[BaseRoute]:
        return ()

    def streams(self) -> Mapping[str, Accept]:
        return {}

    def upgrades(self) -> Mapping[str, Accept]:
        return {}

    def metrics(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("panal_older_boards", "Boards of the older kind that are visited", len(self._known))

    def _hear(self, event: DomainEvent) -> None:
        if event.name == "older.changed":
            self._looked_s = float("-inf")

    def _notice(self, event: DomainEvent) -> None:
        """A light of one of them was asked for: at once, and by this replica alone."""
        if event.name == "light.asked" and event.device_id in self._known:
            self._spawn(self._obey, event.device_id)

    async def _run(self) -> None:
        while True:
            try:
                await self._round()
            except PanalError as error:  # the database is busy or away: the next round
                logger.warning("older boards: %s", error.message)
            except Exception:
                logger.exception("a round of older boards")
            await asyncio.sleep(TICK_S)

    async def _round(self) -> None:
        if asyncio.get_running_loop().time() - self._looked_s >= LOOK_AGAIN_S:
            self._looked_s = asyncio.get_running_loop().time()
            self._known = set(await self._ask("lights.older_ids"))
            self._found &= self._known
        if not self._known:
            return
        if room := MOST_VISITS - self._visits:
            for due in await self._ask("lights.older_due", self.hub.now_ms(), room):
                self._visits += 1
                self._spawn(self._visit, *due)
        for device_id in await self._ask("lights.older_timers", self.hub.now_ms()):
            self._spawn(self._obey, device_id)
        if not self._pushing and (firmware := await self._ask("lights.older_push", self.hub.now_ms())):
            self._pushing = True
            self._spawn(self._push, *firmware)

    async def _ask(self, question: str, *arguments: Any) -> Any:
        return await self.hub.in_thread(self.hub.store.ask, question, *arguments)

    async def _visit(self, device_id: str, place: Place, interval_s: int) -> None:
        try:
            async with self._turns[device_id]:
                trouble = await _trouble(visits.check(place, interval_s))
        finally:
            self._visits -= 1
        self.hub.post("lights.older_checked", Checked(device_id, self.hub.now_ms(), trouble))
        if trouble:
            self._found.discard(device_id)
        elif device_id not in self._found:
            self._found.add(device_id)
            await self._obey(device_id)

    async def _obey(self, device_id: str) -> None:
        async with self._turns[device_id]:
            told = await self._ask("lights.older_orders", device_id, self.hub.now_ms())
            if told is None:
                return
            place, version, orders = told
            for order in orders:
                trouble = await _trouble(visits.switch(place, order.room, order.name, order.is_on))
                if trouble:
                    self._found.discard(device_id)
                    self.hub.post("lights.older_checked", Checked(device_id, self.hub.now_ms(), trouble))
                    return
                self._report(device_id, version, order)

    def _report(self, device_id: str, version: int, order: Any) -> None:
        """It says nothing of its lights by itself: that it has switched one is its report."""
        light = {
            "on": order.is_on, "level": None, "by": order.by, "at_ms": order.set_at_ms,
            "set_at_ms": order.set_at_ms if order.by == "page" else 0, "until_ms": order.until_ms,
        }  # fmt: skip
        reported = Reported(device_id, self.hub.now_ms(), version, {"lights": {str(order.channel): light}})
        self.hub.post("devices.reported", reported, urgent=True)

    async def _push(self, push_id: int, device_id: str, place: Place, name: str, data: bytes) -> None:
        told = 0

        def progress(sent: int) -> None:
            nonlocal told
            if sent - told >= TELL_BYTES:
                told = sent
                self._tell(device_id, push_id, "sending", min(sent, len(data)), "")

        try:
            async with self._turns[device_id]:
                trouble = await _trouble(visits.push(place, name, data, progress))
            self._tell(device_id, push_id, "failed" if trouble else "done", told, trouble)
        finally:
            self._pushing = False

    def _tell(self, device_id: str, push_id: int, state: str, sent: int, trouble: str) -> None:
        self.hub.post("lights.older_pushed", Pushed(device_id, push_id, state, sent, trouble), urgent=True)

    def _spawn(self, work: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        task = asyncio.create_task(self._guard(work, *arguments))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        try:
            await work(*arguments)
        except PanalError as error:
            logger.warning("older boards: %s", error.message)
        except Exception:
            logger.exception("a visit to an older board")


async def _trouble(visit: Awaitable[None]) -> str:
    try:
        await visit
    except Trouble as trouble:
        return trouble.code
    return ""
