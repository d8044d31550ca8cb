"""The bench: virtual devices as child processes of the demo, worked from the bench page.

Each child is `panal virtual run --json`: it is told things on its standard input and tells what it sees on its output.
Power is cut with SIGKILL, as real power is, and given back by starting the child again on the same flash folder.
"""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from panal.virtual.hardware import HOME

logger = logging.getLogger(__name__)

LOG_LINES = 30
LINE_BYTES = 64 * 1024
UNWELL = "unwell"  # as in device.py, which is for the VM
AIR = (
    *HOME,
    {"ssid": "Fibra nueva", "password": "fibra nueva", "rssi": -62},
    {"ssid": "Vecinos", "password": "de ellos"},
)
"""The networks that the bench's boards hear: the one they know, one to move to, and one that is not ours."""
SEEN = (
    *("led", "link", "queue", "heap", "portal", "stream", "flash", "lcd", "leds", "lock", "door", "lamps", "local"),
    "countdown",
)
SAID = ("press", "wifi", "battery", "tilt", "camera", "card", "knob", "door", "exit", "wall", "shake")


LAMPS = 4


class Board(NamedTuple):
    """One virtual device to run: what `panal device mint` said of it, and how it talks."""

    device_id: str
    token: str
    model: str
    account_id: int | None
    transport: str = "mqtt"
    fresh: bool = False
    """As it comes out of its box: it knows no network and opens its access point."""
    vm: str = "micropython"
    scene: str = ""
    """What a camera sees: entrance, garden or workshop."""


class Bench:
    """Every virtual device of a demo. `changed` is told the board whenever its state looks different."""

    def __init__(self, boards: list[Board], folder: Path, changed: Callable[[Board], None]) -> None:
        self.children = {board.device_id: Child(board, folder / board.device_id, changed) for board in boards}
        self.loop: asyncio.AbstractEventLoop | None = None

    async def run(self, server_url: str, mqtt: str, stream: str = "") -> None:
        """Keep every board with power running until cancelled; then end them all."""
        self.loop = asyncio.get_running_loop()
        try:
            await asyncio.gather(*(child.run(server_url, mqtt, stream) for child in self.children.values()))
        finally:
            await asyncio.gather(*(child.end() for child in self.children.values()))

    def send(self, device_id: str, message: dict[str, Any]) -> bool:
        """Do something to a board, from any thread. False when there is no such board or it cannot be done."""
        child = self.children.get(device_id)
        if child is None or self.loop is None or message.get("do") not in (*SAID, "power", "unwell"):
            return False
        self.loop.call_soon_threadsafe(child.do, message)
        return True

    def states(self) -> dict[str, dict[str, Any]]:
        """What every board looks like now: power, wifi, led, link, queue, battery, log."""
        return {device_id: child.state() for device_id, child in self.children.items()}


