"""Frames from one camera to many viewers, side by side with the obvious server (benchmarks/peers.py) in one run.

Viewers ask for their connection as browsers do: every browser offers permessage-deflate, and the `websockets` library
takes it unless it is told not to, and then deflates each JPEG once for each viewer. The figures without that offer are
measured too: there both servers do little more than hand bytes to the kernel.
"""

import asyncio
import json
import multiprocessing
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import psutil
import uvloop
from picows import WSListener, WSMsgType, WSTransport, ws_connect

from benchmarks.report import Figure, at_least, under
from panal.cells.cameras.machine import Sender
from tests.running import Panal, free_port

CAMERA = "BENCH"
RATIO = 2.5
TENTH = 0.1
ROUNDS = 3
SMALL, LARGE = 40 * 1024, 300 * 1024
FRAME_HEAD = struct.Struct("!2sdQ")
SETTLE_S = 0.5
FASTEST = 480.0
"""Frames a second that the camera sends, if the server takes them: far more than either can use."""
OFFER = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
NOISE = os.urandom(SMALL + LARGE)
"""What a JPEG is to a compressor."""


class Server(NamedTuple):
    """Where one of the two is, and what it costs."""

    name: str
    http_port: int
    stream_port: int
    pid: int

    def cpu_s(self) -> float:
        process = psutil.Process(self.pid)
        every = [process, *process.children(recursive=True)]
        return sum(sum(one.cpu_times()[:2]) for one in every)

    def rss(self) -> int:
        return int(psutil.Process(self.pid).memory_info().rss)


@contextmanager
def ours() -> Iterator[Server]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Panal(Path(folder), PANAL_LEGACY_CAMERA=CAMERA, PANAL_TRUSTED_PROXIES="127.0.0.2") as panal,
    ):
        panal.mint("camera-1", 1, "--id", CAMERA)
        assert panal.process
        yield Server("panal", panal.ports["http"], panal.ports["stream"], panal.process.pid)


