"""One virtual device: the firmware on simulated hardware, in the MicroPython VM or on CPython.

    micropython -m panal.virtual.power FOLDER [--json] [--no-clock] [--fresh] [--pace=N] [--ports=N,N] [--radio=JSON]
        [--scene=N]

FOLDER is its flash with config.json in it. Standard input, one JSON object a line:
    {"do":"press","part":"button","ms":100} · {"do":"wifi","on":false} · {"do":"battery","value":0.5} ·
    {"do":"tilt","on":true} · {"do":"camera","covered":true,"night":null,"walk_ms":0} (panal/virtual/scene.py) ·
    {"do":"card","uid":"04A1B2C3"} · {"do":"knob","value":0..4095} · {"do":"door","open":true} · {"do":"exit"} ·
    {"do":"key","key":"5"} · {"do":"bolt","locked":true} · {"do":"display","on":false} (panal/virtual/door.py) ·
    {"do":"shake","motion":"fall|stumble|sit|table|stand"} (panal/virtual/motion.py) ·
    {"do":"wall","number":1} throws a switch, with "ms":150 it is pressed (panal/virtual/lights.py) ·
    {"do":"radio","networks":[{"ssid","password","rssi","dhcp","internet","hidden"}]}
Standard output, one JSON object a line:
    {"led":"steady|blink_500|blink_200|blink_100|flash_2"} · {"link":"up|down"} · {"queue":n} ·
    {"log":{"level","message"}} ·
    {"portal":"http://127.0.0.1:PORT/"|null} · {"dns":PORT|null} · {"wifi":{"ssid_hash":"8 digits"}|null} ·
    {"lcd":["…","…"]} · {"leds":{"blue","green","red"}} · {"lock":"locked|unlocked"} · {"door":"open|close"} ·
    {"sound":"short|double|triple|long"} · {"lamps":[0..100,…]} · {"walls":[true if closed,…]} ·
    {"local":"http://127.0.0.1:PORT/local"} · {"stream":"up|down"} · {"flash":0..255} ·
    {"countdown":seconds|null} ·
    {"heap":{"live_bytes":n}}, which is what is alive after a collection, and only in the VM.
A board knows its home network from the start, and --fresh none, as one from the factory. --pace: how much faster than
life the times of Wi-Fi pass; --ports: loopback ports of its portal, HTTP and DNS; --radio: one network
that is in the air at first; one option for each, because an argument of the VM has at most 255 letters; --scene: the
loopback port of what its camera sees; --door=open, --knob=N: how a door and its knob stand when power comes;
--walls=0100: which of the switches at the wall are closed then.
With --json the end of the input is the end of the device, so that it never outlives who started it. Without it, the
words `press`, `tilt on`, `wifi off`, `battery 0.5` do the same, and what happens is told in plain lines.
"""

import asyncio
import binascii
import gc
import hashlib
import json
import os
import sys

from panal.board import net
from panal.board.board import Board
from panal.board.memory import forget
from panal.virtual import reboot
from panal.virtual.hardware import HOME, Hardware

LOOK_S = 0.1
HEAP_LOOKS = 300  # how many looks lie between two words about the heap
FIRST_HEAP_LOOK = 50
RESTARTED = "--restarted"
UNWELL = "unwell"
"""While a file of this name lies on its flash, no new version passes its self-test."""
NOT_KEPT = (RESTARTED, "--radio", "--door", "--knob", "--walls")
MAC = b"\x02\x00\x00\x00\x00\x01"
IS_VM = sys.implementation.name == "micropython"


