"""Boards on a real nats-server: what they may, what they get, what is remembered of them."""

import asyncio
import json
import threading
import uuid
from typing import Any

import pytest

from panal.gateway.gateway import Gateway
from panal.gateway.limits import Rates
from panal.gateway.presence import Session
from panal.gateway.store import Desired, DomainEvent, OpenCommand
from panal.protocol.errors import Unavailable

from .conftest import until
from .memory import MemoryStore

FUTURE_MS = 4_000_000_000_000


def an_event(uid: str = "", kind: str = "EMERGENCY_BUTTON") -> dict[str, Any]:
    return {"uid": uid or str(uuid.uuid4()), "kind": kind, "at_ms": None, "data": {}}


def a_command(name: str = "identify") -> OpenCommand:
    return OpenCommand(str(uuid.uuid4()), name, {"n": 1}, 1, FUTURE_MS, "00" * 32)


async def test_an_event_is_accepted_after_its_commit(store: MemoryStore, boards: Any) -> None:
    board = await boards("A", store.add("A"))
    event = an_event()
    board.say("event", event)
    await until(lambda: board.of("accepted"))
    assert board.of("accepted") == [{"uid": event["uid"]}]
    assert store.events[event["uid"]][0] == "A"


async def test_the_same_event_twice_is_stored_once_and_accepted_twice(store: MemoryStore, boards: Any) -> None:
    board = await boards("A", store.add("A"))
    event = an_event()
    board.say("event", event)
    board.say("event", event)
    await until(lambda: len(board.of("accepted")) == 2)
    assert len(store.events) == 1


async def test_an_event_that_can_never_be_taken_is_answered_with_the_reason(store: MemoryStore, boards: Any) -> None:
    board = await boards("A", store.add("A"))
    board.say("event", an_event("11111111-1111-4111-8111-111111111111", kind="PARTY"))
    await until(lambda: board.of("accepted"))
    refused = board.of("accepted")[0]
    assert refused["uid"] == "11111111-1111-4111-8111-111111111111"
    assert refused["error"]["code"] == "unknown_event_type"
    assert "FALL" in refused["error"]["allowed"]


@pytest.mark.parametrize(
    "rest",
    [
        '"data": {"x": NaN}',
        '"at_ms": 1, "at_ms": 2',
        '"data": ' + "[" * 10 + "]" * 10,
        '"data": {"x": 99999999999999999999}',
        '"data": {"x": "\\u0000"}',
        '"data": {"x": "' + "y" * 66_000 + '"}',
    ],
)
async def test_what_is_no_json_of_ours_is_refused_by_its_uid(store: MemoryStore, boards: Any, rest: str) -> None:
    """A board would send it for ever, and what comes after it would wait."""
    board = await boards("A", store.add("A"))
    board.say("event", f'{{"uid": "{"1" * 36}", "kind": "FALL", {rest}}}'.encode())
    await until(lambda: board.of("accepted"))
    [refused] = board.of("accepted")
    assert (refused["uid"], set(refused)) == ("1" * 36, {"uid", "error"})
    assert not store.events


async def test_a_uid_of_another_device_is_refused(store: MemoryStore, boards: Any) -> None:
    first, second = await boards("A", store.add("A")), await boards("B", store.add("B"))
    event = an_event()
    first.say("event", event)
    await until(lambda: first.of("accepted"))
    second.say("event", event)
    await until(lambda: second.of("accepted"))
    assert second.of("accepted")[0]["error"]["code"] == "uid_taken"


async def test_an_event_is_not_accepted_while_nothing_can_be_stored(
    store: MemoryStore, boards: Any, gateway: Gateway
) -> None:
    board = await boards("A", store.add("A"))
    store.before_commit = broken
    board.say("event", an_event())
    board.say("log", {"level": "info", "message": "after"})
    await until(lambda: all(gateway.mqtt_counts[leaf, "database_gone"] for leaf in ("event", "log")))
    assert board.of("accepted") == []
    store.before_commit = lambda entries: None
    event = an_event()
    board.say("event", event)
    await until(lambda: board.of("accepted") == [{"uid": event["uid"]}])


def broken(entries: Any) -> None:
    raise Unavailable("database_gone", "the database is gone")


async def test_a_hello_brings_desired_and_every_open_command(store: MemoryStore, boards: Any) -> None:
    token = store.add("A")
    store.desireds["A"] = Desired(7, {"led": True})
    command = a_command()
    store.commands["A"].append(command)
    board = await boards("A", token)
    board.say("hello", {"fw": "1.0", "model": "wearable-1", "boot_count": 3})
    await until(lambda: board.of("command"))
    assert board.of("desired") == [{"version": 7, "state": {"led": True}}]
    assert board.of("command") == [
        {
            "id": command.id,
            "name": "identify",
            "args": {"n": 1},
            "issued_at_ms": 1,
            "expires_at_ms": FUTURE_MS,
            "mac": "00" * 32,
        }
    ]
    await until(lambda: store.sent)
    assert store.sent[0].command_id == command.id
    board.say("hello", {})
    await until(lambda: len(board.of("command")) == 2)


