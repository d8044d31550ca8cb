"""The data plane's part of wifi: what boards report and answer arrives through devices; here it is only noticed."""

from typing import NamedTuple

from panal.gateway.cell import Handlers, Hub, Reaction
from panal.gateway.store import DomainEvent


class News(NamedTuple):
    """For the ledger: there is something to read about this device."""

    device_id: str


async def notice(hub: Hub, event: DomainEvent) -> None:
    """What there is to know is read where it is written down: the message says only of which device."""
    if event.name == "twin.reported" and "wifi" not in event.data.get("names", ()):
        return
    hub.post("wifi.news", News(event.device_id), urgent=True)


HANDLERS = Handlers(reactions=(Reaction("command.finished", notice), Reaction("twin.reported", notice)))
