"""Runs a conversation: a text file in which a board and its server speak, one line for each message.

The whole firmware runs on simulated hardware, in a time of its own that passes only where a line says so. The lines:

    # a remark
    transport mqtt                      or http, before anything else; other words set config.json: `command_wait_s 0`
    board hello {"model": "wearable-1"} the board says this next; over HTTP: method, path and document
    server accepted {"uid": "$uid"}     the server says this; over HTTP: status and document
    do press                            press · shake fall · tilt on · wifi off · battery 0.5 ·
                                        power off (cut, and started again);
                                        at a door: card 04A1B2C3 · turn 1229 · type 3 6 4 (each digit by the knob) ·
                                        open · close · exit · key 5 · bolt locked;
                                        with lights: wall 1 (thrown) · hold 1 900 (pressed for so many ms)
    led blink_500                       the LED shows this by now
    lock unlocked                       of a door: how its lock stands now, what its display shows, and what it sounds
    lcd ACCESS GRANTED! / WELCOME HOME
    sound short double
    lamps 0 60 100 0                    how bright they are, in percent, half a second later
    +30s                                time passes, and the board says nothing that the next lines do not say

A document may leave fields out; `"*"` stands for anything, `"$name"` for the same thing wherever it stands, `"card:…"`
and `"code:3-6-4"` for the keyed hash of a card and of a combination. Log lines of the board are not part of a
conversation; with `model door-1` neither is what it reports, unless a line asks for it.
"""

import asyncio
import json
import re
import selectors
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from panal.board import config
from panal.board.board import Board
from panal.cells.access import rules
from panal.protocol import command, keys
from panal.virtual import body, device, door, hardware, lights

PATIENCE_S = 20
"""How long, in the conversation's own time, a line of the board is waited for."""
START_MS = 1_795_000_000_000
TOKEN = "5a" * 32
DEVICE_ID = "WEAR2345"
QUIET_S = 0.3
SEEN_S = 0.1
FADE_S = 0.6
KEYED = ("card:", "code:")
HEARD_S = 0.01
"""After the server has spoken, the board has this long to hear it before the next line."""


class Wrong(AssertionError):
    """The conversation went another way than the file says; the text names the line."""


class TimeMachine(selectors.SelectSelector):
    """Where the loop would wait, time jumps. Nothing in a conversation waits for the world."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is not None and timeout > 0:
            self.now_s += timeout
        if not ready and timeout is None:
            raise RuntimeError("everybody waits for ever")
        return ready


def run(path: Path, flash: Path) -> None:
    """Run the conversation in the file with `flash`, an empty folder. Raises Wrong."""
    machine = TimeMachine()
    loop = asyncio.SelectorEventLoop(machine)
    loop.time = lambda: machine.now_s  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(_run(path.read_text(encoding="utf-8").splitlines(), flash))


async def _run(lines: list[str], flash: Path) -> None:
    talk = Talk(flash)
    try:
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.startswith("#"):
                try:
                    await talk.obey(line.strip())
                except Wrong as error:
                    raise Wrong(f"line {number}: {line.strip()}\n{error}") from None
        await talk.power_off()
    finally:
        talk.release()


class Wire:
    """A connection in memory, whose server half is the conversation's."""

    def __init__(self) -> None:
        self.to_board: asyncio.Queue[bytes] = asyncio.Queue()
        self.to_server = b""
        self.written = asyncio.Event()
        self.is_closed = False
        self._rest = b""

    async def read(self, n: int) -> bytes:
        if not self._rest:
            self._rest = await self.to_board.get()
        found, self._rest = self._rest[:n], self._rest[n:]
        return found

    async def write(self, data: bytes) -> None:
        self.to_server += data
        self.written.set()

    def close(self) -> None:
        self.is_closed = True
        self.written.set()


