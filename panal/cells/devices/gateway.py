"""The data plane's part of devices: registration, heartbeat, twin, commands, log; over HTTP and over MQTT."""

from typing import Any

from panal.gateway.cell import Answered, Call, Handlers, Hub, Leaf, Path, Reaction
from panal.gateway.identity import stranger
from panal.gateway.store import DomainEvent, Identity, OpenCommand
from panal.protocol import instants
from panal.protocol.errors import BadRequest, Forbidden

from . import messages

MAX_WAIT_S = 60.0


async def register(hub: Hub, call: Call) -> Answered:
    """`POST devices/register`: the device becomes activated and online."""
    found = await hub.submit(
        "devices.hello", messages.parse_register(call.body, call.caller.device_id, call.now_ms), urgent=True
    )
    return 200, {
        "ok": True,
        "name": found["name"],
        "account": found["account"],
        "heartbeatS": found["heartbeat_s"],
        "desired": found["desired"],
        "desiredVersion": found["desired_version"],
        "serverTime": instants.text(call.now_ms),
    }


async def heartbeat(hub: Hub, call: Call) -> Answered:
    """`POST|PUT devices/heartbeat`."""
    found = await hub.submit(
        "devices.heartbeat", messages.parse_heartbeat_http(call.body, call.caller.device_id, call.now_ms)
    )
    return 200, {
        "ok": True,
        "serverTime": instants.text(call.now_ms),
        "pending": found["pending"],
        "desiredVersion": found["desired_version"],
        "heartbeatS": found["heartbeat_s"],
    }


async def commands(hub: Hub, call: Call) -> Answered:
    """`GET devices/{id}/commands?waitS=25`: the open commands, at once or as soon as there is one."""
    device_id = _own(call)
    wait_s = _wait_s(call.query.get("waitS"))
    with hub.news(device_id, "command.queued") as news:
        found = await _open(hub, device_id)
        if not found and wait_s and await news.wait(wait_s):
            found = await _open(hub, device_id)
            await _require_still(hub, call.caller)
    for command in found:
        hub.post("devices.sent", messages.Sent(device_id, command.id, hub.now_ms()), urgent=True)
    return 200, [messages.build_command_http(command) for command in found]


async def _require_still(hub: Hub, caller: Identity) -> None:
    """Who waited for news may have lost the token meanwhile."""
    now = await hub.identities.get(caller.device_id)
    if now is None or now.token_sha256 != caller.token_sha256:
        raise stranger()


def _wait_s(text: str | None) -> float:
    try:
        wait_s = float(text or 0)
    except ValueError:
        raise BadRequest("bad_field", "a number of seconds is expected", "waitS") from None
    if not 0 <= wait_s < float("inf"):
        raise BadRequest("bad_field", "a number of seconds is expected", "waitS")
    return min(wait_s, MAX_WAIT_S)


async def answer(hub: Hub, call: Call) -> Answered:
    """`POST commands/{id}/answer`."""
    message = messages.parse_answer(call.body, call.caller.device_id, call.now_ms, call.id)
    await hub.submit("devices.answer", message, urgent=True)
    return 200, {"ok": True}


async def desired(hub: Hub, call: Call) -> Answered:
    """`GET devices/{id}/desired`: the whole of what we want, with its version."""
    found = await hub.in_thread(hub.store.desired, _own(call))
    return 200, messages.build_desired(found.version, found.state)


async def reported(hub: Hub, call: Call) -> Answered:
    """`PUT devices/{id}/reported`."""
    message = messages.parse_reported(call.body, _own(call), call.now_ms)
    await hub.submit("devices.reported", message, urgent=True)
    return 200, {"ok": True}


async def serial_line(hub: Hub, call: Call) -> Answered:
    """`POST /esp/serial_data/`: a line of text from an older board into its log."""
    line = messages.parse_log({"message": call.body}, call.caller.device_id, call.now_ms)
    await hub.submit("devices.log", line)
    return 200, {"ok": True}


def _own(call: Call) -> str:
    if call.id != call.caller.device_id:
        raise Forbidden("not_yours", "this is another device's")
    return call.id


async def _open(hub: Hub, device_id: str) -> list[OpenCommand]:
    found: list[OpenCommand] = await hub.in_thread(hub.store.open_commands, device_id, hub.now_ms())
    return found


async def greet(hub: Hub, hello: Any, found: dict[str, Any]) -> None:
    """On every connection a board hears what we want and every command that is still open."""
    hub.send(hello.device_id, "desired", messages.build_desired(found["desired_version"], found["desired"]))
    await send_commands(hub, hello.device_id)


async def send_commands(hub: Hub, device_id: str) -> None:
    for command in await _open(hub, device_id):
        hub.send(device_id, "command", messages.build_command(command))
        hub.post("devices.sent", messages.Sent(device_id, command.id, hub.now_ms()), urgent=True)


async def on_command(hub: Hub, event: DomainEvent) -> None:
    """A board that is not connected hears of it when it says hello, or when it asks over HTTP."""
    if hub.is_connected(event.device_id):
        await send_commands(hub, event.device_id)


async def on_desired(hub: Hub, event: DomainEvent) -> None:
    if not hub.is_connected(event.device_id):
        return
    found = await hub.in_thread(hub.store.desired, event.device_id)
    hub.send(event.device_id, "desired", messages.build_desired(found.version, found.state))


HANDLERS = Handlers(
    paths=(
        Path(("POST",), "devices/register", register),
        Path(("POST", "PUT"), "devices/heartbeat", heartbeat),
        Path(("GET",), "devices/{id}/commands", commands, body=""),
        Path(("POST",), "commands/{id}/answer", answer),
        Path(("GET",), "devices/{id}/desired", desired, body=""),
        Path(("PUT",), "devices/{id}/reported", reported),
        Path(("POST",), "esp/serial_data/", serial_line, body="text", max_bytes=4096, bare=True),
    ),
    leaves={
        "hello": Leaf(messages.parse_hello, "devices.hello", urgent=True, then=greet),
        "heartbeat": Leaf(messages.parse_heartbeat, "devices.heartbeat"),
        "telemetry": Leaf(messages.parse_telemetry, "devices.telemetry", wants_object=False),
        "reported": Leaf(messages.parse_reported, "devices.reported", urgent=True),
        "answer": Leaf(messages.parse_answer, "devices.answer", urgent=True),
        "log": Leaf(messages.parse_log, "devices.log"),
    },
    reactions=(
        Reaction("command.queued", on_command),
        Reaction("twin.desired_changed", on_desired),
    ),
)
