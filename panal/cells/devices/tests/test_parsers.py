"""Whatever arrives, a parser gives a message or a PanalError and nothing else."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from panal.cells.devices import messages
from panal.protocol.errors import PanalError

NOW = 1_795_222_923_000
UID = "3f1c2c52-9d6d-4a39-8f6e-0f9d6f1f2a3b"
NAMES = [
    "fw",
    "model",
    "hw_id",
    "ip",
    "reset_cause",
    "boot_count",
    "mode",
    "fwVersion",
    "hwId",
    "resetCause",
    "bootCount",
    "state",
    "timestamp",
    "battery",
    "rssi",
    "freeHeapBytes",
    "uptimeS",
    "at_ms",
    "values",
    "version",
    "id",
    "status",
    "result",
    "error",
    "level",
    "message",
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
likely = st.sampled_from([UID, "done", "2026-11-21T01:02:03Z", 0, 0.5, -60, 1 << 62, 1e300, {"code": "x"}, {"a": 1}])
bodies = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), likely | json_values, max_size=8)
PARSERS = (
    (messages.parse_hello, messages.Hello),
    (messages.parse_register, messages.Hello),
    (messages.parse_heartbeat, messages.Heartbeat),
    (messages.parse_heartbeat_http, messages.Heartbeat),
    (messages.parse_telemetry, messages.Telemetry),
    (messages.parse_reported, messages.Reported),
    (messages.parse_answer, messages.Answer),
    (messages.parse_log, messages.LogLine),
)


@given(bodies)
def test_parsers_give_a_message_or_a_panal_error(body: dict[str, Any]) -> None:
    for parse, kind in PARSERS:
        try:
            assert isinstance(parse(body, "A", NOW), kind)
        except PanalError as error:
            assert error.permanent


@given(st.lists(json_values | bodies, max_size=4) | json_values)
def test_telemetry_may_be_anything_and_is_taken_or_refused(body: Any) -> None:
    try:
        parsed = messages.parse_telemetry(body, "A", NOW)
    except PanalError:
        return
    for at_ms, values in parsed.points:
        assert isinstance(at_ms, int)
        assert all(-1e15 <= value <= 1e15 for value in values.values())
