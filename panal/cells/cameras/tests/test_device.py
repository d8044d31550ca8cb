import asyncio
import json
import time
import unittest

from panal.board import websocket
from panal.cells.cameras import device
from panal.protocol import backoff

VM_HEAP = "256k"  # every board with a camera has PSRAM
TOKEN = "0" * 64
SMALL = b"\xff\xd8" + bytes(400) + b"\xff\xd9"
LARGE = b"\xff\xd8" + bytes(32000) + b"\xff\xd9"


class Clock:
    def __init__(self):
        self._begun_ms = self.now_ms()

    def monotonic_ms(self):
        return self.now_ms() - self._begun_ms

    def now_ms(self):
        return time.time_ns() // 1000000


class Storage:
    def __init__(self):
        self.files = {}

    def read(self, name):
        return self.files.get(name)

    def write(self, name, text):
        self.files[name] = text


class Sensor:
    def __init__(self):
        self.done = []
        self.jpeg = SMALL
        self.on = False

    def start(self, name, quality):
        self.on = True
        self.done.append(("start", name, quality))

    def stop(self):
        self.on = False

    def is_on(self):
        return self.on

    def can(self, name):
        return name not in ("FHD", "QXGA")

    def set_size(self, name):
        self.done.append(("size", name))

    def set_quality(self, quality):
        self.done.append(("quality", quality))

    def set_control(self, control, value):
        if control == "saturation":
            raise ValueError("No attribute saturation")
        self.done.append((control, value))

    async def capture(self):
        await asyncio.sleep(0)
        return self.jpeg and (self.jpeg, 640, 480)


class Lamp:
    def __init__(self):
        self.levels = []

    def shine(self, level):
        self.levels.append(level)


class Led:
    is_lit = False

    def on(self):
        self.is_lit = True

    def off(self):
        self.is_lit = False


class Wifi:
    up = True

    def is_up(self):
        return self.up

    def rssi(self):
        return -60

    def ip(self):
        return "192.0.2.9"


class Hardware:
    def __init__(self):
        self.parts = {"camera": Sensor(), "flash": Lamp(), "led": Led()}
        self.wifi = Wifi()
        self.restarts = []

    def restart(self, cause):
        self.restarts.append(cause)


class Log:
    def __init__(self):
        self.lines = []

    def info(self, line):
        self.lines.append(line)

    warning = info


class BoardDevice:
    def __init__(self):
        self.commands = {}
        self.received = []

    def on_command(self, document):
        self.received.append(document)


class Stream:
    """The server's end of the connection: it shakes hands, and keeps what the board says."""

    def __init__(self):
        self.heard = []  # texts as dicts, binaries as their length
        self.is_closed = False
        self._to_read = []
        self._buffer = b""
        self._is_open = False

    async def read(self, n):
        while not self._to_read:  # noqa: ASYNC110  the clock of these tests is the loop
            await asyncio.sleep(0.001)
        return self._to_read.pop(0)

    async def write(self, data):
        self._buffer += data
        if not self._is_open:
            self._shake_hands()
        while self._take():
            pass
        await asyncio.sleep(0)

    def close(self):
        self.is_closed = True

    def say(self, message):
        data = json.dumps(message).encode()
        self._to_read.append(b"\x81\x7e" + len(data).to_bytes(2, "big") + data)

    def goodbye(self, code):
        self._to_read.append(b"\x88\x02" + code.to_bytes(2, "big"))

    def said(self, kind):
        return [m for m in self.heard if isinstance(m, dict) and m.get("type") == kind]

    def _shake_hands(self):
        self._is_open = True
        key = self._buffer.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        self._buffer = b""
        digest = websocket.hashlib.sha1(key + websocket.GUID).digest()
        accept = websocket.binascii.b2a_base64(digest).strip()
        self._to_read.append(b"HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")

    def _take(self):
        data = self._buffer
        if len(data) < 2:
            return False
        length, begin = data[1] & 127, 2
        if length == 126:
            length, begin = int.from_bytes(data[2:4], "big"), 4
        if len(data) < begin + 4 + length:
            return False
        mask, body = data[begin : begin + 4], data[begin + 4 : begin + 4 + length]
        self._buffer = data[begin + 4 + length :]
        if data[0] & 15 == websocket.TEXT:
            text = bytes([byte ^ mask[index & 3] for index, byte in enumerate(body)])
            self.heard.append(json.loads(text))
        elif data[0] & 15 == websocket.BINARY:
            self.heard.append(length)
        return True


class Board:
    def __init__(self):
        self.config = {"device_id": "CAMA2345", "token": TOKEN, "model": "camera-1"}
        self.hardware = Hardware()
        self.clock = Clock()
        self.log = Log()
        self.storage = Storage()
        self.device = BoardDevice()
        self.tls = None
        self.stream = Stream()

    async def online(self):
        pass

    async def connect(self, address, tls):
        return self.stream

    def random(self):
        return 0.5


