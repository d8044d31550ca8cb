import unittest

from panal.protocol import backoff


class BackoffTest(unittest.TestCase):
    def test_events_wait_1_3_10_and_then_60_seconds(self):
        waits = backoff.for_events()
        self.assertEqual([waits.next_ms() for _ in range(6)], [1000, 3000, 10000, 60000, 60000, 60000])

    def test_success_begins_again(self):
        waits = backoff.for_events()
        waits.next_ms()
        waits.next_ms()
        waits.succeeded()
        self.assertEqual(waits.next_ms(), 1000)

    def test_jitter_spreads_by_half_to_either_side(self):
        self.assertEqual(backoff.for_connections().next_ms(0.0), 500)
        self.assertEqual(backoff.for_connections().next_ms(1.0), 1500)


if __name__ == "__main__":
    unittest.main()