class Bench:
    """What lies around the board: somebody who presses, and somebody who looks."""

    def __init__(self, is_json):
        self._is_json = is_json
        self._last = {}
        self.hardware = None  # the board's, while it has power
        self.ended = asyncio.Event()

    def tell(self, name, value):
        if self._last.get(name) == value:
            return
        self._last[name] = value
        self._print({name: value})

    def echo(self, line):
        self._print({"log": {"level": line["level"], "message": line["message"]}})

    def _print(self, document):
        if self._is_json:
            print(json.dumps(document))
        elif "log" in document:
            print("%-7s %s" % (document["log"]["level"], document["log"]["message"]))
        else:
            for name, value in document.items():
                print("%-7s %s" % (name, value))
        if not IS_VM:
            sys.stdout.flush()

    async def hear(self):
        """Words on the standard input, until it ends."""
        lines = await _standard_input()
        while line := await lines.readline():
            self._hear(line)
        if self._is_json:
            self.ended.set()

    def _hear(self, line):
        try:
            said = json.loads(line) if self._is_json else _words(line.decode().split())
            self._do(said)
        except (ValueError, KeyError, AttributeError, IndexError, TypeError):
            self._print({"log": {"level": "warning", "message": "bench: not understood"}})

    def _do(self, said):
        do, parts = said["do"], self.hardware.parts
        if do == "press":
            parts[said.get("part", "button")].press(said.get("ms", 100))
        elif do == "tilt":
            parts["tilt"].value = said["on"]
        elif do == "battery":
            parts["battery"].value = said["value"]
        elif do == "wifi":
            self.hardware.wifi.switch(said["on"])
        elif do == "camera":
            self._surround(said)
        elif do == "radio":
            self.hardware.wifi.networks = [network for network in said["networks"] if network["ssid"]]
        elif self._surroundings() is None or not self._surroundings().do(said):
            raise ValueError

    def _surroundings(self):
        """The door or the lights around this board, or who wears it, or None."""
        if "reader" in self.hardware.parts:
            from panal.virtual import door as place
        elif "walls" in self.hardware.parts:
            from panal.virtual import lights as place
        elif "motion" in self.hardware.parts:
            from panal.virtual import body as place
        else:
            return None
        return place.here[0]

    async def look_at_lights(self):
        """Tell what can be seen of them, for ever."""
        while True:
            for name, value in self._surroundings().seen().items():
                self.tell(name, value)
            await asyncio.sleep(0.05)

    async def look_at_door(self):
        """Tell what can be seen and heard of a door, for ever."""
        door, ms = self._surroundings(), 0
        while True:
            sound = door.listen(ms)
            if sound is not None:
                self._print({"sound": sound})
            if ms % 50 == 0:
                for name, value in door.seen().items():
                    self.tell(name, value)
            ms += 10
            await asyncio.sleep(0.01)

    def _surround(self, said):
        from panal.virtual import camera

        for name in ("covered", "night", "walk_ms"):
            if name in said:
                camera.surroundings[name] = said[name]

    async def look(self, board):
        """Tell what can be seen from outside, for ever."""
        parts = self.hardware.parts
        looks = 0
        if board.queue is not None:
            board.queue.changed = lambda length: self.tell("queue", length)
            self.tell("queue", len(board.queue))
        while True:
            if "led" in parts:
                parts["led"].seen = lambda pattern: self.tell("led", pattern)
                parts["led"].look()
            self.tell("link", "up" if board.link.is_up else "down")
            if "care" in board.cells:
                self.tell("countdown", board.cells["care"].countdown_s(board.clock.monotonic_ms()))
            if "camera" in parts:
                self.tell("stream", "up" if parts["led"].is_lit else "down")
                self.tell("flash", parts["flash"].level)
            self._look_at_wifi(board)
            if IS_VM and looks % HEAP_LOOKS == FIRST_HEAP_LOOK:
                gc.collect()
                self.tell("heap", {"live_bytes": gc.mem_alloc()})
            looks += 1
            await asyncio.sleep(LOOK_S)

    def _look_at_wifi(self, board):
        ssid, is_open = self.hardware.wifi.ssid(), board.wifi.is_open
        self.tell("wifi", None if ssid is None else {"ssid_hash": _hash(ssid)})
        if "walls" in self.hardware.parts and self.hardware.PORTAL:
            self.tell("local", self.hardware.PORTAL[3] + "local")
        if is_open or "portal" in self._last:
            self.tell("portal", self.hardware.PORTAL[3] if is_open else None)
            self.tell("dns", self.hardware.PORTAL[2] if is_open else None)


def _hash(ssid):
    return binascii.hexlify(hashlib.sha256(ssid.encode()).digest()[:4]).decode()


def _words(words):
    """`wifi off` as the JSON says it."""
    said = {"do": words[0]}
    if words[0] in ("wifi", "tilt"):
        said["on"] = {"on": True, "off": False}[words[1]]
    elif words[0] == "battery":
        said["value"] = float(words[1])
    elif words[0] == "shake":
        said["motion"] = words[1]
    return said


