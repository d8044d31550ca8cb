"""A load generator that costs little: keep-alive connections that send a prepared request and wait for its answer.

It shares the machine with the server that it measures, so what it takes for itself is missing there.
"""

import asyncio
import time
from collections.abc import Callable
from statistics import quantiles
from typing import NamedTuple, cast

LENGTH = b"content-length:"


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
    loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    talks = [_Talk(request, begin + seconds, loop.create_future()) for _ in range(connections)]
    await asyncio.gather(*(loop.create_connection(lambda talk=talk: talk, "127.0.0.1", port) for talk in talks))
    await asyncio.gather(*(talk.ended for talk in talks))
    waits = [wait for talk in talks for wait in talk.waits]
    cuts = quantiles(waits, n=100)
    took, refused = time.perf_counter() - begin, sum(talk.refused for talk in talks)
    return Load(len(waits), took, cuts[49] * 1000, cuts[98] * 1000, refused)


class _Talk(asyncio.Protocol):
    """One connection: the next request goes when the answer to the last one is whole."""

    def __init__(self, request: Callable[[], bytes], end: float, ended: asyncio.Future[None]) -> None:
        self.ended = ended
        self.waits: list[float] = []
        self.refused = 0
        self._request = request
        self._end = end
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(error or ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not is_whole(self._answer):
            return
        now = time.perf_counter()
        self.waits.append(now - self._sent)
        self.refused += self._answer[9:10] != b"2"
        self._answer = b""
        if now < self._end:
            self._send()
        else:
            self.ended.set_result(None)
            self._transport.close()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request())


def is_whole(answer: bytes) -> bool:
    """Whether head and body have come."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    at = answer.lower().index(LENGTH, 0, end) + len(LENGTH)
    return len(answer) >= end + 4 + int(answer[at : answer.index(b"\r\n", at)])


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
