"""A board of the older kind for tests, written from docs/wire/lights.md; and what such a board may do wrong."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from panal.cells.lights.visits import Place

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
FIVE_GB = b"HTTP/1.1 200 OK\r\nContent-Length: 5368709120\r\n\r\n"


class Stub:
    """`mood`: "well", "slow", "silent", "garbage", "endless", "endless_head", "redirect", "busy", "foreign"."""

    def __init__(self) -> None:
        self.mood = "well"
        self.asked: list[str] = []
        self.lights: dict[tuple[str, str], str] = {}
        self.firmware: list[tuple[str, bytes]] = []
        self.sent = 0
        self.place = Place("127.0.0.1")
        self.released = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        target = head.split(" ")[1]
        self.asked.append(target)
        if self.mood == "silent":
            await self.released.wait()
        elif self.mood == "endless":
            await self._pour(writer, FIVE_GB)
        elif self.mood == "endless_head":
            await self._pour(writer, b"HTTP/1.1 200 OK\r\nX: ")
        else:
            writer.write(await self._answer(head, target, reader))
            await writer.drain()

    async def _pour(self, writer: asyncio.StreamWriter, first: bytes) -> None:
        writer.write(first)
        while True:
            writer.write(b"a" * 16_384)
            await writer.drain()
            self.sent += 16_384

    async def _answer(self, head: str, target: str, reader: asyncio.StreamReader) -> bytes:
        if self.mood == "garbage":
            return b"\x00\xff nonsense \r\n\r\n"
        if self.mood == "redirect":
            return b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
        if self.mood == "busy":
            return b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
        if self.mood == "foreign":
            return OK + b"<html>a printer</html>"
        url = urlsplit(target)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/":
            return OK + f"New interval received: {int(asked['check_interval']) * 1000}".encode()
        if url.path == "/control_led":
            self.lights[asked["room"], asked["light"]] = asked["action"]
            return b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"status":"success"}'
        return await self._update(head, reader)

    async def _update(self, head: str, reader: asyncio.StreamReader) -> bytes:
        size = re.search(r"content-length: (\d+)", head.lower())
        assert size, head
        body = await reader.readexactly(int(size[1]))
        found = re.search(
            rb'name="firmware"; filename="([\w.]+)"\r\n[^\r]+\r\n\r\n(.*)\r\n--[-\w]+--\r\n$', body, re.DOTALL
        )
        assert found, body[:300]
        self.firmware.append((found[1].decode(), found[2]))
        if found[2].startswith(b"bad"):
            return b"HTTP/1.1 500 Error\r\n\r\nUpdate Failed"
        return OK + b"Update Success! Rebooting..."


@asynccontextmanager
async def stub_board() -> AsyncIterator[Stub]:
    stub = Stub()
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0)
    stub.place = Place("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        yield stub
    finally:
        stub.released.set()
        server.close()
        await server.wait_closed()
