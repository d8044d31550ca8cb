"""What a board says about itself, in both wires; runs on CPython and on the board's VM."""

import unittest
from collections import namedtuple

from panal.cells.devices import messages
from panal.protocol.errors import BadRequest

NOW = 1_795_222_923_000
UID = "3f1c2c52-9d6d-4a39-8f6e-0f9d6f1f2a3b"
Open = namedtuple("Open", "id name args issued_at_ms expires_at_ms mac")


class Telemetry(unittest.TestCase):
    def test_a_point_or_a_list_of_points(self) -> None:
        one = {"at_ms": 5, "values": {"temperature_c": 21.5}}
        self.assertEqual(messages.parse_telemetry(one, "A", NOW).points, ((5, {"temperature_c": 21.5}),))
        self.assertEqual(len(messages.parse_telemetry([one, one], "A", NOW).points), 2)
        self.assertEqual(messages.parse_telemetry({"values": {"a": 1}}, "A", NOW).points[0][0], NOW)

    def test_it_is_bounded(self) -> None:
        for body in (
            [{"values": {}}] * 101,
            {"values": {f"n{n}": 1 for n in range(33)}},
            {"values": {"x" * 65: 1}},
            {"values": {"": 1}},
            {"values": {"a b": 1}},
            {"values": {"a": None}},
            {"values": {"a": True}},
            {"values": {"a": 1e300}},
        ):
            with self.assertRaises(BadRequest):
                messages.parse_telemetry(body, "A", NOW)


class Registers(unittest.TestCase):
    def test_a_state_that_could_never_be_kept_is_refused(self) -> None:
        for state in (None, "armed", {"k": "x" * 8000}):
            self.assertEqual(messages.parse_register({"state": state}, "A", NOW).state, state)
        for state in ("x" * 9000, {"k": "x" * 9000}, 5):
            with self.assertRaises(BadRequest):
                messages.parse_register({"state": state}, "A", NOW)


class Answers(unittest.TestCase):
    def test_an_answer_has_one_of_three_outcomes(self) -> None:
        answer = messages.parse_answer({"id": UID, "status": "done", "result": [1]}, "A", NOW)
        self.assertEqual((answer.command_id, answer.status, answer.result, answer.error_code), (UID, "done", [1], None))
        with self.assertRaises(BadRequest) as caught:
            messages.parse_answer({"id": UID, "status": "maybe"}, "A", NOW)
        self.assertEqual(caught.exception.allowed, messages.STATUSES)

    def test_an_error_may_be_a_document_or_a_text(self) -> None:
        body = {"id": UID, "status": "failed", "error": {"code": "hot", "message": "too hot"}}
        self.assertEqual(messages.parse_answer(body, "A", NOW)[5:], ("hot", "too hot"))
        self.assertEqual(
            messages.parse_answer({"id": UID, "status": "failed", "error": "hot"}, "A", NOW)[5:], ("failed", "hot")
        )


class Lines(unittest.TestCase):
    def test_an_unknown_level_counts_as_info_and_a_long_line_is_cut(self) -> None:
        line = messages.parse_log({"level": "fatal", "message": "x" * 5000}, "A", NOW)
        self.assertEqual((line.level, len(line.message), line.at_ms), ("info", messages.MAX_LINE, NOW))


class Down(unittest.TestCase):
    def test_what_boards_hear(self) -> None:
        command = Open(UID, "identify", {"n": 1}, 1, 2, "ab")
        self.assertEqual(
            messages.build_command(command),
            {"id": UID, "name": "identify", "args": {"n": 1}, "issued_at_ms": 1, "expires_at_ms": 2, "mac": "ab"},
        )
        self.assertEqual(messages.build_accepted("u"), {"uid": "u"})
        self.assertEqual(messages.build_desired(3, {"a": 1}), {"version": 3, "state": {"a": 1}})
        refused = messages.build_refused("u", BadRequest("bad", "no", "kind"))
        self.assertEqual(refused, {"uid": "u", "error": {"code": "bad", "message": "no", "field": "kind"}})
