"""Ids of rows that come in great numbers."""

import os
import uuid
from datetime import datetime

from .instants import milliseconds

VERSION = 7 << 76
VARIANT = 2 << 62
RANDOM = ~((0xF << 76) | (3 << 62))


def time_ordered(now: datetime) -> uuid.UUID:
    """A UUID version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then 74 random ones.

    Rows that are written one after the other stand side by side in the index, so a group of events dirties one page of
    it and not one for each event; measured, that is a fifth of what an event costs SQLite.
    """
    random = int.from_bytes(os.urandom(10), "big") & RANDOM
    return uuid.UUID(int=(milliseconds(now) << 80) | random | VERSION | VARIANT)
