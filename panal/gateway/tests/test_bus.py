"""The bus between parts and between replicas."""

import asyncio
from typing import Any

import nats
import pytest

from panal.gateway.bus import Bus, Outbox
from panal.gateway.gateway import Gateway
from panal.gateway.store import DomainEvent

from .conftest import until

EVENT = DomainEvent("command.queued", "commands", 1, "A", {"id": "c"})


class Wire:
    """What two buses have between them."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, subject: str, payload: bytes) -> None:
        self.sent.append(type("Msg", (), {"subject": subject, "data": payload})())


@pytest.fixture
def wire() -> Wire:
    return Wire()


def a_bus(wire: Any) -> Bus:
    bus = Bus(wire)
    bus.start()
    return bus


async def test_everybody_here_hears_and_only_the_own_replica_reacts(wire: Wire) -> None:
    here, there = a_bus(wire), a_bus(Wire())
    heard: list[tuple[str, DomainEvent]] = []
    for name, bus in (("here", here), ("there", there)):
        bus.listen(lambda event, name=name: heard.append((name, event)))  # type: ignore[misc]
        bus.on_own(lambda event, name=name: heard.append((name + " reacts", event)))  # type: ignore[misc]
    await asyncio.to_thread(here.publish_soon, [EVENT, EVENT._replace(account_id=None, topic="care")])
    await until(lambda: len(wire.sent) == 2)
    for message in wire.sent:
        await there.receive(message)
    assert [message.subject for message in wire.sent] == ["bus.1.commands", "bus.0.care"]
    assert heard[:2] == [("here", EVENT), ("here reacts", EVENT)]
    assert [name for name, _ in heard] == ["here", "here reacts", "here", "here reacts", "there", "there"]
    assert heard[4][1] == EVENT


async def test_what_is_no_event_is_ignored(wire: Wire) -> None:
    bus = a_bus(wire)
    bus.listen(lambda event: pytest.fail("heard"))
    for payload in (b"", b"{}", b"\xff", b'[["a"]]', b"[1]", b"null"):
        await bus.receive(type("Msg", (), {"subject": "bus.0.x", "data": payload})())  # type: ignore[arg-type]


async def test_a_listener_that_fails_does_not_keep_the_others_from_hearing(wire: Wire) -> None:
    bus, heard = a_bus(wire), []
    bus.listen(lambda event: 1 / 0)  # type: ignore[arg-type,return-value]
    bus.on_own(lambda event: heard.append(event))
    bus.publish_soon([EVENT])
    await until(lambda: heard)


async def test_news_is_about_one_device_and_one_kind_of_event(wire: Wire) -> None:
    bus = a_bus(wire)
    with bus.news("A", "command.queued") as news:
        bus.publish_soon([EVENT._replace(device_id="B"), EVENT._replace(name="command.sent")])
        assert not await news.wait(0.05)
        bus.publish_soon([EVENT])
        assert await news.wait(60)
    assert not bus._news


async def test_two_gateways_on_one_broker_hear_of_each_other(gateway: Gateway) -> None:
    """What one replica commits wakes a long poll in another."""
    assert gateway.access
    other = Outbox()
    connection = await nats.connect(gateway.access.url, user=gateway.access.user, password=gateway.access.password)
    other.start(connection)
    remote = a_bus(other)
    with gateway.bus.news("A", "command.queued") as news:
        remote.publish_soon([EVENT])
        assert await news.wait(60)
    await other.stop()
    await connection.close()


async def test_an_outbox_that_is_full_drops_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("panal.gateway.bus.MAX_WAITING", 2)
    outbox = Outbox()
    for _ in range(5):
        outbox.send("a", b"")
    assert outbox.dropped == 3
