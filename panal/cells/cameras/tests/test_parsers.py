"""Whatever a camera says, parsers give a message or a PanalError, and the assembly keeps its bounds."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from panal.cells.cameras import messages
from panal.cells.cameras.machine import ASSEMBLY_MS, ENDS, NONE, STARTS, Assembly, is_jpeg
from panal.protocol.errors import PanalError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = ("type", "device", "device_id", "token", "camera", "cmd", "val", "status", "value", "frames", "ip", "size")
likely = st.sampled_from(["camera", "browser", "fps", "reboot", "ok", "CAM", "7", 7, -1, 1 << 63, True])
bodies = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), likely | json_values, max_size=8)


@given(bodies)
def test_parsers_give_a_message_or_a_panal_error(body: dict[str, Any]) -> None:
    for parse in (messages.parse_register, messages.parse_response, messages.parse_command):
        try:
            parse(body)
        except PanalError as error:
            assert error.permanent


@given(bodies)
def test_facts_are_few_short_and_plain(body: dict[str, Any]) -> None:
    found = messages.parse_facts(body)
    assert len(found) <= messages.MAX_FACTS
    assert all(messages.is_fact(value) for value in found.values())


MOST = 64
good = st.integers(0, MOST - 4).map(lambda size: b"\xff\xd8" + bytes(size) + b"\xff\xd9")
binaries = good | st.binary(max_size=80) | good.map(lambda jpeg: jpeg[: len(jpeg) // 2])
texts = st.fixed_dictionaries(
    {"type": st.sampled_from([*STARTS, *ENDS, "health"])},
    optional={
        "id": st.integers(0, 3) | json_values,
        "size": st.integers(-1, MOST + 2) | st.sampled_from([1 << 31, 1 << 63]) | json_values,
        "success": st.booleans() | json_values,
        "width": json_values,
        "captured_at_ms": json_values,
    },
)
steps = st.lists(st.tuples(texts | binaries, st.integers(0, ASSEMBLY_MS // 2)), max_size=60)


@given(steps)
def test_the_assembly_keeps_its_bounds_whatever_is_said(said: list[tuple[Any, int]]) -> None:
    assembly, now_ms = Assembly(MOST), 0
    for message, wait_ms in said:
        now_ms += wait_ms
        assembly.handle_deadline(now_ms)
        if isinstance(message, dict):
            assembly.receive_text(message, now_ms)
        else:
            assembly.receive_binary(message, now_ms)
        assert len(assembly._data) <= MOST
        assert all(is_jpeg(picture.jpeg) and len(picture.jpeg) <= MOST for picture in assembly.events())
        assert assembly.state == NONE or (assembly.next_deadline_ms() or 0) - now_ms <= ASSEMBLY_MS


@given(steps, good)
def test_ten_seconds_after_whatever_was_said_a_good_frame_is_taken(said: list[tuple[Any, int]], jpeg: bytes) -> None:
    assembly, now_ms = Assembly(MOST), 0
    for message, wait_ms in said:
        now_ms += wait_ms
        if isinstance(message, dict):
            assembly.receive_text(message, now_ms)
        else:
            assembly.receive_binary(message, now_ms)
    assembly.events()
    for _ in range(2):  # once for the frame, once for what is left of it
        now_ms += ASSEMBLY_MS
        assembly.handle_deadline(now_ms)
    assembly.receive_binary(jpeg, now_ms)
    assert [picture.jpeg for picture in assembly.events()] == [jpeg]
