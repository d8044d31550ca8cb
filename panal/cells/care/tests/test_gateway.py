"""Care's part of the data plane, with a hub that only remembers."""

import uuid
from typing import Any

import pytest

from panal.cells.care import gateway
from panal.cells.care.messages import KINDS, Samples
from panal.gateway.cell import Call
from panal.gateway.tests.memory import identity
from panal.protocol.errors import BadRequest

NOW = 1_795_222_923_000


class Hub:
    """Answers every message with `answer`."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.submitted: list[tuple[str, Any, bool]] = []

    async def submit(self, kind: str, message: Any, urgent: bool = False) -> Any:
        self.submitted.append((kind, message, urgent))
        return self.answer


def call(**body: Any) -> Call:
    return Call(identity("A", "t"), body, "", {}, NOW)


@pytest.mark.parametrize(("duplicated", "status"), [(False, 201), (True, 200)])
async def test_samples_are_bulk_and_a_repeat_is_200(duplicated: bool, status: int) -> None:
    hub: Any = Hub(duplicated)
    points = [{"seq": 0, "tMs": 0, "accX": 0, "accY": 0, "accZ": 1}]
    answer = await gateway.samples(hub, call(eventUid=str(uuid.uuid4()), samples=points, units="g"))
    assert answer == (status, {"ok": True, "duplicated": duplicated})
    kind, message, urgent = hub.submitted[0]
    assert (kind, urgent, message.device_id) == ("care.samples", False, "A")
    assert isinstance(message, Samples)


async def test_samples_that_are_none_reach_no_ledger() -> None:
    hub: Any = Hub(False)
    with pytest.raises(BadRequest):
        await gateway.samples(hub, call(eventUid="x"))
    assert hub.submitted == []


def test_care_takes_all_its_kinds_of_event() -> None:
    events = gateway.HANDLERS.events
    assert events is not None
    assert (events.kinds, events.ledger_kind) == (KINDS, "care.event")