class CameraTest(unittest.TestCase):
    def setUp(self):
        self.board = Board()
        self.sensor = self.board.hardware.parts["camera"]
        self.stream = self.board.stream
        self.make()

    def make(self):
        self.camera = device.Camera(self.board, ("192.0.2.1", 6972))

    def live(self, story):
        """Run one connection while the story goes on."""

        async def both():
            self.camera._turn_on()
            session = asyncio.create_task(self.session())
            await story()
            session.cancel()
            await asyncio.sleep(0.01)  # MicroPython ends it only now

        asyncio.run(both())

    async def session(self):
        try:
            await self.camera._session(backoff.for_connections())
        except OSError as error:
            self.board.log.info(str(error))

    async def until(self, found):
        for _ in range(3000):
            if found():
                return
            await asyncio.sleep(0.001)
        self.fail("it did not come: " + repr(self.stream.heard[-5:]))

    async def register(self):
        await self.until(lambda: self.stream.said("register"))
        self.stream.say({"status": "ok", "message": "Camera registered", "server_time": "…"})
        await self.until(lambda: self.stream.said("info"))

    async def command(self, cmd, val):
        """The board's answer."""
        before = len(self.stream.said("response"))
        self.stream.say({"type": "command", "cmd": cmd, "val": val, "timestamp": 1})
        await self.until(lambda: len(self.stream.said("response")) > before)
        return self.stream.said("response")[-1]

    def test_it_registers_tells_what_it_can_and_sends(self):
        async def story():
            await self.register()
            await self.until(lambda: 404 in self.stream.heard)

        self.live(story)
        register, info = self.stream.said("register")[0], self.stream.said("info")[0]
        self.assertEqual((register["device_id"], register["token"]), ("CAMA2345", TOKEN))
        self.assertEqual(info["resolutions"].split(",")[-1], "UXGA")
        self.assertEqual(self.stream.said("health")[0]["ip"], "192.0.2.9")
        self.assertTrue(self.stream.is_closed)

    def test_nothing_but_its_name_is_said_before_the_server_knows_it(self):
        async def story():
            await self.until(lambda: self.stream.said("register"))
            await asyncio.sleep(0.05)

        self.live(story)
        self.assertEqual(len(self.stream.heard), 1)

    def test_a_large_frame_goes_in_chunks(self):
        self.sensor.jpeg = LARGE

        async def story():
            await self.register()
            await self.until(lambda: self.stream.said("img_end"))

        self.live(story)
        start = self.stream.said("img_start")[0]
        self.assertEqual((start["size"], start["chunkSize"], start["chunks"]), (len(LARGE), 2048, 16))
        at = self.stream.heard.index(start)
        self.assertEqual(sum(self.stream.heard[at + 1 : at + 17]), len(LARGE))

    def test_it_obeys_answers_and_remembers(self):
        async def story():
            await self.register()
            self.assertEqual((await self.command("resolution", "10"))["status"], "ok")
            self.assertEqual((await self.command("resolution", "12"))["value"], "this sensor has no QXGA")
            self.assertEqual((await self.command("saturation", "1"))["status"], "error")
            self.assertEqual((await self.command("quality", "99"))["status"], "error")
            self.assertEqual((await self.command("flash", "200"))["value"], 200)
            self.assertEqual((await self.command("stats", ""))["status"], "ok")

        self.live(story)
        self.assertIn(("size", "UXGA"), self.sensor.done)
        self.sensor.on = False
        self.make()
        self.camera._turn_on()
        self.assertIn(("start", "UXGA", 12), self.sensor.done)
        self.assertEqual(self.board.hardware.parts["flash"].levels, [200, 200])

    def test_idle_it_is_quiet_and_woken_it_sends_at_once(self):
        async def story():
            await self.register()
            await self.command("idle", "1")
            before = len(self.stream.heard)
            await asyncio.sleep(0.5)
            self.assertLessEqual(len(self.stream.heard), before + 1)
            await self.command("idle", "0")
            await self.until(lambda: self.stream.heard.count(404) > 1)

        self.live(story)

    def test_the_board_s_ordinary_commands_come_this_way_too(self):
        async def story():
            await self.register()
            self.stream.say({"type": "command", "id": "1", "name": "ping", "args": {}, "mac": "…"})
            await self.until(lambda: self.board.device.received)
            self.assertTrue(self.board.device.other_way("answer", {"id": "1", "status": "done"}))
            await self.until(lambda: self.stream.said("answer"))

        self.live(story)
        self.assertEqual(self.board.device.received[0]["name"], "ping")

    def test_a_sensor_that_gives_no_pictures_is_turned_off_and_on(self):
        self.sensor.jpeg = None
        self.camera._misses = device.MOST_MISSES

        async def story():
            await self.register()
            await self.until(lambda: not self.sensor.on)
            await self.until(lambda: self.stream.is_closed)

        self.live(story)

    def test_the_connection_ends_with_the_wifi(self):
        async def story():
            await self.register()
            self.board.hardware.wifi.up = False
            await self.until(lambda: self.stream.is_closed)

        self.live(story)
        self.assertEqual(self.board.hardware.parts["led"].is_lit, False)

    def test_who_is_not_wanted_does_not_ask_again_soon(self):
        async def story():
            await self.until(lambda: self.stream.said("register"))
            self.stream.goodbye(1008)
            await self.until(lambda: self.stream.is_closed)

        self.live(story)
        self.assertIn(self.camera._client.code, device.UNWANTED)


if __name__ == "__main__":
    unittest.main()
