"""The driver of the accelerometer against its registers as they are simulated."""

import unittest

from panal.board.drivers import mpu6050
from panal.virtual.chips import mpu6050 as chip
from panal.virtual.chips.pins import Machine


class Bench:
    """A chip whose n-th sample is (n, -n, 4096), and a clock that is turned by hand."""

    def __init__(self):
        self.now_ms = 0
        self.count = 0
        machine = Machine()
        self.chip = machine.addressed[0x68] = chip.Mpu6050(self.sample, lambda: self.now_ms % (1 << 30))
        self.i2c = machine.i2c(21, 22)
        self.addressed = machine.addressed
        self.driver = mpu6050.Mpu6050(self.i2c)
        self.got = []

    def sample(self):
        self.count += 1
        return self.count, -self.count, 4096

    def read(self):
        self.got = []
        self.driver.read(lambda x, y, z: self.got.append((x, y, z)))
        return self.got


def samples(first, last):
    return [(n, -n, 4096) for n in range(first, last + 1)]


class Mpu6050Test(unittest.TestCase):
    def setUp(self):
        self.bench = Bench()

    def test_it_is_set_up_for_50_samples_a_second(self):
        self.assertTrue(self.bench.driver.start())
        self.bench.now_ms += 1000
        self.assertEqual(self.bench.read(), samples(1, 50))

    def test_nothing_is_lost_or_doubled_between_two_looks(self):
        self.bench.driver.start()
        got = []
        for ms in (20, 7, 3, 110, 20, 19, 1, 400, 2000, 33):
            self.bench.now_ms += ms
            got += self.bench.read()
        self.assertEqual(got, samples(1, 2613 // 20))

    def test_3_4_seconds_without_a_look_lose_nothing(self):
        """While a request is in flight or TLS shakes hands, the FIFO goes on."""
        self.bench.driver.start()
        self.bench.now_ms += 3400
        self.assertEqual(self.bench.read(), samples(1, 170))
        self.assertEqual(self.bench.driver.lost, 0)

    def test_an_overflow_is_said_and_the_samples_after_it_are_whole(self):
        self.bench.driver.start()
        self.bench.now_ms += 5000
        self.assertEqual(self.bench.read(), [])
        self.assertEqual(self.bench.driver.lost, 1)
        self.bench.now_ms += 60
        self.assertEqual(self.bench.read(), samples(251, 253))
        self.assertEqual(self.bench.driver.lost, 1)

    def test_negative_and_largest_counts_come_as_they_are(self):
        self.bench.sample = None
        self.bench.chip._sample = lambda: (-32768, 32767, -1)
        self.bench.driver.start()
        self.bench.now_ms += 20
        self.assertEqual(self.bench.read(), [(-32768, 32767, -1)])

    def test_the_end_of_the_clock_is_no_end(self):
        self.bench.now_ms = (1 << 30) - 30
        self.bench.chip._reset()
        self.bench.driver.start()
        self.bench.now_ms += 60
        self.assertEqual(len(self.bench.read()), 3)

    def test_another_chip_at_this_address_is_not_taken_for_one(self):
        self.bench.chip._registers[chip.WHO_AM_I] = 0x12
        self.assertFalse(self.bench.driver.start())
        self.assertFalse(self.bench.driver.is_present)

    def test_one_that_is_pulled_out_is_noticed_and_found_again(self):
        self.bench.driver.start()
        pulled = self.bench.addressed.pop(0x68)
        with self.assertRaises(OSError):
            self.bench.read()
        self.assertFalse(self.bench.driver.is_present)
        self.assertFalse(self.bench.driver.start())
        self.bench.addressed[0x68] = pulled
        self.assertTrue(self.bench.driver.start())
        self.bench.now_ms += 40
        self.assertEqual(len(self.bench.read()), 2)

    def test_a_chip_that_was_reset_sleeps_and_one_without_filter_is_eight_times_as_fast(self):
        self.bench.now_ms += 1000
        self.assertEqual(self.bench.count, 0)
        self.bench.i2c.writeto_mem(0x68, chip.PWR_MGMT_1, b"\x00")
        self.bench.now_ms += 10
        self.bench.i2c.writeto_mem(0x68, chip.CONFIG, b"\x00")
        self.assertEqual(self.bench.count, 80)


if __name__ == "__main__":
    unittest.main()
