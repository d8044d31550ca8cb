import asyncio
import unittest

from panal.board import clock, sntp

PERIOD = 1 << 30
NOW = 1795224426000


class Rtc:
    def __init__(self, ms=0):
        self.ms = ms

    def get_ms(self):
        return self.ms

    def set_ms(self, ms):
        self.ms = ms


class ClockTest(unittest.TestCase):
    def setUp(self):
        self.ticks = PERIOD - 500
        self.rtc = Rtc(946684800000 + 5000)
        self.clock = clock.Clock(lambda: self.ticks % PERIOD, PERIOD, self.rtc)

    def test_it_runs_on_where_the_ticks_wrap(self):
        seen = []
        for _ in range(5):
            self.ticks += PERIOD // 4
            seen.append(self.clock.monotonic_ms())
        self.assertEqual(seen, [PERIOD // 4 * n for n in range(1, 6)])

    def test_an_rtc_of_the_year_2000_is_no_clock(self):
        self.assertEqual((self.clock.is_set(), self.clock.now_ms()), (False, None))

    def test_an_rtc_that_was_set_is_believed(self):
        told = clock.Clock(lambda: self.ticks % PERIOD, PERIOD, Rtc(NOW))
        self.assertEqual(told.now_ms(), NOW)

    def test_once_told_it_knows_other_instants_too(self):
        self.ticks += 1000
        self.clock.set_ms(NOW)
        self.ticks += 250
        self.assertEqual((self.clock.now_ms(), self.clock.at_ms(0), self.rtc.ms), (NOW + 250, NOW - 1000, NOW))

    def test_an_interrupts_ticks_are_of_the_past(self):
        self.ticks += 1000
        noted = self.ticks % PERIOD
        self.ticks += 300
        self.assertEqual(self.clock.monotonic_at(noted), 1000)


class SntpTest(unittest.TestCase):
    def answer(self, seconds, fraction=0, first=0x24, stratum=2):
        return bytes((first, stratum)) + bytes(38) + seconds.to_bytes(4, "big") + fraction.to_bytes(4, "big")

    def test_the_answer_is_read_with_half_the_way_added(self):
        data = self.answer(NOW // 1000 + sntp.SNTP_EPOCH_S, 0x80000000)
        self.assertEqual(sntp.parse_answer(data, 1000, 1200), NOW + 500 + 100)

    def test_the_seconds_of_2036_begin_again(self):
        data = self.answer((2100000000 + sntp.SNTP_EPOCH_S) & 0xFFFFFFFF)
        self.assertEqual(sntp.parse_answer(data, 0, 0), 2100000000000)

    def test_what_is_no_answer_is_none(self):
        good = NOW // 1000 + sntp.SNTP_EPOCH_S
        for data in (
            b"",
            self.answer(good)[:47],
            self.answer(good, first=0x23),
            self.answer(good, stratum=0),
            self.answer(0),
        ):
            self.assertEqual(sntp.parse_answer(data, 0, 0), None)

    def ask(self, answers):
        ticks, rtc, udp = [0], Rtc(), Udp(answers)

        def pass_on():
            ticks[0] += 10
            return ticks[0]

        told = clock.Clock(pass_on, PERIOD, rtc)
        found = asyncio.run(sntp.ask(told, lambda host, port: udp, "10.0.0.1"))
        self.assertTrue(udp.is_closed)
        return found, told.is_set(), udp.said

    def test_an_answer_sets_the_clock(self):
        good = self.answer(NOW // 1000 + sntp.SNTP_EPOCH_S)
        self.assertEqual(self.ask([None, good]), (True, True, [sntp.request()]))

    def test_silence_and_nonsense_do_not(self):
        self.assertEqual(self.ask([])[:2], (False, False))
        self.assertEqual(self.ask([b"nonsense"])[:2], (False, False))


class Udp:
    def __init__(self, answers):
        self.answers = answers
        self.said = []
        self.is_closed = False

    def send(self, data):
        self.said.append(data)

    def receive(self, size):
        return self.answers.pop(0) if self.answers else None

    def close(self):
        self.is_closed = True


if __name__ == "__main__":
    unittest.main()
