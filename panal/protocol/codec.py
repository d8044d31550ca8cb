"""JSON with bounds: whatever comes from outside passes here before anything else looks at it.

Refused, always as BadRequest or TooLarge and never as another exception: bad UTF-8, bad JSON, NaN and infinities,
whole numbers beyond 64 bits, nesting deeper than 8, lone surrogates, and NUL, which PostgreSQL cannot store.
"""

import json

from panal.protocol.errors import BadRequest, TooLarge

MAX_DEPTH = 8
INT_MIN = -(1 << 63)
INT_MAX = (1 << 63) - 1
INFINITY = float("inf")


def decode(data, max_bytes=65536, max_depth=MAX_DEPTH):
    """The document in `data` (bytes). Raises BadRequest or TooLarge."""
    if len(data) > max_bytes:
        raise TooLarge("too_large", "at most %d bytes" % max_bytes)
    document = _parse(_text(data))
    check(document, max_depth)
    return document


def decode_object(data, max_bytes=65536, max_depth=MAX_DEPTH):
    """As `decode`, and the document must be an object: a dict."""
    document = decode(data, max_bytes, max_depth)
    if not isinstance(document, dict):
        raise BadRequest("not_object", "a JSON object is expected")
    return document


def encode(document):
    """The document as compact JSON bytes. Never hash or sign them: the order of keys is not fixed on a board."""
    return json.dumps(document, separators=(",", ":")).encode()


def check(value, max_depth=MAX_DEPTH):
    """Raise BadRequest where a parsed document holds what no message may hold."""
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        _check_depth(max_depth)
        for key, item in value.items():
            _check_text(key)
            check(item, max_depth - 1)
    elif isinstance(value, list):
        _check_depth(max_depth)
        for item in value:
            check(item, max_depth - 1)
    elif isinstance(value, float):
        if value != value or value in (INFINITY, -INFINITY):
            raise BadRequest("bad_number", "NaN and infinity are no numbers here")
    elif value is not None and value is not True and value is not False and not INT_MIN <= value <= INT_MAX:
        raise BadRequest("bad_number", "whole numbers have at most 64 bits")


def _check_depth(left):
    if left <= 0:
        raise BadRequest("too_deep", "nested too deeply")


def _check_text(text):
    if "\0" in text:
        raise BadRequest("bad_text", "text may not hold NUL")
    try:
        text.encode()
    except UnicodeError:
        raise BadRequest("bad_text", "text holds half a surrogate pair")


def _text(data):
    try:
        return bytes(data).decode("utf-8")
    except UnicodeError:
        raise BadRequest("not_utf8", "the text is not UTF-8")


def _parse(text):
    try:
        return json.loads(text)
    except (ValueError, RuntimeError, MemoryError):  # RuntimeError: nested deeper than the interpreter's stack
        raise BadRequest("not_json", "the text is not JSON")
