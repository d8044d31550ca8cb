import asyncio
import unittest

from panal.board import http
from panal.board.tests import lines


def answers(data, size):
    answer = http.Answer()
    for begin in range(0, len(data), size):
        answer.receive_data(data[begin : begin + size])
    return answer


class AnswerTest(unittest.TestCase):
    def test_it_is_read_in_any_portions(self):
        data = b'HTTP/1.1 201 Created\r\ncontent-length: 11\r\nRetry-After: 7\r\n\r\n{"ok":true}'
        for size in (1, 2, 7, 1000):
            answer = answers(data, size)
            self.assertTrue(answer.is_whole)
            self.assertEqual((answer.status, answer.body, answer.headers["retry-after"]), (201, b'{"ok":true}', "7"))
            self.assertTrue(answer.can_be_kept)

    def test_chunks_are_put_together(self):
        data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n3;x=y\r\nefg\r\n0\r\n\r\n"
        for size in (1, 3, 1000):
            answer = answers(data, size)
            self.assertTrue(answer.is_whole)
            self.assertEqual(answer.body, b"abcdefg")

    def test_no_content_is_whole_at_once(self):
        self.assertTrue(answers(b"HTTP/1.1 204 No Content\r\n\r\n", 1000).is_whole)

    def test_an_empty_body_is_whole_at_once(self):
        self.assertTrue(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 1000).is_whole)

    def test_without_a_length_the_end_is_the_end(self):
        answer = answers(b"HTTP/1.0 200 OK\r\n\r\nabc", 1000)
        self.assertFalse(answer.is_whole)
        answer.receive_end()
        self.assertEqual((answer.is_whole, answer.body, answer.can_be_kept), (True, b"abc", False))

    def test_what_does_not_fit_is_refused(self):
        for data in (
            b"HTTP/1.1 200 OK\r\nContent-Length: 8193\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5000,
            b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 9000,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            b"SSH-2.0\r\n\r\n",
            b"HTTP/1.1\r\n\r\n",
        ):
            with self.assertRaises(http.BadAnswer):
                answers(data, 512)

    def test_an_end_in_the_middle_is_an_error(self):
        with self.assertRaises(http.BadAnswer):
            answers(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", 100).receive_end()


OK = b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}'


class ClientTest(unittest.TestCase):
    def request(self, lines, times=1):
        self.opened = 0

        async def connect():
            self.opened += 1
            return lines[self.opened - 1]

        async def run():
            client = http.Client(connect, "h:1", ("X-Device-Id: A",))
            for _ in range(times):
                found = await client.request("POST", "/p", {"b": 2})
            return found

        return asyncio.run(run())

    def test_a_request_is_what_the_standard_says(self):
        line = lines.Line(OK)
        self.assertEqual(self.request([line]), (200, {"a": 1}, None))
        head, _, body = line.written.partition(b"\r\n\r\n")
        self.assertEqual(body, b'{"b":2}')
        expected = [
            b"POST /p HTTP/1.1",
            b"Host: h:1",
            b"X-Device-Id: A",
            b"Content-Type: application/json",
            b"Content-Length: 7",
        ]
        self.assertEqual(head.split(b"\r\n"), expected)

    def test_a_connection_is_kept(self):
        self.request([lines.Line(OK, OK)], times=2)
        self.assertEqual(self.opened, 1)

    def test_a_kept_connection_that_went_away_is_opened_again(self):
        self.assertEqual(self.request([lines.Line(OK), lines.Line(OK)], times=2)[0], 200)
        self.assertEqual(self.opened, 2)

    def test_a_new_connection_that_goes_away_is_an_error(self):
        with self.assertRaises(OSError):
            self.request([lines.Line()])

    def test_a_page_that_is_not_ours_is_no_document(self):
        page = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>"
        self.assertEqual(self.request([lines.Line(page)]), (502, None, None))


if __name__ == "__main__":
    unittest.main()
