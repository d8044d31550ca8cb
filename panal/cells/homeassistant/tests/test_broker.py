"""Home Assistants at a real broker: each hears and says what is its account's, and is thrown out when told so."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as paho
import pytest

from panal.cells.homeassistant.discovery import Lamp, Thing
from panal.cells.homeassistant.queries import Home
from panal.gateway.gateway import Gateway
from panal.gateway.store import DomainEvent
from panal.gateway.tests.conftest import until
from panal.gateway.tests.memory import MemoryStore

USERS = {("home.1", "one"): "homeassistant", ("home.2", "two"): "homeassistant-2"}


class Client:
    def __init__(self, port: int, user: str, password: str, client_id: str = "") -> None:
        self.connected: bool | None = None
        self.granted: dict[int, bool] = {}
        self.heard: dict[str, bytes] = {}
        self.gone = threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, reconnect_on_failure=False)
        self.client.username_pw_set(user, password)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda c, u, mid, codes, p: self.granted.update({mid: not codes[0].is_failure})
        self.client.on_message = lambda c, u, message: self.heard.update({message.topic: message.payload})
        self.client.on_disconnect = lambda *_: self.gone.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _on_connect(self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self.connected = not reason.is_failure

    async def may_hear(self, topic: str) -> bool:
        mid = self.client.subscribe(topic)[1]
        assert mid is not None
        await until(lambda: mid in self.granted)
        return self.granted[mid]


@pytest.fixture
def connect(gateway: Gateway, store: MemoryStore) -> Iterator[Any]:
    made: list[Client] = []
    store.questions["homeassistant.admit"] = lambda user, password: USERS.get((user, password), "")

    async def connected(user: str, password: str, **options: str) -> Client:
        client = await asyncio.to_thread(Client, gateway.ports.mqtt, user, password, **options)
        made.append(client)
        await until(lambda: client.connected is not None)
        return client

    yield connected
    for client in made:
        client.client.disconnect()
        client.client.loop_stop()


async def test_it_hears_its_own_topics_and_no_others(connect: Any) -> None:
    client = await connect("home.1", "one")
    assert await client.may_hear("homeassistant/+/+/config")
    assert await client.may_hear("homeassistant/panal/A/light_1/state")
    for topic in (
        "#",
        "homeassistant-2/#",
        "+/+/+/config",
        "panal/#",
        "panal/A/down/command",
        "$SYS/#",
        "iot/telemetry",
    ):
        assert not await client.may_hear(topic), topic


async def test_what_it_says_is_commands_and_its_birth_and_nothing_else(
    connect: Any,
    gateway: Gateway,
    store: MemoryStore,
) -> None:
    asked: list[Any] = []
    store.questions["homeassistant.obey"] = lambda prefix, command: asked.append((prefix, command))
    store.add("A")
    other = await connect("home.2", "two")
    assert await other.may_hear("homeassistant-2/#")
    client = await connect("home.1", "one")
    on = b'{"state":"ON"}'
    client.client.publish("homeassistant-2/panal/A/light_1/set", on)
    client.client.publish("homeassistant-2/device/A/config", b"{}", retain=True)
    client.client.publish("homeassistant/panal/A/light_1/state", on, retain=True)
    client.client.publish("panal/A/up/hello", b"{}")
    client.client.publish("homeassistant/panal/A/light_1/set", on)
    await until(lambda: asked)
    assert [prefix for prefix, _ in asked] == ["homeassistant"]
    assert not other.heard and not store.hellos


async def test_what_is_kept_is_there_for_who_comes_later(connect: Any, gateway: Gateway) -> None:
    announcer = next(service for service in gateway.services if hasattr(service, "speaker"))
    for topic in ("homeassistant/device/A/config", "homeassistant/device/B/config"):
        announcer.speaker.say(topic, b"{}")
    announcer.speaker.say("homeassistant/device/B/config", b"")
    first = await connect("home.1", "one")
    assert await first.may_hear("homeassistant/#")
    await until(lambda: "homeassistant/device/A/config" in first.heard)
    later = await connect("home.1", "one")
    assert await later.may_hear("homeassistant/#")
    await until(lambda: later.heard)
    assert "homeassistant/device/B/config" not in later.heard


async def test_a_new_device_is_told_of_twice(
    connect: Any, gateway: Gateway, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it listens to only when it hears of the device may pass by in between."""
    monkeypatch.setattr("panal.cells.homeassistant.gateway.AGAIN_S", 0.5)
    thing = Thing("LIGHTS22", "Salón", "Four lights", "", "1.0", True, lamps=(Lamp(1, "Techo", True, None, False),))
    store.questions |= {
        "homeassistant.homes": lambda: [Home(1, "homeassistant", False, [])],
        "homeassistant.things": lambda account_id: [thing],
        "homeassistant.told": lambda account_id, ids: None,
    }
    client = await connect("home.1", "one")
    said: list[str] = []
    client.client.on_message = lambda c, u, message: said.append(message.topic)
    assert await client.may_hear("homeassistant/#")
    gateway.bus.publish_soon([DomainEvent("homeassistant.changed", "homeassistant", 1, "", {})])
    await until(lambda: said.count("homeassistant/panal/LIGHTS22/light_1/state") == 2)
    assert said.count("homeassistant/device/LIGHTS22/config") == 2


@pytest.mark.parametrize(("user", "password"), [("home.1", "two"), ("home.3", "one"), ("home.1", ""), ("home.", "x")])
async def test_nobody_else_comes_in(connect: Any, user: str, password: str) -> None:
    assert not (await connect(user, password)).connected


async def test_it_throws_no_device_out_by_its_name(connect: Any, store: MemoryStore) -> None:
    store.add("A")
    assert not (await connect("home.1", "one", client_id="A")).connected


async def test_it_is_thrown_out_and_nobody_else(connect: Any, gateway: Gateway) -> None:
    one, two = await connect("home.1", "one"), await connect("home.2", "two")
    await gateway.end_guest("home.1")
    await until(one.gone.is_set)
    assert await two.may_hear("homeassistant-2/#")