class Talk:
    """One conversation under way."""

    def __init__(self, flash: Path) -> None:
        self.flash = flash
        self.config: dict[str, Any] = {
            "device_id": DEVICE_ID,
            "token": TOKEN,
            "model": "wearable-1",
            "server": "http://127.0.0.1:1",
        }
        self.heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.names: dict[str, Any] = {}
        self.hardware: hardware.Hardware | None = None
        self.tasks: list[asyncio.Task[Any]] = []
        self.wires: list[Wire] = []
        self.leds: list[str] = []
        self.sounds: list[str] = []
        door.start = {"open": False, "knob": 2048}
        lights.start["closed"] = [False] * len(lights.start["closed"])
        loop = asyncio.get_running_loop()
        self.began_s = loop.time()
        self._plain_ticks = hardware.ticks_ms
        hardware.ticks_ms = lambda: int((loop.time() - self.began_s) * 1000)

    def release(self) -> None:
        hardware.ticks_ms = self._plain_ticks

    # the lines

    async def obey(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if line.startswith("+"):
            await self._let_pass(line)
        elif word in VERBS:
            await VERBS[word](self, rest)
        else:
            self.config[word] = json.loads(rest) if re.match(r'[\d\["tf]', rest) and rest != "http" else rest

    async def _let_pass(self, line: str) -> None:
        match = re.fullmatch(r"\+(\d+(?:\.\d+)?)(ms|s|min)", line)
        if match is None:
            raise Wrong("how long is that?")
        await self._power_on()
        await asyncio.sleep(float(match[1]) * {"ms": 0.001, "s": 1, "min": 60}[match[2]])

    async def expect(self, rest: str) -> None:
        await self._power_on()
        what, document = _split(rest)
        try:
            said, found = await asyncio.wait_for(self._next_heard(what), PATIENCE_S)
        except TimeoutError:
            raise Wrong("the board says nothing") from None
        if said != self._named(what) or not self._matches(document, found):
            raise Wrong(f"the board says: {said} {json.dumps(found)}")

    async def _next_heard(self, what: str) -> tuple[str, Any]:
        while True:
            said, found = await self.heard.get()
            if not self._is_passed_over(said, what):
                return said, found

    def _is_passed_over(self, said: str, what: str) -> bool:
        """A door says at every change how it stands, and its signs of life are those of every board."""
        return self.is_door() and said in ("reported", "heartbeat") and said != what

    async def say(self, rest: str) -> None:
        what, document = _split(rest)
        wire = self.wires[-1]
        filled = self._filled(document)
        if self.config.get("transport") == "http":
            wire.to_board.put_nowait(_http_answer(int(what), filled))
        else:
            if what == "command":
                filled = _signed(filled)
            topic = what if "/" in what else f"panal/{DEVICE_ID}/down/{what}"
            wire.to_board.put_nowait(_publish(topic, json.dumps(filled).encode()))
        await asyncio.sleep(HEARD_S)

    async def do(self, rest: str) -> None:
        await self._power_on()
        assert self.hardware
        words = rest.split()
        parts: dict[str, Any] = self.hardware.parts
        if words[0] == "press":
            parts["button"].press(100)
        elif words[0] == "tilt":
            parts["tilt"].value = words[1] == "on"
        elif words[0] == "battery":
            parts["battery"].value = float(words[1])
        elif words[0] == "wifi":
            self.hardware.wifi.switch(words[1] == "on")
        elif words[0] == "shake":
            body.here[0].do({"do": "shake", "motion": words[1]})
        elif words[0] == "power":
            await self.power_off()
        elif self.is_door():
            await self._do_at_door(words)
        elif "walls" in parts and words[0] in ("wall", "hold"):
            held = {"ms": int(words[2])} if words[0] == "hold" else {}
            lights.here[0].do({"do": "wall", "number": int(words[1]), **held})
        else:
            raise Wrong("do what?")

    def is_door(self) -> bool:
        return str(self.config["model"]).startswith("door")

    async def _do_at_door(self, words: list[str]) -> None:
        place = door.here[0]
        if words[0] == "type":
            for digit in words[1:]:
                place.turn(4095 * int(digit) // 10 + 150)  # so that the same digit twice is a turn too
                await asyncio.sleep(0.4)
                place.turn(4095 * int(digit) // 10)
                await asyncio.sleep(1.8)
        elif words[0] in DOOR_VERBS:
            place.do(DOOR_VERBS[words[0]](words[1] if len(words) > 1 else ""))
        else:
            raise Wrong("do what?")

    async def see_lock(self, rest: str) -> None:
        await self._power_on()
        await asyncio.sleep(SEEN_S)
        if door.here[0].seen()["lock"] != rest:
            raise Wrong(f"the lock is {door.here[0].seen()['lock']}")

    async def see_lamps(self, rest: str) -> None:
        await self._power_on()
        await asyncio.sleep(FADE_S)
        found = " ".join(str(level) for level in lights.here[0].seen()["lamps"])
        if found != rest:
            raise Wrong(f"the lamps are {found}")

    async def read(self, rest: str) -> None:
        await asyncio.sleep(0.4)  # as long as the display takes to be written
        first, _, second = rest.partition(" /")
        if door.here[0].seen()["lcd"] != [first, second.strip()]:
            raise Wrong(f"the display shows {door.here[0].seen()['lcd']}")

    async def listen(self, rest: str) -> None:
        """All that sounded since the last such line."""
        await asyncio.sleep(1)
        heard, self.sounds = " ".join(self.sounds), []
        if heard != rest:
            raise Wrong(f"it sounds: {heard}")

    async def see(self, rest: str) -> None:
        await self._power_on()
        await asyncio.sleep(3)
        assert self.hardware
        if self.hardware.parts["led"].pattern != rest:
            raise Wrong(f"the LED shows {self.hardware.parts['led'].pattern}")

    async def quiet(self, rest: str) -> None:
        await asyncio.sleep(QUIET_S)
        while not self.heard.empty():
            said, found = self.heard.get_nowait()
            if self._is_passed_over(said, ""):
                continue
            raise Wrong(f"the board says: {said} {json.dumps(found)}")

    # the board

    async def _power_on(self) -> None:
        if self.hardware is not None:
            return
        values = config.parse({**self.config, "ntp": ""}, b"123456")  # nothing here may wait for the world
        self.hardware = hardware.Hardware(self.config["model"], DEVICE_ID, "pwron_reset", has_clock=False)
        device.give_home(str(self.flash), TOKEN)
        self.hardware.rtc = Rtc(self.config.get("clock") != "none")
        self.hardware.connect = self._connect
        if "led" in self.hardware.parts:
            self.hardware.parts["led"].seen = self.leds.append
        board = Board(self.hardware, values, str(self.flash))
        self.tasks = [asyncio.create_task(board.run()), asyncio.create_task(self._look())]

    async def _look(self) -> None:
        assert self.hardware
        while not self.is_door():
            self.hardware.parts["led"].look()
            await asyncio.sleep(0.1)
        began_s = asyncio.get_running_loop().time()
        while True:
            sound = door.here[0].listen(int((asyncio.get_running_loop().time() - began_s) * 1000))
            self.sounds += [sound] if sound else []
            door.here[0].seen()
            await asyncio.sleep(0.02)

    async def power_off(self) -> None:
        """As the plug does: everything stops where it is, and only the flash remains."""
        # More than once, because Python 3.11's wait_for() swallows a cancellation that meets the end of its wait.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in others:
                task.cancel()
            await asyncio.wait(others, timeout=0.001)
        for wire in self.wires:
            wire.close()
        self.hardware = None

    async def _connect(self, host: str, port: int, tls: object, server_name: str) -> Wire:
        assert self.hardware
        if not self.hardware.wifi.is_up():
            raise OSError(113, "no route")
        wire = Wire()
        self.wires.append(wire)
        serve = self._serve_http if self.config.get("transport") == "http" else self._serve_mqtt
        self.tasks.append(asyncio.create_task(serve(wire)))
        return wire

    async def _serve_mqtt(self, wire: Wire) -> None:
        """The broker's half: what every connection needs is done here, what matters is heard."""
        while not wire.is_closed:
            await wire.written.wait()
            wire.written.clear()
            while packet := _take_packet(wire):
                self._receive_packet(wire, *packet)

    def _receive_packet(self, wire: Wire, first: int, body: bytes) -> None:
        kind = first >> 4
        if kind == 1:
            wire.to_board.put_nowait(b"\x20\x02\x00\x00")
        elif kind == 8:
            wire.to_board.put_nowait(b"\x90\x03" + body[:2] + b"\x00")
        elif kind == 12:
            wire.to_board.put_nowait(b"\xd0\x00")
        elif kind == 3:
            end = 2 + int.from_bytes(body[:2], "big")
            begin = end + (2 if first & 6 else 0)
            if first & 6:
                wire.to_board.put_nowait(b"\x40\x02" + body[end:begin])
            leaf = body[2:end].decode().rsplit("/", 1)[1]
            if leaf != "log":
                self.heard.put_nowait((leaf, json.loads(body[begin:])))

    async def _serve_http(self, wire: Wire) -> None:
        while not wire.is_closed:
            await wire.written.wait()
            wire.written.clear()
            while request := _take_request(wire):
                self.heard.put_nowait(request)

    # documents

    def _matches(self, expected: Any, found: Any) -> bool:
        if isinstance(expected, str) and expected.startswith(KEYED):
            return bool(_keyed(expected) == found)
        if isinstance(expected, str) and expected.startswith("$"):
            return bool(self.names.setdefault(expected, found) == found)
        if expected == "*":
            return True
        if isinstance(expected, dict):
            return isinstance(found, dict) and all(
                self._matches(item, found.get(key)) for key, item in expected.items()
            )
        return bool(expected == found)

    def _filled(self, document: Any) -> Any:
        if isinstance(document, dict):
            return {key: self._filled(item) for key, item in document.items()}
        if isinstance(document, list):
            return [self._filled(item) for item in document]
        if isinstance(document, str) and document.startswith(KEYED):
            return _keyed(document)
        return self.names.get(document, document) if isinstance(document, str) else document

    def _named(self, text: str) -> str:
        return re.sub(r"\$\w+", lambda match: str(self.names.get(match[0], match[0])), text)


class Rtc:
    """Right from the start, and in the conversation's own time; or, with `clock none`, never set."""

    def __init__(self, is_set: bool = True) -> None:
        self._begin_ms = START_MS if is_set else 946_684_800_000

    def get_ms(self) -> int:
        return self._begin_ms + hardware.ticks_ms()

    def set_ms(self, unix_ms: int) -> None:
        """A server's word is not needed here."""


VERBS: dict[str, Callable[[Talk, str], Awaitable[None]]] = {
    "board": Talk.expect,
    "server": Talk.say,
    "do": Talk.do,
    "led": Talk.see,
    "quiet": Talk.quiet,
    "lock": Talk.see_lock,
    "lcd": Talk.read,
    "sound": Talk.listen,
    "lamps": Talk.see_lamps,
}
DOOR_VERBS: dict[str, Callable[[str], dict[str, Any]]] = {
    "card": lambda uid: {"do": "card", "uid": uid},
    "turn": lambda value: {"do": "knob", "value": int(value)},
    "open": lambda _: {"do": "door", "open": True},
    "close": lambda _: {"do": "door", "open": False},
    "exit": lambda _: {"do": "exit"},
    "key": lambda key: {"do": "key", "key": key},
    "bolt": lambda word: {"do": "bolt", "locked": word == "locked"},
}


def _keyed(text: str) -> str:
    """The hash of "card:04A1B2C3" or "code:3-6-4" at the board of these conversations."""
    kind, _, value = text.partition(":")
    key = keys.derive(TOKEN, "access")
    if kind == "card":
        return str(keys.hex_of(rules.card_hash(key, bytes.fromhex(value))))
    return str(keys.hex_of(rules.code_hash(key, value.split("-"))))


def _split(rest: str) -> tuple[str, Any]:
    """("POST devices/register", document) of a line."""
    begin = re.search(r"[{\[]", rest)
    if begin is None:
        return rest.strip(), "*"
    return rest[: begin.start()].strip(), json.loads(rest[begin.start() :])


def _signed(document: dict[str, Any]) -> dict[str, Any]:
    """A command as our server sends it; `expires_in_ms` says how long it is good."""
    expires_at_ms = START_MS + hardware.ticks_ms() + document.pop("expires_in_ms", 60_000)
    args = document.setdefault("args", {})
    mac = command.mac(keys.derive(TOKEN, "command"), document["id"], document["name"], expires_at_ms, args)
    return {"expires_at_ms": expires_at_ms, "mac": mac, **document}


def _publish(topic: str, payload: bytes) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic.encode() + payload
    length, data = len(body), b""
    while True:
        length, digit = length >> 7, length & 127
        data += bytes((digit | 128 if length else digit,))
        if not length:
            return b"\x30" + data + body


def _take_packet(wire: Wire) -> tuple[int, bytes] | None:
    data, length = wire.to_server, 0
    for index in range(1, min(len(data), 5)):
        length |= (data[index] & 127) << 7 * (index - 1)
        if data[index] < 128:
            end = index + 1 + length
            if len(data) < end:
                return None
            wire.to_server = data[end:]
            return data[0], data[index + 1 : end]
    return None


def _take_request(wire: Wire) -> tuple[str, Any] | None:
    head, blank, rest = wire.to_server.partition(b"\r\n\r\n")
    if not blank:
        return None
    lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    length = int(headers.get("content-length", 0))
    if len(rest) < length:
        return None
    wire.to_server = rest[length:]
    method, path, _ = lines[0].split(" ")
    return f"{method} {path.removeprefix('/api/v1/')}", json.loads(rest[:length]) if length else None


def _http_answer(status: int, document: Any) -> bytes:
    body = b"" if document == "*" else json.dumps(document).encode()
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body
