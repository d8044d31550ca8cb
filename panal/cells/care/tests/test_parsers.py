"""Whatever arrives, a parser gives a message or a PanalError and nothing else."""

import base64
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panal.cells.care import messages
from panal.protocol.errors import PanalError

NOW = 1_795_222_923_000
UID = "3f1c2c52-9d6d-4a39-8f6e-0f9d6f1f2a3b"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
NAMES = ("eventUid", "eventType", "occurredAt", "samples", "units", "data", "cancelled", "uid", "kind", "at_ms")
COUNTED = ("eventUid", "uid", "before", "rate_hz", "rateHz", "counts")
likely = st.sampled_from([UID, UID.upper(), "FALL", "g", "m/s2", "2026-11-21T01:02:03Z", 0, -1, 1e300, 1 << 62])
bodies = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), likely | json_values, max_size=8)
sample = st.fixed_dictionaries({}, optional=dict.fromkeys(("seq", "tMs", "accX", "accY", "accZ"), likely | json_values))


@given(bodies)
def test_parsers_give_a_message_or_a_panal_error(body: dict[str, Any]) -> None:
    for parse, kind in (
        (messages.parse_event_http, messages.Event),
        (messages.parse_event, messages.Event),
        (messages.parse_samples, messages.Samples),
    ):
        try:
            assert isinstance(parse(body, "A", NOW), kind)
        except PanalError as error:
            assert error.permanent


@given(
    st.fixed_dictionaries(
        {"eventUid": st.just(UID), "uid": st.just(UID)},
        optional=dict.fromkeys(COUNTED[2:], likely | json_values | st.binary(max_size=60).map(_base64)),
    )
)
def test_counts_give_samples_or_a_panal_error(body: dict[str, Any]) -> None:
    for parse in (messages.parse_counts, messages.parse_samples):
        try:
            assert isinstance(parse(body, "A", NOW), messages.Samples)
        except PanalError as error:
            assert error.permanent


def test_counts_are_the_samples_they_stand_for() -> None:
    counts = struct.pack("<6h", 4096, -4096, 0, 32767, -32768, 2048)
    body = {"uid": UID, "before": 1, "rate_hz": 50, "counts": _base64(counts)}
    points = ((0, -20, 1.0, -1.0, 0.0), (1, 0, 32767 / 4096, -8.0, 0.5))
    assert messages.parse_counts(body, "A", NOW) == messages.Samples("A", NOW, UID, points, False)
    http = {"eventUid": UID, "before": 1, "rateHz": 50, "counts": _base64(counts)}
    assert messages.parse_samples(http, "A", NOW).points == points
    for wrong in ("", "AAAA", "!", _base64(bytes(6 * 1001))):
        with pytest.raises(PanalError):
            messages.parse_counts({**body, "counts": wrong}, "A", NOW)


@given(st.lists(sample, max_size=5), st.sampled_from(["g", "m/s2", None]))
def test_samples_give_finite_numbers_or_a_panal_error(points: list[Any], units: str | None) -> None:
    try:
        parsed = messages.parse_samples({"eventUid": UID, "samples": points, "units": units}, "A", NOW)
    except PanalError:
        return
    assert [point[0] for point in parsed.points] == list(range(len(points)))
    assert all(math.isfinite(value) for point in parsed.points for value in point)