async def test_a_queued_command_reaches_a_connected_board(store: MemoryStore, boards: Any, gateway: Gateway) -> None:
    board = await boards("A", store.add("A"))
    await until(lambda: gateway.is_connected("A"))
    command = a_command()
    store.commands["A"].append(command)
    gateway.bus.publish_soon([DomainEvent("command.queued", "commands", 1, "A", {})])
    await until(lambda: board.of("command"))
    board.say("answer", {"id": command.id, "status": "done", "result": {"ok": 1}})
    await until(lambda: store.answers)
    assert store.answers[command.id].status == "done"


async def test_a_command_for_a_board_that_is_away_is_not_called_sent(store: MemoryStore, gateway: Gateway) -> None:
    store.add("A")
    store.commands["A"].append(a_command())
    gateway.bus.publish_soon([DomainEvent("command.queued", "commands", 1, "A", {})])
    await asyncio.sleep(0.1)
    assert store.sent == []


async def test_a_changed_twin_reaches_a_connected_board(store: MemoryStore, boards: Any, gateway: Gateway) -> None:
    board = await boards("A", store.add("A"))
    await until(lambda: gateway.is_connected("A"))
    store.desireds["A"] = Desired(8, {"led": False})
    gateway.bus.publish_soon([DomainEvent("twin.desired_changed", "twin", 1, "A", {})])
    await until(lambda: board.of("desired"))
    board.say("reported", {"version": 8, "state": {"led": False}})
    await until(lambda: store.reports)
    assert store.reports[0].version == 8


async def test_telemetry_heartbeat_and_log_are_stored(store: MemoryStore, boards: Any) -> None:
    board = await boards("A", store.add("A"))
    board.say("telemetry", {"at_ms": 5, "values": {"temperature_c": 21.5}}, 0)
    board.say("telemetry", [{"at_ms": 6, "values": {"a": 1}}, {"values": {"a": 2}}], 0)
    board.say("heartbeat", {"battery": 0.5, "rssi": -60, "fwVersion": "1.2"}, 0)
    board.say("log", {"at_ms": 7, "level": "warning", "message": "hot"}, 0)
    await until(lambda: len(store.telemetry) == 2 and store.heartbeats and store.log)
    assert store.telemetry[0].points == ((5, {"temperature_c": 21.5}),)
    assert (store.heartbeats[0].battery, store.heartbeats[0].transport) == (0.5, "mqtt")
    assert (store.log[0].level, store.log[0].message) == ("warning", "hot")


async def test_what_cannot_be_parsed_is_counted_and_logged_now_and_then(
    store: MemoryStore, boards: Any, gateway: Gateway
) -> None:
    gateway.complaints = Rates(6, lambda: 0.0)
    board = await boards("A", store.add("A"))
    for payload in (b"\xff", b"{", b"[]", b"{}", b'{"values": 1}', b"[" * 5000, b'{"at_ms": 1e999}') * 3:
        board.say("telemetry", payload)
        board.say("event", payload)
    board.say("nonsense", {})  # the broker drops it
    board.say("log", {"level": "info", "message": "the end"})
    await until(lambda: any(line.message == "the end" for line in store.log))
    assert (
        sum(count for (_, outcome), count in gateway.mqtt_counts.items() if outcome != "ok") == 39
    )  # an empty list of points is no fault
    complaints = [line for line in store.log if line.level == "warning"]
    assert 0 < len(complaints) <= 6
    assert "crashed" not in {outcome for _, outcome in gateway.mqtt_counts}


async def test_a_device_that_talks_too_much_is_not_heard(store: MemoryStore, boards: Any, gateway: Gateway) -> None:
    gateway.devices = gateway.bridge._context.devices = Rates(5, lambda: 0.0)
    board = await boards("A", store.add("A"))
    for number in range(10):
        board.say("log", {"level": "info", "message": str(number)})
    await until(lambda: sum(gateway.mqtt_counts["log", outcome] for outcome in ("ok", "too_often")) == 10)
    assert gateway.mqtt_counts["log", "ok"] == 5


@pytest.mark.parametrize("token", ["", "0" * 64, "x" * 5000])
async def test_a_wrong_token_is_refused(store: MemoryStore, boards: Any, gateway: Gateway, token: str) -> None:
    store.add("A")
    board = await boards("A", token)
    assert board.connected is False
    assert gateway.callout and gateway.callout.refused >= 1


async def test_an_unknown_or_revoked_device_is_refused(store: MemoryStore, boards: Any) -> None:
    token = store.add("A", active=False)
    assert (await boards("A", token)).connected is False
    assert (await boards("nobody", token)).connected is False


async def test_a_keyless_device_comes_in_without_a_token_from_a_private_address(
    store: MemoryStore, boards: Any
) -> None:
    store.add("OLD", keyless=True)
    assert (await boards("OLD", "")).connected is True


