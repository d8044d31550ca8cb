"""Rounds over boards of the older kind: a running gateway, real sockets, a store in memory."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from panal.cells.lights import rounds, visits
from panal.cells.lights.older import Due, Firmware, Order, Orders
from panal.gateway.gateway import Gateway
from panal.gateway.store import DomainEvent, Entry
from panal.gateway.tests.conftest import settings_for, until
from panal.gateway.tests.memory import MemoryStore

from .stub import Stub, stub_board


class Store(MemoryStore):
    """A store with boards of the older kind, by id; a board whose turn has come is given once."""

    def __init__(self) -> None:
        super().__init__()
        self.stubs: dict[str, Stub] = {}
        self.due: deque[str] = deque()
        self.orders: dict[str, list[Order]] = {}
        self.pushes: deque[Firmware] = deque()
        self.checked: list[tuple[str, str]] = []
        self.pushed: list[Any] = []
        self.questions |= {
            "lights.older_ids": lambda: [*self.stubs],
            "lights.older_due": self._due,
            "lights.older_orders": self._orders,
            "lights.older_timers": lambda now_ms: [],
            "lights.older_push": lambda now_ms: self.pushes.popleft() if self.pushes else None,
        }

    def _due(self, now_ms: int, most: int) -> list[Due]:
        ids = [self.due.popleft() for _ in range(min(most, len(self.due)))]
        return [Due(id, self.stubs[id].place, 30) for id in ids]

    def _orders(self, device_id: str, now_ms: int) -> Orders:
        return Orders(self.stubs[device_id].place, 1, self.orders.get(device_id, []))

    def _older_checked(self, message: Any, events: list[Any]) -> None:
        self.checked.append((message.device_id, message.trouble))

    def _older_pushed(self, message: Any, events: list[Any]) -> None:
        self.pushed.append(message)

    def _record(self, entry: Entry, events: list[Any]) -> Any:
        if entry.kind == "devices.reported":
            self.orders[entry.message.device_id] = []
        return super()._record(entry, events)


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Store, Gateway]]:
    monkeypatch.setattr(rounds, "TICK_S", 0.05)
    store = Store()
    gateway = Gateway(settings_for(tmp_path), store)
    store.publish = gateway.bus.publish_soon
    async with stub_board() as well, stub_board() as other:
        store.stubs = {"WELL": well, "OTHER": other}
        await gateway.start()
        yield store, gateway
        await gateway.stop()


def order(is_on: bool = True) -> Order:
    return Order(1, "Salón", "Lámpara", is_on, 5, None, "page")


async def test_who_is_due_is_visited_and_how_it_went_is_kept(world: Any) -> None:
    store, _ = world
    store.stubs["OTHER"].mood = "garbage"
    store.due.extend(["WELL", "OTHER"])
    await until(lambda: sorted(store.checked) == [("OTHER", "garbage"), ("WELL", "")])
    assert store.stubs["WELL"].asked == ["/?check_interval=30"]


async def test_a_light_that_is_asked_for_is_switched_at_once_and_reported(world: Any) -> None:
    store, gateway = world
    service = next(service for service in gateway.services if isinstance(service, rounds.Rounds))
    await until(lambda: service._known)
    store.orders["WELL"] = [order()]
    store.publish([DomainEvent("light.asked", "lights", 1, "WELL", {})])
    await until(lambda: store.reports)
    assert store.stubs["WELL"].lights == {("Salón", "Lámpara"): "on"}
    [report] = store.reports
    assert report.state["lights"]["1"] == {
        "on": True, "level": None, "by": "page", "at_ms": 5, "set_at_ms": 5, "until_ms": None,
    }  # fmt: skip


async def test_what_it_missed_is_done_when_it_is_found_again(world: Any) -> None:
    store, _ = world
    store.stubs["WELL"].mood = "busy"
    store.orders["WELL"] = [order()]
    store.due.append("WELL")
    await until(lambda: store.checked)
    assert not store.reports
    store.stubs["WELL"].mood = "well"
    store.due.append("WELL")
    await until(lambda: store.reports)


async def test_a_switch_that_fails_is_not_reported(world: Any) -> None:
    store, gateway = world
    service = next(service for service in gateway.services if isinstance(service, rounds.Rounds))
    await until(lambda: service._known)
    store.stubs["WELL"].mood = "redirect"
    store.orders["WELL"] = [order()]
    store.publish([DomainEvent("light.asked", "lights", 1, "WELL", {})])
    await until(lambda: ("WELL", "redirect") in store.checked)
    assert not store.reports


async def test_silent_and_endless_boards_hold_nobody_up(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = world
    monkeypatch.setattr(visits, "ANSWER_S", 3600)
    store.stubs["OTHER"].mood = "silent"
    store.due.append("OTHER")
    await until(lambda: store.stubs["OTHER"].asked)
    for _ in range(3):
        store.due.append("WELL")
    await until(lambda: store.checked == [("WELL", "")] * 3)
    store.stubs["OTHER"].released.set()


async def test_firmware_is_pushed_and_its_outcome_told(world: Any) -> None:
    store, _ = world
    for n, data in enumerate((b"good" * 50_000, b"bad")):
        store.pushes.append(Firmware(n, "WELL", store.stubs["WELL"].place, "firmware.bin", data))
    await until(lambda: store.pushed and store.pushed[-1].push_id == 1)
    await until(lambda: len(store.pushed) > 2)
    assert [(said.push_id, said.state) for said in store.pushed if said.state != "sending"] == [
        (0, "done"),
        (1, "failed"),
    ]
    assert any(0 < said.sent_bytes < 200_001 for said in store.pushed), "its progress was told"
    assert store.stubs["WELL"].firmware[0] == ("firmware.bin", b"good" * 50_000)


async def test_the_list_of_lights_has_nothing_around_it(world: Any) -> None:
    from panal.gateway.tests.conftest import Http

    store, gateway = world
    shown = [{"room": "Sala", "light": "Lámpara", "state": "on"}]
    store.questions["lights.status"] = lambda device_id: shown
    import base64

    basic = base64.b64encode(f"WELL:{store.add('WELL')}".encode()).decode()
    answer = await Http(gateway).get("/lights_status/", Authorization=f"Basic {basic}")
    assert (answer.status, answer.json) == (200, shown)
    assert (await Http(gateway).get("/lights_status/", Authorization="Basic bm86bm8=")).status == 401


async def test_stopping_waits_for_no_board(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store, gateway = world
    monkeypatch.setattr(visits, "ANSWER_S", 3600)
    store.stubs["WELL"].mood = "silent"
    store.due.append("WELL")
    await until(lambda: store.stubs["WELL"].asked)
    async with asyncio.timeout(60):
        await gateway.stop()
