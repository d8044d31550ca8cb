"""Devices' part of the data plane, with a hub that only remembers."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from panal.cells.devices import gateway
from panal.cells.devices.messages import Hello, Sent
from panal.gateway.cell import Call
from panal.gateway.store import Desired, DomainEvent, OpenCommand
from panal.gateway.tests.memory import MemoryStore, identity
from panal.protocol.errors import BadRequest, Forbidden, Unauthorized

NOW = 1_795_222_923_000
COMMAND = OpenCommand(str(uuid.uuid4()), "identify", {}, NOW, NOW + 60_000, "ab")


class Hub:
    """One board's world: what it is sent, what is committed, whether it is there."""

    heartbeat_s = 120

    def __init__(self, connected: bool = True) -> None:
        self.store = MemoryStore()
        self.connected = connected
        self.sent: list[tuple[str, str, Any]] = []
        self.posted: list[Any] = []
        self.waited: list[float] = []
        self.while_waiting: Any = lambda: None
        self.identities, self.known = self, identity("A", "t")

    async def get(self, device_id: str) -> Any:
        return self.known

    def now_ms(self) -> int:
        return NOW

    async def submit(self, kind: str, message: Any, urgent: bool = False) -> Any:
        answer = self.store.commit([type("Entry", (), {"kind": kind, "message": message})()])[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def post(self, kind: str, message: Any, urgent: bool = False) -> None:
        self.posted.append(message)

    async def in_thread(self, function: Any, *arguments: Any) -> Any:
        return function(*arguments)

    def send(self, device_id: str, leaf: str, document: Any) -> None:
        self.sent.append((device_id, leaf, document))

    def is_connected(self, device_id: str) -> bool:
        return self.connected

    @contextmanager
    def news(self, device_id: str, name: str) -> Iterator["Hub"]:
        yield self

    async def wait(self, timeout_s: float) -> bool:
        self.waited.append(timeout_s)
        return bool(self.while_waiting())


def call(id: str = "A", query: dict[str, str] | None = None, **body: Any) -> Call:
    return Call(identity("A", "t"), body, id, query or {}, NOW)


def hello(device_id: str = "A") -> Hello:
    return Hello(device_id, "mqtt", NOW, None, None, None, None, None, None, None, None)


async def test_a_greeting_says_what_we_want_and_what_is_open() -> None:
    hub: Any = Hub()
    hub.store.commands["A"].append(COMMAND)
    await gateway.greet(hub, hello(), {"desired": {"led": 1}, "desired_version": 4})
    assert [leaf for _, leaf, _ in hub.sent] == ["desired", "command"]
    assert hub.sent[0][2] == {"version": 4, "state": {"led": 1}}
    assert hub.posted == [Sent("A", COMMAND.id, NOW)]


@pytest.mark.parametrize("connected", [True, False])
async def test_news_goes_to_boards_that_are_there(connected: bool) -> None:
    hub: Any = Hub(connected)
    hub.store.commands["A"].append(COMMAND)
    hub.store.desireds["A"] = Desired(4, {})
    await gateway.on_command(hub, DomainEvent("command.queued", "commands", 1, "A", {}))
    await gateway.on_desired(hub, DomainEvent("twin.desired_changed", "twin", 1, "A", {}))
    assert [leaf for _, leaf, _ in hub.sent] == (["command", "desired"] if connected else [])
    assert len(hub.posted) == int(connected)


async def test_a_long_poll_looks_before_it_waits_and_again_when_there_is_news() -> None:
    hub: Any = Hub()
    hub.while_waiting = lambda: hub.store.commands["A"].append(COMMAND) or True
    status, found = await gateway.commands(hub, call(query={"waitS": "25"}))
    assert (status, [command["id"] for command in found], hub.waited) == (200, [COMMAND.id], [25.0])
    await gateway.commands(hub, call(query={"waitS": "25"}))
    assert hub.waited == [25.0]


async def test_who_loses_the_token_while_waiting_hears_nothing() -> None:
    hub: Any = Hub()

    def rotated() -> bool:
        hub.known = identity("A", "another token")
        hub.store.commands["A"].append(COMMAND)
        return True

    hub.while_waiting = rotated
    with pytest.raises(Unauthorized):
        await gateway.commands(hub, call(query={"waitS": "25"}))
    assert hub.posted == []


async def test_a_wait_has_a_bound_and_must_be_a_number() -> None:
    hub: Any = Hub()
    await gateway.commands(hub, call(query={"waitS": "1e9"}))
    assert hub.waited == [gateway.MAX_WAIT_S]
    for wrong in ("soon", "-1", "nan", "inf"):
        with pytest.raises(BadRequest):
            await gateway.commands(hub, call(query={"waitS": wrong}))


async def test_only_ones_own_twin_and_commands() -> None:
    hub: Any = Hub()
    for handler in (gateway.commands, gateway.desired, gateway.reported):
        with pytest.raises(Forbidden):
            await handler(hub, call(id="B", state={}))


async def test_a_heartbeat_says_what_is_pending() -> None:
    hub: Any = Hub()
    hub.store.commands["A"].append(COMMAND)
    status, told = await gateway.heartbeat(hub, call(deviceId="A", battery=0.4))
    assert (status, told["pending"], told["heartbeatS"]) == (200, 1, 120)
    assert told["serverTime"] == "2026-11-21T01:02:03.000Z"