@contextmanager
def obvious() -> Iterator[Server]:
    http_port, stream_port = free_port(), free_port()
    command = [sys.executable, "-m", "benchmarks.peers", str(http_port), str(stream_port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout and process.stdout.readline() == "ready\n"
        wait_for_port(http_port)
        yield Server("flask + websockets", http_port, stream_port, process.pid)
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def wait_for_port(port: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on {port}")


# the camera: a process of its own


def frame_of(size: int, number: int) -> bytes:
    head = FRAME_HEAD.pack(b"\xff\xd8", time.perf_counter(), number)
    at = number * 997 % LARGE if size <= SMALL else 0
    return head + NOISE[at : at + size - len(head) - 2] + b"\xff\xd9"


class Quiet(WSListener):
    """A camera that hears nothing; it sends again when what it sent has gone."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()
        self.free.set()

    def pause_writing(self) -> None:
        self.free.clear()

    def resume_writing(self) -> None:
        self.free.set()


async def _send(port: int, size: int, seconds: float, fps: float) -> int:
    transport, listener = await ws_connect(Quiet, f"ws://127.0.0.1:{port}/")
    transport.underlying_transport.set_write_buffer_limits(high=64 * 1024)
    transport.send(WSMsgType.TEXT, json.dumps({"type": "register", "device": "camera"}).encode())
    await asyncio.sleep(SETTLE_S)
    sender, number = Sender(), 0
    began = time.perf_counter()
    while time.perf_counter() < began + seconds:
        for piece in sender.pieces(frame_of(size, number), 640, 480, 0):
            if isinstance(piece, dict):
                transport.send(WSMsgType.TEXT, json.dumps(piece).encode())
            else:
                transport.send(WSMsgType.BINARY, piece)
            await listener.free.wait()
        number += 1
        await asyncio.sleep(max(0.0, began + number / fps - time.perf_counter()) if fps else 0)
    await asyncio.sleep(0.3)
    transport.disconnect()
    return number


def send(port: int, size: int, seconds: float, fps: float = 0.0) -> int:
    """Frames sent; as fast as they are taken where no rate is given."""
    return uvloop.run(_send(port, size, seconds, fps))


# the viewers: a process of their own


class Seen(NamedTuple):
    """What one viewer saw: numbers of frames in order, and how late each was."""

    numbers: list[int]
    delays_s: list[float]


class Eye(WSListener):
    def __init__(self) -> None:
        super().__init__()
        self.seen = Seen([], [])
        self._inflate = zlib.decompressobj(-15)

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, b'{"type":"register","device":"browser"}')

    def on_ws_frame(self, transport: WSTransport, frame: Any) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            return
        if frame.rsv1:  # RFC 7692: the tail of each message is left out on the wire
            data = self._inflate.decompress(frame.get_payload_as_bytes() + b"\0\0\xff\xff")
            if data[:2] == b"\xff\xd8":
                _note(self.seen, data)
        elif frame.msg_type == WSMsgType.BINARY:
            _note(self.seen, frame.get_payload_as_memoryview())


def _note(seen: Seen, jpeg: Any) -> None:
    _, at, number = FRAME_HEAD.unpack_from(jpeg)
    seen.numbers.append(number)
    seen.delays_s.append(time.perf_counter() - at)


async def _look(port: int, viewers: int, stalled: int, seconds: float, offer: dict[str, str]) -> list[Seen]:
    url = f"ws://127.0.0.1:{port}/"
    eyes = [await ws_connect(Eye, url, extra_headers=offer) for _ in range(viewers)]
    for transport, _ in eyes[:stalled]:
        transport.underlying_transport.pause_reading()
    await asyncio.sleep(seconds)
    for transport, _ in eyes:
        transport.disconnect(graceful=False)
    return [eye.seen for _, eye in eyes[stalled:]]


def look(port: int, viewers: int, seconds: float, stalled: int = 0) -> list[Seen]:
    """As browsers look."""
    return uvloop.run(_look(port, viewers, stalled, seconds, OFFER))


def look_plain(port: int, viewers: int, seconds: float) -> list[Seen]:
    """Without the offer to deflate."""
    return uvloop.run(_look(port, viewers, 0, seconds, {}))


PART = re.compile(rb"Content-Length: (\d+)\r\n\r\n")


class Watcher(asyncio.Protocol):
    """Reads MJPEG and no more: a task and a stream reader of its own would be measured with the servers."""

    def __init__(self) -> None:
        self.seen = Seen([], [])
        self._data = b""

    def connection_made(self, transport: Any) -> None:
        transport.write(b"GET /mjpeg HTTP/1.1\r\nHost: x\r\n\r\n")

    def data_received(self, data: bytes) -> None:
        self._data = _take_parts(self._data + data, self.seen)


def _take_parts(data: bytes, seen: Seen) -> bytes:
    """Every frame whose bytes are all there; the bytes left over. Chunk lines of HTTP stand between parts."""
    while (part := PART.search(data)) and len(data) >= part.end() + int(part[1]):
        at = data.find(b"\xff\xd8", part.end() - 2)
        _note(seen, memoryview(data)[at:])
        data = data[part.end() + int(part[1]) :]
    return data


async def _watch_all(port: int, viewers: int, seconds: float) -> list[Seen]:
    connect = asyncio.get_running_loop().create_connection
    watching = [await connect(Watcher, "127.0.0.1", port) for _ in range(viewers)]
    await asyncio.sleep(seconds)
    for transport, _ in watching:
        transport.abort()
    return [watcher.seen for _, watcher in watching]


def watch_mjpeg(port: int, viewers: int, seconds: float) -> list[Seen]:
    return uvloop.run(_watch_all(port, viewers, seconds))


# measurements


class Round(NamedTuple):
    sent: int
    seen: list[Seen]
    cpu_s: float

    @property
    def frames(self) -> int:
        return sum(len(seen.numbers) for seen in self.seen)


def once(pool: ProcessPoolExecutor, server: Server, looking: Callable[..., Any], size: int, fps: float, s: float,
         *more: int) -> Round:  # fmt: skip
    before = server.cpu_s()
    port = server.http_port if looking is watch_mjpeg else server.stream_port
    viewing = pool.submit(looking, port, more[0], s + 2 * SETTLE_S + 0.5, *more[1:])
    time.sleep(SETTLE_S)
    sending = pool.submit(send, server.stream_port, size, s, fps)
    return Round(sending.result(), viewing.result(), server.cpu_s() - before)


def delivered(seconds: float) -> list[Figure]:
    """Frames a second to 5 and 20 viewers, from a camera that is faster than the servers."""
    found = []
    with ours() as panal, obvious() as peer, processes() as pool:
        for viewers, size, looking in (
            (5, SMALL, look), (20, SMALL, look), (20, SMALL, look_plain), (5, LARGE, look), (5, LARGE, look_plain),
        ):  # fmt: skip
            pairs = []
            for _ in range(ROUNDS):
                rounds = [once(pool, server, looking, size, FASTEST, seconds, viewers) for server in (peer, panal)]
                pairs.append([done.frames / viewers / seconds for done in rounds])
            found.append(_ratio(viewers, size, looking, pairs))
    return found


def _ratio(viewers: int, size: int, looking: Callable[..., Any], pairs: list[list[float]]) -> Figure:
    ratio = median(mine / theirs for theirs, mine in pairs)
    detail = f"{median(p[1] for p in pairs):.0f} fps each against {median(p[0] for p in pairs):.0f}"
    if looking is look_plain:
        return Figure(f"{size // 1024} KB to {viewers} viewers without deflate", ratio, "×", "-", None, detail)
    return at_least(f"{size // 1024} KB to {viewers} WebSocket viewers", ratio, RATIO, detail)


def mjpeg(seconds: float) -> list[Figure]:
    """At 20 frames a second and 5 viewers: p99 of the delay, and whether every frame came exactly once.

    At 5 seconds p99 is the latest frame of a hundred, which one hiccup of the machine decides: so several pairs.
    """
    pairs = [mjpeg_pair(seconds) for _ in range(ROUNDS)]
    p99 = [[percentile(mjpeg_delays(done), 0.99) for done in pair] for pair in pairs]
    ratio = median(mine / theirs for theirs, mine in p99)
    detail = f"{median(p[1] for p in p99) * 1000:.1f} ms against {median(p[0] for p in p99) * 1000:.1f} ms"
    again, twice = [sum(repeated(seen) for pair in pairs for seen in pair[which].seen) for which in (0, 1)]
    missed = sum(mine.sent - len(set(seen.numbers)) for _, mine in pairs for seen in mine.seen)
    return [
        under("MJPEG p99 delay, of the peer's", ratio, TENTH, "×", detail),
        Figure("MJPEG frames sent twice", twice, "", "0", twice == 0, f"and {missed} skipped; peer: {again} twice"),
    ]


def mjpeg_pair(seconds: float) -> tuple[Round, Round]:
    """Peer and ours, both fresh: the peer begins with its newest frame, however old that is."""
    with ours() as panal, obvious() as peer, processes() as pool:
        theirs = once(pool, peer, watch_mjpeg, SMALL, 20.0, seconds, 5)
        return theirs, once(pool, panal, watch_mjpeg, SMALL, 20.0, seconds, 5)


def mjpeg_delays(done: Round) -> list[float]:
    return [delay_s for seen in done.seen for delay_s in first_seen(seen)]


def repeated(seen: Seen) -> int:
    return len(seen.numbers) - len(set(seen.numbers))


def first_seen(seen: Seen) -> list[float]:
    """The delay of each frame when it came first: a peer's repetitions do not count against it."""
    found: dict[int, float] = {}
    for number, delay_s in zip(seen.numbers, seen.delays_s, strict=True):
        found.setdefault(number, delay_s)
    return list(found.values())


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[int(len(values) * part)] if values else float("nan")


def cpu(seconds: float) -> list[Figure]:
    """CPU seconds per 1,000 frames delivered, at 20 frames a second and 20 viewers."""
    found = []
    with ours() as panal, obvious() as peer, processes() as pool:
        for looking, name in ((look, "as browsers ask"), (look_plain, "without deflate")):
            costs = []
            for server in (peer, panal):
                done = once(pool, server, looking, SMALL, 20.0, seconds, 20)
                costs.append(done.cpu_s / done.frames * 1000)
            detail = f"against {costs[0]:.3f} s"
            found.append(Figure(f"CPU per 1,000 frames delivered, {name}", costs[1], "s", "-", None, detail))
    return found


def stalled(seconds: float) -> list[Figure]:
    """One viewer of 20 reads nothing: what the others get, against a run in which all read."""
    with ours() as panal, processes() as pool:
        rates, grown = [], 0
        for stalled in (0, 1):
            before = panal.rss()
            done = once(pool, panal, look, SMALL, 20.0, seconds, 20, stalled)
            rates.append(done.frames / len(done.seen))
            grown = panal.rss() - before
    lost = 100 * abs(1 - rates[1] / rates[0])
    return [
        under("One stalled viewer of 20: others differ by", lost, 2.0, "%"),
        under("and memory grows by", grown / 1e6, 10.0, "MB"),
    ]


CAMERAS, VIEWERS_EACH = 100, 2
VGA, VGA_FPS = 15 * 1024, 5.0
STEPS = 12


async def _send_many(port: int, devices: list[dict[str, str]], seconds: float) -> int:
    """So many cameras at VGA, 5 frames a second of 15 KB, spread over the period."""

    async def one(index: int, device: dict[str, str]) -> int:
        transport, _ = await ws_connect(Quiet, f"ws://127.0.0.1:{port}/")
        register = {"type": "register", "device": "camera", "device_id": device["device_id"], "token": device["token"]}
        transport.send(WSMsgType.TEXT, json.dumps(register).encode())
        began, number, sender = time.perf_counter() + SETTLE_S + index / CAMERAS / VGA_FPS, 0, Sender()
        while (wait_s := began + number / VGA_FPS - time.perf_counter()) < seconds and number < seconds * VGA_FPS:
            await asyncio.sleep(max(0.0, wait_s))
            for piece in sender.pieces(frame_of(VGA, number), 640, 480, 0):
                is_text = isinstance(piece, dict)
                transport.send(
                    WSMsgType.TEXT if is_text else WSMsgType.BINARY, json.dumps(piece).encode() if is_text else piece
                )
            number += 1
        transport.disconnect()
        return number

    return sum(await asyncio.gather(*(one(*each) for each in enumerate(devices))))


def send_many(port: int, devices: list[dict[str, str]], seconds: float) -> int:
    return uvloop.run(_send_many(port, devices, seconds))


class LiveEye(Eye):
    """A viewer on the HTTP port, who has shown a token."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        pass


async def _look_many(port: int, ids: list[str], token: str, seconds: float) -> list[int]:
    headers = {**OFFER, "Authorization": f"Bearer {token}"}
    eyes = []
    for device_id in ids:
        for _ in range(VIEWERS_EACH):
            eyes.append(
                await ws_connect(LiveEye, f"ws://127.0.0.1:{port}/cameras/{device_id}/live", extra_headers=headers)
            )
    await asyncio.sleep(seconds)
    for transport, _ in eyes:
        transport.disconnect(graceful=False)
    return [len(eye.seen.numbers) for _, eye in eyes]


def look_many(port: int, ids: list[str], token: str, seconds: float) -> list[int]:
    return uvloop.run(_look_many(port, ids, token, seconds))


def soak(seconds: float) -> list[Figure]:
    """100 cameras with 2 viewers each: memory from the middle of the time to its end. The goal's is `--seconds 600`."""
    seconds = max(seconds, 30.0)
    with tempfile.TemporaryDirectory() as folder, Panal(Path(folder)) as panal, processes() as pool:
        panal.user("soak@example.org", account="Soak")
        devices = panal.mint("camera-1", CAMERAS, "--account", "Soak")
        token = panal.run("token", "create", "soak@example.org", "--name", "soak").split()[0]
        assert panal.process
        server = Server("panal", panal.ports["http"], panal.ports["stream"], panal.process.pid)
        sending = pool.submit(send_many, server.stream_port, devices, seconds)
        time.sleep(SETTLE_S)
        looking = pool.submit(look_many, server.http_port, [d["device_id"] for d in devices], token, seconds - 5)
        time.sleep(seconds / 5 + 5)
        spent = server.cpu_s()
        sizes = [server.rss()]
        for _ in range(STEPS):
            time.sleep(seconds * 3 / 5 / STEPS)
            sizes.append(server.rss())
        spent = server.cpu_s() - spent
        sent, seen = sending.result(), looking.result()
    rate = sum(seen) / len(seen) / (seconds - 5)
    late = sizes[-1] - sizes[STEPS // 2]
    said = " ".join(f"{size / 1e6:.0f}" for size in sizes)
    return [
        under("100 cameras, 2 viewers each: memory grows by", late / 1e6, 5.0, "MB", f"MB in turn: {said}"),
        Figure(
            "frames a second to each viewer", rate, "", "5", rate > 4.7, f"{sent} sent, CPU {spent / seconds / 0.6:.0%}"
        ),
    ]


@contextmanager
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for waiting in [pool.submit(time.sleep, 0.2) for _ in range(2)]:
            waiting.result()
        yield pool


def cameras(seconds: float) -> list[Figure]:
    """Everything above, in the order in which a reader wants it."""
    return [figure for measure in (delivered, mjpeg, cpu, stalled) for figure in measure(seconds)]
