import unittest

from panal.board.outbox import new_uid
from panal.board.queue import Queue
from panal.board.storage import Storage
from panal.board.tests import folder


def event(number, kind="EMERGENCY_BUTTON"):
    return {"uid": "u%d" % number, "kind": kind, "at_ms": None, "data": {}}


class QueueTest(unittest.TestCase):
    def setUp(self):
        self.root = folder.fresh("queue")
        self.log = folder.Silence()
        self.queue = self.restarted()

    def tearDown(self):
        folder.clear(self.root)

    def restarted(self):
        return Queue(Storage(self.root), self.log)

    def add(self, numbers, kind="EMERGENCY_BUTTON"):
        for number in numbers:
            self.queue.add(event(number, kind))

    def test_events_outlive_a_restart_in_their_order(self):
        self.add((1, 2, 3))
        after = self.restarted()
        self.assertEqual(after.uids(), ["u1", "u2", "u3"])
        self.assertEqual(after.oldest(), event(1))

    def test_a_forgotten_event_stays_forgotten(self):
        self.add((1, 2))
        self.queue.forget("u1")
        self.queue.forget("unknown")
        self.assertEqual(self.restarted().uids(), ["u2"])

    def test_order_is_kept_where_numbers_have_gaps(self):
        self.add((1, 2, 3))
        self.queue.forget("u3")
        self.add((4,))
        self.queue.forget("u1")
        self.add((5,))
        self.assertEqual(self.restarted().uids(), ["u2", "u4", "u5"])

    def test_when_full_the_oldest_tilt_goes_first(self):
        self.add((1,))
        self.add((2, 3), "TILT")
        self.add(range(4, 11))
        self.add((11,))
        self.assertEqual(self.queue.uids(), ["u1", "u3"] + ["u%d" % n for n in range(4, 12)])

    def test_when_full_without_a_tilt_the_oldest_goes(self):
        self.add(range(1, 12))
        self.assertEqual(self.queue.uids(), ["u%d" % n for n in range(2, 12)])
        self.assertEqual(self.restarted().uids(), self.queue.uids())

    def test_a_tilt_does_not_push_out_an_emergency(self):
        self.add(range(1, 11))
        self.add((11,), "TILT")
        self.assertEqual(self.queue.uids(), ["u%d" % n for n in range(1, 11)])

    def test_a_damaged_file_is_passed_over(self):
        self.add((1, 2, 3))
        with open(self.root + "/events/000002", "w") as file:
            file.write("00000000\n{")
        self.assertEqual(self.restarted().uids(), ["u1", "u3"])
        self.assertEqual(self.restarted().uids(), ["u1", "u3"])

    def test_a_draft_of_the_last_life_is_thrown_away(self):
        self.add((1,))
        with open(self.root + "/events/draft", "w") as file:
            file.write("half")
        self.assertEqual(self.restarted().uids(), ["u1"])


class UidTest(unittest.TestCase):
    def test_it_begins_with_the_time(self):
        uids = [new_uid(1795320000000 + ms) for ms in range(50)]
        self.assertEqual(sorted(uids), uids)
        self.assertEqual(uids[0][:15], "01a20169-2e00-7")
        self.assertTrue(all(len(uid) == 36 and uid[19] in "89ab" for uid in uids))

    def test_no_two_of_an_instant_are_the_same(self):
        self.assertEqual(len({new_uid(1795320000000) for _ in range(50)}), 50)

    def test_without_a_time_of_day_it_is_random(self):
        uids = [new_uid(None) for _ in range(50)]
        self.assertEqual(len(set(uids)), 50)
        self.assertTrue(all(uid[14] == "4" and uid[19] in "89ab" for uid in uids))


if __name__ == "__main__":
    unittest.main()
