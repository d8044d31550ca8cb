"""A thousand lights switched each second over 500 boards at MQTT level, and whether everybody agrees at the end.

The boards decide with the firmware's own machine (panal/cells/lights/machine.py). The floor is the same number of
round trips, server's broker to board and back, through a bare broker of the same kind.
"""

import asyncio
import json
import random
import struct
import tempfile
import time
import urllib.request
from bisect import bisect
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

import psutil
import uvloop

from benchmarks.mqtt import PUBLISH, Caller, Line, bare_broker, text
from benchmarks.report import Figure, at_least, cost_of, under
from panal.cells.lights.machine import Lights
from tests.running import UNLIMITED, Panal

BOARDS, CHANNELS = 500, 2
EACH_S = BOARDS * CHANNELS
MOST_RATIO = 40
"""Of the p99 from click to report to that of bare round trips: a commit for each group and a twin for each board."""
SETTLED_S = 20.0


class Board:
    """A board of lights that is nothing but its machine and a connection."""

    def __init__(self, line: Line, channels: int = CHANNELS) -> None:
        self.line, self.version, self.sent = line, 0, 0
        self.lights: Any = Lights(channels, None, self.now_ms())
        self.lights.receive_clock(int(time.time() * 1000) - self.now_ms(), self.now_ms())

    @staticmethod
    def now_ms() -> int:
        return time.monotonic_ns() // 1_000_000

    @classmethod
    async def start(cls, port: int, caller: Caller, channels: int = CHANNELS) -> "Board":
        board = cls(await Line.open(port, caller), channels)
        board.say("hello", {"fw": "1.0.0", "model": "lights-4"})
        board.report(None)
        return board

    def say(self, leaf: str, document: dict[str, Any]) -> None:
        self.sent += 1
        topic = text(f"panal/{self.line.caller.user}/up/{leaf}")
        self.line._send(0x32, topic + struct.pack(">H", self.sent % 65535 + 1) + json.dumps(document).encode())

    def report(self, what: list[Any] | None) -> None:
        if what is None or what:
            self.say("reported", {"version": self.version, "state": {"lights": self.lights.reported(what)}})

    def flip(self, number: int) -> None:
        """Somebody at the switch."""
        self.lights.switch(number, not self.lights.lights[number - 1].is_on, None, None, self.now_ms())
        self.report(self.lights.events())

    async def live(self) -> None:
        """Obeys and reports for as long as it is not cancelled."""
        while True:
            kind, body = await self.line._packet()
            size = int.from_bytes(body[:2], "big")
            if kind == PUBLISH and body[2 : 2 + size].endswith(b"/down/desired"):
                self._obey(json.loads(body[2 + size :]))

    def _obey(self, document: dict[str, Any]) -> None:
        self.version = max(self.version, document["version"])
        self.lights.receive_desired(document["state"].get("lights") or {}, self.now_ms())
        self.report(self.lights.events())

    def states(self) -> list[bool]:
        return [light.is_on for light in self.lights.lights]


