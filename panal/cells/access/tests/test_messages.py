import unittest

from panal.cells.access import machine, messages, rules
from panal.protocol import codec, envelope, keys
from panal.protocol.errors import BadRequest

UID = "0f8fad5b-d9cb-469f-a165-70867728950e"
TOKEN = "5a" * 32
KEY = keys.derive(TOKEN, "access")
CARD = b"\x04\xa1\xb2\xc3"


def attempt(**changed):
    data = {"seq": 7, "door_status": "close", "access_method": "rfid", "access_granted": True, "card": "ab" * 16}
    data.update(changed)
    return messages.build_event(UID, "door.attempt", 1795000000000, data)


class EventTest(unittest.TestCase):
    def refuse(self, code, field, document):
        try:
            messages.parse_event(document, "DOOR1", 5)
        except BadRequest as error:
            self.assertEqual((error.code, error.field), (code, field))
            return
        self.fail(f"taken: {document}")

    def test_an_attempt_is_parsed(self):
        event = messages.parse_event(attempt(person=12, factors=["rfid", "password"], lock="unlocked"), "DOOR1", 5)
        self.assertEqual((event.kind, event.at_ms, event.seq), ("door.attempt", 1795000000000, 7))
        self.assertEqual((event.method, event.granted, event.card, event.person), ("rfid", True, "ab" * 16, 12))
        self.assertEqual((event.factors, event.lock, event.reason), (("rfid", "password"), "unlocked", ""))

    def test_both_transports_give_the_same_event(self):
        document = attempt()
        over_http = {
            "deviceId": "DOOR1",
            "eventUid": UID,
            "eventType": "door.attempt",
            "occurredAt": "2026-11-18T10:26:40.000Z",
            "data": document["data"],
        }
        at_ms = messages.parse_event_http(over_http, "DOOR1", 5).at_ms
        document["at_ms"] = at_ms
        self.assertEqual(messages.parse_event_http(over_http, "DOOR1", 5), messages.parse_event(document, "DOOR1", 5))

    def test_what_is_out_of_bounds_is_refused_by_its_field(self):
        self.refuse("unknown_event_type", "kind", {"uid": UID, "kind": "door.burned", "data": {}})
        self.refuse("bad_field", "uid", {"uid": "x", "kind": "door.moved"})
        self.refuse("missing_field", "door_status", attempt(door_status=None))
        self.refuse("bad_field", "door_status", attempt(door_status="ajar"))
        self.refuse("bad_field", "access_method", attempt(access_method="magic"))
        self.refuse("bad_field", "card", attempt(card="04A1B2C3"))
        self.refuse("bad_field", "seq", attempt(seq=-1))
        self.refuse("bad_field", "reason", attempt(reason="x" * 65))
        self.refuse("bad_field", "factors", attempt(factors=["rfid", "luck"]))


class StateTest(unittest.TestCase):
    def test_what_a_board_says_of_itself_is_read(self):
        said = {"lock": "unlocked", "door": "open", "mode": "AND", "list_version": 3, "alarms": ["held", 5, "x"]}
        state = messages.parse_state({"access": said})
        self.assertEqual((state.lock, state.door, state.mode, state.list_version), ("unlocked", "open", "AND", 3))
        self.assertEqual(state.alarms, ("held",))

    def test_nonsense_is_no_state(self):
        for said in ({}, {"access": 5}, {"access": {"lock": ["locked"], "list_version": True, "alarms": 1}}):
            self.assertEqual(messages.parse_state(said), (None, None, None, None, None, None, (), None))


class SettingsTest(unittest.TestCase):
    def test_every_default_is_good(self):
        for name, about in machine.SETTINGS.items():
            self.assertTrue(machine.is_good(name, about[0]), name)

    def test_what_is_out_of_bounds_is_refused_by_its_name(self):
        for name, value in (
            ("unlock_max_ms", 0),
            ("unlock_max_ms", True),
            ("mode", "XOR"),
            ("keypad", 1),
            ("pot_max_digit", "9"),
            ("no_such", 1),
        ):
            try:
                messages.check_settings({name: value})
                self.fail(f"{name} taken")
            except BadRequest as error:
                self.assertEqual(error.field, name)

    def test_desired_holds_a_hash_and_never_a_combination(self):
        code = keys.hex_of(rules.code_hash(KEY, (3, 6, 4)))
        desired = messages.build_desired({"mode": "AND"}, code, 4)
        self.assertEqual(desired, {"access": {"mode": "AND", "combination": code, "list_version": 4}})
        try:
            messages.build_desired({}, "3-6-4", 4)
            self.fail("a combination in clear")
        except BadRequest as error:
            self.assertEqual(error.field, "combination")


