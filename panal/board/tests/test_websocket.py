import unittest

from panal.board import websocket
from panal.protocol.errors import LocalProtocolError

KEY = b"the sample nonce"  # RFC 6455 section 1.3
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def random(n):
    return KEY[:n]


def unmasked(data):
    """[(opcode, payload)] of whole frames, as a server reads them."""
    found = []
    while data:
        length, begin = data[1] & 127, 2
        assert data[1] & 128, "a client's frame must be masked"
        if length > 125:
            begin = 4 if length == 126 else 10
            length = int.from_bytes(data[2:begin], "big")
        mask, body = data[begin : begin + 4], bytearray(data[begin + 4 : begin + 4 + length])
        for index in range(length):
            body[index] ^= mask[index & 3]
        found.append((data[0] & 15, bytes(body)))
        data = data[begin + 4 + length :]
    return found


def frame(opcode, payload=b"", is_last=True):
    head = bytes((opcode | (128 if is_last else 0),))
    if len(payload) < 126:
        return head + bytes((len(payload),)) + payload
    return head + b"\x7e" + len(payload).to_bytes(2, "big") + payload


class HandshakeTest(unittest.TestCase):
    def setUp(self):
        self.client = websocket.Client("example.com:6972", "/", random)
        self.client.connect(0)

    def test_it_asks_as_the_rfc_says(self):
        request = b"".join(self.client.data_to_send())
        self.assertTrue(request.startswith(b"GET / HTTP/1.1\r\nHost: example.com:6972\r\n"))
        self.assertIn(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", request)
        self.assertTrue(request.endswith(b"\r\n\r\n"))

    def test_the_answer_may_come_in_single_bytes(self):
        for index in range(len(ANSWER)):
            self.client.receive_data(ANSWER[index : index + 1], 1)
        self.assertEqual(self.client.events(), [("open",)])

    def test_it_shows_the_headers_that_it_is_given(self):
        client = websocket.Client("example.com:6972", "/device", random, 100, ("X-Device-Id: A", "X-Device-Key: B"))
        client.connect(0)
        request = b"".join(client.data_to_send())
        self.assertTrue(request.endswith(b"Sec-WebSocket-Version: 13\r\nX-Device-Id: A\r\nX-Device-Key: B\r\n\r\n"))

    def test_a_wrong_answer_ends_it(self):
        self.client.receive_data(ANSWER.replace(b"s3pP", b"s4pP"), 1)
        self.assertEqual(self.client.state, websocket.CLOSED)

    def test_a_refusal_says_its_status(self):
        self.client.receive_data(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 1)
        self.assertEqual(self.client.events(), [("closed", "refused: status 404")])

    def test_an_endless_head_ends_it(self):
        for _ in range(5):
            self.client.receive_data(b"x" * 1000, 1)
        self.assertEqual(self.client.state, websocket.CLOSED)

    def test_silence_ends_it(self):
        self.client.handle_deadline(self.client.next_deadline_ms())
        self.assertEqual(self.client.reason, "the server is silent")

    def test_nothing_is_said_before_it_is_open(self):
        with self.assertRaises(LocalProtocolError):
            self.client.send_text("{}")


class OpenTest(unittest.TestCase):
    def setUp(self):
        self.client = websocket.Client("example.com", "/", random)
        self.client.connect(0)
        self.sent()
        self.client.receive_data(ANSWER, 0)
        self.client.events()

    def sent(self):
        return b"".join(self.client.data_to_send())

    def test_a_server_reads_what_we_say_of_every_length(self):
        for length in (0, 1, 125, 126, 1023, 1024, 1025, 4097):
            payload = bytes([index * 7 & 255 for index in range(256)]) * (length // 256 + 1)
            self.client.send_binary(memoryview(payload)[:length])
            self.assertEqual(unmasked(self.sent()), [(websocket.BINARY, payload[:length])])

    def test_a_large_frame_leaves_in_small_blocks(self):
        self.client.send_binary(bytes(30000))
        self.assertLess(max([len(block) for block in self.client.data_to_send()]), 1100)

    def test_the_head_of_a_very_large_frame_has_eight_bytes_of_length(self):
        self.assertEqual(websocket.head_of(websocket.BINARY, 66000), b"\x82\xff" + (66000).to_bytes(8, "big"))

    def test_texts_come_whole_in_single_bytes_and_in_fragments(self):
        said = frame(1, "señal".encode()) + frame(1, b"a", False) + frame(9, b"now?") + frame(0, b"b")
        for index in range(len(said)):
            self.client.receive_data(said[index : index + 1], 1)
        self.assertEqual(self.client.events(), [("text", "señal"), ("text", "ab")])
        self.assertEqual(unmasked(self.sent()), [(websocket.PONG, b"now?")])

    def test_what_breaks_the_rules_ends_it_with_the_right_code(self):
        wrong = (
            (b"\x81\x81abcde", 1002),  # masked
            (b"\xc1\x01a", 1002),  # an extension's bit
            (b"\x83\x01a", 1002),  # no such opcode
            (b"\x80\x01a", 1002),  # continues nothing
            (frame(1, b"a", False) + frame(1, b"b"), 1002),
            (b"\x09\x00", 1002),  # a ping in fragments
            (b"\x89\x7e\x00\x80", 1002),  # a ping too long
            (b"\x82\x7f" + b"\x7f" * 8, 1009),
            (frame(1, b"\xff\xfe"), 1007),
        )
        for said, code in wrong:
            self.setUp()
            self.client.receive_data(said, 1)
            self.assertEqual(self.client.state, websocket.CLOSED)
            self.assertEqual(unmasked(self.sent()), [(websocket.CLOSE, code.to_bytes(2, "big"))], said)

    def test_who_cannot_end_it_reads_past_what_is_too_large(self):
        self.client = websocket.Client("example.com", "/device", random, 100, ())
        self.client.connect(0)
        self.sent()
        said = ANSWER + frame(1, b"a" * 5000) + frame(1, b"b") + frame(1, b"c" * 101) + frame(1, b"d")
        for begin in range(0, len(said), 512):
            self.client.receive_data(said[begin : begin + 512], 1)
        heard = [("open",), ("skipped", 5004), ("text", "b"), ("skipped", 103), ("text", "d")]
        self.assertEqual(self.client.events(), heard)
        self.assertEqual(self.client.state, websocket.OPEN)

    def test_endless_fragments_are_bounded(self):
        for _ in range(9):
            self.client.receive_data(frame(2, bytes(1000), False) if not _ else frame(0, bytes(1000), False), 1)
        self.assertEqual(self.client.state, websocket.CLOSED)

    def test_a_goodbye_is_answered_and_its_code_kept(self):
        self.client.receive_data(frame(8, b"\x03\xf0bye"), 1)
        self.assertEqual(unmasked(self.sent()), [(websocket.CLOSE, b"\x03\xf0")])
        self.assertEqual((self.client.code, self.client.events()), (1008, [("closed", "closed by the server: 1008")]))

    def test_who_is_quiet_is_asked_and_who_does_not_answer_is_left(self):
        self.client.handle_deadline(self.client.next_deadline_ms())
        self.assertEqual(unmasked(self.sent()), [(websocket.PING, b"")])
        self.client.receive_data(frame(10), 31000)
        self.assertEqual(self.client.state, websocket.OPEN)
        self.client.handle_deadline(self.client.next_deadline_ms())
        self.client.handle_deadline(self.client.next_deadline_ms())
        self.assertEqual(self.client.reason, "the server is silent")


if __name__ == "__main__":
    unittest.main()
