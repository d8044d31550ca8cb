"""The captive portal: while the access point is open, every name and every path lead to the set-up page.

Phones and computers find out whether a network leads to the internet by asking for something known; each of those
questions gets a redirection here, which is what makes them open their sign-in sheet: /generate_204 (Android),
/hotspot-detect.html (Apple), /connecttest.txt and /ncsi.txt (Windows), /success.txt and /canonical.html (Firefox).
"""

import asyncio
import json
import socket

from panal.board import dns
from panal.protocol.errors import BadRequest

ADDRESS = bytes((192, 168, 4, 1))
POLL_S = 0.05
LANGUAGES = ("en", "es")
MAX_NETWORKS = 20
REQUEST_BYTES = 2048
READ_BYTES = 256
REQUEST_S = 10
AT_ONCE = 4  # a phone asks several things together; each costs memory


class Portal:
    def __init__(self, setup, hardware, log, name):
        """`setup`: scan(), choose(ssid, password), result(). `hardware.PORTAL`: host, port, DNS port, address shown."""
        self._setup = setup
        self._host, self._port, self._dns_port, self._url = hardware.PORTAL
        self._log = log
        self._name = name
        self._networks = []
        self._tasks = []
        self._server = None
        self._busy = 0

    def open(self):
        self._tasks = [asyncio.create_task(self._serve_names()), asyncio.create_task(self._serve_pages())]

    def close(self):
        for task in self._tasks:
            task.cancel()
        if self._server is not None:
            self._server.close()

    async def _serve_names(self):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(socket.getaddrinfo(self._host, self._dns_port)[0][-1])
            server.setblocking(False)
            while True:
                self._answer(server)
                await asyncio.sleep(POLL_S)
        finally:
            server.close()

    def _answer(self, server):
        try:
            question, peer = server.recvfrom(dns.MAX_BYTES)  # allocated whether somebody asks or not
            found = dns.answer(question, ADDRESS)
            if found is not None:
                server.sendto(found, peer)
        except OSError:  # nobody asks, or who asked has gone
            pass

    async def _serve_pages(self):
        self._networks = self._scan()
        self._server = await asyncio.start_server(self._serve, self._host, self._port)

    async def _serve(self, reader, writer):
        """One request, one answer, and the end: HTTP/1.1 as far as a portal needs it (RFC 9112)."""
        self._busy += 1
        try:
            if self._busy <= AT_ONCE:
                await asyncio.wait_for(self._converse(reader, writer), REQUEST_S)
        except (OSError, asyncio.TimeoutError):  # noqa: UP041  a class of its own on MicroPython
            pass
        except MemoryError:
            self._log.warning("portal: no memory")
        finally:
            self._busy -= 1
            writer.close()
            await writer.wait_closed()

    async def _converse(self, reader, writer):
        data = b""
        while not _is_whole(data):
            portion = await reader.read(READ_BYTES)
            if not portion or len(data) > REQUEST_BYTES:
                return
            data += portion
        head, _, body = data.partition(b"\r\n\r\n")
        words = head.split(b" ", 2)
        asked = b" ".join(words[:2])
        if asked == b"GET /" or asked.startswith(b"GET /?"):
            await self._send_page(writer)
        elif asked == b"GET /state":
            await _send(writer, "200 OK", self._state(head))
        elif asked == b"POST /scan":
            self._search()
            await _send(writer, "200 OK", self._state(head))
        elif asked == b"POST /join":
            await _send(writer, *self._join(body))
        else:
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: %s\r\n%s\r\n" % (self._url.encode(), NO_BODY))
            await writer.drain()

    async def _send_page(self, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n%s\r\n" % COMMON)
        with open(__file__.rpartition("/")[0] + "/assets/portal.html", "rb") as file:
            while portion := file.read(READ_BYTES):
                writer.write(portion)
                await writer.drain()

    def _state(self, head):
        state, reason = self._setup.result()
        spoken, networks = language(_header(head, b"accept-language")), self._networks
        return {"name": self._name, "language": spoken, "state": state, "reason": reason, "networks": networks}

    def _search(self):
        if self._setup.result()[0] not in ("trying", "reaching"):  # the radio can do one thing at a time
            self._networks = self._scan()

    def _scan(self):
        """Networks as [ssid, rssi, is_locked], the strongest first, each name once."""
        try:
            found = sorted(self._setup.scan(), key=lambda network: -network[1])
        except OSError:
            return self._networks
        names, networks = [], []
        for ssid, rssi, is_locked in found:
            if ssid and ssid not in names:
                names.append(ssid)
                networks.append([ssid, rssi, is_locked])
        return networks[:MAX_NETWORKS]

    def _join(self, body):
        try:
            document = json.loads(body)
            self._setup.choose(document.get("ssid"), document.get("password"))
        except BadRequest as error:
            return "400 Bad Request", {"error": error.code}
        except (ValueError, AttributeError):
            return "400 Bad Request", {"error": "not_json"}
        return "200 OK", {}


COMMON = b"Cache-Control: no-store\r\nConnection: close\r\n"
NO_BODY = COMMON + b"Content-Length: 0\r\n"


async def _send(writer, status, document):
    body = json.dumps(document).encode()
    head = "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % (status, len(body))
    writer.write(head.encode() + COMMON + b"\r\n" + body)
    await writer.drain()


def _is_whole(data):
    """Whether a request is all there: its head, and as much after it as the head announces."""
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        return False
    length = _header(head, b"content-length")
    return not length.isdigit() or len(body) >= int(length)


def _header(head, name):
    """The text of a header, "" where it is absent."""
    for line in head.split(b"\r\n")[1:]:
        found, _, value = line.partition(b":")
        if found.lower() == name:
            try:
                return value.strip().decode()
            except UnicodeError:
                return ""
    return ""


def language(accepted):
    """The first of our languages that a browser's Accept-Language names; they come in the order of preference."""
    for part in accepted.lower().split(","):
        if part.strip()[:2] in LANGUAGES:
            return part.strip()[:2]
    return LANGUAGES[0]
