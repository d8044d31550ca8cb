import pytest

from panal.cells.lights.gateway import HANDLERS, About
from panal.gateway.store import DomainEvent


class Posted:
    """What handlers hand to the ledger."""

    def __init__(self):
        self.entries = []

    def post(self, kind, message, urgent=False):
        self.entries.append((kind, message))


async def hear(hub, name, device_id):
    for reaction in HANDLERS.reactions:
        if reaction.event == name:
            await reaction.react(hub, DomainEvent(name, "devices", 1, device_id, {}))


@pytest.mark.parametrize("name", ["device.came_online", "device.went_offline", "device.added", "device.changed"])
async def test_what_happens_around_a_board_is_looked_at(name):
    hub = Posted()
    await hear(hub, name, "HOME2345")
    await hear(hub, name, "")
    assert ("lights.around", About("HOME2345")) in hub.entries
    assert ("lights.around", About("")) not in hub.entries


async def test_what_does_not_concern_lights_costs_nothing():
    hub = Posted()
    await hear(hub, "device.updated", "HOME2345")
    assert hub.entries == []
