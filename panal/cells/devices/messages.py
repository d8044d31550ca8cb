"""What devices and the server say to each other about the device itself: shapes, ranges, parse and build.

Shapes: docs/wire/devices-http.md (camelCase) and docs/wire/mqtt.md (snake_case); both parse into the same tuples.
Instants are int milliseconds since 1970 UTC. Unknown fields are ignored, missing optional ones are None.
"""

from collections import namedtuple

from panal.protocol import codec, fields, instants, twin
from panal.protocol.errors import BadRequest, PanalError

# at the first contact and on every MQTT connection; transport is "http" or "mqtt"
Hello = namedtuple("Hello", "device_id transport received_ms fw model hw_id ip reset_cause boot_count mode state")
# battery is 0..1; rssi is dBm
Heartbeat = namedtuple(
    "Heartbeat",
    "device_id transport received_ms at_ms battery rssi fw free_heap_bytes uptime_s ip mode reset_cause",
)
# points: ((at_ms, {"temperature_c": 21.5}), …)
Telemetry = namedtuple("Telemetry", "device_id received_ms points")
# a partial document: None deletes; version is the desired version it answers
Reported = namedtuple("Reported", "device_id received_ms version state")
# status is "done", "failed" or "rejected"
Answer = namedtuple("Answer", "device_id received_ms command_id status result error_code error_message")
LogLine = namedtuple("LogLine", "device_id received_ms at_ms level message")
# what the broker saw: session names one connection, so a late goodbye of an old one is recognised
Presence = namedtuple("Presence", "device_id session online at_ms reason")
# a command went out to the device
Sent = namedtuple("Sent", "device_id command_id at_ms")

STATUSES = ("done", "failed", "rejected")
LEVELS = ("debug", "info", "warning", "error")
MAX_POINTS = 100
MAX_VALUES = 32
MAX_NAME = 64
MAX_LINE = 1000
NAME_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
UPTIME_MAX_S = 1 << 40
BYTES_MAX = 1 << 40


def parse_hello(body: dict, device_id: str, now_ms: int) -> Hello:
    """MQTT `up/hello`: `{"fw","model","hw_id","ip","reset_cause","boot_count","mode"}`, all optional."""
    return Hello(
        device_id,
        "mqtt",
        now_ms,
        fields.text(body, "fw", MAX_NAME),
        fields.text(body, "model", MAX_NAME),
        fields.text(body, "hw_id", MAX_NAME),
        fields.text(body, "ip", MAX_NAME),
        fields.text(body, "reset_cause", MAX_NAME),
        fields.whole(body, "boot_count", 0, codec.INT_MAX),
        fields.text(body, "mode", MAX_NAME),
        None,
    )


def parse_register(body: dict, device_id: str, now_ms: int) -> Hello:
    """HTTP `devices/register`: `{"state","fwVersion","hwId","model","ip"}`, all optional."""
    return Hello(
        device_id,
        "http",
        now_ms,
        fields.text(body, "fwVersion", MAX_NAME),
        fields.text(body, "model", MAX_NAME),
        fields.text(body, "hwId", MAX_NAME),
        fields.text(body, "ip", MAX_NAME),
        fields.text(body, "resetCause", MAX_NAME),
        fields.whole(body, "bootCount", 0, codec.INT_MAX),
        fields.text(body, "mode", MAX_NAME),
        _state(body.get("state")),
    )


def _state(value):
    """`state` at registration: a word of the board or a document; what the board first reports."""
    if isinstance(value, dict) and len(codec.encode(value)) > twin.MAX_BYTES:
        raise fields.bad("state", "at most %d bytes" % twin.MAX_BYTES)
    if value is None or isinstance(value, dict):
        return value
    if isinstance(value, str) and len(value) <= MAX_NAME:
        return value
    raise fields.bad("state", "a text or an object is expected")


def parse_heartbeat_http(body: dict, device_id: str, now_ms: int) -> Heartbeat:
    """HTTP `devices/heartbeat`: battery 0..1, rssi dBm, timestamp ISO 8601 or null."""
    return _heartbeat(body, device_id, now_ms, "http", _timestamp(body, "timestamp"))


def parse_heartbeat(body: dict, device_id: str, now_ms: int) -> Heartbeat:
    """MQTT `up/heartbeat`: as over HTTP."""
    return _heartbeat(body, device_id, now_ms, "mqtt", _timestamp(body, "timestamp"))


def _heartbeat(body: dict, device_id: str, now_ms: int, transport: str, at_ms) -> Heartbeat:
    return Heartbeat(
        device_id,
        transport,
        now_ms,
        at_ms,
        fields.number(body, "battery", 0, 1),
        fields.whole(body, "rssi", -200, 100),
        fields.text(body, "fwVersion", MAX_NAME),
        fields.whole(body, "freeHeapBytes", 0, BYTES_MAX),
        fields.whole(body, "uptimeS", 0, UPTIME_MAX_S),
        fields.text(body, "ip", MAX_NAME),
        fields.text(body, "mode", MAX_NAME),
        fields.text(body, "resetCause", MAX_NAME),
    )


