"""Instants, on CPython and on the board."""

import unittest

from panal.protocol import instants

EXAMPLES = (
    ("1970-01-01T00:00:00Z", 0),
    ("2026-11-21T01:02:03Z", 1795222923000),
    ("2026-11-21t01:02:03.4z", 1795222923400),
    ("2026-11-21 01:02:03.456789Z", 1795222923456),
    ("2026-11-21T02:02:03+01:00", 1795222923000),
    ("2026-11-20T19:32:03-0530", 1795222923000),
    ("2026-11-21T01:02Z", 1795222920000),
    ("2024-02-29T00:00:00Z", 1709164800000),
    ("9999-12-31T23:59:59.999Z", 253402300799999),
)
WRONG = (
    "", "yesterday", "2026-11-21", "2026-11-21T01:02:03", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
    "2026-11-21T24:00:00Z", "2026-11-21T01:60:00Z", "2026-11-21T01:02:61Z", "2026-11-21T01:02:03.Z",
    "2026-11-21T1:02:03Z", "2026-11-21T01:02:03+25:00", "2026-11-21T01:02:03+", "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00+01:00", "2026-11-21T01:02:03.4.5Z", "２０２６-11-21T01:02:03Z", "2026-11-21T-1:02:03Z",
    "0000-00-00T00:00:00Z", "x" * 60,
)  # fmt: skip


class Instants(unittest.TestCase):
    def test_they_are_read(self) -> None:
        for text, at_ms in EXAMPLES:
            self.assertEqual(instants.parse(text), at_ms)

    def test_what_is_none_is_none(self) -> None:
        for text in WRONG:
            self.assertEqual(instants.parse(text), None)

    def test_what_is_written_is_read(self) -> None:
        for at_ms in (0, 1, 951782400000, 1795222923456, 253402300799999):
            self.assertEqual(instants.parse(instants.text(at_ms)), at_ms)
        self.assertEqual(instants.text(1795222923456), "2026-11-21T01:02:03.456Z")
