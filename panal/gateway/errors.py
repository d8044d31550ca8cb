"""What each error is over HTTP: one table (docs/wire/devices-http.md, Errors)."""

from math import ceil
from typing import Any

from panal.protocol.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    PanalError,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnsupportedType,
)

Headers = list[tuple[bytes, bytes]]

# Boards in the field drop an event on any 4xx and retry on anything else: whatever is our own making is 503.
STATUS: dict[type[PanalError], int] = {
    BadRequest: 400,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    UnsupportedType: 415,
    Unavailable: 503,
}


def status_of(error: PanalError) -> int:
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return 503


def document_of(error: PanalError) -> dict[str, Any]:
    return {"ok": False, "error": error.document()}


def headers_of(error: PanalError, status: int) -> Headers:
    if status == 503:
        return [(b"retry-after", b"%d" % max(1, ceil(error.retry_after_s or 5)))]
    if status == 401:
        return [(b"www-authenticate", b'Basic realm="panal"')]
    if status == 413:  # the rest of the body is not read
        return [(b"connection", b"close")]
    return []