async def test_a_foreign_client_id_throws_nobody_out(store: MemoryStore, boards: Any) -> None:
    victim = await boards("B", store.add("B"))
    attacker = await boards("A", store.add("A"), client_id="B")
    assert attacker.connected is False
    assert not victim.gone.is_set()


async def test_a_device_has_its_own_topics_only(store: MemoryStore, boards: Any) -> None:
    store.add("B")
    board = await boards("A", store.add("A"))
    for topic in ("panal/B/down/#", "panal/#", "#", "panal/+/up/event", "$SYS/#", "bus/#"):
        board.client.subscribe(topic, 0)
    await until(lambda: len(board.subscribed) == 7)
    assert board.subscribed == [True, False, False, False, False, False, False]
    forged = an_event()
    for topic in ("panal/B/up/event", "bus/1/commands"):
        board.client.publish(topic, json.dumps(forged), 1)
    board.say("event", an_event())
    await until(lambda: board.of("accepted"))
    assert forged["uid"] not in store.events


async def test_presence_follows_the_connection(store: MemoryStore, boards: Any, gateway: Gateway) -> None:
    board = await boards("A", store.add("A"))
    await until(lambda: "A" in store.sessions)
    assert gateway.is_connected("A")
    board.close()
    await until(lambda: "A" not in store.sessions)
    assert not gateway.is_connected("A")


async def test_a_take_over_leaves_the_device_online(store: MemoryStore, boards: Any, gateway: Gateway) -> None:
    token = store.add("A")
    first = await boards("A", token)
    first.client.reconnect_delay_set(60, 60)
    before = await until(lambda: store.sessions.get("A"))
    await boards("A", token)
    await until(lambda: [p for p in store.presences if not p.online])
    assert store.sessions["A"] != before
    assert gateway.is_connected("A")
    assert [p.reason for p in store.presences if not p.online] == ["Duplicate Client ID"]


async def test_a_connection_that_was_missed_is_found_and_one_that_is_gone_is_dropped(
    store: MemoryStore, boards: Any, gateway: Gateway
) -> None:
    await boards("A", store.add("A"))
    await until(lambda: gateway.is_connected("A"))
    real = gateway.presences.sessions["A"]
    gateway.presences.sessions = {"GHOST": Session("old", 1, 0)}
    await gateway.presences.reconcile()
    assert gateway.presences.sessions == {"A": real}
    broker, sessions, _ = store.reconciled[-1]
    assert sessions == {"A": real.text}
    assert real.server == broker


async def test_a_rotated_token_ends_the_connection_and_the_old_token(
    store: MemoryStore, boards: Any, gateway: Gateway
) -> None:
    old = store.add("A")
    board = await boards("A", old)
    await until(lambda: gateway.is_connected("A"))
    board.client.reconnect_delay_set(60, 60)
    new = store.add("A", token="f" * 64)
    gateway.bus.publish_soon([DomainEvent("device.token_changed", "devices", 1, "A", {})])
    await until(board.gone.is_set)
    assert (await boards("A", old)).connected is False
    assert (await boards("A", new)).connected is True


async def test_a_rotated_token_ends_the_connection_though_the_broker_s_clock_is_ahead(
    store: MemoryStore, boards: Any, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = await boards("A", store.add("A"))
    await until(lambda: gateway.is_connected("A"))
    monkeypatch.setattr(gateway, "now_ms", lambda: 1_000_000_000_000)
    store.add("A")
    gateway.bus.publish_soon([DomainEvent("device.token_changed", "devices", 1, "A", {})])
    await until(board.gone.is_set)


async def test_the_broker_dies_and_comes_back_on_the_same_port(
    store: MemoryStore, boards: Any, gateway: Gateway
) -> None:
    board = await boards("A", store.add("A"))
    board.client.reconnect_delay_set(1, 1)
    port = gateway.ports.mqtt
    assert gateway.broker and gateway.broker.process
    gateway.broker.process.kill()
    await until(lambda: gateway.broker_restarts and gateway.broker_up)
    assert gateway.ports.mqtt == port
    await until(lambda: len(board.subscribed) >= 2)
    event = an_event()
    board.say("event", event)
    await until(lambda: board.of("accepted"))
    await until(lambda: gateway.is_connected("A"))


async def test_what_was_taken_is_committed_before_the_gateway_stops(
    store: MemoryStore, boards: Any, gateway: Gateway
) -> None:
    slow = threading.Event()
    begun: list[str] = []

    def wait(entries: Any) -> None:
        begun.extend(entry.kind for entry in entries)
        assert slow.wait(60)

    def taken() -> list[str]:
        return begun + [waiting.entry.kind for waiting in gateway.ledger._lanes[0]]

    store.before_commit = wait
    board = await boards("A", store.add("A"))
    event = an_event()
    board.say("event", event)
    await until(lambda: "care.event" in taken())
    stopping = asyncio.create_task(gateway.stop())
    await until(lambda: not gateway.ledger.alive)
    slow.set()
    await stopping
    assert event["uid"] in store.events
    await until(lambda: board.of("accepted"))
