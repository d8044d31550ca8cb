import unittest

from panal.cells.access import rules
from panal.protocol import keys

KEY = keys.derive("5a" * 32, "access")
MONDAY_S = 1794787200  # 2026-11-16 00:00 UTC
HOUR_S = 3600
WORK = ((0b0011111, 540, 1080), (0b0100000, 600, 720))  # Monday to Friday 9 to 18, Saturday 10 to 12


def entry(schedule=0, from_day=0, until_day=0, when_clockless=False):
    return rules.Entry(b"x" * 16, 1, schedule, from_day, until_day, when_clockless)


class HashTest(unittest.TestCase):
    def test_a_hash_is_keyed_and_tells_cards_from_codes(self):
        other = keys.derive("5b" * 32, "access")
        card = rules.card_hash(KEY, b"\x03\x06\x04\x00")
        self.assertEqual(len(card), 16)
        self.assertEqual(
            len({card, rules.card_hash(other, b"\x03\x06\x04\x00"), rules.code_hash(KEY, (3, 6, 4, 0))}), 3
        )
        self.assertEqual(card, rules.card_hash(KEY, b"\x03\x06\x04\x00"))

    def test_digits_of_two_letters_are_no_other_digits(self):
        self.assertNotEqual(rules.code_hash(KEY, (1, 0, 1)), rules.code_hash(KEY, (10, 1)))


class RefusalTest(unittest.TestCase):
    def at(self, now_s, windows=WORK, zone=()):
        return rules.refusal(entry(1), windows, zone, now_s)

    def test_without_limits_the_clock_does_not_matter(self):
        self.assertEqual(rules.refusal(entry(), None, (), None), "")

    def test_days_and_hours_hold(self):
        for hours, expected in (
            (9, ""),
            (8.99, "outside_hours"),
            (17.99, ""),
            (18, "outside_hours"),
            (5 * 24 + 10, ""),
            (5 * 24 + 13, "outside_hours"),
            (6 * 24 + 10, "outside_hours"),
        ):
            self.assertEqual(self.at(MONDAY_S + int(hours * HOUR_S)), expected)

    def test_hours_are_those_of_the_place(self):
        """Paris in summer and in winter: the offset changes at an instant."""
        zone = ((0, 120), (MONDAY_S + 2 * HOUR_S, 60))
        self.assertEqual(self.at(MONDAY_S - 2 * HOUR_S, ((1, 0, 60),), zone), "")
        self.assertEqual(self.at(MONDAY_S + 8 * HOUR_S, WORK, zone), "")
        self.assertEqual(self.at(MONDAY_S + 7 * HOUR_S + 3599, WORK, zone), "outside_hours")

    def test_the_first_and_the_last_day_count(self):
        day = MONDAY_S // 86400
        allowed = entry(from_day=day, until_day=day + 1)
        for offset_s, expected in ((-1, "not_yet"), (0, ""), (2 * 86400 - 1, ""), (2 * 86400, "expired")):
            self.assertEqual(rules.refusal(allowed, None, (), MONDAY_S + offset_s), expected)

    def test_without_a_clock_the_rule_itself_says(self):
        self.assertEqual(rules.refusal(entry(1), WORK, (), None), "no_clock")
        self.assertEqual(rules.refusal(entry(1, when_clockless=True), WORK, (), None), "")
        self.assertEqual(rules.refusal(entry(until_day=1), None, (), None), "no_clock")


if __name__ == "__main__":
    unittest.main()
