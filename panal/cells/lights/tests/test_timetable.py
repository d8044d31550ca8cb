import unittest

from panal.cells.lights import timetable

# Madrid: 2026-10-25 01:00 UTC back to +60, 2027-03-28 01:00 UTC on to +120
ZONE = [[1774746000, 120], [1792890000, 60], [1806195600, 120]]
MADRID = [404168, -37038]
NOW_S = 1795000000  # Wednesday 2026-11-18, 12:06:40 in Madrid
DAY_S = 86400


def at(minute, days=127, when="time"):
    return [1, days, when, minute, 1, True, None, None]


class TimetableTest(unittest.TestCase):
    def test_today_when_it_is_yet_to_come_and_tomorrow_when_it_has_been(self):
        noon = NOW_S - 400
        self.assertEqual(timetable.next_of(at(12 * 60 + 10), NOW_S, ZONE, None), noon + 600)
        self.assertEqual(timetable.next_of(at(12 * 60), NOW_S, ZONE, None), noon + DAY_S)

    def test_exactly_now_is_not_next(self):
        self.assertEqual(timetable.next_of(at(12 * 60), NOW_S - 400, ZONE, None), NOW_S - 400 + DAY_S)

    def test_only_on_its_days(self):
        for weekday in range(7):
            found = timetable.next_of(at(12 * 60, 1 << weekday), NOW_S, ZONE, None)
            self.assertEqual((found - (NOW_S - 400)) // DAY_S, (weekday - 2) % 7 or 7)

    def test_the_day_is_the_places_own(self):
        """00:30 on Thursday in Madrid is Wednesday in UTC."""
        self.assertEqual(timetable.next_of(at(30, 1 << 3), NOW_S, ZONE, None), NOW_S - 400 + 12 * 3600 + 1800)

    def test_without_a_zone_it_is_utc(self):
        self.assertEqual(timetable.next_of(at(12 * 60), NOW_S, [], None), NOW_S - 400 + 3600)

    def test_the_clock_on_the_wall_counts_after_it_was_changed(self):
        before = 1806195600 - 7 * 3600  # Saturday evening
        first = timetable.next_of(at(7 * 60), before, ZONE, None)
        self.assertEqual(first, 1806195600 + 4 * 3600)  # 07:00 at +120 is 05:00 UTC

    def test_a_time_that_is_skipped_comes_as_much_later(self):
        found = timetable.next_of(at(2 * 60 + 30), 1806195600 - 7200, ZONE, None)
        self.assertEqual(found, 1806195600 + 1800)  # 03:30 on the new clock

    def test_a_time_that_there_is_twice_comes_once(self):
        change = 1792890000
        found = timetable.next_of(at(2 * 60 + 30), change - 7200, ZONE, None)
        self.assertEqual(found, change - 1800)
        self.assertEqual(timetable.next_of(at(2 * 60 + 30), found, ZONE, None), change - 1800 + DAY_S + 3600)

    def test_before_and_after_the_sun(self):
        """Sunset in Madrid on that day is at 17:55 (timeanddate.com)."""
        for offset in (-30, 0, 45):
            found = timetable.next_of(at(offset, 127, "sunset"), NOW_S, ZONE, MADRID)
            minute = (found + 3600) % DAY_S // 60
            self.assertTrue(abs(minute - (17 * 60 + 55 + offset)) <= 1, minute)

    def test_without_a_place_nothing_is_known_of_the_sun(self):
        self.assertEqual(timetable.next_of(at(0, 127, "sunrise"), NOW_S, ZONE, None), None)

    def test_a_sun_that_does_not_rise_for_weeks_has_no_next_time(self):
        self.assertEqual(timetable.next_of(at(0, 127, "sunrise"), 1797800000, ZONE, [696500, 189600]), None)

    def test_the_first_of_several_and_all_of_one_instant(self):
        one, two, late = at(13 * 60), at(13 * 60), at(14 * 60)
        due, at_ms = timetable.next_after(NOW_S * 1000, [late, one, two], ZONE, None)
        self.assertEqual((due, at_ms), ([one, two], (NOW_S - 400 + 3600) * 1000))
        self.assertEqual(timetable.next_after(NOW_S * 1000, [], ZONE, None), ([], None))

    def test_there_is_always_a_next_one_and_it_is_always_later(self):
        now_s = 1790000000
        for _ in range(60):
            found = timetable.next_of(at(2 * 60 + 30, 0b1010101), now_s, ZONE, None)
            self.assertTrue(now_s < found <= now_s + 3 * DAY_S)
            now_s = found
