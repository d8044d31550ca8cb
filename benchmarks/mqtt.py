"""Events over MQTT up to `accepted`, against raw QoS 1 publishes to a bare broker of the same kind up to PUBACK."""

import asyncio
import json
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import psutil
import uvloop

from benchmarks.report import Figure, at_least, cost_of
from panal.board.outbox import new_uid
from tests.running import UNLIMITED, Panal

GOAL = 0.3
ROUNDS = 3
DEVICES = 64
PUBACK, PUBLISH = 4, 3
CONF = 'port: -1\nserver_name: bare\njetstream {{ store_dir: "{folder}/js" }}\nmqtt {{ port: {port} }}\n'


class Caller(NamedTuple):
    user: str
    password: str


class Rate(NamedTuple):
    per_second: float
    p99_ms: float


def accepted(seconds: float) -> list[Figure]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Panal(Path(folder), **UNLIMITED) as panal,
        bare_broker() as floor_port,
    ):
        assert panal.process
        server = psutil.Process(panal.process.pid)
        pids = [server.pid, *(child.pid for child in server.children())]
        callers = [Caller(d["device_id"], d["token"]) for d in panal.mint(count=DEVICES)]
        pairs, costs = [], []
        for _ in range(ROUNDS):
            floor = uvloop.run(rate(floor_port, callers, seconds, wait_for_accepted=False))
            with cost_of(*pids) as cost:
                ours = uvloop.run(rate(panal.ports["mqtt"], callers, seconds, wait_for_accepted=True))
            pairs.append((ours, floor))
            costs.append(cost.each(ours.per_second * seconds))
    ratio = median(ours.per_second / floor.per_second for ours, floor in pairs)
    ours, floor = pairs[-1]
    rates = f"{ours.per_second:.0f}/s accepted against {floor.per_second:.0f}/s PUBACK"
    waits = f"p99 {ours.p99_ms:.0f} ms against {floor.p99_ms:.0f} ms"
    cpu = f"CPU {median(costs):.0f} µs, server and broker"
    return [at_least("MQTT events up to accepted", ratio, GOAL, f"{rates}, {waits}, {cpu}")]


async def rate(port: int, callers: list[Caller], seconds: float, *, wait_for_accepted: bool) -> Rate:
    """Publishes a second, each caller waiting for the answer to one before it sends the next."""
    lines = [await Line.open(port, caller) for caller in callers]
    begin = time.perf_counter()
    found = await asyncio.gather(*(line.publish_until(begin + seconds, wait_for_accepted) for line in lines))
    took = time.perf_counter() - begin
    for line in lines:
        line.writer.close()
    waits = list(chain.from_iterable(found))
    return Rate(len(waits) / took, quantiles(waits, n=100)[98] * 1000)


class Line:
    """As much of MQTT 3.1.1 as a measurement needs."""

    def __init__(self, caller: Caller, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.caller, self.reader, self.writer = caller, reader, writer

    @classmethod
    async def open(cls, port: int, caller: Caller) -> "Line":
        line = cls(caller, *await asyncio.open_connection("127.0.0.1", port))
        flags = 0xC2  # user name, password, clean session
        line._send(
            0x10,
            text("MQTT") + bytes((4, flags, 0, 60)) + text(caller.user) + text(caller.user) + text(caller.password),
        )
        kind, body = await line._packet()
        assert kind == 2 and body[1] == 0, "connection refused"
        line._send(0x82, b"\0\1" + text(f"panal/{caller.user}/down/#") + b"\0")  # QoS 0, as boards do
        assert (await line._packet())[0] == 9
        return line

    async def publish_until(self, end: float, wait_for_accepted: bool) -> list[float]:
        """How long each answer took."""
        waits: list[float] = []
        topic = text(f"panal/{self.caller.user}/up/event")
        while (begin := time.perf_counter()) < end:
            uid = new_uid(time.time_ns() // 1_000_000)
            body = json.dumps({"uid": uid, "kind": "EMERGENCY_BUTTON", "at_ms": None, "data": {}}).encode()
            self._send(0x32, topic + struct.pack(">H", len(waits) % 65535 + 1) + body)
            await self._answers(uid.encode(), {PUBACK, PUBLISH} if wait_for_accepted else {PUBACK})
            waits.append(time.perf_counter() - begin)
        return waits

    async def _answers(self, uid: bytes, wanted: set[int]) -> None:
        while wanted:
            kind, body = await self._packet()
            if kind == PUBLISH and uid not in body:
                continue
            wanted.discard(kind)

    def _send(self, first: int, body: bytes) -> None:
        size, length = len(body), b""
        while True:
            size, digit = divmod(size, 128)
            length += bytes((digit | (0x80 if size else 0),))
            if not size:
                break
        self.writer.write(bytes((first,)) + length + body)

    async def _packet(self) -> tuple[int, bytes]:
        first, size, shift = (await self.reader.readexactly(1))[0], 0, 0
        while True:
            digit = (await self.reader.readexactly(1))[0]
            size |= (digit & 0x7F) << shift
            shift += 7
            if digit < 0x80:
                return first >> 4, await self.reader.readexactly(size)


def text(value: str) -> bytes:
    return struct.pack(">H", len(value)) + value.encode()


@contextmanager
def bare_broker() -> Iterator[int]:
    """nats-server with JetStream and MQTT and nothing of ours; its MQTT port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        conf = Path(folder) / "nats.conf"
        conf.write_text(CONF.format(folder=folder, port=port))
        program = Path(sys.executable).with_name("nats-server")
        process = subprocess.Popen([program, "-c", conf], stderr=subprocess.DEVNULL)
        try:
            _wait_until_open(port)
            yield port
        finally:
            process.terminate()
            process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_until_open(port: int) -> None:
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise RuntimeError("the bare broker did not start")
