"""One older access controller on the real broker: its two topics and nothing else, and only where it was named."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from panal.gateway.auth import Callout, Older
from panal.gateway.broker import new_access
from panal.gateway.gateway import Gateway
from panal.gateway.store import DomainEvent, OpenCommand

from .conftest import settings_for, until
from .memory import MemoryStore

DOOR = "DOOR2345"
OPENED = {
    "device_id": "esp-1", "door_status": "close", "access_method": "rfid", "access_granted": True,
    "timestamp": "2026-11-20T08:15:00",
}  # fmt: skip


class Controller:
    """As the boards in the field connect: no user name, any client id, clean session."""

    def __init__(self, port: int, client_id: str = "ESP32-puerta", topic: str = "iot/commands", **user: str) -> None:
        self.heard: list[Any] = []
        self.connected: bool | None = None
        self.subscribed: bool | None = None
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id)
        if user:
            self.client.username_pw_set(user["name"], user["password"])
        self.topic = topic
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = lambda c, u, message: self.heard.append(json.loads(message.payload))
        self.client.connect("127.0.0.1", port, keepalive=20)
        self.client.loop_start()

    def _on_connect(self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self.connected = not reason.is_failure
        if self.connected:
            client.subscribe(self.topic, 1)

    def _on_subscribe(self, client: paho.Client, userdata: Any, mid: int, codes: Any, properties: Any) -> None:
        self.subscribed = not codes[0].is_failure

    def say(self, document: Any, topic: str = "iot/telemetry") -> None:
        self.client.publish(topic, json.dumps(document), 1)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
async def named(store: MemoryStore, tmp_path: Path) -> AsyncIterator[Gateway]:
    """A gateway whose operator has named the controller."""
    running = Gateway(settings_for(tmp_path, PANAL_LEGACY_ACCESS=DOOR), store)
    store.publish = running.bus.publish_soon
    store.add(DOOR)
    store.questions["access.is_older"] = lambda device_id: True
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def controllers() -> Iterator[Callable[..., Any]]:
    made: list[Controller] = []

    async def connect(gateway: Gateway, **options: Any) -> Controller:
        controller = await asyncio.to_thread(Controller, gateway.ports.mqtt, **options)
        made.append(controller)
        await until(lambda: controller.connected is False or controller.subscribed is not None)
        return controller

    yield connect
    for controller in made:
        controller.close()


async def test_what_it_says_becomes_events_of_the_device_that_is_named(
    named: Gateway, store: MemoryStore, controllers: Callable[..., Any]
) -> None:
    controller = await controllers(named)
    assert (controller.connected, controller.subscribed) == (True, True)
    controller.say(OPENED)
    controller.say({**OPENED, "access_method": "door", "door_status": "open", "timestamp": ""})
    await until(lambda: len(store.events) == 2)
    events = [event for _, event in store.events.values()]
    assert [(e.device_id, e.kind, e.method, e.granted, e.door) for e in events] == [
        (DOOR, "door.attempt", "rfid", True, "close"),
        (DOOR, "door.moved", "door", True, "open"),
    ]
    assert [event.at_ms for event in events] == [1_795_162_500_000, None]


async def test_what_it_says_at_connect_is_its_sign_of_life(
    named: Gateway, store: MemoryStore, controllers: Callable[..., Any]
) -> None:
    controller = await controllers(named)
    controller.say({"device": "esp-1", "uptime_sec": 7, "ssid": "Casa"})
    await until(lambda: store.heartbeats)
    assert [(hello.device_id, hello.transport) for hello in store.hellos] == [(DOOR, "mqtt")]
    assert [(beat.device_id, beat.uptime_s) for beat in store.heartbeats] == [(DOOR, 7)]
    await until(lambda: store.sessions.get(DOOR))
    assert named.is_connected(DOOR)
    await named.presences.reconcile()
    assert named.is_connected(DOOR)


async def test_it_opens_from_the_panel_and_what_it_says_then_is_the_answer(
    named: Gateway, store: MemoryStore, controllers: Callable[..., Any]
) -> None:
    controller = await controllers(named)
    await until(lambda: named.is_connected(DOOR))
    command = OpenCommand(str(uuid.uuid4()), "door.unlock", {"reason": "x"}, 0, 1 << 50, "mac")
    store.commands[DOOR] = [command]
    store.publish([DomainEvent("command.queued", "commands", 1, DOOR, {"id": command.id})])
    await until(lambda: controller.heard)
    assert controller.heard == [{"action": "open"}]
    controller.say({**OPENED, "access_method": "remote"})
    await until(lambda: store.answers)
    assert store.answers[command.id].status == "done"


async def test_other_commands_are_not_said_to_it(
    named: Gateway, store: MemoryStore, controllers: Callable[..., Any]
) -> None:
    controller = await controllers(named)
    await until(lambda: named.is_connected(DOOR))
    ids = [str(uuid.uuid4()), str(uuid.uuid4())]
    store.commands[DOOR] = [
        OpenCommand(id, name, {}, 0, 1 << 50, "mac") for id, name in zip(ids, ("ping", "door.unlock"), strict=True)
    ]
    for id in ids:
        store.publish([DomainEvent("command.queued", "commands", 1, DOOR, {"id": id})])
    await until(lambda: controller.heard)
    await named.in_thread(lambda: None)
    assert controller.heard == [{"action": "open"}]


async def test_other_topics_are_closed_to_it(
    named: Gateway, store: MemoryStore, controllers: Callable[..., Any]
) -> None:
    listener = await controllers(named, topic="#")
    assert (listener.connected, listener.subscribed) == (True, False)
    controller = await controllers(named, client_id="another")
    controller.say({"action": "open"}, "iot/commands")
    controller.say({"uid": str(uuid.uuid4()), "kind": "FALL", "at_ms": None, "data": {}}, f"panal/{DOOR}/up/event")
    controller.say({"door_status": "sideways", "access_method": "rfid"})
    controller.say(OPENED)  # behind the others on the same connection
    await until(lambda: store.events)
    assert [event.method for _, event in store.events.values()] == ["rfid"]
    assert controller.heard == []


async def test_a_board_of_ours_that_is_named_may_speak_both_ways_and_is_counted_once(
    named: Gateway, store: MemoryStore, controllers: Callable[..., Any]
) -> None:
    store.questions["access.is_older"] = lambda device_id: False
    token = store.add(DOOR)
    board = await controllers(named, client_id=DOOR, name=DOOR, password=token)
    assert (board.connected, board.subscribed) == (True, True)
    event = {"uid": str(uuid.uuid4()), "kind": "door.moved", "at_ms": None, "data": {}}
    data = {"seq": 1, "door_status": "open", "access_method": "door", "access_granted": False}
    board.say(OPENED)
    board.say({**event, "data": data}, f"panal/{DOOR}/up/event")
    await until(lambda: store.events)
    command = OpenCommand(str(uuid.uuid4()), "door.unlock", {"reason": "x"}, 0, 1 << 50, "mac")
    store.commands[DOOR] = [command]
    store.publish([DomainEvent("command.queued", "commands", 1, DOOR, {"id": command.id})])
    await until(lambda: store.sent)
    assert list(store.events) == [event["uid"]]
    assert board.heard == []


async def test_a_board_with_a_name_does_not_get_these_topics(
    named: Gateway, store: MemoryStore, controllers: Callable[..., Any]
) -> None:
    token = store.add("WEAR2345")
    board = await controllers(named, client_id="WEAR2345", name="WEAR2345", password=token)
    assert (board.connected, board.subscribed) == (True, False)
    board.say(OPENED)
    board.say({"timestamp": None}, "panal/WEAR2345/up/heartbeat")
    await until(lambda: store.heartbeats)
    assert store.events == {}


async def test_it_throws_nobody_out_by_taking_their_id(
    named: Gateway, store: MemoryStore, controllers: Callable[..., Any]
) -> None:
    store.add("WEAR2345")
    assert not (await controllers(named, client_id="WEAR2345")).connected


async def test_nobody_comes_in_without_a_name_while_none_is_named(
    gateway: Gateway, controllers: Callable[..., Any]
) -> None:
    assert not (await controllers(gateway)).connected


@pytest.mark.parametrize(
    ("client", "allowed"),
    [
        ({"host": "192.168.1.20"}, True),
        ({"host": "8.8.8.8"}, False),
        ({"host": "2001:4860:4860::8888"}, False),
        ({"host": "192.168.1.20", "type": "mqtt_websocket"}, False),
        ({"host": "192.168.1.20", "type": "nats"}, False),
    ],
)
async def test_it_comes_from_a_local_network_or_not_at_all(
    named: Gateway, client: dict[str, str], allowed: bool
) -> None:
    assert named._older is not None
    callout = Callout(named, new_access(), (), Older(DOOR, named._older.topics))
    asked = {"connect_opts": {}, "client_info": {"type": "mqtt", "mqtt_id": "esp", **client}}
    assert bool(await callout._allowed(asked)) is allowed


async def test_a_device_that_is_unknown_or_revoked_is_no_controller(named: Gateway, store: MemoryStore) -> None:
    store.add(DOOR, active=False)
    named.identities.drop(DOOR)
    asked = {"connect_opts": {}, "client_info": {"type": "mqtt", "mqtt_id": "esp", "host": "127.0.0.1"}}
    assert named.callout is not None
    assert await named.callout._allowed(asked) == ""
