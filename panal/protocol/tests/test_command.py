import unittest

from panal.protocol import command, keys
from panal.protocol.errors import BadRequest, LocalProtocolError

KEY = keys.derive("00" * 31 + "01", "command")
NOW = 1_700_000_000_000


def order(id="c1", name="open", args=None, expires_at_ms=NOW + 1000, key=KEY):
    args = args or {}
    mac = command.mac(key, id, name, expires_at_ms, args)
    return {"id": id, "name": name, "args": args, "expires_at_ms": expires_at_ms, "mac": mac}


class CanonicalTest(unittest.TestCase):
    def test_keys_are_sorted_at_every_level(self):
        self.assertEqual(command.canonical({"b": {"d": 1, "c": 2}, "a": []}), '{"a":[],"b":{"c":2,"d":1}}')

    def test_letters_beyond_ascii_are_escaped(self):
        self.assertEqual(command.canonical({"a": 'ñ😀"\\\n\x7f'}), '{"a":"\\u00f1\\ud83d\\ude00\\"\\\\\\u000a\\u007f"}')

    def test_the_constants_are_those_of_json(self):
        self.assertEqual(
            command.canonical({"a": [True, False, None, -1, 9007199254740993]}),
            '{"a":[true,false,null,-1,9007199254740993]}',
        )

    def test_floats_are_refused_because_a_board_prints_other_digits(self):
        with self.assertRaises(BadRequest):
            command.canonical({"a": 0.1})

    def test_what_is_nested_too_deeply_is_refused(self):
        value = []
        for _ in range(8):
            value = [value]
        with self.assertRaises(BadRequest):
            command.canonical({"a": value})


class MacTest(unittest.TestCase):
    def test_a_known_command_has_a_known_mac(self):
        args = {"b": 'ñ😀"\\\n', "a": [1, True, None]}
        expected = "0b61a17c63bd585f3294725a1c9b19716104c29480d169f6a338811c6413bd73"
        self.assertEqual(command.mac(KEY, "c1", "open", NOW, args), expected)


class InboxTest(unittest.TestCase):
    def setUp(self):
        self.inbox = command.Inbox(KEY, clockless=("identify",))

    def answers(self):
        return [(m["id"], m["status"], m["error"] and m["error"]["code"]) for m in self.inbox.messages_to_send()]

    def test_a_good_command_is_carried_out_once_and_its_answer_repeated(self):
        self.inbox.receive_command(order(), NOW)
        self.assertEqual([e.name for e in self.inbox.events()], ["open"])
        self.inbox.receive_command(order(), NOW)
        self.assertEqual((self.inbox.events(), self.answers()), ([], []))
        self.inbox.answered("c1", "done", {"angle_deg": 90})
        self.assertEqual(self.answers(), [("c1", "done", None)])
        self.inbox.receive_command(order(), NOW + 999_999)
        self.assertEqual((self.inbox.events(), self.answers()), ([], [("c1", "done", None)]))

    def test_a_changed_command_is_refused(self):
        for field, value in (("name", "close"), ("args", {"x": 1}), ("expires_at_ms", NOW + 2000), ("mac", "00" * 32)):
            document = order()
            document[field] = value
            self.inbox.receive_command(document, NOW)
            self.assertEqual((self.inbox.events(), self.answers()), ([], [("c1", "rejected", "bad_mac")]))

    def test_a_forged_command_does_not_spoil_the_id_of_a_real_one(self):
        self.inbox.receive_command(order(key=b"other"), NOW)
        self.inbox.receive_command(order(), NOW)
        self.assertEqual(len(self.inbox.events()), 1)

    def test_a_forged_repetition_does_not_change_what_is_remembered(self):
        self.inbox.receive_command(order(), NOW)
        self.inbox.answered("c1", "done")
        good = self.inbox.messages_to_send()[0]
        self.inbox.receive_command(order(key=b"other"), NOW)
        bad = self.inbox.messages_to_send()[0]
        self.assertEqual((good["status"], bad["status"]), ("done", "rejected"))
        self.assertEqual((self.inbox.is_remembered(good), self.inbox.is_remembered(bad)), (True, False))

    def test_a_command_past_its_deadline_is_refused(self):
        self.inbox.receive_command(order(), NOW + 1001)
        self.assertEqual((self.inbox.events(), self.answers()), ([], [("c1", "rejected", "expired")]))

    def test_without_a_clock_only_harmless_commands_are_obeyed(self):
        self.inbox.receive_command(order(), None)
        self.assertEqual((self.inbox.events(), self.answers()), ([], [("c1", "rejected", "no_clock")]))
        self.inbox.receive_command(order("c2", "identify"), None)
        self.assertEqual(len(self.inbox.events()), 1)

    def test_nonsense_is_passed_over(self):
        for document in (
            {},
            {"id": 1},
            order(id=""),
            order(id="x" * 65),
            {"id": "a", "name": "b", "args": [], "mac": 1},
        ):
            self.inbox.receive_command(document, NOW)
        self.assertEqual((self.inbox.events(), self.inbox.messages_to_send()), ([], []))

    def test_a_mac_that_is_not_ascii_is_refused(self):
        document = order()
        document["mac"] = "ñ" * 32
        self.inbox.receive_command(document, NOW)
        self.assertEqual(self.answers(), [("c1", "rejected", "bad_mac")])

    def test_a_command_cut_off_by_a_restart_is_not_tried_again(self):
        self.inbox.receive_command(order(), NOW)
        after = command.Inbox(KEY, remembered=self.inbox.remembered())
        after.receive_command(order(), NOW)
        self.assertEqual(after.events(), [])
        self.assertEqual(after.messages_to_send()[0]["error"]["code"], "interrupted")

    def test_it_remembers_the_last_32(self):
        for number in range(40):
            self.inbox.receive_command(order("c%d" % number), NOW)
            self.inbox.answered("c%d" % number, "done")
        remembered = [id for id, _ in self.inbox.remembered()]
        self.assertEqual(remembered, ["c%d" % number for number in range(8, 40)])

    def test_answering_twice_is_our_own_mistake(self):
        self.inbox.receive_command(order(), NOW)
        self.inbox.answered("c1", "done")
        with self.assertRaises(LocalProtocolError):
            self.inbox.answered("c1", "done")
        with self.assertRaises(LocalProtocolError):
            self.inbox.answered("c9", "done")

    def test_a_result_too_large_to_remember_is_a_failure(self):
        self.inbox.receive_command(order(), NOW)
        self.inbox.answered("c1", "done", {"text": "x" * 300})
        self.assertEqual(self.answers(), [("c1", "failed", "result_too_large")])


if __name__ == "__main__":
    unittest.main()
