import unittest

from panal.cells.wifi import messages
from panal.protocol.errors import BadRequest


class OrderTest(unittest.TestCase):
    def test_what_is_built_is_parsed(self):
        for ssid, password in (("Casa", "correcta 1"), ("ñandú 5G", ""), ("x" * 32, "0aF1" * 16)):
            order = messages.parse_order(messages.build_order(ssid, password, 7))
            self.assertEqual((order.ssid, order.password, order.rev), (ssid, password, 7))

    def test_what_no_radio_can_join_is_refused(self):
        for ssid, password in (("", ""), ("x" * 33, ""), ("Casa", "short"), ("Casa", "g" * 64), ("a\n", ""), (7, "")):
            with self.assertRaises(BadRequest):
                messages.check_network(ssid, password)

    def test_a_rev_is_a_whole_number(self):
        for rev in ("1", True, 0, -1, 1.5, None):
            with self.assertRaises(BadRequest):
                messages.parse_order(messages.build_order("Casa", "", rev))

    def test_a_name_has_a_known_hash(self):
        self.assertEqual(messages.ssid_hash("Casa"), "9a33432b")


if __name__ == "__main__":
    unittest.main()
