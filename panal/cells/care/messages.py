"""What a wearable says about its wearer: emergency events and the acceleration around them.

Shapes: docs/wire/devices-http.md (eventUid, eventType, occurredAt) and docs/wire/mqtt.md (uid, kind, at_ms, data);
both parse into the same tuples. Instants are int milliseconds since 1970 UTC.
"""

import binascii
import struct
from collections import namedtuple

from panal.protocol import fields, instants
from panal.protocol.errors import BadRequest

KINDS = ("FALL", "EMERGENCY_BUTTON", "SIMULATED", "TILT")

# at_ms None: the board had no clock. samples: a Samples or None, where they came inline.
Event = namedtuple("Event", "device_id received_ms uid kind at_ms data samples")
# points: ((seq, t_ms, x_g, y_g, z_g), …), always in g; converted: the board said g and sent m/s²
Samples = namedtuple("Samples", "device_id received_ms uid points converted")
# what the recorder answers to an Event
Recorded = namedtuple("Recorded", "event_id duplicated")

UNITS = ("g", "m/s2")
G_M_S2 = 9.80665
COUNTS_PER_G = 4096
MAX_SAMPLES = 1000
MAX_TIME_MS = 600_000
MAX_MAGNITUDE = 1000  # far beyond any sensor, in either unit
QUIET_MIN = 7.0  # a board at rest that says "g" and shows 7 to 12 of them is sending m/s² (docs/wire/devices-http.md)
QUIET_MAX = 12.0


def parse_event_http(body: dict, device_id: str, now_ms: int) -> Event:
    """HTTP `events/ingest`: `{"eventUid","eventType","occurredAt"}` and, if wanted, `samples`, `data`, `cancelled`."""
    uid = fields.uid(body, "eventUid")
    kind = _kind(fields.needed_text(body, "eventType"), "eventType")
    at_ms = _occurred_at(body)
    samples = None
    if body.get("samples") is not None:
        samples = _samples(body, uid, device_id, now_ms)
    return Event(device_id, now_ms, uid, kind, at_ms, _data(body), samples)


def parse_event(body: dict, device_id: str, now_ms: int) -> Event:
    """MQTT `up/event`: `{"uid","kind","at_ms"|null,"data":{…}}`."""
    uid = fields.uid(body, "uid")
    kind = _kind(fields.needed_text(body, "kind"), "kind")
    at_ms = fields.whole(body, "at_ms", 0, instants.LATEST_MS)
    return Event(device_id, now_ms, uid, kind, at_ms, _data(body), None)


def _kind(kind: str, field: str) -> str:
    if kind not in KINDS:
        raise BadRequest("unknown_event_type", "no such kind of event", field, KINDS)
    return kind


def _occurred_at(body: dict) -> int | None:
    value = fields.text(body, "occurredAt", 64)
    if not value:
        return None
    at_ms = instants.parse(value)
    if at_ms is None:
        raise fields.bad("occurredAt", "an ISO 8601 instant with Z or an offset is expected")
    return at_ms


def _data(body: dict) -> dict:
    data = fields.an_object(body, "data") or {}
    if fields.flag(body, "cancelled"):
        data = dict(data)
        data["cancelled"] = True
    return data


def parse_samples(body: dict, device_id: str, now_ms: int) -> Samples:
    """HTTP `events/samples`: `{"eventUid","samples":[{"seq","tMs","accX","accY","accZ"}],"units":"g"|"m/s2"}`.

    Boards of ours say the same in fewer bytes: `{"eventUid","before","rateHz","counts"}`, as in parse_counts.
    """
    uid = fields.uid(body, "eventUid")
    if body.get("counts") is not None:
        return _counted(body, uid, fields.whole(body, "rateHz", 1, 1000), device_id, now_ms)
    if body.get("samples") is None:
        raise fields.missing("samples")
    return _samples(body, uid, device_id, now_ms)


