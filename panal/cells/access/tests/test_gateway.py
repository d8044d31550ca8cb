"""The data plane's part of doors: lists go to their own door only, alarms pass everything that can wait."""

import asyncio
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from panal.cells.access import actions, gateway, messages
from panal.cells.access.models import Alarm, Unlock
from panal.cells.accounts.api import person
from panal.cells.devices.messages import Telemetry
from panal.control.store import DjangoStore
from panal.gateway.cell import Call
from panal.gateway.ledger import Ledger
from panal.gateway.store import DomainEvent
from panal.gateway.tests.memory import identity
from panal.protocol.errors import BadRequest, PanalError, Unavailable

from .conftest import NOW_MS, mint, said


class Hub:
    """Remembers what was asked, said and posted."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.sent: list[tuple[str, str, Any]] = []
        self.posted: list[tuple[str, str]] = []
        self.store = self

    def now_ms(self) -> int:
        return NOW_MS

    def ask(self, *question: Any) -> Any:
        self.asked.append(question)
        return {"version": 7}

    async def in_thread(self, function: Any, *arguments: Any) -> Any:
        return function(*arguments)

    def send(self, device_id: str, leaf: str, document: Any) -> None:
        self.sent.append((device_id, leaf, document))

    def post(self, kind: str, message: Any, urgent: bool = False) -> None:
        self.posted.append((kind, message.device_id))


def call(**query: str) -> Call:
    return Call(identity("DOOR2345", "t"), None, "", query, NOW_MS)


async def test_a_door_gets_the_page_it_asked_for_and_nobody_else_s() -> None:
    hub: Any = Hub()
    want = messages.parse_want({"want": 7, "after": 40, "device_id": "OTHER"}, "DOOR2345", NOW_MS)
    await gateway.give_page(hub, want, None)
    assert hub.asked == [("access.page", "DOOR2345", 7, 40)]
    assert hub.sent == [("DOOR2345", "access", {"version": 7})]
    assert await gateway.list_page(hub, call(version="7", after="40")) == (200, {"version": 7})
    assert hub.asked[1] == hub.asked[0]


@pytest.mark.parametrize("query", [{"version": "x"}, {"version": "-1"}, {"version": "1", "after": "1" * 30}])
async def test_nonsense_is_refused_before_anybody_is_asked(query: dict[str, str]) -> None:
    hub: Any = Hub()
    with pytest.raises(BadRequest):
        await gateway.list_page(hub, call(**query))
    assert hub.asked == []


@pytest.mark.parametrize(
    ("name", "device_id", "posted", "asked"),
    [
        ("device.token_changed", "DOOR2345", [("access.renewals", "DOOR2345")], []),
        ("device.added", "DOOR2345", [("access.renewals", "DOOR2345")], []),
        ("device.changed", "DOOR2345", [("access.renewals", "DOOR2345")], []),
        ("account.changed", "", [], [("access.renew_account", 3)]),
        ("command.finished", "DOOR2345", [("access.finished", "DOOR2345")], []),
    ],
)
async def test_what_changes_who_comes_in_is_looked_at(
    name: str, device_id: str, posted: list[Any], asked: list[Any]
) -> None:
    hub: Any = Hub()
    event = DomainEvent(name, "devices", 3, device_id, {})
    for reaction in gateway.HANDLERS.reactions:
        if reaction.event == name:
            await reaction.react(hub, event)
    assert (hub.posted, hub.asked) == (posted, asked)


@pytest.mark.django_db(transaction=True)
def test_six_a_minute_hold_however_many_ask_at_once(account, alice, actor):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite in memory has one connection; on a file every transaction waits its turn at its beginning")
    door = mint(account.pk, actor)

    def ask(number: int) -> bool:
        try:
            actions.unlock_door(device=door, reason=str(number), actor=person(alice))
        except Unavailable:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(16))) == actions.UNLOCKS_PER_MIN
    assert Unlock.objects.count() == actions.UNLOCKS_PER_MIN


@pytest.mark.django_db(transaction=True)
def test_a_forced_door_is_a_row_in_less_than_a_second_while_the_ledger_is_full(account, actor):
    door = mint(account.pk, actor)
    others = [mint(account.pk, actor, f"NOISE{n:03}").pk for n in range(20)]

    def commit(entries):
        try:
            return DjangoStore().commit(entries)
        finally:
            connection.close()  # the writer's own, which nobody could close later

    async def run() -> float:
        ledger = Ledger(commit)
        ledger.start()

        async def flood() -> None:
            n = 0
            while True:
                for _ in range(500):
                    n += 1
                    point = Telemetry(others[n % 20], NOW_MS + n, ((NOW_MS + n, {"temperature_c": 21.5}),))
                    try:
                        ledger.put("devices.telemetry", point, False)
                    except PanalError:
                        break
                await asyncio.sleep(0)

        flooding = asyncio.create_task(flood())
        while ledger.shed[1] == 0:  # noqa: ASYNC110  no event says that there is no room
            await asyncio.sleep(0.01)
        begun = time.perf_counter()
        forced = said(door.pk, 1, "door.alarm", reason="forced", door="open", method="door", uid=str(uuid.uuid4()))
        await ledger.submit("access.event", forced, True)
        passed = time.perf_counter() - begun
        flooding.cancel()
        await ledger.stop()
        return passed

    passed_s = asyncio.run(run())
    assert passed_s < 1.0
    assert Alarm.objects.get().kind == "forced"
