"""A load generator that costs little: keep-alive connections that send a prepared request and wait for its answer."""

import asyncio
import time
from collections.abc import Callable
from statistics import quantiles
from typing import NamedTuple

CHUNK = 65536


class Load(NamedTuple):
    answers: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    """Answers whose status was not 2xx."""

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds


async def hammer(port: int, request: Callable[[], bytes], *, connections: int = 64, seconds: float = 5.0) -> Load:
    """Each connection sends `request()` and waits for the whole answer, until the time is over."""
    waits: list[float] = []
    refused = [0]
    begin = time.perf_counter()
    end = begin + seconds
    await asyncio.gather(*(_talk(port, request, end, waits, refused) for _ in range(connections)))
    cuts = quantiles(waits, n=100)
    return Load(len(waits), time.perf_counter() - begin, cuts[49] * 1000, cuts[98] * 1000, refused[0])


async def _talk(port: int, request: Callable[[], bytes], end: float, waits: list[float], refused: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while (begin := time.perf_counter()) < end:
            writer.write(request())
            status = await _answer(reader)
            waits.append(time.perf_counter() - begin)
            refused[0] += not 200 <= status < 300
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    at = head.lower().index(b"content-length:") + 15
    await reader.readexactly(int(head[at : head.index(b"\r\n", at)]))
    return int(head[9:12])


def post(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """The bytes of one POST request with a JSON body."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
