"""JSON from outside, bounded and strict, at the speed of msgspec.

Same rules as protocol/codec.py (UTF-8, no NaN, whole numbers of 64 bits, depth 8, no NUL, no half surrogate), and no
key twice in one object. The quick way decodes with msgspec and then proves that nothing was lost: without escapes,
every colon of the text stands either after a key or inside a string, so a repeated key leaves colons over.
"""

import json
import re
from typing import Any

import msgspec

from panal.protocol import codec
from panal.protocol.errors import BadRequest, PanalError, TooLarge

MAX_BYTES = 64 * 1024
_decoder = msgspec.json.Decoder()
_BEGINS_WITH_UID = re.compile(rb'\s*\{\s*"uid"\s*:\s*"([0-9A-Za-z_-]{1,64})"')


def decode(data: bytes, max_bytes: int = MAX_BYTES) -> Any:
    """The document in `data`. Raises BadRequest or TooLarge, nothing else."""
    if len(data) > max_bytes:
        raise TooLarge("too_large", f"at most {max_bytes} bytes")
    if b"\\u" in data:
        return _decode_slowly(data)
    try:
        document = _decoder.decode(data)
    except UnicodeDecodeError:
        raise BadRequest("not_utf8", "the text is not UTF-8") from None
    except RecursionError:
        raise _too_deep() from None
    except msgspec.DecodeError as error:
        raise BadRequest(*_reason(error)) from None
    if data.count(b":") != _colons(document, codec.MAX_DEPTH):
        return _decode_slowly(data)
    return document


def decode_object(data: bytes, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    document = decode(data, max_bytes)
    if type(document) is not dict:
        raise not_object()
    return document


def uid_in(data: bytes) -> str | None:
    """The uid that a document bears which `decode` refuses: whoever sent it must hear that it will never be taken.

    Of what is too long only the beginning is read: further in, it could be the uid of something else.
    """
    if len(data) > MAX_BYTES:
        begins = _BEGINS_WITH_UID.match(data)
        return begins[1].decode() if begins else None
    try:
        document = json.loads(data, parse_int=str)
    except (ValueError, RecursionError):
        return None
    uid = document.get("uid") if type(document) is dict else None
    return uid if type(uid) is str and uid.isascii() else None


def not_object() -> PanalError:
    return BadRequest("not_object", "a JSON object is expected")


def encode(document: Any) -> bytes:
    return msgspec.json.encode(document)


def _reason(error: msgspec.DecodeError) -> tuple[str, str]:
    if isinstance(error, msgspec.ValidationError):
        return "bad_number", "numbers have at most 64 bits"
    return "not_json", "the text is not JSON"


def _too_deep() -> PanalError:
    return BadRequest("too_deep", "nested too deeply")


def _colons(value: Any, depth: int) -> int:
    """The colons that a document without repeated keys has in its text; checks its numbers and depth on the way."""
    kind = type(value)
    if kind is str:
        return int(value.count(":"))
    if kind is int:
        if not codec.INT_MIN <= value <= codec.INT_MAX:
            raise BadRequest("bad_number", "whole numbers have at most 64 bits")
        return 0
    if kind is dict:
        if depth <= 0:
            raise _too_deep()
        found = len(value)
        for key, item in value.items():
            if ":" in key:
                found += key.count(":")
            if type(item) is not float and item is not None:
                found += _colons(item, depth - 1)
        return found
    if kind is list:
        if depth <= 0:
            raise _too_deep()
        return sum([_colons(item, depth - 1) for item in value])
    return 0


def _decode_slowly(data: bytes) -> Any:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("not_utf8", "the text is not UTF-8") from None
    try:
        document = json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise BadRequest("not_json", "the text is not JSON") from None
    codec.check(document)
    return document


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRequest("repeated_key", "a key stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise BadRequest("bad_number", "NaN and infinity are no numbers here")
