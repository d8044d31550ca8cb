import unittest

from panal.board import link, net


class PrivateTest(unittest.TestCase):
    def test_our_own_networks(self):
        for host in (
            "10.0.0.1",
            "192.168.1.5",
            "172.16.0.1",
            "172.31.9.9",
            "127.0.0.1",
            "localhost",
            "panal.local",
            "server",
            "::1",
            "fe80::1",
            "fd00::1",
            "169.254.1.1",
        ):
            self.assertTrue(link.is_private(host), host)

    def test_the_rest_of_the_world(self):
        for host in (
            "8.8.8.8",
            "172.32.0.1",
            "172.15.0.1",
            "11.0.0.1",
            "example.com",
            "10.example.com",
            "192.168.evil.com",
            "2001:db8::1",
            "fc.example.com",
            "172.16.example.com",
        ):
            self.assertFalse(link.is_private(host), host)


class AddressTest(unittest.TestCase):
    def test_the_broker_is_where_the_server_is(self):
        self.assertEqual(link.mqtt_address({"server": "http://10.0.0.1:6971", "mqtt": ""}), ("10.0.0.1", 1883))
        self.assertEqual(link.mqtt_address({"server": "https://panal.example", "mqtt": ""}), ("panal.example", 8883))
        self.assertEqual(
            link.mqtt_address({"server": "http://10.0.0.1", "mqtt": "10.0.0.2:11883"}), ("10.0.0.2", 11883)
        )

    def test_the_server_has_its_usual_port(self):
        self.assertEqual(link.http_address("http://10.0.0.1"), ("10.0.0.1", 80))
        self.assertEqual(link.http_address("https://[::1]:6971/x"), ("::1", 6971))


class PlainTest(unittest.TestCase):
    def make(self, host, plain_public, transport):
        board = Board(
            {
                "server": "http://%s:1" % host,
                "mqtt": "",
                "transport": transport,
                "plain_public": plain_public,
                "device_id": "A",
                "token": "00" * 32,
            }
        )
        return link.make(board, None)

    def test_plain_text_stays_at_home(self):
        for transport in ("mqtt", "http"):
            with self.assertRaises(net.Refused):
                self.make("8.8.8.8", False, transport)
            self.make("10.0.0.1", False, transport)
            self.make("8.8.8.8", True, transport)


class Board:
    def __init__(self, config):
        self.config = config


if __name__ == "__main__":
    unittest.main()