def _timestamp(body: dict, field: str) -> int | None:
    value = fields.text(body, field, MAX_NAME)
    if not value:
        return None
    at_ms = instants.parse(value)
    if at_ms is None:
        raise fields.bad(field, "an ISO 8601 instant with Z or an offset is expected")
    return at_ms


def parse_telemetry(body, device_id: str, now_ms: int) -> Telemetry:
    """MQTT `up/telemetry`: `{"at_ms", "values": {"temperature_c": 21.5}}` or a list of them."""
    points = body if isinstance(body, list) else [body]
    if len(points) > MAX_POINTS:
        raise fields.bad("values", "at most %d points" % MAX_POINTS)
    return Telemetry(device_id, now_ms, tuple([_point(point, now_ms) for point in points]))


def _point(point, now_ms: int):
    if not isinstance(point, dict):
        raise fields.bad("values", "a point is an object")
    values = fields.an_object(point, "values")
    if values is None:
        raise fields.missing("values")
    if len(values) > MAX_VALUES:
        raise fields.bad("values", "at most %d values" % MAX_VALUES)
    for name in values:
        _measurement(values, name)
    at_ms = fields.whole(point, "at_ms", 0, instants.LATEST_MS)
    return (now_ms if at_ms is None else at_ms, values)


def _measurement(values: dict, name: str) -> None:
    if not 0 < len(name) <= MAX_NAME or not _is_name(name):
        raise fields.bad("values", "names are letters, digits, _, . and -")
    if fields.number(values, name, -1e15, 1e15) is None:
        raise fields.bad(name, "a number is expected")


def _is_name(name: str) -> bool:
    return all(letter in NAME_LETTERS for letter in name)


def parse_reported(body: dict, device_id: str, now_ms: int) -> Reported:
    """MQTT `up/reported`, HTTP `PUT devices/{id}/reported`: `{"version","state"}`; partial, null deletes."""
    state = fields.an_object(body, "state")
    if state is None:
        raise fields.missing("state")
    version = fields.whole(body, "version", 0, codec.INT_MAX)
    return Reported(device_id, now_ms, 0 if version is None else version, state)


def parse_answer(body: dict, device_id: str, now_ms: int, command_id=None) -> Answer:
    """MQTT `up/answer` (with `id`), HTTP `POST commands/{id}/answer`: `{"status","result","error"}`."""
    uid = fields.uid(body if command_id is None else {"id": command_id}, "id")
    status = fields.needed_text(body, "status", MAX_NAME)
    if status not in STATUSES:
        raise BadRequest("unknown_status", "no such status", "status", STATUSES)
    code, message = _error(body.get("error"))
    return Answer(device_id, now_ms, uid, status, body.get("result"), code, message)


def _error(error):
    """(code, message) of `{"code","message"}` or of a plain text."""
    if error is None:
        return None, None
    if isinstance(error, str):
        return "failed", error[:MAX_LINE]
    if not isinstance(error, dict):
        raise fields.bad("error", "an object is expected")
    return fields.text(error, "code", MAX_NAME), fields.text(error, "message", MAX_LINE)


def parse_log(body: dict, device_id: str, now_ms: int) -> LogLine:
    """MQTT `up/log`: `{"at_ms","level","message"}`; a level we do not know counts as info."""
    level = fields.text(body, "level", MAX_NAME)
    line = body.get("message")
    if not isinstance(line, str):
        raise fields.bad("message", "a text is expected")
    at_ms = fields.whole(body, "at_ms", 0, instants.LATEST_MS)
    return LogLine(device_id, now_ms, now_ms if at_ms is None else at_ms, _level(level), line[:MAX_LINE])


def _level(level) -> str:
    return level if level in LEVELS else "info"


def build_accepted(uid: str) -> dict:
    """`down/accepted`: the event is committed."""
    return {"uid": uid}


def build_refused(uid: str, error: PanalError) -> dict:
    """`down/accepted` for an event that can never be accepted: the board drops it."""
    return {"uid": uid, "error": error.document()}


def build_desired(version: int, state: dict) -> dict:
    """`down/desired`: the whole of what we want."""
    return {"version": version, "state": state}


def build_command(command) -> dict:
    """`down/command` from an OpenCommand: `{"id","name","args","issued_at_ms","expires_at_ms","mac"}`."""
    return {
        "id": command.id,
        "name": command.name,
        "args": command.args,
        "issued_at_ms": command.issued_at_ms,
        "expires_at_ms": command.expires_at_ms,
        "mac": command.mac,
    }


def build_command_http(command) -> dict:
    """One entry of `GET devices/{id}/commands`: camelCase, as older boards speak."""
    return {
        "id": command.id,
        "name": command.name,
        "args": command.args,
        "issuedAtMs": command.issued_at_ms,
        "expiresAtMs": command.expires_at_ms,
        "mac": command.mac,
    }