def _samples(body: dict, uid: str, device_id: str, now_ms: int) -> Samples:
    listed = fields.a_list(body, "samples", MAX_SAMPLES)
    units = fields.text(body, "units", 8) or "g"
    if units not in UNITS:
        raise BadRequest("unknown_units", "no such units", "units", UNITS)
    if not listed:
        raise fields.bad("samples", "at least one sample is expected")
    points = sorted([_point(sample) for sample in listed])
    for seq, point in enumerate(points):
        if point[0] != seq:
            raise fields.bad("seq", "seq runs from 0 without gaps or repeats")
    converted = units == "g" and is_in_m_s2(points)
    if converted or units == "m/s2":
        points = [(s, t, x / G_M_S2, y / G_M_S2, z / G_M_S2) for s, t, x, y, z in points]
    return Samples(device_id, now_ms, uid, tuple(points), converted)


def _point(sample):
    if not isinstance(sample, dict):
        raise fields.bad("samples", "a sample is an object")
    return (
        fields.needed_whole(sample, "seq", 0, MAX_SAMPLES - 1),
        fields.needed_whole(sample, "tMs", -MAX_TIME_MS, MAX_TIME_MS),
        _axis(sample, "accX"),
        _axis(sample, "accY"),
        _axis(sample, "accZ"),
    )


def parse_counts(body: dict, device_id: str, now_ms: int) -> Samples:
    """MQTT `up/samples`: `{"uid","before","rate_hz","counts"}`, as boards of ours send them.

    counts: base64 of int16, little end first, x, y and z in turn, 4096 for 1 g; `before` of the samples come before the
    event's instant.
    """
    return _counted(body, fields.uid(body, "uid"), fields.whole(body, "rate_hz", 1, 1000), device_id, now_ms)


def _counted(body: dict, uid: str, rate_hz: int | None, device_id: str, now_ms: int) -> Samples:
    counts = _counts(fields.needed_text(body, "counts", MAX_SAMPLES * 8))
    before = fields.whole(body, "before", 0, len(counts) // 3 - 1) or 0
    step_ms = 1000 / (rate_hz or 50)
    points = []
    for n in range(len(counts) // 3):
        x, y, z = [axis / COUNTS_PER_G for axis in counts[3 * n : 3 * n + 3]]
        points.append((n, round((n - before) * step_ms), x, y, z))
    return Samples(device_id, now_ms, uid, tuple(points), False)


def _counts(text):
    try:
        data = binascii.a2b_base64(text)
    except ValueError:
        raise fields.bad("counts", "base64 is expected")
    if not data or len(data) % 6 or len(data) > 6 * MAX_SAMPLES:
        raise fields.bad("counts", "six bytes for each sample are expected, of 1000 at most")
    return struct.unpack("<%dh" % (len(data) // 2), data)


def _axis(sample: dict, field: str) -> float:
    value = fields.number(sample, field, -MAX_MAGNITUDE, MAX_MAGNITUDE)
    if value is None:
        raise fields.missing(field)
    return float(value)


def is_in_m_s2(points) -> bool:
    """Whether points that are said to be in g are in m/s²: what the quieter half shows is then about 9.8."""
    magnitudes = [(x * x + y * y + z * z) ** 0.5 for _, _, x, y, z in points]
    return QUIET_MIN <= _median(_quiet_half(magnitudes)) <= QUIET_MAX


def _quiet_half(magnitudes: list) -> list:
    """The half of the window, first or last, in which the magnitude changes less from sample to sample."""
    middle = len(magnitudes) // 2
    first, last = magnitudes[:middle], magnitudes[middle:]
    return first if first and _restlessness(first) < _restlessness(last) else last


def _restlessness(magnitudes: list[float]) -> float:
    steps = [abs(magnitudes[i] - magnitudes[i - 1]) for i in range(1, len(magnitudes))]
    return sum(steps) / len(magnitudes)


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def build_event(uid: str, kind: str, at_ms: int | None, data: dict) -> dict:
    """MQTT `up/event`, as a board says it."""
    return {"uid": uid, "kind": kind, "at_ms": at_ms, "data": data}
