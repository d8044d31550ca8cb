"""Boards on WebSockets at a running gateway: what MQTT does, and what only a WebSocket can do wrong."""

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from picows import WSMsgType

from panal.cells.cameras.tests.streams import Peer
from panal.gateway import sockets
from panal.gateway.gateway import Gateway
from panal.gateway.store import Desired, DomainEvent, OpenCommand

from .conftest import settings_for, until
from .memory import MemoryStore

Connect = Callable[..., Any]


class Board(Peer):
    device_id = ""

    def up(self, leaf: str, payload: Any, device_id: str = "") -> None:
        self.say({"topic": f"panal/{device_id or self.device_id}/up/{leaf}", "payload": payload})

    async def down(self, leaf: str) -> Any:
        """What comes next on this leaf."""
        while (said := await self.next()) is not None:
            if said["topic"] == f"panal/{self.device_id}/down/{leaf}":
                return said["payload"]
        raise AssertionError(self.closed)


def headers_of(device_id: str, token: str) -> dict[str, str]:
    return {"X-Device-Id": device_id, "X-Device-Key": token}


async def open_board(gateway: Gateway, device_id: str, headers: dict[str, str], ws: str = "ws") -> Board:
    board: Board = await Board.open(f"{ws}://127.0.0.1:{gateway.ports.stream}/device", **headers)
    board.device_id = device_id
    return board


@pytest.fixture
async def connect(gateway: Gateway, store: MemoryStore) -> AsyncIterator[Connect]:
    """`await connect("A")`: a board that has said hello and heard what we want."""

    async def connected(device_id: str = "A", **changes: str) -> Board:
        token = store.add(device_id)
        board = await open_board(gateway, device_id, headers_of(device_id, token) | changes)
        board.up("hello", {"fw": "1.0"})
        assert await board.down("desired") is not None
        return board

    yield connected
    await Peer.close_all()


def event() -> dict[str, Any]:
    return {"uid": str(uuid.uuid4()), "kind": "EMERGENCY_BUTTON", "at_ms": None, "data": {}}


def command(id: str) -> OpenCommand:
    return OpenCommand(id, "identify", {}, 0, 2**50, "00")


async def test_an_event_is_accepted_after_the_commit(connect: Connect, store: MemoryStore) -> None:
    board, raised = await connect(), event()
    board.up("event", raised)
    assert await board.down("accepted") == {"uid": raised["uid"]}
    assert raised["uid"] in store.events


async def test_hello_brings_what_we_want_and_the_open_commands_again(
    connect: Connect, gateway: Gateway, store: MemoryStore
) -> None:
    token = store.add("A")
    store.desireds["A"] = Desired(7, {"on": True})
    store.commands["A"] = [command("one")]
    board = await open_board(gateway, "A", headers_of("A", token))
    for _ in range(2):
        board.up("hello", {})
        assert await board.down("desired") == {"version": 7, "state": {"on": True}}
        assert (await board.down("command"))["id"] == "one"


async def test_a_command_and_a_new_desired_reach_it_at_once(connect: Connect, store: MemoryStore) -> None:
    board = await connect()
    id = str(uuid.uuid4())
    store.commands["A"] = [command(id)]
    store.publish([DomainEvent("command.queued", "devices", 1, "A", {})])
    assert (await board.down("command"))["id"] == id
    store.desireds["A"] = Desired(8, {})
    store.publish([DomainEvent("twin.desired_changed", "devices", 1, "A", {})])
    assert (await board.down("desired"))["version"] == 8
    board.up("answer", {"id": id, "status": "done"})
    await until(lambda: id in store.answers)


@pytest.mark.parametrize("kind", ["Basic", "Bearer"])
async def test_it_may_show_its_token_in_each_way_of_the_http_api(
    kind: str, gateway: Gateway, store: MemoryStore
) -> None:
    shown = f"A:{store.add('A')}"
    text = base64.b64encode(shown.encode()).decode() if kind == "Basic" else shown
    board = await open_board(gateway, "A", {"Authorization": f"{kind} {text}"})
    board.up("hello", {})
    assert await board.down("desired")
    await Peer.close_all()


async def test_it_is_online_while_it_is_connected(connect: Connect, gateway: Gateway, store: MemoryStore) -> None:
    board = await connect()
    await until(lambda: store.sessions.get("A"))
    assert gateway.is_connected("A") and store.sessions["A"].startswith("ws-")
    board.close()
    await until(lambda: "A" not in store.sessions)
    assert not gateway.is_connected("A")


async def test_reconciling_with_the_broker_leaves_it_online(
    connect: Connect, gateway: Gateway, store: MemoryStore
) -> None:
    await connect()
    await gateway.presences.reconcile()
    assert store.reconciled[-1][1]["A"].startswith("ws-") and gateway.is_connected("A")


async def test_a_second_connection_replaces_the_first_whose_late_goodbye_changes_nothing(
    connect: Connect, gateway: Gateway, store: MemoryStore
) -> None:
    first, second = await connect(), await connect()
    assert await first.end() == (1000, "replaced by a newer connection")
    assert gateway.is_connected("A") and len(gateway.sockets) == 1
    await until(lambda: [presence.online for presence in store.presences] == [True, False, True])
    assert store.sessions["A"] == gateway.presences.sessions["A"].text
    gateway.send("A", "command", {"id": "two"})
    assert (await second.down("command"))["id"] == "two"


