import unittest

from panal.board import mqtt
from panal.protocol.errors import LocalProtocolError

CONNACK = b"\x20\x02\x00\x00"
PINGREQ = b"\xc0\x00"
PINGRESP = b"\xd0\x00"


def connected():
    client = mqtt.Client("A", "A", "token")
    client.connect(0)
    client.receive_data(CONNACK, 0)
    client.data_to_send()
    client.events()
    return client


class ConnectTest(unittest.TestCase):
    def test_the_first_packet_is_the_one_of_the_standard(self):
        client = mqtt.Client("id", "user", "pw", keep_alive_s=20)
        client.connect(0)
        expected = b"\x10\x18\x00\x04MQTT\x04\xc2\x00\x14\x00\x02id\x00\x04user\x00\x02pw"
        self.assertEqual(client.data_to_send(), [expected])
        self.assertEqual(client.state, mqtt.CONNECTING)

    def test_a_yes_connects(self):
        client = mqtt.Client("A", "A", "t")
        client.connect(0)
        client.receive_data(CONNACK, 5)
        self.assertEqual((client.state, client.events()), (mqtt.CONNECTED, [("connected",)]))

    def test_a_no_says_why(self):
        client = mqtt.Client("A", "A", "t")
        client.connect(0)
        client.receive_data(b"\x20\x02\x00\x04", 5)
        self.assertEqual((client.state, client.reason), (mqtt.CLOSED, "bad user or password"))

    def test_silence_instead_of_a_yes_closes(self):
        client = mqtt.Client("A", "A", "t")
        client.connect(0)
        client.handle_deadline(mqtt.CONNACK_MS - 1)
        self.assertEqual(client.state, mqtt.CONNECTING)
        client.handle_deadline(mqtt.CONNACK_MS)
        self.assertEqual(client.state, mqtt.CLOSED)

    def test_speaking_without_a_connection_is_our_own_mistake(self):
        client = mqtt.Client("A", "A", "t")
        for speak in (lambda: client.publish("a", b"", 0, 0), lambda: client.subscribe("a", 0)):
            with self.assertRaises(LocalProtocolError):
                speak()
        client.connect(0)
        with self.assertRaises(LocalProtocolError):
            client.connect(0)


class PublishTest(unittest.TestCase):
    def test_quality_0_has_no_packet_id(self):
        client = connected()
        self.assertEqual(client.publish("t/1", b"xy", 0, 0), 0)
        self.assertEqual(client.data_to_send(), [b"\x30\x07\x00\x03t/1xy"])

    def test_quality_1_waits_for_the_broker(self):
        client = connected()
        self.assertEqual(client.publish("t", b"x", 1, 0), 1)
        self.assertEqual(client.data_to_send(), [b"\x32\x06\x00\x01t\x00\x01x"])
        self.assertEqual(client.unacknowledged(), 1)
        client.receive_data(b"\x40\x02\x00\x01", 1)
        self.assertEqual((client.unacknowledged(), client.events()), (0, [("published", 1)]))

    def test_a_long_one_has_a_long_length(self):
        client = connected()
        client.publish("t", b"x" * 200, 0, 0)
        self.assertEqual(client.data_to_send()[0][:3], b"\x30\xcb\x01")

    def test_what_is_long_is_not_copied(self):
        client, payload = connected(), b"x" * 2000
        client.publish("t", payload, 1, 0)
        head, said = client.data_to_send()
        self.assertEqual(head, b"\x32\xd5\x0f\x00\x01t\x00\x01")
        self.assertTrue(said is payload)

    def test_packet_ids_run_in_a_circle_without_0(self):
        client = connected()
        ids = {client.subscribe("t", 0) for _ in range(70)}
        client._packet_id = 0xFFFF
        self.assertEqual((client.subscribe("t", 0), len(ids)), (1, 70))


class ReceiveTest(unittest.TestCase):
    def test_a_message_arrives_in_any_portions(self):
        data = b"\x32\x0b\x00\x05a/b/c\x00\x07hi" + b"\x30\x04\x00\x01tz"
        for size in (1, 2, 3, 5, 100):
            client = connected()
            for begin in range(0, len(data), size):
                client.receive_data(data[begin : begin + size], 0)
            self.assertEqual(client.events(), [("message", "a/b/c", b"hi"), ("message", "t", b"z")])
            self.assertEqual(client.data_to_send(), [b"\x40\x02\x00\x07"])

    def test_what_is_too_large_is_read_past(self):
        client = connected()
        body = b"\x00\x01t" + b"x" * 9000
        client.receive_data(b"\x30\xab\x46" + body[:10], 0)
        for begin in range(10, len(body), 512):
            client.receive_data(body[begin : begin + 512], 0)
        client.receive_data(b"\x30\x04\x00\x01tz", 0)
        self.assertEqual([event[0] for event in client.events()], ["skipped", "message"])
        self.assertEqual(client.state, mqtt.CONNECTED)

    def test_a_subscription_is_answered(self):
        client = connected()
        packet_id = client.subscribe("panal/A/down/#", 0)
        client.receive_data(b"\x90\x03\x00\x01\x01", 0)
        self.assertEqual(client.events(), [("subscribed", packet_id, 1)])

    def test_nonsense_closes_and_never_raises(self):
        for data in (
            b"\x30\x01\x00",
            b"\x36\x05\x00\x01t\x00\x01",
            b"\x00\x00",
            b"\x30\xff\xff\xff\xff\xff",
            b"\x30\x04\x00\x02\xff\xfe",
        ):
            client = connected()
            client.receive_data(data, 0)
            self.assertEqual(client.state, mqtt.CLOSED, data)
            client.receive_data(b"\x30\x04\x00\x01tz", 0)
            self.assertEqual([event[0] for event in client.events()], ["closed"])

    def test_every_byte_may_come_first(self):
        for first in range(256):
            for second in (0, 1, 2, 3, 127):
                client = connected()
                client.receive_data(bytes((first, second)) + b"\x00" * second, 0)
                self.assertIn(client.state, (mqtt.CONNECTED, mqtt.CLOSED))


class KeepAliveTest(unittest.TestCase):
    def test_a_quiet_connection_is_pinged_in_time(self):
        client = connected()
        self.assertEqual(client.next_deadline_ms(), 18000)
        client.handle_deadline(17999)
        self.assertEqual(client.data_to_send(), [])
        client.handle_deadline(18000)
        self.assertEqual(client.data_to_send(), [PINGREQ])
        client.receive_data(PINGRESP, 18100)
        self.assertEqual(client.next_deadline_ms(), 36000)

    def test_talking_alone_does_not_hide_a_dead_peer(self):
        client = connected()
        for now in range(0, 18000, 1000):
            client.publish("t", b"", 0, now)
        client.data_to_send()
        client.handle_deadline(18000)
        self.assertEqual(client.data_to_send(), [PINGREQ])

    def test_a_silent_broker_is_given_up(self):
        client = connected()
        client.handle_deadline(18000)
        client.handle_deadline(27999)
        self.assertEqual(client.state, mqtt.CONNECTED)
        client.handle_deadline(28000)
        self.assertEqual((client.state, client.reason), (mqtt.CLOSED, "the broker is silent"))
        self.assertEqual(client.next_deadline_ms(), None)

    def test_goodbye_is_said(self):
        client = connected()
        client.disconnect(1)
        self.assertEqual((client.data_to_send(), client.state), ([b"\xe0\x00"], mqtt.CLOSED))


if __name__ == "__main__":
    unittest.main()
