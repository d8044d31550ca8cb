"""A board of lights in the VM with all it does at once: a broker, wall switches, visitors of its page, schedules."""

import json
import socket
import subprocess
import threading
import urllib.request

import pytest

from panal.protocol import keys, topics
from panal.virtual import build, runner
from tests.running import free_port, until

TOKEN = "5a" * 32
HEAP_KB = 112
"""Of a plain ESP32; what is simulated comes on top."""
SETTINGS = {
    "channels": {
        str(n): {"kind": "dimmer", "switch": "toggle", "power": "last", "name": f"Lamp number {n}", "room": "Sala"}
        for n in range(1, 5)
    },
    "schedules": [[100 + n, 127, "sunset", 3 * n, 15, True, 40, 600] for n in range(16)],
    "place": [404168, -37038],
    "zone": [[1774746000 + n * 15000000, 60 * (n % 2)] for n in range(8)],
}
BEGIN = """
import asyncio, gc, json, sys
import panal.board.link_mqtt, panal.board.udp, panal.board.link
from panal.board import networks, storage
networks.save(storage.Storage("{flash}"), "5a" * 32, [("Panal", "panal panal")], 0)
del networks, storage
from panal.board.memory import forget
for module in ("panal.board.networks", "panal.protocol.envelope", "panal.protocol.keys", "panal.board.link"):
    forget(module)
import panal.cells.lights.device, panal.board.boards.lights_4, panal.board.drivers.lamps, panal.board.local
from panal.board.board import Board
from panal.board import config
gc.collect()
before = gc.mem_alloc()
import panal.virtual.hardware as simulated
from panal.virtual import lights
lights.machine()
gc.collect()
simulation = gc.mem_alloc() - before
"""
LIVE = (
    BEGIN
    + """
values = config.parse({{"device_id": "LAMPS234", "token": "5a" * 32, "model": "lights-4", "ntp": "",
                       "server": "http://127.0.0.1:9", "mqtt": "127.0.0.1:{mqtt}"}}, b"123456")
del config
forget("panal.board.config")
hardware = simulated.Hardware("lights-4", "LAMPS234", "pwron_reset", True, simulated.HOME, 1, [{page}, 9])
board = Board(hardware, values, "{flash}", lambda line: line["level"] != "info" and print(line["message"]))
async def live():
    running = asyncio.create_task(board.run())
    line = asyncio.StreamReader(sys.stdin.buffer).readline()
    seen = []
    async def hear():
        await line
        seen.append(True)
    asyncio.create_task(hear())
    number = 0
    while not seen:
        lights.here[0].do({{"do": "wall", "number": number % 4 + 1}})
        number += 1
        await asyncio.sleep(0.15)
    await asyncio.sleep(1.5)
    gc.collect()
    found = {{"alive": gc.mem_alloc() - simulation, "free": gc.mem_free(), "is_up": board.link.is_up}}
    found["crash"] = board.storage.read("crash") or ""
    print(json.dumps(found))
asyncio.run(live())
"""
)


class Broker(threading.Thread):
    """As much of a broker as one board needs: it acknowledges, lays a desired document, and keeps what was reported."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.reported = []
        self.is_planned = threading.Event()

    def run(self):
        stream, _ = self.listening.accept()
        with self.listening, stream, stream.makefile("rb") as file:
            while first := self._read(file):
                self._take(stream, first[0], file.read(_length(file)))

    def _read(self, file):
        try:
            return file.read(1)
        except ConnectionError:  # the board has ended
            return b""

    def _take(self, stream, first, body):
        kind = first >> 4
        if kind == 1:
            stream.sendall(b"\x20\x02\x00\x00")
        elif kind == 8:
            stream.sendall(b"\x90\x03" + body[:2] + b"\x00")
            self.lay(stream, 1, {"settings": SETTINGS})
        elif kind == 12:
            stream.sendall(b"\xd0\x00")
        elif kind == 3:
            end = 2 + int.from_bytes(body[:2], "big")
            if first & 6:
                stream.sendall(b"\x40\x02" + body[end : end + 2])
            if body[2:end].decode() == topics.up("LAMPS234", "reported"):
                self.reported.append(json.loads(body[end + 2 :]))
                if self.reported[-1]["state"].get("lights", {}).get("next"):
                    self.is_planned.set()

    def lay(self, stream, version, lights):
        payload = json.dumps({"version": version, "state": {"lights": lights}}).encode()
        topic = topics.down("LAMPS234", "desired").encode()
        body = len(topic).to_bytes(2, "big") + topic + payload
        head, length = b"\x30", len(body)
        while length > 127:
            head, length = head + bytes((length & 127 | 128,)), length >> 7
        stream.sendall(head + bytes((length,)) + body)


def _length(file):
    length, shift = 0, 0
    while True:
        digit = file.read(1)[0]
        length |= (digit & 127) << shift
        shift += 7
        if digit < 128:
            return length


def in_vm(heap_kb, program):
    command = [str(runner.find_vm()), "-X", f"heapsize={heap_kb}k", "-c", program]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=build.build(), stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def ask(port, path, document=None, cookie=""):
    data = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"Cookie": cookie})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.headers, answer.read()


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_fits_while_it_does_everything_at_once(tmp_path, capsys):
    weighed = in_vm(400, BEGIN.format(flash=tmp_path / "weigh") + "print(simulation)").communicate(timeout=60)
    simulation_kb = -(-int(weighed[0]) // 1024)
    broker, page = Broker(), free_port()
    broker.start()
    process = in_vm(HEAP_KB + simulation_kb, LIVE.format(flash=tmp_path / "flash", mqtt=broker.port, page=page))
    try:
        assert broker.is_planned.wait(60)
        assert until(lambda: listens(page))
        cookie = ask(page, "/local/enter", {"code": keys.local_code(TOKEN)})[0]["Set-Cookie"].split(";")[0]
        for number in range(8):
            assert len(ask(page, "/local")[1]) > 5000
            state = json.loads(ask(page, "/local/light", {"light": 3, "on": number % 2 == 0}, cookie)[1])
            assert state["lights"][2]["on"] == (number % 2 == 0)
    finally:
        said, error = process.communicate("\n", timeout=60)
    found = json.loads(said.splitlines()[-1]) if said else pytest.fail(error)
    with capsys.disabled():
        print(f" {found['alive']} alive, {found['free']} free; simulated: {simulation_kb} KB", end="")  # noqa: T201
    assert found["is_up"], said
    assert found["crash"] == ""
    told = [item for report in broker.reported for item in report["state"].get("lights", {}).items()]
    assert {"wall", "local"} <= {light["by"] for name, light in told if name.isdigit()}
