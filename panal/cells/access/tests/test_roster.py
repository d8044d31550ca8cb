import os
import unittest

from panal.board.tests import folder
from panal.cells.access import roster, rules

SCHEDULES = [[2, [[31, 540, 1080]]], [5, [[127, 0, 60], [64, 100, 200]]]]
NOON_S = 1794787200 + 12 * 3600  # a Monday


def hash_of(number):
    return "%032x" % (number * 7919)


def entries(numbers, schedule=0):
    return [[hash_of(n), n, schedule, None, None, False] for n in numbers]


def raw(number):
    return bytes(int(hash_of(number)[at : at + 2], 16) for at in range(0, 32, 2))


class RosterTest(unittest.TestCase):
    def setUp(self):
        self.root = folder.fresh("roster")
        self.roster = roster.Roster(self.root)

    def tearDown(self):
        folder.clear(self.root)

    def page(self, version, listed, after=0, next=None, schedules=SCHEDULES, zone=((0, 60),)):
        page = {"version": version, "after": after, "schedules": schedules, "entries": listed, "next": next}
        if after == 0:
            page["zone"] = [list(pair) for pair in zone]
        return page

    def take(self, page):
        for _ in self.roster.take(page):
            pass

    def fill(self, version, count, schedule=0):
        """As a server does: pages of 40."""
        self.take(self.page(version, [], next=len(SCHEDULES)))
        for begin in range(0, count, 40):
            after, end = len(SCHEDULES) + begin, min(count, begin + 40)
            following = None if end == count else len(SCHEDULES) + end
            self.take(self.page(version, entries(range(begin, end), schedule), after, following, schedules=[]))

    def test_without_a_list_nobody_is_found(self):
        self.assertIsNone(self.roster.find(raw(1)))
        self.assertEqual(self.roster.counts, (0, 0, 0, 0))
        self.assertEqual(self.roster.missing(3), 0)

    def test_everybody_on_the_list_is_found_and_nobody_else(self):
        self.fill(3, 100)
        for number in range(100):
            self.assertEqual(self.roster.find(raw(number)).person, number)
        self.assertIsNone(self.roster.find(raw(100)))
        self.assertIsNone(self.roster.find(b"\xff" * 16))
        self.assertEqual(self.roster.counts, (3, 1, 2, 100))
        self.assertIsNone(self.roster.missing(3))

    def test_it_outlives_a_restart(self):
        self.fill(3, 50)
        self.assertEqual(roster.Roster(self.root).find(raw(49)).person, 49)

    def test_schedules_and_zone_are_kept(self):
        self.fill(3, 2, schedule=2)
        self.assertEqual(self.roster.windows(5), [(127, 0, 60), (64, 100, 200)])
        entry = self.roster.find(raw(1))
        self.assertEqual(self.roster.refusal(entry, NOON_S), "")
        self.assertEqual(self.roster.refusal(entry, NOON_S + 5 * 3600 - 1), "")
        self.assertEqual(self.roster.refusal(entry, NOON_S + 5 * 3600), "outside_hours")  # 18:00 where it is UTC+1
        self.assertEqual(self.roster.refusal(entry, None), "no_clock")

    def test_a_schedule_that_is_missing_lets_nobody_in(self):
        self.fill(3, 2, schedule=7)
        try:
            self.roster.refusal(self.roster.find(raw(1)), NOON_S)
            self.fail("let in")
        except roster.Unreadable:
            pass

    def test_dates_and_choices_are_kept(self):
        self.take(self.page(1, [[hash_of(1), 9, 2, 20000, 30000, True]]))
        self.assertEqual(self.roster.find(raw(1)), rules.Entry(raw(1), 9, 2, 20000, 30000, True))

    def test_the_old_list_holds_until_the_new_one_is_whole(self):
        self.fill(3, 10)
        self.take(self.page(4, entries(range(50, 60)), next=12))
        self.assertEqual(self.roster.find(raw(5)).person, 5)
        self.assertEqual(self.roster.missing(4), 12)
        self.assertEqual(self.roster.missing(5), 0)
        self.take(self.page(4, entries(range(60, 61)), after=12, schedules=[]))
        self.assertIsNone(self.roster.find(raw(5)))
        self.assertEqual(self.roster.find(raw(60)).person, 60)

    def test_a_page_that_comes_twice_or_of_another_list_changes_nothing(self):
        self.take(self.page(4, entries(range(10)), next=12))
        self.take(self.page(4, entries(range(90, 95)), after=5, next=12, schedules=[]))
        self.take(self.page(3, entries(range(90, 95)), after=12, schedules=[]))
        self.take(self.page(4, entries(range(10, 11)), after=12, schedules=[]))
        self.assertEqual(self.roster.counts.entries, 11)
        self.assertIsNone(self.roster.find(raw(90)))

    def test_nonsense_is_refused(self):
        wrong = (
            self.page(4, entries((2, 1))),
            self.page(4, entries((1, 1))),
            self.page(4, [["00", 1, 0, 0, 0, False]]),
            self.page(4, [["zz" * 16, 1, 0, 0, 0, False]]),
            self.page(4, [[hash_of(1), 1]]),
            self.page(4, [], schedules=[[65, []]]),
            self.page(4, [], schedules=[[2, []], [1, []]]),
            self.page(4, [], schedules=[[1, [[127, 0, 60]] * 9]]),
            self.page(0, []),
            self.page(4, [], zone=((0, 60),) * 17),
            self.page(4, [[hash_of(1), 1 << 40, 0, 0, 0, False]]),
            self.page(4, [[hash_of(1), 1, 0, 70000, 0, False]]),
            self.page(4, [[hash_of(1), 1, 99, 0, 0, False]]),
            self.page(4, [[hash_of(1), "1", 0, 0, 0, False]]),
            {"version": 4},
        )
        for page in wrong:
            try:
                self.take(page)
                self.fail(f"taken: {page}")
            except ValueError:
                pass
        self.assertEqual(self.roster.counts.version, 0)

    def test_a_damaged_record_lets_nobody_in(self):
        self.fill(3, 1)
        with open(self.root + "/access", "rb") as file:
            data = bytearray(file.read())
        data[-30] ^= 1
        with open(self.root + "/access", "wb") as file:
            file.write(bytes(data))
        try:
            roster.Roster(self.root).find(raw(0))
            self.fail("found")
        except roster.Unreadable:
            pass

    def test_a_file_that_was_cut_is_no_list(self):
        self.fill(3, 5)
        with open(self.root + "/access", "rb") as file:
            data = file.read()
        for cut in (0, 5, len(data) - 30, len(data) - 1):
            for rest in (data[:cut], data[cut + 1 :]):
                with open(self.root + "/access", "wb") as file:
                    file.write(rest)
                self.assertEqual(roster.Roster(self.root).counts, roster.NONE)

    def test_a_draft_of_an_earlier_life_is_removed(self):
        self.take(self.page(4, entries(range(10)), next=12))
        self.roster = roster.Roster(self.root)
        self.assertEqual(os.listdir(self.root), [])
        self.assertEqual(self.roster.missing(4), 0)

    def test_one_of_10000_cards_is_found_in_15_reads_and_64_schedules_fit(self):
        schedules = [[number, [[127, 0, 1440]] * 8] for number in range(1, 65)]
        self.take(self.page(1, [], next=64, schedules=schedules))
        for begin in range(0, 10000, 50):
            listed = entries(range(begin, begin + 50), 1 + begin % 64)
            after = 64 + begin
            self.take(self.page(1, listed, after, None if begin == 9950 else after + 50, schedules=[]))
        most = 0
        for number in (0, 1, 4999, 5000, 7777, 9999, 10000):
            entry = self.roster.find(raw(number))
            self.assertEqual(entry is None, number == 10000)
            if entry is not None:
                self.assertEqual(self.roster.refusal(entry, NOON_S), "")
            most = max(most, self.roster.reads)
        self.assertLessEqual(most, 15 + 7 + 2)


if __name__ == "__main__":
    unittest.main()
