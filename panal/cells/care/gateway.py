"""The data plane's part of care: emergency events go first, the acceleration around them when there is room."""

from typing import Any

from panal.gateway.cell import Answered, Call, EventKinds, Handlers, Hub, Leaf, Path, Reaction
from panal.gateway.store import DomainEvent

from . import messages

SAMPLES_MAX_BYTES = 256 * 1024


async def samples(hub: Hub, call: Call) -> Answered:
    """`POST events/samples`: 201, a repeat 200."""
    message = messages.parse_samples(call.body, call.caller.device_id, call.now_ms)
    duplicated = await hub.submit("care.samples", message)
    return 200 if duplicated else 201, {"ok": True, "duplicated": bool(duplicated)}


async def keep_counts(hub: Hub, message: messages.Samples, _answer: Any) -> None:
    """`up/samples`: the board may forget them; nothing is said of those that were refused, it tries five times."""
    hub.send(message.device_id, "samples", {"uid": message.uid})


async def on_samples(hub: Hub, event: DomainEvent) -> None:
    """The second stage looks at them in a thread: nobody who reports an event waits for it."""
    await hub.in_thread(hub.store.ask, "care.judge", [event.data["id"]], hub.now_ms())


async def on_acknowledged(hub: Hub, event: DomainEvent) -> None:
    """Somebody took the alert where they were told of it: its event knows."""
    if str(event.data.get("kind", "")).startswith("care."):
        await hub.in_thread(hub.store.ask, "care.acknowledged", event.data["uid"], event.data.get("by", ""))


HANDLERS = Handlers(
    paths=(Path(("POST",), "events/samples", samples, max_bytes=SAMPLES_MAX_BYTES),),
    leaves={"samples": Leaf(messages.parse_counts, "care.samples", then=keep_counts)},
    events=EventKinds(messages.KINDS, "care.event", messages.parse_event_http, messages.parse_event),
    reactions=(Reaction("care.samples_kept", on_samples), Reaction("alert.acknowledged", on_acknowledged)),
)