class Child:
    def __init__(self, board: Board, folder: Path, changed: Callable[[Board], None]) -> None:
        self.board = board
        self.folder = folder
        self.changed = changed
        self.power = asyncio.Event()
        self.power.set()
        self.process: asyncio.subprocess.Process | None = None
        self.wifi = True
        self.battery = 0.87
        self.surroundings: dict[str, Any] = {}
        self.is_door_open = False
        self.knob = 0
        self.walls = ""
        """How the switches at the wall stand, as --walls says it; they stay so when the power goes."""
        self.sound = ""
        self.sounds = 0
        self.seen: dict[str, Any] = {}
        self.lines: list[dict[str, Any]] = []

    async def run(self, server_url: str, mqtt: str, stream: str) -> None:
        while True:
            await self.power.wait()
            await self._live(self._command(server_url, mqtt, stream))
            self.seen = {}
            self.changed(self.board)
            await asyncio.sleep(1)  # a board that ends by itself restarts, though not in a tight circle

    @property
    def has_door(self) -> bool:
        return self.board.model.startswith("door-")

    @property
    def has_lights(self) -> bool:
        return self.board.model.startswith("lights-")

    def _command(self, server_url: str, mqtt: str, stream: str) -> list[str]:
        b = self.board
        return [
            *(sys.executable, "-m", "panal", "virtual", "run", "--json", "--model", b.model, "--id", b.device_id),
            *("--token", b.token, "--server", server_url, "--mqtt", mqtt, "--transport", b.transport),
            *("--vm", b.vm, "--dir", str(self.folder), "--radio", json.dumps(AIR)),
            *(["--fresh"] if b.fresh else []),
            *(["--stream", stream] if stream else []),
            *(["--scene", b.scene] if b.scene else []),
            *(["--knob", str(self.knob)] if self.has_door else []),
            *(["--door-open"] if self.is_door_open else []),
            *(["--walls", self.walls] if self.walls else []),
        ]

    async def _live(self, command: list[str]) -> None:
        """From power on to power off."""
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, limit=LINE_BYTES
        )
        self._say({"do": "wifi", "on": self.wifi})
        self._say({"do": "battery", "value": self.battery})
        if self.surroundings:
            self._say({"do": "camera", **self.surroundings})
        try:
            assert self.process.stdout
            async for line in self.process.stdout:
                self._hear(line)
        except ValueError:
            logger.warning("virtual device %s said a line longer than %d bytes", self.board.device_id, LINE_BYTES)
        await self.end()

    def _hear(self, line: bytes) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            return
        if not isinstance(said, dict):
            return
        if "log" in said:
            self.lines = [*self.lines, said["log"]][-LOG_LINES:]
        self.seen.update({name: said[name] for name in SEEN if name in said})
        if isinstance(said.get("walls"), list):
            self.walls = "".join("1" if is_closed else "0" for is_closed in said["walls"])
        if isinstance(said.get("sound"), str):
            self.sound, self.sounds = said["sound"], self.sounds + 1
        self.changed(self.board)

    def do(self, message: dict[str, Any]) -> None:
        if message["do"] == "power":
            self._switch(bool(message.get("on")))
            return
        if message["do"] == "unwell":
            self._spoil(bool(message.get("on")))
            return
        if message["do"] == "wifi":
            self.wifi = bool(message.get("on"))
        if message["do"] == "battery":
            self.battery = float(message.get("value", self.battery))
        if message["do"] == "door":
            self.is_door_open = bool(message.get("open"))
        if message["do"] == "knob":
            self.knob = int(message.get("value", self.knob))
        if message["do"] == "camera":
            message = {"do": "camera", **self._surround(message)}
        self._say(message)
        self.changed(self.board)

    def _surround(self, message: dict[str, Any]) -> dict[str, Any]:
        """What stays as it is now around a camera: `covered`, `night`; and who walks by from now on: `walk`."""
        for name in ("covered", "night"):
            if name in message:
                self.surroundings[name] = bool(message[name])
        return self.surroundings | ({"walk_ms": int(time.time() * 1000)} if message.get("walk") else {})

    def _switch(self, on: bool) -> None:
        if on:
            self.power.set()
        else:
            self.power.clear()
            if self.process and self.process.returncode is None:
                self.process.kill()
        self.changed(self.board)

    @property
    def _unwell(self) -> Path:
        return self.folder / UNWELL

    def _spoil(self, on: bool) -> None:
        """Whether its next version fails its self-test."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if on:
            self._unwell.touch()
        else:
            self._unwell.unlink(missing_ok=True)
        self.changed(self.board)

    def _say(self, message: dict[str, Any]) -> None:
        if self.process and self.process.stdin and self.process.returncode is None:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")

    async def end(self) -> None:
        if self.process and self.process.returncode is None:
            self.process.kill()
        if self.process:
            await self.process.wait()
        self.process = None

    def _door(self) -> dict[str, Any]:
        """A door as somebody who stands before it sees and hears it; `sounds` counts what was heard so far."""
        seen = self.seen if self.power.is_set() else {}
        lcd = seen.get("lcd")
        leds = seen.get("leds")
        return {
            "lcd": [str(line)[:16] for line in lcd[:2]] if isinstance(lcd, list) else ["", ""],
            "leds": leds if isinstance(leds, dict) else {},
            "lock": seen.get("lock", "locked"),  # without power the bolt is out
            "door": "open" if self.is_door_open else "close",
            "knob": self.knob,
            "sound": self.sound,
            "sounds": self.sounds,
        }

    def _lights(self) -> list[dict[str, Any]]:
        """The lamps as somebody in the home sees them: how bright, 0 to 100."""
        lamps = self.seen.get("lamps") if self.power.is_set() else None
        levels = lamps if isinstance(lamps, list) else [0] * LAMPS
        return [{"number": n, "level_pct": level} for n, level in enumerate(levels, 1) if isinstance(level, int)]

    def state(self) -> dict[str, Any]:
        return {
            "power": self.power.is_set(),
            "wifi": self.wifi,
            "unwell": self._unwell.exists() if self.board.vm == "micropython" else None,
            "battery": self.battery,
            "model": self.board.model,
            "transport": self.board.transport,
            "led": self.seen.get("led", "off") if self.power.is_set() else "off",
            "link": self.seen.get("link", "down") if self.power.is_set() else "down",
            "queue": self.seen.get("queue", 0),
            "portal": self.seen.get("portal") or "",
            "stream": self.seen.get("stream", "") if self.power.is_set() else "",
            "flash": self.seen.get("flash", 0) if self.power.is_set() else 0,
            "has_camera": bool(self.board.scene),
            "covered": self.surroundings.get("covered", False),
            "night": self.surroundings.get("night", False),
            "door": self._door() if self.has_door else None,
            "lights": self._lights() if self.has_lights else None,
            "local": self.seen.get("local") or "",
            "is_worn": self.board.model.startswith("wearable-"),
            "countdown": self.seen.get("countdown") if self.power.is_set() else None,
            "log": self.lines,
        }
