"""The data plane's part of care: emergency events go first, the acceleration around them when there is room."""

from panal.gateway.cell import Answered, Call, EventKinds, Handlers, Hub, Path

from . import messages

SAMPLES_MAX_BYTES = 256 * 1024


async def samples(hub: Hub, call: Call) -> Answered:
    """`POST events/samples`: 201, a repeat 200."""
    message = messages.parse_samples(call.body, call.caller.device_id, call.now_ms)
    duplicated = await hub.submit("care.samples", message)
    return 200 if duplicated else 201, {"ok": True, "duplicated": bool(duplicated)}


HANDLERS = Handlers(
    paths=(Path(("POST",), "events/samples", samples, max_bytes=SAMPLES_MAX_BYTES),),
    events=EventKinds(messages.KINDS, "care.event", messages.parse_event_http, messages.parse_event),
)
