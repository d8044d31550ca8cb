"""The data plane's part of doors: their events, the pages of their access lists, one controller of the older kind."""

import uuid
from typing import Any, NamedTuple

from panal.cells.devices import messages as device_messages
from panal.gateway.cell import Answered, Call, EventKinds, Handlers, Hub, Leaf, OldTopics, Path, Reaction
from panal.gateway.store import DomainEvent

from . import messages

UNLOCK = "door.unlock"


class About(NamedTuple):
    """For the ledger: there is something to look at about this device."""

    device_id: str


async def give_page(hub: Hub, want: Any, _answer: Any) -> None:
    """`up/access`: the page that is asked for, on `down/access`."""
    page = await hub.in_thread(hub.store.ask, "access.page", want.device_id, want.version, want.after)
    hub.send(want.device_id, "access", page)


async def list_page(hub: Hub, call: Call) -> Answered:
    """`GET access/list?version=…&after=…`."""
    asked = {"want": _number(call, "version"), "after": _number(call, "after")}
    want = messages.parse_want(asked, call.caller.device_id, call.now_ms)
    return 200, await hub.in_thread(hub.store.ask, "access.page", want.device_id, want.version, want.after)


def _number(call: Call, name: str) -> int | str:
    text = call.query.get(name) or "0"
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 17 else text


# what changes around a door


async def on_finished(hub: Hub, event: DomainEvent) -> None:
    """The answer to an enrolment is read where it is written down."""
    hub.post("access.finished", About(event.device_id), urgent=True)


async def on_change(hub: Hub, event: DomainEvent) -> None:
    if event.device_id:
        hub.post("access.renewals", About(event.device_id))


async def on_account(hub: Hub, event: DomainEvent) -> None:
    if event.account_id is not None:
        await hub.in_thread(hub.store.ask, "access.renew_account", event.account_id)


# the older controller: PANAL_LEGACY_ACCESS names the device that it is (docs/wire/mqtt.md)


async def hear_older(hub: Hub, device_id: str, body: Any) -> None:
    """`iot/telemetry`: an event, or the one message at connect, which counts as hello and heartbeat."""
    said = messages.parse_legacy(body, device_id, hub.now_ms())
    if not await hub.in_thread(hub.store.ask, "access.is_older", device_id):
        return  # a board of ours that speaks these topics too: its own events say it all
    if not said.door:
        await _greet_older(hub, said)
        return
    await hub.submit("access.event", _event_of(said), urgent=True)
    if said.method == "remote" and said.granted:
        await _answer_for(hub, said)


async def _greet_older(hub: Hub, said: Any) -> None:
    nothing = {"fw": None, "model": None, "hw_id": None, "ip": None, "reset_cause": None, "boot_count": None}
    hello = device_messages.Hello(said.device_id, "mqtt", said.received_ms, **nothing, mode=None, state=None)
    await hub.submit("devices.hello", hello, urgent=True)
    hub.post("devices.heartbeat", device_messages.parse_heartbeat({"uptimeS": said.uptime_s}, *said[:2]))


def _event_of(said: Any) -> messages.Event:
    kind = "door.moved" if said.method == "door" else "door.attempt"
    return messages.Event(
        said.device_id, said.received_ms, str(uuid.uuid4()), kind, said.at_ms, 0, said.door, said.method,
        bool(said.granted), "", None, "", "", "", "", (), None,
    )  # fmt: skip


async def _answer_for(hub: Hub, said: Any) -> None:
    """It has no answers: that it opened from afar is the answer to what we asked."""
    for command in await hub.in_thread(hub.store.open_commands, said.device_id, hub.now_ms()):
        if command.name == UNLOCK:
            answer = device_messages.Answer(
                said.device_id, said.received_ms, command.id, "done", {"door": said.door}, None, None
            )
            hub.post("devices.answer", answer, urgent=True)


async def on_command(hub: Hub, event: DomainEvent) -> None:
    """The older controller hears of its one command on a topic of its own."""
    if event.device_id != hub.settings.legacy_access or not hub.is_connected(event.device_id):
        return
    if not await hub.in_thread(hub.store.ask, "access.is_older", event.device_id):
        return
    for command in await hub.in_thread(hub.store.open_commands, event.device_id, hub.now_ms()):
        if command.name == UNLOCK and command.id == event.data.get("id"):
            hub.say(messages.LEGACY_COMMANDS, messages.LEGACY_UNLOCK)


async def on_acknowledged(hub: Hub, event: DomainEvent) -> None:
    """Somebody took the alert where they were told of it."""
    if str(event.data.get("kind", "")).startswith("access."):
        await hub.in_thread(hub.store.ask, "access.acknowledged", event.data["uid"], event.data.get("by", ""))


HANDLERS = Handlers(
    paths=(Path(("GET",), "access/list", list_page, body=""),),
    leaves={"access": Leaf(messages.parse_want, "", then=give_page)},
    events=EventKinds(messages.KINDS, "access.event", messages.parse_event_http, messages.parse_event),
    reactions=(
        Reaction("command.finished", on_finished),
        Reaction("command.queued", on_command),
        Reaction("device.changed", on_change),
        Reaction("device.added", on_change),
        Reaction("device.token_changed", on_change),
        Reaction("account.changed", on_account),
        Reaction("alert.acknowledged", on_acknowledged),
    ),
    older=OldTopics("legacy_access", messages.LEGACY_TELEMETRY, messages.LEGACY_COMMANDS, hear_older),
)