class EnrollTest(unittest.TestCase):
    def result(self, uid=CARD, of=CARD):
        encrypt, mac = keys.derive(TOKEN, "access-encrypt"), keys.derive(TOKEN, "access-mac")
        return {
            "card": keys.hex_of(rules.card_hash(KEY, of)),
            "sealed": envelope.seal(encrypt, mac, uid, b"0123456789abcdef"),
        }

    def test_the_server_learns_the_card_that_was_held_to_the_reader(self):
        self.assertEqual(messages.parse_enrolled(self.result(), TOKEN)[1], CARD)

    def test_what_another_door_sealed_is_refused(self):
        for result, token in ((self.result(), "5b" * 32), (self.result(of=b"\x04\xa1\xb2\xc4"), TOKEN)):
            try:
                messages.parse_enrolled(result, token)
                self.fail("taken")
            except BadRequest:
                pass


class ListTest(unittest.TestCase):
    def test_pages_together_are_the_list_and_each_is_small(self):
        schedules = [[number, [[127, 60 * n, 60 * n + 59] for n in range(8)]] for number in range(1, 17)]
        entries = [[f"{n:032x}", n, n % 17, 0, 0, False] for n in range(90)]
        after, found, rounds = 0, [[], []], 0
        while after is not None:
            page = messages.build_page(9, [[0, 60]], schedules, entries, 9, after)
            self.assertLessEqual(len(codec.encode(page)), 4096)
            self.assertEqual(page["after"], after)
            self.assertEqual("zone" in page, after == 0)
            found[0] += page["schedules"]
            found[1] += page["entries"]
            after, rounds = page["next"], rounds + 1
        self.assertEqual(found, [schedules, entries])
        self.assertTrue(rounds > 2)

    def test_a_list_that_is_no_more_gives_the_new_one_from_its_beginning(self):
        entries = [[f"{n:032x}", n, 0, 0, 0, False] for n in range(3)]
        self.assertEqual(messages.build_page(9, [], [], entries, 8, 2)["after"], 0)
        self.assertEqual(messages.build_page(9, [], [], entries, 9, 99)["after"], 0)

    def test_a_want_is_bounded(self):
        self.assertEqual(messages.parse_want({"want": 3, "after": None}, "D", 1), ("D", 1, 3, 0))
        for body in ({}, {"want": -1}, {"want": 1, "after": -1}, {"want": 1, "after": "x"}):
            try:
                messages.parse_want(body, "D", 1)
                self.fail(f"taken: {body}")
            except BadRequest:
                pass


class LegacyTest(unittest.TestCase):
    SAID = {"device_id": "x", "door_status": "open", "access_method": "rfid", "access_granted": True, "timestamp": ""}

    def test_telemetry_of_an_older_controller_is_read(self):
        legacy = messages.parse_legacy(self.SAID, "OLD1", 5)
        self.assertEqual(legacy, ("OLD1", 5, "open", "rfid", True, None, None, ""))

    def test_its_time_counts_as_utc(self):
        said = dict(self.SAID, timestamp="2026-11-18T10:26:40")
        self.assertEqual(messages.parse_legacy(said, "OLD1", 5).at_ms, 1794997600000)

    def test_its_greeting_is_read(self):
        legacy = messages.parse_legacy({"device": "x", "uptime_sec": 5, "ssid": "Home"}, "OLD1", 5)
        self.assertEqual((legacy.door, legacy.uptime_s, legacy.ssid), ("", 5, "Home"))

    def test_ours_says_what_theirs_said(self):
        said = messages.build_legacy("x", "open", "rfid", True, None)
        self.assertEqual(said, self.SAID)

    def test_any_object_without_the_keys_unlocks(self):
        for body in ({"action": "open"}, {"open": True}, {}, {"x": 1}):
            self.assertTrue(messages.is_legacy_unlock(body), body)
        for body in ({"action": "close"}, {"open": False}, {"open": 1}, {"action": "close", "open": True}):
            self.assertFalse(messages.is_legacy_unlock(body), body)


if __name__ == "__main__":
    unittest.main()
