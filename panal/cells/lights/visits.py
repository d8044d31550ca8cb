"""One HTTP request to a board of the older kind, bounded in every way: address, time, bytes, no redirect.

Wire: docs/wire/lights.md, "Boards of the older kind". A board is called by the address that was entered and checked; no
name is ever looked up, so none can come to mean another machine. What it answers is read up to a small bound and never
shown: it is either one of the answers that these boards give, or trouble with a name.
"""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlencode

import h11

CONNECT_S = 3.0
ANSWER_S = 5.0
PUSH_S = 180.0
MAX_HEAD = 4096
MAX_BODY = 4096
READ = 4096
PIECE = 4096
BOUNDARY = "panal-firmware-6f1d2c9a"

REFUSED = "refused"
SILENT = "silent"
GARBAGE = "garbage"
ENDLESS = "endless"
REDIRECT = "redirect"
STATUS = "status"
FOREIGN = "foreign"
FAILED = "failed"
TROUBLES = (REFUSED, SILENT, GARBAGE, ENDLESS, REDIRECT, STATUS, FOREIGN, FAILED)


class Place(NamedTuple):
    """Where a board is: an address, never a name."""

    address: str
    port: int = 80


class Trouble(Exception):
    """Why a visit came to nothing; `code` is one of TROUBLES."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Answer(NamedTuple):
    status: int
    text: str


def place_of(text: str, networks: str) -> Place:
    """The place that "192.168.1.40" or "192.168.1.40:8080" is. Raises ValueError for a name, and outside `networks`."""
    address, port = _split(text.strip())
    found = ipaddress.ip_address(address)
    if not any(found.version == net.version and found in net for net in networks_of(networks)):
        raise ValueError("outside")
    if not 1 <= port <= 65535:
        raise ValueError("port")
    return Place(str(found), port)


def networks_of(text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]


def _split(text: str) -> tuple[str, int]:
    if text.startswith("["):
        address, bracket, rest = text[1:].partition("]")
        if not bracket or rest[:1] not in ("", ":"):
            raise ValueError("bracket")
        return address, int(rest[1:]) if rest else 80
    if text.count(":") == 1:
        address, _, port = text.partition(":")
        return address, int(port)
    return text, 80


async def check(place: Place, interval_s: int) -> None:
    """Whether the board is alive, and how often we ask. Raises Trouble."""
    answer = await ask(place, "GET", f"/?check_interval={interval_s}")
    if not answer.text.startswith(("Home is Online", "New interval received")):
        raise Trouble(FOREIGN)


async def switch(place: Place, room: str, light: str, is_on: bool) -> None:
    """Raises Trouble unless the board says that it has done so."""
    query = urlencode({"room": room, "light": light, "action": "on" if is_on else "off"})
    answer = await ask(place, "GET", f"/control_led?{query}")
    if '"status":"success"' not in answer.text.replace(" ", ""):
        raise Trouble(FAILED)


async def push(place: Place, name: str, data: bytes, progress: Callable[[int], None]) -> None:
    """Give it firmware; `progress` hears how many bytes have left. Raises Trouble."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="firmware"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{BOUNDARY}--\r\n".encode()
    body = (head, *(data[start : start + PIECE] for start in range(0, len(data), PIECE)), tail)
    headers = [("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")]
    size = len(head) + len(data) + len(tail)
    answer = await ask(place, "POST", "/django_update_firmware", headers, body, size, PUSH_S, progress)
    if not answer.text.startswith("Update Success"):
        raise Trouble(FAILED)


async def ask(
    place: Place,
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    body: Iterable[bytes] = (),
    size: int = 0,
    within_s: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> Answer:
    """One request on a connection of its own. Raises Trouble, and nothing else."""
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(place.address, place.port, limit=READ)
    except TimeoutError:
        raise Trouble(SILENT) from None
    except OSError:
        raise Trouble(REFUSED) from None
    try:
        async with asyncio.timeout(ANSWER_S if within_s is None else within_s):
            host = f"[{place.address}]" if ":" in place.address else place.address
            wanted = [("Host", host), ("Connection", "close"), *headers]
            if size:
                wanted.append(("Content-Length", str(size)))
            request = h11.Request(method=method, target=target, headers=wanted)
            return await _talk(reader, writer, request, body, progress)
    except TimeoutError:
        raise Trouble(SILENT) from None
    except OSError:
        raise Trouble(REFUSED) from None
    except h11.RemoteProtocolError:
        raise Trouble(GARBAGE) from None
    finally:
        writer.transport.abort()  # what it still says is nobody's: a goodbye would wait for it


async def _talk(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    request: h11.Request,
    body: Iterable[bytes],
    progress: Callable[[int], None] | None,
) -> Answer:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    writer.write(connection.send(request) or b"")
    sent = 0
    for piece in body:
        writer.write(connection.send(h11.Data(data=piece)) or b"")
        await writer.drain()
        sent += len(piece)
        if progress:
            progress(sent)
    writer.write(connection.send(h11.EndOfMessage()) or b"")
    with suppress(ConnectionError):  # it may have answered before it had all
        await writer.drain()
    return await _answer(reader, connection)


async def _answer(reader: asyncio.StreamReader, connection: h11.Connection) -> Answer:
    status, text = 0, b""
    async for event in _events(reader, connection):
        if isinstance(event, h11.Response):
            status = event.status_code
            if 300 <= status < 400:
                raise Trouble(REDIRECT)
        elif isinstance(event, h11.Data):
            text += event.data
            if len(text) > MAX_BODY:
                raise Trouble(ENDLESS)
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            break
    if status != 200:
        raise Trouble(FAILED if status == 500 else STATUS if status else GARBAGE)
    return Answer(status, text.decode("utf-8", "replace").strip())


async def _events(reader: asyncio.StreamReader, connection: h11.Connection) -> AsyncIterator[object]:
    read = 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(READ)
            read += len(data)
            if read > MAX_HEAD + MAX_BODY + READ:
                raise Trouble(ENDLESS)
            connection.receive_data(data)
        else:
            yield event
