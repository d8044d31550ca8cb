"""What a camera and its server say to each other in text; frames go beside it as binary messages (machine.py).

Shapes: docs/wire/camera.md. Names as boards in the field have them; numbers may come as texts.
"""

from collections import namedtuple

from panal.protocol import fields
from panal.protocol.errors import BadRequest
from panal.protocol.topics import is_device_id

# resolutions by their number on the wire: name, width and height in pixels
RESOLUTIONS = (
    ("QQVGA", 160, 120),
    ("QCIF", 176, 144),
    ("HQVGA", 240, 176),
    ("QVGA", 320, 240),
    ("CIF", 400, 296),
    ("VGA", 640, 480),
    ("SVGA", 800, 600),
    ("XGA", 1024, 768),
    ("HD", 1280, 720),
    ("SXGA", 1280, 1024),
    ("UXGA", 1600, 1200),
    ("FHD", 1920, 1080),
    ("QXGA", 2048, 1536),
)
DEFAULT_RESOLUTION = 7

SPEED = 0
STABILITY = 1

# least and most of each command's value; None where it has none
COMMANDS = {
    "resolution": (0, 12),
    "quality": (5, 63),  # lower is better
    "fps": (1, 30),
    "mode": (SPEED, STABILITY),
    "brightness": (-2, 2),
    "contrast": (-2, 2),
    "saturation": (-2, 2),
    "exposure": (0, 1),
    "gain": (0, 1),
    "whitebalance": (0, 1),
    "hmirror": (0, 1),
    "vflip": (0, 1),
    "flash": (0, 255),
    "idle": (0, 1),  # ours: only for a camera whose info says that it knows it
    "stats": None,
    "reboot": None,
}
AT_ONCE, SOON, LATER = 0, 1, 2
PRIORITIES = {"reboot": AT_ONCE, "resolution": SOON, "quality": SOON, "fps": SOON, "mode": SOON, "idle": SOON}

HEALTH_EVERY_MS = 10_000
IDLE_EVERY_MS = 10_000  # an idle camera sends one frame in this time
MAX_TEXT_BYTES = 4096
MAX_FACT = 512  # letters of one fact that a camera tells of itself
MAX_FACTS = 32

# what registers: kind "camera" or "browser"; device_id "" on boards that were flashed before they had one
Register = namedtuple("Register", "kind device_id token camera")
Response = namedtuple("Response", "cmd status value")
Command = namedtuple("Command", "cmd val")


def priority(cmd: str) -> int:
    return PRIORITIES.get(cmd, LATER)


def parse_register(body: dict) -> Register:
    """`{"type":"register","device":"camera"|"browser","device_id","token"}`; a viewer may name its `camera`."""
    kind = fields.needed_text(body, "device", 16)
    if kind not in ("camera", "browser"):
        raise BadRequest("bad_field", "a camera or a browser", "device", ("camera", "browser"))
    device_id = _id(body, "device_id")
    token = fields.text(body, "token", 256) or ""
    return Register(kind, device_id, token, _id(body, "camera") or device_id)


def _id(body: dict, field: str) -> str:
    value = fields.text(body, field, 64) or ""
    if value and not is_device_id(value):
        raise fields.bad(field, "no device id")
    return value


def build_register(device_id: str, token: str) -> dict:
    return {"type": "register", "device": "camera", "device_id": device_id, "token": token}


def build_registered(server_time: str) -> dict:
    return {"status": "ok", "message": "Camera registered", "server_time": server_time}


def build_info(resolutions: str, mode: int, fps: int) -> dict:
    """A camera of ours: it knows `idle`."""
    return {"type": "info", "resolutions": resolutions, "mode": "%d" % mode, "fps": fps, "idle": True}


def parse_facts(body: dict) -> dict:
    """What an `info` or a `health` tells, without its type: texts and numbers only, everything else is left out."""
    found: dict = {}
    for name in body:
        if name != "type" and len(name) <= 32 and len(found) < MAX_FACTS and is_fact(body[name]):
            found[name] = body[name]
    return found


def is_fact(value) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_FACT
    return isinstance(value, (bool, int, float))


def build_health(frames, dropped, heap, min_heap, rssi, uptime_ms, ip, model, resolution, quality) -> dict:
    return {
        "type": "health",
        "frames": frames,
        "dropped": dropped,
        "heap": heap,
        "minHeap": min_heap,
        "rssi": rssi,
        "uptime": uptime(uptime_ms),
        "ip": ip,
        "model": model,
        "resolution": resolution,
        "quality": quality,
    }


def uptime(uptime_ms: int) -> str:
    """`3h 5m 7s`, as boards have always said it."""
    seconds = uptime_ms // 1000
    return "%dh %dm %ds" % (seconds // 3600, seconds // 60 % 60, seconds % 60)


def parse_response(body: dict) -> Response:
    """`{"type":"response","cmd","status":"ok"|"error","value"}`; the value comes as a text or a number."""
    cmd = fields.needed_text(body, "cmd", 32)
    status = "ok" if body.get("status") == "ok" else "error"
    value = body.get("value")
    return Response(cmd, status, "" if value is None or not is_fact(value) else str(value)[:MAX_FACT])


def build_response(cmd: str, is_ok: bool, value) -> dict:
    return {"type": "response", "cmd": cmd, "status": "ok" if is_ok else "error", "value": value}


def parse_command(body: dict) -> Command:
    """`{"cmd","val"}` of a viewer or of the server. Raises BadRequest for what no camera is told."""
    cmd = fields.needed_text(body, "cmd", 32)
    if cmd not in COMMANDS:
        raise BadRequest("unknown_command", "no such command", "cmd", sorted(COMMANDS))
    return Command(cmd, _value(cmd, body.get("val")))


def _value(cmd: str, value) -> str:
    bounds = COMMANDS[cmd]
    if bounds is None:
        return ""
    if value is True or value is False:
        value = int(value)
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise fields.bad("val", "a whole number is expected")
    if not bounds[0] <= number <= bounds[1]:
        raise fields.bad("val", "%d to %d" % bounds)
    return "%d" % number


def build_command(cmd: str, val: str, now_ms: int) -> dict:
    return {"type": "command", "cmd": cmd, "val": val, "timestamp": now_ms}


def build_ack(now_ms: int) -> dict:
    """The answer to `img_start`."""
    return {"type": "img_ack", "status": "ready", "timestamp": now_ms}


def build_frame_start(id: int, size: int, captured_at_ms=None) -> dict:
    return _at({"type": "frame_start", "id": id, "size": size}, captured_at_ms)


def build_frame_end(id: int) -> dict:
    return {"type": "frame_end", "id": id}


def build_img_start(id: int, size: int, chunk: int, width: int, height: int, captured_at_ms=None) -> dict:
    chunks = (size + chunk - 1) // chunk
    found = {"type": "img_start", "id": id, "size": size, "chunks": chunks, "chunkSize": chunk}
    found["width"], found["height"] = width, height
    return _at(found, captured_at_ms)


def build_img_end(id: int, size: int, is_whole: bool = True) -> dict:
    return {"type": "img_end", "id": id, "size": size, "success": is_whole}


def _at(message: dict, captured_at_ms) -> dict:
    if captured_at_ms is not None:
        message["captured_at_ms"] = captured_at_ms
    return message
