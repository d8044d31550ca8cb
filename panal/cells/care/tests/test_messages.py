"""What a wearable says, in both wires; runs on CPython and on the board's VM."""

import unittest

from panal.cells.care import messages
from panal.protocol.errors import PanalError

NOW = 1_795_222_923_000
UID = "3f1c2c52-9d6d-4a39-8f6e-0f9d6f1f2a3b"


def window(still_g: float, peak_g: float, quiet_first: bool = False) -> list:
    """200 samples: one half shakes up to `peak_g`, the other lies still at `still_g`."""
    still = [still_g] * 100
    shaking = [peak_g * (n % 10) / 10 for n in range(100)]
    values = still + shaking if quiet_first else shaking + still
    return [{"seq": n, "tMs": 20 * n - 2000, "accX": 0, "accY": 0.0, "accZ": value} for n, value in enumerate(values)]


def parsed(samples: list, units: str = "g"):
    return messages.parse_samples({"eventUid": UID, "samples": samples, "units": units}, "A", NOW)


class Units(unittest.TestCase):
    def test_g_stays_g(self) -> None:
        for quiet_first in (True, False):
            found = parsed(window(1.0, 6.0, quiet_first))
            self.assertFalse(found.converted)
            self.assertEqual(max(point[4] for point in found.points), 5.4)

    def test_metres_are_converted(self) -> None:
        found = parsed(window(9.80665, 40.0), "m/s2")
        self.assertFalse(found.converted)
        self.assertAlmostEqual(found.points[-1][4], 1.0)

    def test_a_board_that_says_g_and_sends_metres_is_recognised_by_its_quiet_half(self) -> None:
        for still, quiet_first in ((9.8, True), (9.8, False), (7.0, True), (12.0, False)):
            found = parsed(window(still, 60.0, quiet_first))
            self.assertTrue(found.converted)
            self.assertAlmostEqual(max(p[4] for p in found.points), 54.0 / messages.G_M_S2)

    def test_a_hard_fall_in_g_is_not_taken_for_metres(self) -> None:
        self.assertFalse(parsed(window(1.0, 12.0)).converted)
        self.assertFalse(parsed(window(6.9, 12.0)).converted)
        self.assertFalse(parsed(window(12.1, 90.0)).converted)

    def test_a_single_sample_is_taken(self) -> None:
        self.assertEqual(len(parsed(window(1.0, 6.0)[:1]).points), 1)

    def test_seq_has_no_gap_and_no_repeat_and_may_come_in_any_order(self) -> None:
        points = window(1.0, 6.0)
        self.assertEqual(parsed(points[::-1]).points, parsed(points).points)
        for wrong in (points[1:], points + points[:1], points * 6):
            with self.assertRaises(PanalError):
                parsed(wrong)


class Events(unittest.TestCase):
    def test_both_wires_give_the_same_event(self) -> None:
        http = {"eventUid": UID.upper(), "eventType": "FALL", "occurredAt": "2026-11-21T02:02:03+01:00"}
        mqtt = {"uid": UID, "kind": "FALL", "at_ms": NOW, "data": {}}
        self.assertEqual(messages.parse_event_http(http, "A", 5), messages.parse_event(mqtt, "A", 5))

    def test_what_we_build_we_parse(self) -> None:
        built = messages.build_event(UID, "TILT", None, {"a": 1})
        event = messages.parse_event(built, "A", NOW)
        self.assertEqual((event.uid, event.kind, event.at_ms, event.data), (UID, "TILT", None, {"a": 1}))

    def test_unknown_fields_are_ignored(self) -> None:
        event = messages.parse_event({"uid": UID, "kind": "FALL", "colour": "red"}, "A", NOW)
        self.assertEqual(event.data, {})