class Rest:
    """The REST as a program with a token asks it, in a thread: it blocks."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = f"{url}/api/v1/manage", token

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        return await asyncio.to_thread(self._ask, method, path, body)

    def _ask(self, method: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    async def lights(self) -> list[dict[str, Any]]:
        pages = [await self.ask("GET", f"/lights?limit=500&offset={at}") for at in range(0, EACH_S, 500)]
        return [light for page in pages for light in page["items"]]


class Run(NamedTuple):
    clicked_at: list[float]
    """When each scene was run, in seconds since 1970."""
    agree: int
    """Lights of which board, database and page say the same when all is over."""
    settled_s: float
    asked_s: float
    """The slowest request that asked for a thousand."""


def switched(seconds: float) -> list[Figure]:
    seconds = max(3.0, seconds)
    with tempfile.TemporaryDirectory() as folder, Panal(Path(folder), **UNLIMITED) as panal, bare_broker() as floor:
        assert panal.process
        panal.user("alice@panal.example")
        made = panal.run("token", "create", "alice@panal.example", "--scopes", "read,operate,configure", "--json")
        callers = [Caller(d["device_id"], d["token"]) for d in panal.mint("lights-4", BOARDS, "--account", "Casa")]
        server = psutil.Process(panal.process.pid)
        rest = Rest(panal.url, json.loads(made)["token"])
        with cost_of(server.pid, *(child.pid for child in server.children())) as cost:
            run = uvloop.run(_switch(panal, callers, rest, seconds))
        clicks = _waits_ms(panal, run)
        bare = uvloop.run(_bare(floor, callers, seconds))
    return _figures(run, clicks, bare, cost.each(2 * int(seconds) * EACH_S))


async def _switch(panal: Panal, callers: list[Caller], rest: Rest, seconds: float) -> Run:
    """Each second a thousand clicks at once, as scenes; then as many at the walls, one after the other."""
    boards = [await Board.start(panal.ports["mqtt"], caller) for caller in callers]
    living = [asyncio.create_task(board.live()) for board in boards]
    lights = await _until_known(rest)
    scenes = [await _scene(rest, lights, on) for on in (True, False)]
    clicked_at, asked_s = [], 0.0
    for second in range(int(seconds)):
        begun = time.time()
        clicked_at.append(begun)
        await rest.ask("POST", f"/light-scenes/{scenes[second % 2]}/run")
        asked_s = max(asked_s, time.time() - begun)
        await asyncio.sleep(max(0.0, 1.0 - (time.time() - begun)))
    begun = time.perf_counter()
    for n in range(int(seconds) * EACH_S):
        random.choice(boards).flip(random.randint(1, CHANNELS))
        await asyncio.sleep(max(0.0, begun + n / EACH_S - time.perf_counter()))
    ended = time.perf_counter()
    agree = 0
    while agree < EACH_S and time.perf_counter() - ended < SETTLED_S:
        agree = _agreeing(boards, await rest.lights())
    settled_s = time.perf_counter() - ended
    for task in living:
        task.cancel()
    for board in boards:
        board.line.writer.close()
    return Run(clicked_at, agree, settled_s, asked_s)


async def _until_known(rest: Rest) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for _ in range(200):
        found = await rest.lights()
        if len(found) == EACH_S:
            return found
        await asyncio.sleep(0.1)
    raise RuntimeError(f"{len(found)} lights of {EACH_S} were reported")


async def _scene(rest: Rest, lights: list[dict[str, Any]], on: bool) -> int:
    body = {
        "account": lights[0]["account"],
        "name": f"all {on}",
        "lights": [{"light": light["id"], "on": on} for light in lights],
    }
    return int((await rest.ask("POST", "/light-scenes", body))["id"])


def _agreeing(boards: list[Board], lights: list[dict[str, Any]]) -> int:
    said = {(light["device"], light["channel"]): light["on"] for light in lights if not light["wish"]}
    return sum(
        said.get((board.line.caller.user, channel)) == is_on
        for board in boards
        for channel, is_on in enumerate(board.states(), 1)
    )


def _waits_ms(panal: Panal, run: Run) -> list[float]:
    """From each click to the receipt of the report that it is done, as the history has them."""
    rows = panal.rows("SELECT received_at FROM lights_change WHERE \"by\" = 'scene' ORDER BY id")
    received = [datetime.fromisoformat(str(row[0])).replace(tzinfo=UTC).timestamp() for row in rows]
    return [1000 * (at - run.clicked_at[bisect(run.clicked_at, at) - 1]) for at in received]


async def _bare(port: int, callers: list[Caller], seconds: float) -> list[float]:
    """A thousand messages at once through a bare broker to those boards, and each one's answer; in ms."""
    lines = [await Line.open(port, caller) for caller in callers]
    echoes = [asyncio.create_task(_echo(line)) for line in lines]
    centre = await Line.open(port, Caller("centre", "x"))
    centre._send(0x82, b"\0\1" + text("panal/+/up/reported") + b"\0")
    await centre._packet()
    waits: list[float] = []
    for _ in range(int(seconds)):
        begun = time.perf_counter()
        for line in lines:
            for _channel in range(CHANNELS):
                centre._send(0x30, text(f"panal/{line.caller.user}/down/desired") + b"{}")
        for _answer in range(EACH_S):
            await centre._packet()
            waits.append(1000 * (time.perf_counter() - begun))
        await asyncio.sleep(max(0.0, 1.0 - (time.perf_counter() - begun)))
    for task in echoes:
        task.cancel()
    for line in (*lines, centre):
        line.writer.close()
    return waits


async def _echo(line: Line) -> None:
    while True:
        await line._packet()
        line._send(0x30, text(f"panal/{line.caller.user}/up/reported") + b"{}")


def _figures(run: Run, clicks: list[float], bare: list[float], each_us: float) -> list[Figure]:
    ours, floor = quantiles(clicks, n=100)[98], quantiles(bare, n=100)[98]
    rate = f"{len(clicks)} clicks of {len(run.clicked_at) * EACH_S} reported, p50 {quantiles(clicks, n=100)[49]:.0f} ms"
    said = f"p99 {ours:.0f} ms against {floor:.0f} ms bare; {rate}, CPU {each_us:.0f} µs a switch, server and broker"
    settled = f"{run.agree} of {EACH_S}, {run.settled_s:.1f} s after the last; a thousand asked in {run.asked_s:.2f} s"
    return [
        at_least("lights: board, database and page agree at the end", run.agree / EACH_S, 1.0, settled),
        under("lights: p99 from click to report, 1000 at once", ours / floor, MOST_RATIO, "×", said),
    ]
