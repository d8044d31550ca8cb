import asyncio
import unittest

from panal.board.tests import lines
from panal.board.updates import EVERY_MS
from panal.cells.updates import asking

NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"
OFFER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
BUSY = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Board:
    """With a place for updates, and a server that gives one answer, or none."""

    FIRMWARE = "1.0.0"

    def __init__(self, answer):
        self.line = answer and lines.Line(answer)
        self.hardware = self.log = self.link = self
        self.config = {"device_id": "ABCDEFGH", "token": "0" * 64, "model": "wearable-1"}
        self.server = ("192.168.1.2", 80)
        self.tls = None
        self.is_busy = False
        self.was_busy = []
        self.has_slots = True
        self.failures = 0  # of its updates

    def boot(self):
        return self if self.has_slots else None

    def random(self):
        return 0.5

    def info(self, message):
        pass

    def drop(self):
        self.was_busy.append(self.is_busy)

    async def connect(self, address, tls):
        if self.line is None:
            raise OSError(113, "EHOSTUNREACH")
        return self.line


def look(board):
    return asyncio.run(asking.look(board, board))


class LookTest(unittest.TestCase):
    def test_there_is_nothing(self):
        board = Board(NOTHING)
        self.assertEqual(look(board), EVERY_MS)
        head = board.line.written.split(b"\r\n")
        self.assertEqual(head[0], b"GET /api/v1/updates/next?version=1.0.0&board=wearable-1 HTTP/1.1")
        self.assertTrue(b"X-Device-Id: ABCDEFGH" in head)
        self.assertTrue(board.line.is_closed)

    def test_there_is_something(self):
        self.assertEqual(look(Board(OFFER)), None)

    def test_what_is_refused_is_asked_again_tomorrow(self):
        self.assertEqual(look(Board(REFUSED)), EVERY_MS)

    def test_a_server_that_has_no_time_is_asked_when_it_says(self):
        self.assertEqual(look(Board(BUSY)), 30000)

    def test_a_network_that_fails_is_tried_less_and_less_often(self):
        board = Board(None)
        waits = [look(board) for _ in range(3)]
        self.assertEqual(waits, [1000, 2000, 4000])
        board.line = lines.Line(NOTHING)
        look(board)
        board.line = None
        self.assertEqual(look(board), 1000)

    def test_over_tls_the_link_waits_and_goes_on(self):
        board = Board(NOTHING)
        board.tls = object()
        look(board)
        self.assertEqual(board.was_busy, [True])
        self.assertFalse(board.is_busy)

    def test_without_a_place_for_it_nobody_is_asked(self):
        board = Board(OFFER)
        board.has_slots = False
        self.assertEqual(look(board), EVERY_MS)
        self.assertEqual(board.line.written, b"")

    def test_without_tls_no_public_address_hears_the_token(self):
        board = Board(OFFER)
        board.server = None
        self.assertEqual(look(board), 1000)
        self.assertEqual(board.line.written, b"")


if __name__ == "__main__":
    unittest.main()
