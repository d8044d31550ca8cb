import json
import unittest

from panal.board import journal
from panal.board.storage import Storage
from panal.board.tests import folder

CONFIG = {"device_id": "DOOR1", "token": "5a" * 32}
AT_MS = 1794997600123


def event(number):
    data = {"door_status": "close", "access_method": "rfid", "access_granted": True, "card": "ab" * 16}
    return {"uid": "u%d" % number, "kind": "door.attempt", "at_ms": AT_MS + number, "data": data}


class JournalTest(unittest.TestCase):
    def setUp(self):
        self.root = folder.fresh("journal")
        self.log = folder.Silence()
        self.size = journal.FILE_BYTES
        self.journal = self.restarted()

    def tearDown(self):
        journal.FILE_BYTES = self.size
        folder.clear(self.root)

    def restarted(self):
        return journal.Journal(Storage(self.root), self.root, self.log, CONFIG)

    def add(self, numbers):
        for number in numbers:
            self.journal.add(event(number))

    def deliver(self, most=10000):
        """The uids that are handed over, in their order."""
        found = []
        while len(found) < most and self.journal.oldest() is not None:
            found.append(self.journal.oldest()["uid"])
            self.journal.forget(found[-1])
        return found

    def text(self, name="events.jsonl"):
        with open(self.root + "/" + name) as file:
            return file.read()

    def test_a_line_is_what_people_and_older_programs_read(self):
        self.add((1,))
        line = json.loads(self.text())
        expected = {
            "device_id": "DOOR1",
            "door_status": "close",
            "access_method": "rfid",
            "access_granted": True,
            "timestamp": "2026-11-18T10:26:40.124Z",
            "uid": "u1",
            "seq": 1,
            "kind": "door.attempt",
            "at_ms": AT_MS + 1,
            "card": "ab" * 16,
        }
        self.assertEqual(line, expected)

    def test_without_a_clock_the_timestamp_is_empty(self):
        self.journal.add({"uid": "u1", "kind": "door.moved", "at_ms": None, "data": {}})
        self.assertEqual(json.loads(self.text())["timestamp"], "")
        self.assertIsNone(self.journal.oldest()["at_ms"])

    def test_events_come_in_their_order_and_once(self):
        self.add(range(1, 30))
        self.assertEqual(len(self.journal), 29)
        expected = event(1)
        expected["data"]["seq"] = 1
        self.assertEqual(self.journal.oldest(), expected)
        self.assertEqual(self.deliver(), ["u%d" % n for n in range(1, 30)])
        self.assertEqual(len(self.journal), 0)
        self.assertIsNone(self.journal.oldest())

    def test_another_uid_forgets_nothing(self):
        self.add((1, 2))
        self.journal.forget("u2")
        self.assertEqual(self.journal.oldest()["uid"], "u1")

    def test_a_restart_loses_nothing_and_repeats_at_most_a_few(self):
        self.add(range(1, 21))
        self.deliver(11)
        self.journal = self.restarted()
        self.assertEqual(self.deliver()[-9:], ["u%d" % n for n in range(12, 21)])
        self.journal = self.restarted()
        self.assertEqual((self.deliver(), self.journal.seq), ([], 20))
        self.add((21,))
        self.assertEqual(self.journal.oldest()["data"]["seq"], 21)

    def test_it_is_rotated_and_every_line_still_comes(self):
        journal.FILE_BYTES = 2000
        self.add(range(1, 40))
        self.assertTrue(len(self.text()) <= 2000)
        self.journal = self.restarted()
        self.assertEqual(len(self.journal), 39)
        self.assertEqual(self.deliver(), ["u%d" % n for n in range(1, 40)])
        older = [name for name in Storage(self.root).names("") if name.startswith("events.") and name[7].isdigit()]
        self.assertEqual(len(older), 1)
        self.journal = self.restarted()
        self.add((40,))
        self.assertEqual(self.deliver(), ["u40"])

    def test_when_nothing_more_fits_the_oldest_file_goes_and_the_gap_shows(self):
        journal.FILE_BYTES = 600
        self.add(range(1, 60))
        found = self.deliver()
        self.assertEqual(found[-1], "u59")
        self.assertTrue(20 < len(found) < 59)
        self.assertEqual(found, ["u%d" % n for n in range(60 - len(found), 60)])
        self.assertIn("log full: the oldest lines go", self.log.lines)

    def test_a_line_that_a_power_cut_tore_is_passed_over(self):
        self.add((1, 2))
        with open(self.root + "/events.jsonl", "a") as file:
            file.write('{"uid": "u3", "ki')
        self.journal = self.restarted()
        self.add((4,))
        self.assertEqual(self.deliver(), ["u1", "u2", "u4"])

    def test_encrypted_lines_say_nothing_and_come_all_the_same(self):
        self.add((1,))
        self.journal.is_encrypted = True
        self.add((2,))
        self.assertEqual(self.text().count("rfid"), 1)
        self.assertEqual(self.text().count("ab" * 16), 1)
        self.journal = self.restarted()
        self.assertEqual(self.deliver(), ["u1", "u2"])

    def test_encrypted_lines_of_another_token_are_not_read(self):
        self.journal.is_encrypted = True
        self.add((1,))
        other = journal.Journal(Storage(self.root), self.root, self.log, dict(CONFIG, token="5b" * 32))
        self.assertIsNone(other.oldest())

    def test_seven_days_offline_with_2000_events_all_arrive_in_order_once(self):
        for number in range(1, 2001):
            line = event(number)
            line["at_ms"] += number * 302400  # 7 days in all
            self.journal.add(line)
            if number % 400 == 0:  # its power is cut now and then
                self.journal = self.restarted()
        self.assertEqual(len(self.journal), 2000)
        for number in range(1, 2001):
            found = self.journal.oldest()
            self.assertEqual((found["uid"], found["data"]["seq"]), ("u%d" % number, number))
            self.journal.forget(found["uid"])
        self.assertIsNone(self.journal.oldest())
        self.journal = self.restarted()
        self.assertIsNone(self.journal.oldest())

    def test_whoever_asked_hears_how_many_wait(self):
        heard = []
        self.journal.changed = heard.append
        self.add((1, 2))
        self.deliver()
        self.assertEqual(heard, [1, 2, 1, 0])


if __name__ == "__main__":
    unittest.main()
