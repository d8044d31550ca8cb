"""A rollout to 2,000 boards over HTTP, in three stages, with 5 % that roll back, while other boards tell of events.

A board here is what it says: it asks, reads the artifact in parts of 4 KB, and tells how far it is.
"""

import asyncio
import json
import random
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

import uvloop

from benchmarks.ingest import events
from benchmarks.report import Figure, under
from panal.cells.updates import messages
from tests.rollouts import released, rest, shipper, trusted
from tests.running import UNLIMITED, Panal

BOARDS, TALKERS, FAILING = 2000, 32, 0.05
ASKS_EACH_S = 250
EVENTS_EACH_S = 50
MOST_RATIO = 6
"""Of the p99 of an event while 2,000 boards update to that without them."""
PATIENCE_S = 240
STAGES = [(5, 90), (25, 90), (100, 90)]


class Board:
    def __init__(self, secret: dict[str, Any], fails: bool) -> None:
        self.id, self.token, self.fails = secret["device_id"], secret["token"], fails
        self.version = "1.0.0"
        self.offers: list[str] = []
        """The updates it was offered, and took up."""


class Talker:
    """A connection that is kept, for one board after the other."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: Any = None

    async def ask(self, board: Board, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        if self._reader is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        data = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} /api/v1/{path} HTTP/1.1", "Host: x", f"X-Device-Id: {board.id}"]
        lines += [f"X-Device-Key: {board.token}", "Content-Type: application/json", f"Content-Length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + data)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        size = int(head.partition(b"content-length:")[2].partition(b"\r")[0] or 0)
        return int(head[9:12]), await self._reader.readexactly(size)


class Run(NamedTuple):
    seconds: float
    states: dict[str, int]
    state: str
    reason: str
    twice: int
    """Boards that were updated more than once."""
    waits_ms: list[float]


def rolled_out(seconds: float) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, Panal(Path(folder), **UNLIMITED) as panal:
        panal.user("alice@panal.example")
        token = shipper(panal)
        secrets = panal.mint("wearable-1", BOARDS, "--account", "Casa")
        boards = [Board(secret, random.Random(n).random() < FAILING) for n, secret in enumerate(secrets)]
        key = trusted(panal, Path(folder))
        uvloop.run(_introduce(panal, boards))
        alone = uvloop.run(_events(panal, max(5.0, seconds)))
        good = released(panal, Path(folder), key, "1.1.0")
        going = uvloop.run(_roll_out(panal, token, boards, good, 10))
        bad = released(panal, Path(folder), key, "1.2.0")
        for board in boards:
            board.offers.clear()
        stopping = uvloop.run(_roll_out(panal, token, boards, bad, 3))
    return _figures(alone, going, stopping)


async def _introduce(panal: Panal, boards: list[Board]) -> None:
    waiting = iter(boards)

    async def talk() -> None:
        talker = Talker(panal.ports["http"])
        for board in waiting:
            await talker.ask(board, "POST", "devices/heartbeat", {"deviceId": board.id, "fwVersion": board.version})

    await asyncio.gather(*(talk() for _ in range(TALKERS)))


async def _events(panal: Panal, seconds: float, ended: asyncio.Event | None = None) -> list[float]:
    """What an event waits for its commit, in ms, at a steady rate: until `ended`, or for some seconds."""
    request, waits = events(panal), []
    reader, writer = await asyncio.open_connection("127.0.0.1", panal.ports["http"])
    begun = time.perf_counter()
    n = 0
    while (time.perf_counter() - begun < seconds) if ended is None else not ended.is_set():
        n += 1
        await asyncio.sleep(max(0.0, begun + n / EVENTS_EACH_S - time.perf_counter()))
        sent = time.perf_counter()
        writer.write(request())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r")[0]))
        waits.append(1000 * (time.perf_counter() - sent))
    writer.close()
    return waits


async def _roll_out(panal: Panal, token: str, boards: list[Board], release: int, error_pct: float) -> Run:
    stages = [{"percent": percent, "success_pct": success, "error_pct": error_pct} for percent, success in STAGES]
    body = {"release": release, "account": 1, "stages": stages, "jitter_s": 0}
    begun, ended = time.perf_counter(), asyncio.Event()
    made = await asyncio.to_thread(rest, panal, token, "POST", "/rollouts", body)
    measuring = asyncio.create_task(_events(panal, 0, ended))
    boards_live = [asyncio.create_task(_live(panal, boards[n::TALKERS])) for n in range(TALKERS)]
    found = made
    while found["state"] == "running" and time.perf_counter() - begun < PATIENCE_S:
        await asyncio.sleep(1)
        found = await asyncio.to_thread(rest, panal, token, "GET", f"/rollouts/{made['id']}")
    seconds = time.perf_counter() - begun
    for task in boards_live:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*boards_live)
    ended.set()
    twice = sum(count > 1 for board in boards for count in Counter(board.offers).values())
    return Run(seconds, found["devices"], found["state"], found["reason"], twice, await measuring)


async def _live(panal: Panal, boards: list[Board]) -> None:
    """These boards ask in turn, for ever, and take what they are offered."""
    talker = Talker(panal.ports["http"])
    while True:
        for board in boards:
            await asyncio.sleep(TALKERS / ASKS_EACH_S)
            status, body = await talker.ask(board, "GET", f"updates/next?version={board.version}&board=wearable-1")
            if status == 200:
                await _take(talker, board, messages.parse_offer(json.loads(body)))


async def _take(talker: Talker, board: Board, offer: Any) -> None:
    board.offers.append(offer.id)
    manifest, path = offer.manifest, f"updates/{offer.id}/progress"
    for begin in range(0, manifest.size, messages.BLOCK_BYTES):
        part = f"bytes={begin}-{min(begin + messages.BLOCK_BYTES, manifest.size) - 1}"
        status, _ = await talker.ask(board, "GET", f"updates/artifacts/{manifest.sha256}", Range=part)
        assert status == 206, status
        if begin == manifest.size // 2 // messages.BLOCK_BYTES * messages.BLOCK_BYTES:
            await talker.ask(board, "POST", path, messages.build_progress("downloading", 50))
    for state in ("installing", "confirming"):
        await talker.ask(board, "POST", path, messages.build_progress(state))
    end = messages.build_progress("rolled_back", None, "self_test") if board.fails else messages.build_progress("done")
    if not board.fails:
        board.version = manifest.version
    for _ in range(2):  # as a board does that did not hear the answer
        await talker.ask(board, "POST", path, end)


def _figures(alone: list[float], going: Run, stopping: Run) -> list[Figure]:
    before, during = (quantiles(waits, n=100) for waits in (alone, going.waits_ms))
    detail = f"p50 {before[49]:.1f} → {during[49]:.1f} ms, p99 {before[98]:.1f} → {during[98]:.1f} ms"
    told = ", ".join(f"{count} {state}" for state, count in going.states.items() if count)
    stopped = ", ".join(f"{count} {state}" for state, count in stopping.states.items() if count)
    well = going.state == "done" and going.states["done"] + going.states["rolled_back"] == BOARDS
    held = stopping.state == "stopped" and stopping.reason == "errors"
    return [
        Figure("rollout to 2,000 boards", going.seconds, "s", "ends by itself", well, f"{going.state}: {told}"),
        Figure("the same with 3 % allowed", stopping.seconds, "s", "stops by itself", held, stopped),
        under("boards updated twice", going.twice + stopping.twice, 1, ""),
        under("p99 of events during a rollout to before", during[98] / before[98], MOST_RATIO, "×", detail),
    ]
