"""The data plane's part of lights: boards that come and go, and change hands. What they report is the twin's."""

from typing import NamedTuple

from panal.gateway.cell import Answered, Call, Handlers, Hub, Path, Reaction
from panal.gateway.store import DomainEvent

from .rounds import Rounds


class About(NamedTuple):
    """For the ledger: there is something to look at about this device."""

    device_id: str


async def on_change(hub: Hub, event: DomainEvent) -> None:
    if event.device_id:
        hub.post("lights.around", About(event.device_id))


async def status(hub: Hub, call: Call) -> Answered:
    """`GET /lights_status/`: for boards of the older kind, the list and nothing around it."""
    return 200, await hub.in_thread(hub.store.ask, "lights.status", call.caller.device_id)


HANDLERS = Handlers(
    paths=(Path(("GET",), "lights_status/", status, body="", bare=True),),
    service=Rounds,
    reactions=(
        Reaction("device.came_online", on_change),
        Reaction("device.went_offline", on_change),
        Reaction("device.added", on_change),
        Reaction("device.changed", on_change),
    ),
)
