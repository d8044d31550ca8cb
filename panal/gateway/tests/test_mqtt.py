"""Boards on a real nats-server: what they may, what they get, what is remembered of them."""

import uuid
from typing import Any

from panal.gateway.store import Desired, DomainEvent, OpenCommand

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
