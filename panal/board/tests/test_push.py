import asyncio
import unittest

from panal.board import push, slots, visitor

MARK = "x-a'b_1"
FILE = b'{"version":"1"}\n' + bytes(range(256)) * 5 + b"\r\n--x-a\r\n"


class Reader:
    """What comes over the air, in portions of at most `size`."""

    def __init__(self, data, size):
        self._data, self._size = data, size

    async def read(self, most):
        portion = self._data[: min(most, self._size)]
        self._data = self._data[len(portion) :]
        return portion


def body_of(file=FILE, name="firmware", end="--"):
    head = '--%s\r\nContent-Disposition: form-data; name="%s"; filename="firmware.bin"\r\n\r\n' % (MARK, name)
    return head.encode() + file + ("\r\n--%s%s\r\n" % (MARK, end)).encode()


def taken(body, size, begun=0, announced=None, kind='multipart/form-data; boundary="%s"' % MARK):
    """The file as a slot would see it."""
    length = len(body) if announced is None else announced
    head = "POST / HTTP/1.1\r\nContent-Type: %s\r\nContent-Length: %s" % (kind, length)

    async def take():
        form = push.Form(visitor.Request(head.encode(), body[:begun]), Reader(body[begun:], size))
        await form.open()
        line = await form.until(b"\n", 100)
        rest = bytearray(len(FILE) - len(line) - 1)
        await form.fill(memoryview(rest))
        await form.close()
        return line + b"\n" + bytes(rest)

    return asyncio.run(take())


class FormTest(unittest.TestCase):
    def test_the_file_is_read_in_any_portions(self):
        for size in (1, 7, 100, 5000):
            for begun in (0, 1, 90, 300):
                self.assertEqual(taken(body_of(), size, begun), FILE)

    def test_what_is_no_such_form_is_refused(self):
        body = body_of()
        for bad in (
            {"body": body_of(name="spiffs")},
            {"body": body_of(FILE[:-1])},
            {"body": body_of(FILE + b"x")},
            {"body": body[:-9]},
            {"body": b"x" * 3000},
            {"body": body_of(b"x" * 3000)},
            {"body": body, "announced": len(body) - 200},
            {"body": body, "announced": ""},
            {"body": body, "announced": "9" * 30},
            {"body": body, "announced": "-1"},
            {"body": body, "kind": "text/plain"},
            {"body": body, "kind": "multipart/form-data"},
            {"body": body, "kind": "multipart/form-data; boundary=" + "x" * 71},
            {"body": body, "kind": "multipart/form-data; boundary=other"},
        ):
            with self.assertRaises(slots.Bad):
                taken(size=100, **bad)
