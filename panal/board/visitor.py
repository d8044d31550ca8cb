"""Somebody's browser at this board: one request, one answer, and the end (HTTP/1.1, RFC 9112, as far as needed)."""

import asyncio
import binascii
import json

from panal.protocol import keys

READ_BYTES = 256
REQUEST_BYTES = 2048
VISIT_S = 10
LETTER = 65  # what begins lower is no method of HTTP, and a TLS hello for one: no memory is spent on it
UNAUTHORIZED = "401 Unauthorized"
LANGUAGES = ("en", "es")
COMMON = "Cache-Control: no-store\r\nConnection: close\r\n"


class Request:
    def __init__(self, head, body):
        words = head.split(b" ", 2)
        self.method = _text(words[0])
        path, _, query = _text(words[1] if len(words) > 1 else b"").partition("?")
        self.path = path
        self.query = query
        self.head = head
        self.body = body

    def header(self, name):
        """The text of a header, "" where it is absent; `name` in lower case."""
        return header(self.head, name)

    def arguments(self):
        """What stands behind the question mark, as a dict."""
        found = {}
        for pair in self.query.split("&"):
            name, _, value = pair.partition("=")
            found[unquoted(name)] = unquoted(value)
        return found

    def document(self):
        """The body as a JSON object. Raises ValueError."""
        found = json.loads(self.body)
        if not isinstance(found, dict):
            raise ValueError("not_json")
        return found


class Visit:
    """What `answer(request, visit)` of a server answers with."""

    def __init__(self, writer):
        self._writer = writer

    async def send(self, status, kind, body, more=""):
        """`more`: further header lines, each with its end."""
        head = "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s%s\r\n"
        self._writer.write((head % (status, kind, len(body), COMMON, more)).encode() + body)
        await self._writer.drain()

    async def send_document(self, document, status="200 OK", more=""):
        await self.send(status, "application/json", json.dumps(document).encode(), more)

    async def send_unauthorized(self):
        """To a program that has shown no token."""
        await self.send_document({"status": "error", "message": "token"}, UNAUTHORIZED, "WWW-Authenticate: Basic\r\n")

    async def send_page(self, path):
        self._writer.write(("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n%s\r\n" % COMMON).encode())
        with open(path, "rb") as file:
            while portion := file.read(READ_BYTES):
                self._writer.write(portion)
                await self._writer.drain()

    async def redirect(self, url):
        head = "HTTP/1.1 302 Found\r\nLocation: %s\r\n%sContent-Length: 0\r\n\r\n" % (url, COMMON)
        self._writer.write(head.encode())
        await self._writer.drain()


async def converse(reader, writer, answer, log, stream=None):
    """One visit, bounded in size and time; `await answer(request, visit)` says something. Closes the connection.

    `stream`: how a request begins whose body is too long to be read here, and `function(request, visit, reader)` for
    it, which bounds itself; `request.body` is then what came with the head.
    """
    try:
        request = await asyncio.wait_for(_converse(reader, writer, answer, stream and stream[0]), VISIT_S)
        if request is not None:
            await stream[1](request, Visit(writer), reader)
            await ignore(reader)
    except (OSError, asyncio.TimeoutError):  # noqa: UP041  a class of its own on MicroPython
        pass
    except MemoryError:
        log.warning("visitor: no memory")
    finally:
        writer.close()
        await writer.wait_closed()


async def _converse(reader, writer, answer, streamed):
    """The request, if it is for a stream and not answered yet."""
    data, is_streamed = b"", False
    while not (is_streamed or is_whole(data)):
        portion = await reader.read(READ_BYTES)
        if not portion or len(data) > REQUEST_BYTES or (data or portion)[0] < LETTER:
            return None
        data += portion
        is_streamed = streamed is not None and data.startswith(streamed) and b"\r\n\r\n" in data
    head, _, body = data.partition(b"\r\n\r\n")
    request = Request(head, body)
    if is_streamed:
        return request
    await answer(request, Visit(writer))
    return None


async def ignore(reader):
    """The rest of what somebody sends: they would not hear the answer of somebody who hangs up."""
    try:
        await asyncio.wait_for(_read_all(reader), VISIT_S)
    except asyncio.TimeoutError:  # noqa: UP041  a class of its own on MicroPython
        pass


async def _read_all(reader):
    while await reader.read(READ_BYTES):
        pass


def is_whole(data):
    """Whether a request is all there: its head, and as much after it as the head announces."""
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        return False
    length = header(head, "content-length")
    return not length.isdigit() or len(body) >= int(length)


def header(head, name):
    name = name.encode()
    for line in head.split(b"\r\n")[1:]:
        found, _, value = line.partition(b":")
        if found.lower() == name:
            return _text(value.strip())
    return ""


def _text(data):
    try:
        return data.decode()
    except UnicodeError:
        return ""


def has_token(request, token):
    """Whether a program shows this token, as over HTTP to the server: X-Device-Key, Bearer or Basic."""
    shown = request.header("x-device-key")
    kind, _, value = request.header("authorization").partition(" ")
    if kind == "Bearer":
        shown = value.rpartition(":")[2]
    elif kind == "Basic":
        try:
            shown = binascii.a2b_base64(value).decode().rpartition(":")[2]
        except ValueError:
            return False
    return bool(shown) and keys.same(shown.encode(), token.encode())


def unquoted(text):
    """%41 and + as they are meant."""
    parts = text.replace("+", " ").split("%")
    data = parts[0].encode()
    for part in parts[1:]:
        try:
            data += bytes((int(part[:2], 16),)) + part[2:].encode()
        except ValueError:
            data += b"%" + part.encode()
    return _text(data)


def language(accepted):
    """The first of our languages that a browser's Accept-Language names; they come in the order of preference."""
    for part in accepted.lower().split(","):
        if part.strip()[:2] in LANGUAGES:
            return part.strip()[:2]
    return LANGUAGES[0]
