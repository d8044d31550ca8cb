"""Bounded JSON: the quick way and the careful way agree on everything."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from panal.gateway import body
from panal.protocol import codec
from panal.protocol.errors import BadRequest, PanalError, TooLarge


class Pairs(list[Any]):
    """An object as a list of keys and values, so that a key may stand twice."""


keys = st.sampled_from(["a", "b", "a:b", ":", ""]) | st.text(max_size=3)
plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | keys
values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(keys, inner), max_size=3).map(Pairs),
    max_leaves=12,
)


def text_of(value: Any, escaped: bool) -> str:
    """JSON text in which a key may stand twice."""
    if isinstance(value, Pairs):
        inside = (json.dumps(k, ensure_ascii=escaped) + " : " + text_of(v, escaped) for k, v in value)
        return "{" + ", ".join(inside) + "}"
    if isinstance(value, list):
        return "[" + ",".join(text_of(item, escaped) for item in value) + "]"
    return json.dumps(value, ensure_ascii=escaped)


def carefully(data: bytes) -> Any:
    """What the answer must be: Python's own parser, told of repeats, and the board's bounds."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError("repeated")
        return dict(pairs)

    document = json.loads(data.decode(), object_pairs_hook=once)
    codec.check(document)
    return document


def outcome(decode: Any, data: bytes) -> Any:
    try:
        return ("ok", decode(data))
    except (PanalError, ValueError):
        return ("refused", None)


@given(values, st.booleans())
@example([":"], False)
def test_both_ways_agree(value: Any, escaped: bool) -> None:
    try:
        data = text_of(value, escaped).encode()
    except UnicodeEncodeError:
        return
    assert outcome(body.decode, data) == outcome(carefully, data)


@given(st.binary(max_size=200))
def test_bytes_are_a_document_or_a_panal_error(data: bytes) -> None:
    outcome(body.decode, data)
    try:
        body.decode(data)
    except PanalError as error:
        assert isinstance(error, BadRequest)


def test_it_is_bounded() -> None:
    with pytest.raises(TooLarge):
        body.decode(b" " * 100, 99)
    assert body.decode(b"[" * 8 + b"]" * 8) == [[[[[[[[]]]]]]]]
    with pytest.raises(BadRequest):
        body.decode(b"[" * 9 + b"]" * 9)
