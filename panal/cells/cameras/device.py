"""What a camera board does: streams frames to the server's stream port, obeys what is said there.

Contract: docs/wire/camera.md. Parts of the hardware: `camera` (panal/board/drivers/sensor.py): start(name, quality),
is_on(), can(name), set_size(name), set_quality(n), set_control(name, value), await capture() → (JPEG, width, height) or
None; `flash.shine(0..255)`; `led.on()`, `led.off()`. The stream stands beside the board's own link, which goes on with
presence, log and Wi-Fi: what is sent here leaves in small blocks, and between two of them everybody else has a turn.
"""

import asyncio
import errno
import gc
import json
import os

from panal.board import net, websocket
from panal.board.memory import forget
from panal.cells.cameras import machine, messages
from panal.protocol import backoff
from panal.protocol.errors import PanalError

FILE = "camera"
READ_BYTES = 512
LOOK_S = 0.2
STUCK_MS = 10000  # a block that the network has not taken in this time never leaves
UNWANTED = (1000, 1008)  # replaced by another board with this id, or not known
REFUSED_S = 60  # a server that does not want this camera is not asked more often
RESTART_S = 1  # enough for the answer to leave
MOST_MISSES = 20
IDENTIFY = (40, 0, 40, 0, 40, 0)
NUMBERS = ("resolution", "quality", "fps", "mode")
DEFAULTS = {"resolution": 5, "quality": 12, "fps": 15, "mode": machine.SPEED}


def make(board):
    from panal.board import link

    address = link.stream_address(board.config, board.tls)
    forget("panal.board.link")
    return Camera(board, address)


