"""The data plane's part of lights: boards that come and go, and change hands. What they report is the twin's."""

from typing import NamedTuple

from panal.gateway.cell import Handlers, Hub, Reaction
from panal.gateway.store import DomainEvent


class About(NamedTuple):
    """For the ledger: there is something to look at about this device."""

    device_id: str


async def on_change(hub: Hub, event: DomainEvent) -> None:
    if event.device_id:
        hub.post("lights.around", About(event.device_id))


HANDLERS = Handlers(
    reactions=(
        Reaction("device.came_online", on_change),
        Reaction("device.went_offline", on_change),
        Reaction("device.added", on_change),
        Reaction("device.changed", on_change),
    )
)
