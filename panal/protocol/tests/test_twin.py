import unittest

from panal.protocol import twin
from panal.protocol.errors import BadRequest


class MergeTest(unittest.TestCase):
    def test_the_examples_of_rfc_7396(self):
        cases = (
            ({"a": "b"}, {"a": "c"}, {"a": "c"}),
            ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
            ({"a": "b"}, {"a": None}, {}),
            ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
            ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
            ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
            ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        )
        for document, patch, expected in cases:
            self.assertEqual(twin.merge(document, patch), expected)

    def test_the_arguments_stay_as_they_were(self):
        document = {"a": {"b": 1}}
        twin.merge(document, {"a": {"b": 2}})
        self.assertEqual(document, {"a": {"b": 1}})

    def test_a_difference_leads_from_one_to_the_other(self):
        old, new = {"a": 1, "b": {"c": 1, "d": 2}, "e": 1}, {"b": {"c": 3}, "e": 1, "f": []}
        self.assertEqual(twin.merge(old, twin.difference(old, new)), new)
        self.assertEqual(twin.difference(new, new), {})


class PendingTest(unittest.TestCase):
    def test_it_names_what_is_not_reported(self):
        desired = {"a": 1, "b": {"c": 1}, "d": 2}
        self.assertEqual(twin.pending(desired, {"a": 1, "b": {"c": 1, "x": 9}}), ["d"])
        self.assertEqual(twin.pending(desired, {}), ["a", "b", "d"])


class BoardTest(unittest.TestCase):
    def test_only_newer_documents_are_obeyed(self):
        board = twin.Board()
        board.receive_desired({"version": 2, "state": {"heartbeat_s": 30}})
        board.receive_desired({"version": 2, "state": {"heartbeat_s": 40}})
        board.receive_desired({"version": 1, "state": {}})
        board.receive_desired({"version": "3", "state": {}})
        board.receive_desired({"version": 3})
        self.assertEqual(board.events(), [(2, {"heartbeat_s": 30})])
        self.assertEqual(board.events(), [])

    def test_a_report_names_the_version_it_answers(self):
        board = twin.Board()
        board.receive_desired({"version": 2, "state": {}})
        board.report({"heartbeat_s": 30})
        self.assertEqual(board.messages_to_send(), [{"version": 2, "state": {"heartbeat_s": 30}}])


class ParseReportedTest(unittest.TestCase):
    def test_it_takes_a_partial_document(self):
        self.assertEqual(twin.parse_reported({"version": 3, "state": {"a": None}}), (3, {"a": None}))

    def test_it_refuses_nonsense(self):
        for document in ({}, {"version": -1, "state": {}}, {"version": True, "state": {}}, {"version": 1, "state": []}):
            with self.assertRaises(BadRequest):
                twin.parse_reported(document)


if __name__ == "__main__":
    unittest.main()
