"""HTTP/1.1, the client's half: a bounded parser of answers, and one connection that is kept alive.

Source: RFC 9112. What does not fit into a board's memory is an OSError like any other failure of the network.
"""

import asyncio
import errno

from panal.protocol import codec
from panal.protocol.errors import PanalError

MAX_HEAD = 4096
MAX_BODY = 8192
READ_BYTES = 512
LONG = 1024  # bytes of a body


class BadAnswer(OSError):
    """The server, or somebody between, sent what is no answer."""


class Answer:
    """Takes an answer's bytes in any portions until `is_whole`; the body goes `into` a buffer where there is one."""

    def __init__(self, into=None):
        self.status = None
        self.headers = {}
        self.body = b""
        self.size = 0
        self._into = into
        self.is_whole = False
        self._buffer = b""
        self._left = None  # bytes of body still to come; None until the head is there
        self._is_chunked = False

    def receive_data(self, data):
        self._buffer += data
        if self._left is None and not self._take_head():
            return
        while not self.is_whole and self._take_body():
            pass

    def receive_end(self):
        """The peer closed; right only for an answer whose length nobody told."""
        if self._left != -1:
            raise BadAnswer(errno.ECONNRESET)
        self.is_whole = True

    @property
    def can_be_kept(self):
        return self._left != -1 and self.headers.get("connection", "").lower() != "close"

    def _take_head(self):
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise BadAnswer(errno.ENOBUFS)
            return False
        lines = self._buffer[:end].split(b"\r\n")
        self._buffer = self._buffer[end + 4 :]
        self.status = _status(lines[0])
        for line in lines[1:]:
            self._take_header(line)
        self._is_chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        self._left = self._length()
        return True

    def _take_header(self, line):
        name, _, value = line.partition(b":")
        name = name.lower()
        # The few we look at; what others hold is not kept in memory.
        if name in (b"content-length", b"connection", b"transfer-encoding", b"retry-after"):
            self.headers[name.decode()] = value.decode().strip()

    def _length(self):
        if self.status == 204 or self.status == 304:
            return 0
        if self._is_chunked:
            return 0
        try:
            length = int(self.headers.get("content-length", -1))
        except ValueError:
            raise BadAnswer(errno.EINVAL)
        if length > MAX_BODY:
            raise BadAnswer(errno.ENOBUFS)
        return length

    def _take_body(self):
        """Move what is there from the buffer to the body; False when more must come first."""
        if self._is_chunked and not self._left and self.status not in (204, 304):
            return self._take_chunk_line()
        part = self._buffer if self._left < 0 else self._buffer[: self._left]
        self._keep(part)
        self._buffer = self._buffer[len(part) :]
        if self._left > 0:
            self._left -= len(part)
        if self._left == 0 and not self._is_chunked:
            self.is_whole = True
        return self._is_chunked and self._left == 0

    def _keep(self, part):
        end = self.size + len(part)
        if end > (MAX_BODY if self._into is None else len(self._into)):
            raise BadAnswer(errno.ENOBUFS)
        if self._into is None:
            self.body += part
        else:
            self._into[self.size : end] = part
        self.size = end

    def _take_chunk_line(self):
        """RFC 9112 section 7.1. The line end after a chunk's data is an empty line here."""
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise BadAnswer(errno.ENOBUFS)
            return False
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        if not line:
            return True
        try:
            self._left = int(line.split(b";")[0].decode(), 16)
        except ValueError:
            raise BadAnswer(errno.EINVAL)
        if self._left > MAX_BODY or self._left < 0:
            raise BadAnswer(errno.ENOBUFS)
        # The last chunk has no length; trailers are never sent to us, the empty line after it is left in the buffer.
        self.is_whole = self._left == 0
        return True


def _status(line):
    parts = line.split(b" ")
    try:
        if not parts[0].startswith(b"HTTP/1."):
            raise ValueError
        return int(parts[1])
    except (ValueError, IndexError):
        raise BadAnswer(errno.EINVAL)


class Client:
    """Requests to one server, one at a time, over one connection: an ESP32 has memory for one TLS session only."""

    def __init__(self, connect, host, headers):
        """`connect()` opens a stream (see net.Stream). `headers`: lines without their ends, sent with every request."""
        self._connect = connect
        self._head = "Host: %s\r\n%s" % (host, "".join([line + "\r\n" for line in headers]))
        self._stream = None
        self._lock = asyncio.Lock()

    async def request(self, method, path, document=None, timeout_s=20):
        """(status, document or None, seconds of Retry-After or None). Raises OSError for everything of the network."""
        answer = await self._ask(self._pieces(method, path, document), timeout_s)
        document = None
        if answer.body:
            try:
                document = codec.decode(answer.body, MAX_BODY)
            except PanalError:
                document = None  # a proxy's page, not ours; the status says enough
        return answer.status, document, _seconds(answer.headers.get("retry-after"))

    async def fetch(self, path, offset, into, timeout_s=20):
        """(status, size, seconds or None) of a part of a file, which begins at `offset` and fills the buffer.

        RFC 9110 section 14. Raises OSError.
        """
        span = "Range: bytes=%d-%d" % (offset, offset + len(into) - 1)
        head = "GET %s HTTP/1.1\r\n%s%s\r\n\r\n" % (path, self._head, span)
        answer = await self._ask([head.encode()], timeout_s, into)
        return answer.status, answer.size, _seconds(answer.headers.get("retry-after"))

    async def _ask(self, pieces, timeout_s, into=None):
        async with self._lock:
            try:
                return await asyncio.wait_for(self._answer(pieces, into), timeout_s)
            except asyncio.TimeoutError:  # noqa: UP041  a class of its own on MicroPython
                self.close()
                raise OSError(errno.ETIMEDOUT)
            except BaseException:  # also when we are cancelled: half an answer may still be on its way
                self.close()
                raise

    def close(self):
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    async def _answer(self, pieces, into):
        if self._stream is not None:
            answer = await self._over_kept_connection(pieces, into)
            if answer is not None:
                return self._finish(answer)
        self._stream = await self._connect()
        return self._finish(await self._exchange(pieces, into))

    async def _over_kept_connection(self, pieces, into):
        """An answer over the kept connection, or None when the server had closed it: ours may all be said twice."""
        try:
            return await self._exchange(pieces, into)
        except OSError:
            self.close()
            return None

    def _pieces(self, method, path, document):
        """One, which is one segment, unless it is long: there may be no room for a second copy of the body."""
        head = "%s %s HTTP/1.1\r\n%s" % (method, path, self._head)
        if document is None:
            return [(head + "\r\n").encode()]
        body = codec.encode(document)
        head = (head + "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)).encode()
        return [head + body] if len(body) < LONG else [head, body]

    async def _exchange(self, pieces, into):
        for data in pieces:
            await self._stream.write(data)
        answer = Answer(into)
        while not answer.is_whole:
            portion = await self._stream.read(READ_BYTES)
            if portion:
                answer.receive_data(portion)
            else:
                answer.receive_end()
        return answer

    def _finish(self, answer):
        if not answer.can_be_kept:
            self.close()
        return answer


def _seconds(text):
    try:
        return max(0, min(int(text), 3600))
    except (TypeError, ValueError):
        return None