class Camera:
    def __init__(self, board, address):
        self._board = board
        self._address = address
        self._sensor = board.hardware.parts["camera"]
        self._set = dict(DEFAULTS)
        self._set.update(_kept(board.storage))
        self._sender = machine.Sender(self._set["mode"], self._set["fps"])
        self._orders = []  # (cmd, val) to obey between two frames
        self._texts = []  # to say between two frames
        self._wake = asyncio.Event()
        self._client = None
        self._is_registered = False
        self._writing_ms = None  # since when a block is on its way
        self._failure = None
        self._least_heap = None
        self._misses = 0
        board.device.commands["identify"] = self._identify
        board.device.other_way = self._say

    async def run(self):
        """One connection after the other, for ever."""
        wait = backoff.for_connections()
        while True:
            await self._board.online()
            try:
                self._turn_on()
                await self._session(wait)
            except OSError as error:
                self._board.log.warning("stream: %s" % error)
            is_refused = self._client is not None and self._client.code in UNWANTED
            await asyncio.sleep(REFUSED_S if is_refused else wait.next_ms(self._board.random()) / 1000)

    def _turn_on(self):
        """The sensor, at first and after it has failed."""
        if self._sensor.is_on():
            return
        name = messages.RESOLUTIONS[self._set["resolution"]][0]
        self._sensor.start(name, self._set["quality"])
        for control, value in self._set.items():
            if control == "flash":
                self._board.hardware.parts["flash"].shine(value)
            elif control not in NUMBERS:
                self._sensor.set_control(control, value)

    # one connection

    async def _session(self, wait):
        stream = await self._board.connect(self._address, self._board.tls)
        self._client = websocket.Client("%s:%d" % self._address, "/", os.urandom, messages.MAX_TEXT_BYTES)
        self._client.connect(self._now())
        self._is_registered, self._failure, self._writing_ms = False, None, None
        self._texts = []
        tasks = [asyncio.create_task(self._guard(work)) for work in (self._read(stream), self._talk(stream))]
        try:
            while self._client.state != websocket.CLOSED and self._failure is None:
                await asyncio.sleep(LOOK_S)
                self._look()
                if self._is_registered:
                    wait.succeeded()
        finally:
            for task in tasks:
                task.cancel()
            stream.close()
            self._light(False)
        raise self._failure or OSError(errno.ECONNRESET, self._client.reason)

    def _look(self):
        """What ends a connection although nobody says so: no network, silence, a block that does not leave."""
        now_ms = self._now()
        if not self._board.hardware.wifi.is_up():
            raise OSError(errno.EHOSTUNREACH)
        if self._writing_ms is not None and now_ms - self._writing_ms > STUCK_MS:
            raise OSError(errno.ETIMEDOUT)
        self._client.handle_deadline(now_ms)
        if self._client.has_data():
            self._wake.set()

    async def _guard(self, work):
        try:
            await work
        except Exception as error:
            self._failure = error

    async def _read(self, stream):
        client = self._client
        while data := await stream.read(READ_BYTES):
            client.receive_data(data, self._now())
            for event in client.events():
                if event[0] == "open":
                    config = self._board.config
                    self._tell(messages.build_register(config["device_id"], config["token"]))
                elif event[0] == "text":
                    self._receive(event[1])
            self._wake.set()
        client.connection_lost()

    async def _talk(self, stream):
        """Everything that is sent goes from here, frame by frame, with what else is to be said between two of them."""
        while self._client.state != websocket.CLOSED:
            self._wake.clear()
            self._obey_orders()
            await self._flush(stream)
            if not self._is_registered:
                await self._wake.wait()
                continue
            now_ms = self._now()
            if self._sender.is_health_due(now_ms):
                self._tell(self._health())
                continue
            left_ms = self._sender.due_ms(now_ms) - now_ms
            if left_ms > 0:
                await net.pause(self._wake, left_ms)
            else:
                await self._send_frame(stream)

    async def _send_frame(self, stream):
        frame = await self._sensor.capture()
        if frame is None or not machine.is_jpeg(frame[0]):
            await self._miss()
            return
        self._misses = 0
        jpeg, width, height = frame
        at_ms = self._board.clock.now_ms() if len(jpeg) > machine.WHOLE_MOST else None
        for piece in self._sender.pieces(jpeg, width, height, self._now(), at_ms):
            if isinstance(piece, dict):
                self._client.send_text(json.dumps(piece))
            else:
                self._client.send_binary(piece)
            await self._flush(stream)
            if self._sender.pause_ms:
                await asyncio.sleep(self._sender.pause_ms / 1000)
            if self._client.state != websocket.OPEN:
                self._sender.lost()
                return
        self._sender.sent(self._now())

    async def _miss(self):
        """The sensor gave no picture. One that never does any more is turned off and on again."""
        self._sender.lost()
        self._misses += 1
        if self._misses > MOST_MISSES:
            self._misses = 0
            self._sensor.stop()
            raise OSError(errno.EIO, "the sensor gives no pictures")
        await asyncio.sleep(LOOK_S)

    async def _flush(self, stream):
        texts, self._texts = self._texts, []
        for text in texts:
            if self._client.state == websocket.OPEN:
                self._client.send_text(text)
        for data in self._client.data_to_send():
            self._writing_ms = self._now()
            await stream.write(data)
        self._writing_ms = None

    def _tell(self, message):
        self._texts.append(json.dumps(message))
        self._wake.set()

    def _say(self, leaf, document):
        """An answer of the board's own, when its link cannot take it."""
        if not self._is_registered:
            return False
        message = {"type": leaf}
        message.update(document)
        self._tell(message)
        return True

    # what the server says

    def _receive(self, text):
        try:
            message = json.loads(text)
            kind = message.get("type")
        except (ValueError, AttributeError):
            return
        if kind == "command" and "name" in message:
            self._board.device.on_command(message)
        elif kind == "command":
            self._receive_command(message)
        elif kind is None and message.get("status") == "ok":
            self._registered()
        elif message.get("status") == "error":
            self._board.log.warning("stream: %s" % message.get("message"))

    def _registered(self):
        self._is_registered = True
        self._sender.connected()
        self._sender.set_idle(False)
        self._light(True)
        self._board.log.info("stream up")
        sizes = [name for name, _, _ in messages.RESOLUTIONS if self._sensor.can(name)]
        self._tell(messages.build_info(",".join(sizes), self._sender.mode, self._set["fps"]))

    def _receive_command(self, message):
        try:
            cmd, val = messages.parse_command(message)
        except PanalError as error:
            self._tell(messages.build_response(str(message.get("cmd"))[:32], False, error.code))
            return
        if cmd == "reboot":
            self._tell(messages.build_response(cmd, True, ""))
            asyncio.create_task(self._restart())  # noqa: RUF006  nothing outlives it
        else:
            self._orders.append((cmd, val))

    def _obey_orders(self):
        orders, self._orders = self._orders, []
        for cmd, val in orders:
            try:
                value = self._obey(cmd, int(val or 0))
                self._tell(messages.build_response(cmd, True, value))
            except (ValueError, OSError) as error:
                self._tell(messages.build_response(cmd, False, str(error)[:80]))

    def _obey(self, cmd, value):
        """Do it; what it came to. Raises ValueError for what this board cannot do."""
        if cmd == "stats":
            self._tell(self._health())
            return "%d frames, %d lost, %d fps" % (self._sender.frames, self._sender.dropped, self._sender.fps_now)
        if cmd == "idle":
            self._sender.set_idle(bool(value))
            return value
        if cmd == "resolution":
            name = messages.RESOLUTIONS[value][0]
            if not self._sensor.can(name):
                raise ValueError("this sensor has no " + name)
            self._sensor.set_size(name)
        elif cmd == "quality":
            self._sensor.set_quality(value)
        elif cmd == "fps":
            self._sender.set_fps(value)
        elif cmd == "mode":
            self._sender.set_mode(value)
        elif cmd == "flash":
            self._board.hardware.parts["flash"].shine(value)
        else:
            self._sensor.set_control(cmd, value)
        self._set[cmd] = value
        self._board.storage.write(FILE, json.dumps(self._set))
        return value

    async def _restart(self):
        await asyncio.sleep(RESTART_S)
        self._board.hardware.restart("command")

    async def _identify(self, args):
        for level in IDENTIFY:
            self._board.hardware.parts["flash"].shine(level)
            await asyncio.sleep(LOOK_S)
        self._board.hardware.parts["flash"].shine(self._set.get("flash", 0))

    # what the board tells

    def _health(self):
        heap = None
        if hasattr(gc, "mem_free"):
            gc.collect()  # between two frames it disturbs least, and what is free is not hidden by what is only garbage
            heap = gc.mem_free()
            self._least_heap = heap if self._least_heap is None else min(heap, self._least_heap)
        wifi, sender = self._board.hardware.wifi, self._sender
        return messages.build_health(
            sender.frames,
            sender.dropped,
            heap,
            self._least_heap,
            wifi.rssi(),
            self._now(),
            wifi.ip(),
            self._board.config["model"],
            self._set["resolution"],
            self._set["quality"],
        )

    def _light(self, is_on):
        led = self._board.hardware.parts["led"]
        if is_on:
            led.on()
        else:
            led.off()

    def _now(self):
        return self._board.clock.monotonic_ms()


def _kept(storage):
    """What was set before the power went."""
    try:
        kept = json.loads(storage.read(FILE) or "{}")
    except ValueError:
        return {}
    return {name: value for name, value in kept.items() if name in messages.COMMANDS} if isinstance(kept, dict) else {}
