"""Ids of rows that come in great numbers."""

import os
import uuid
from datetime import datetime

from .instants import milliseconds

VARIANTS = dict(zip("0123456789abcdef", 4 * "89ab", strict=True))
"""The digit with the two bits of the variant in front, from a random one."""


def time_ordered(now: datetime) -> uuid.UUID:
    """A UUID version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then 74 random ones.

    Rows that are written one after the other stand side by side in the index, so a group of events dirties one page of
    it and not one for each event; measured, that is a fifth of what an event costs SQLite.
    """
    return uuid.UUID(time_ordered_texts(now, 1)[0])


def time_ordered_texts(now: datetime, count: int) -> list[str]:
    """`count` of them as `str` writes them: with a UUID object for each, they would take six times as long."""
    at, random = f"{milliseconds(now):012x}", os.urandom(10 * count).hex()
    head = f"{at[:8]}-{at[8:]}-7"
    parts = (random[start : start + 20] for start in range(0, 20 * count, 20))
    return [f"{head}{part[:3]}-{VARIANTS[part[3]]}{part[4:7]}-{part[7:19]}" for part in parts]