async def _standard_input():
    if IS_VM:
        return asyncio.StreamReader(sys.stdin.buffer)
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def power_on(folder, bench, arguments, pointer=None):
    """The board from its start to its restart, which is True, or to the end of the bench."""
    values = _config(folder)
    _place(arguments)
    hardware = bench.hardware = Hardware(
        values["model"],
        values["device_id"],
        "soft_reset" if RESTARTED in arguments else "pwron_reset",
        "--no-clock" not in arguments,
        [json.loads(argument[8:]) for argument in arguments if argument.startswith("--radio=")] or HOME,
        int(_option(arguments, "pace") or "1"),
        [int(port) for port in (_option(arguments, "ports") or "").split(",") if port],
        int(_option(arguments, "scene") or "0"),
    )
    hardware.pointer = pointer
    if "--fresh" not in arguments:
        give_home(folder, values["token"])
    board = Board(hardware, values, folder, bench.echo)
    if pointer is not None and pointer.trial and _is_there(folder + "/" + UNWELL):
        board.supervisor.watch("self-test", _fail)
    tasks = [bench.hear(), board.run(), bench.look(board), _end(bench.ended, hardware.restarted)]
    if "reader" in hardware.parts:
        tasks.append(bench.look_at_door())
    if "walls" in hardware.parts:
        tasks.append(bench.look_at_lights())
    tasks = [asyncio.create_task(task) for task in tasks]
    await hardware.restarted.wait()
    for task in tasks:
        task.cancel()
    return not bench.ended.is_set()


def _place(arguments):
    """How the door stands, and the knob, or the switches at the wall, when power comes."""
    is_open, knob = _option(arguments, "door"), _option(arguments, "knob")
    if is_open or knob:
        from panal.virtual import door

        door.start = {"open": is_open == "open", "knob": int(knob or "2048")}
    walls = _option(arguments, "walls")
    if walls:
        from panal.virtual import lights

        lights.start["closed"] = [wall == "1" for wall in walls]


def _option(arguments, name):
    """The text of --name=text, or None."""
    for argument in arguments:
        if argument.startswith("--%s=" % name):
            return argument.partition("=")[2]
    return None


def give_home(folder, token):
    """A board that was never set up finds itself set up, for its home network."""
    from panal.board import networks
    from panal.board.storage import Storage

    flash = Storage(folder)
    if flash.read(networks.FILE) is None:
        networks.save(flash, token, [(home["ssid"], home["password"]) for home in HOME], 0)
    forget("panal.board.networks")
    forget("panal.protocol.envelope")


def _config(folder):
    from panal.board import config

    try:
        return config.load(folder + "/config.json", MAC, lambda name: "")
    except config.BadConfig as error:
        raise net.Refused(str(error))
    finally:
        forget("panal.board.config")


def _is_there(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


async def _fail():
    raise RuntimeError("the bench wants it so")


async def _end(ended, restarted):
    await ended.wait()
    restarted.set()


def main(arguments, pointer=None):
    """`pointer`: which of two slots this firmware came from (panal/virtual/power.py)."""
    folder = arguments[0]
    bench = Bench("--json" in arguments)
    try:
        restarts = asyncio.run(power_on(folder, bench, arguments, pointer))
    except net.Refused as error:
        print("panal virtual: %s" % error)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(0)
    if restarts:
        for what in ("portal", "dns"):  # the access point ends with this life
            bench.tell(what, None)
        kept = [argument for argument in arguments if argument.split("=")[0] not in NOT_KEPT]
        if "reader" in bench.hardware.parts:
            from panal.virtual import door

            kept += ["--door=" + ("open" if door.start["open"] else "close"), "--knob=%d" % door.start["knob"]]
        if "walls" in bench.hardware.parts:
            from panal.virtual import lights

            kept.append("--walls=" + lights.word())
        # What is in the air does not restart with the board.
        air = ["--radio=" + json.dumps(network) for network in bench.hardware.wifi.networks]
        reboot.reboot(kept + [RESTARTED] + air, _option(arguments, "vm") or "")