async def test_coming_over_mqtt_ends_the_websocket_and_the_other_way_round(
    connect: Connect, boards: Any, gateway: Gateway, store: MemoryStore
) -> None:
    first = await connect()
    other = await boards("A", store.add("A"))
    assert await first.end() == (1000, "replaced by a newer connection")
    await until(lambda: gateway.is_connected("A") and not gateway.presences.sessions["A"].is_websocket)
    other.client.reconnect_delay_set(60, 60)
    await connect()
    await until(other.gone.is_set)
    await until(lambda: len(store.presences) >= 4)
    assert gateway.presences.sessions["A"].is_websocket


async def test_a_changed_token_ends_the_connection(connect: Connect, store: MemoryStore) -> None:
    board = await connect()
    store.publish([DomainEvent("device.token_changed", "devices", 1, "A", {})])
    assert (await board.end())[0] == 1008


# whoever means no good


@pytest.mark.parametrize("headers", [{}, headers_of("A", "0" * 64), headers_of("B", "0" * 64), headers_of("A", "")])
async def test_who_is_not_known_hears_one_answer(
    headers: dict[str, str], gateway: Gateway, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        if seconds:  # who lets others have their turn sleeps for nothing
            waited.append(seconds)

    monkeypatch.setattr(gateway, "sleep", sleep)
    store.add("A")
    for _ in range(3):
        board = await open_board(gateway, "A", headers)
        assert await board.end() == (1008, "unknown device or wrong key")
    assert waited == sorted(set(waited)) and len(waited) == 3, "each failure of an address waits longer"
    assert not store.presences and not len(gateway.sockets.arrivals)


async def test_it_speaks_for_nobody_else_and_only_upwards(connect: Connect, store: MemoryStore) -> None:
    board = await connect()
    store.add("B")
    board.up("event", event(), device_id="B")
    board.say({"topic": "panal/A/down/desired", "payload": {}})
    board.say({"topic": "iot/telemetry", "payload": {}})
    board.up("event", good := event())
    assert await board.down("accepted") == {"uid": good["uid"]}
    assert list(store.events) == [good["uid"]]


@pytest.mark.parametrize(
    "nonsense",
    [b"", b"{", b"[]", b"null", b'{"topic":1,"payload":{}}', b'{"topic":"x"}', b"\xff\xfe", b"[" * 4000,
     b'{"topic":"panal/A/up/event","payload":' + b"[" * 1000 + b"]" * 1000 + b"}",
     b'{"topic":"panal/A/up/hello","payload":NaN}', b'{"topic":"panal/A/up/x","payload":{}}'],
)  # fmt: skip
async def test_nonsense_is_counted_and_stops_nothing(nonsense: bytes, connect: Connect, store: MemoryStore) -> None:
    board = await connect()
    board.say(nonsense)
    board.up("event", good := event())
    assert await board.down("accepted") == {"uid": good["uid"]}


async def test_what_is_too_long_or_no_text_ends_the_connection(connect: Connect) -> None:
    board = await connect()
    board.say(b'{"topic":"panal/A/up/log","payload":"' + b"a" * (64 * 1024 + 300) + b'"}')
    assert (await board.end())[0] == 1009
    board = await connect()
    board.send(b"picture")
    assert (await board.end())[0] == 1009


async def test_the_largest_message_of_mqtt_passes(connect: Connect, store: MemoryStore) -> None:
    board = await connect()
    board.say({"topic": "panal/A/up/hello", "payload": {"fw": "2.0", "more": "a" * 65_000}})
    assert await board.down("desired") is not None
    assert store.hellos[-1].fw == "2.0"


async def test_a_flood_ends_the_connection(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "MAX_TEXTS", 50)
    board = await connect()
    for _ in range(60):
        board.up("heartbeat", {})
    assert await board.end() == (1008, "too many messages")


async def test_before_we_know_it_little_is_kept(gateway: Gateway, store: MemoryStore) -> None:
    """Its identity is not found as long as the database does not answer."""
    released = asyncio.Event()

    async def slow(device_id: str) -> None:
        await released.wait()

    gateway.identities.get = slow  # type: ignore[method-assign,assignment]
    board = await open_board(gateway, "A", headers_of("A", store.add("A")))
    for _ in range(9):
        board.up("hello", {})
    assert await board.end() == (1008, "too much before we know who you are")
    board = await open_board(gateway, "A", headers_of("A", store.add("A")))
    board.say(b"a" * 5000)
    assert (await board.end())[0] == 1009
    released.set()
    await until(lambda: not len(gateway.sockets.arrivals))
    await Peer.close_all()


async def test_only_so_many_arrive_at_once(gateway: Gateway, store: MemoryStore) -> None:
    gateway.sockets.arrivals._most_each = 0
    board = await open_board(gateway, "A", headers_of("A", store.add("A")))
    assert (await board.end())[0] == 1013


async def test_a_token_does_not_travel_in_plain_text_over_a_public_network(tmp_path: Path) -> None:
    store = MemoryStore()
    gateway = Gateway(settings_for(tmp_path, PANAL_TRUSTED_PROXIES="127.0.0.1"), store)
    await gateway.start()
    try:
        headers = headers_of("A", store.add("A")) | {"X-Forwarded-For": "8.8.8.8"}
        board = await open_board(gateway, "A", headers)
        assert await board.end() == (1008, "over a public network only with TLS")
        board = await open_board(gateway, "A", headers | {"X-Forwarded-Proto": "wss"})
        board.up("hello", {})
        assert await board.down("desired") is not None
    finally:
        await Peer.close_all()
        await gateway.stop()


async def test_a_ping_is_answered(connect: Connect) -> None:
    board = await connect()
    board.transport.send(WSMsgType.PING, json.dumps("?").encode())
    board.up("event", good := event())
    assert await board.down("accepted") == {"uid": good["uid"]}
