"""A camera board as it is in the field, written from the contract alone and from nothing of ours.

It registers without id and token, sends frames by the three ways with chunks of 1 to 24 KB, health, and answers to
commands. It knows no `idle`, counts its own chunk sizes, and waits for the `img_ack` before it sends a large frame.
"""

import asyncio
import json
import threading
import time
from contextlib import suppress
from typing import Any

import websockets

from tests.running import PATIENCE_S

WHOLE, FRAMED = 10 * 1024, 30 * 1024
CHUNKS = ((30, 1), (100, 2), (200, 6), (400, 12), (5 * 1024, 24))
ACK_S = 5


class OlderCamera:
    """`frames` are sent in turn, `fps` a second, until the block is left."""

    def __init__(self, url: str, frames: list[bytes], fps: int = 10) -> None:
        self.url, self.frames, self.fps = url, frames, fps
        self.commands: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.sent = 0
        self.settings = {"resolution": "7", "quality": "10", "mode": "0"}
        self.closed = ""
        self._acked = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._begun = time.monotonic()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._live(),), daemon=True)

    def __enter__(self) -> "OlderCamera":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    async def _live(self) -> None:
        """Connects again and again, as boards do."""
        while not self._ended.is_set():
            try:
                async with websockets.connect(self.url, max_size=None) as socket:
                    await self._session(socket)
            except (OSError, websockets.WebSocketException) as error:
                self.closed = str(error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), 1)

    async def _session(self, socket: Any) -> None:
        await socket.send(json.dumps({"type": "register", "device": "camera"}))
        tasks = [asyncio.create_task(work) for work in (self._listen(socket), self._talk(socket), self._ended.wait())]
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        for task in done:
            task.result()

    async def _listen(self, socket: Any) -> None:
        async for text in socket:
            said = json.loads(text)
            if said.get("type") == "command":
                self.commands.append(said)
                await self._obey(socket, said)
            elif said.get("type") == "img_ack":
                self._acked.set()
            else:
                self.answers.append(said)

    async def _obey(self, socket: Any, command: dict[str, Any]) -> None:
        cmd, value = command["cmd"], str(command.get("val", ""))
        if cmd == "fps":
            self.fps = int(value)
        elif cmd in self.settings:
            self.settings[cmd] = value
        await socket.send(json.dumps({"type": "response", "cmd": cmd, "status": "ok", "value": value}))
        if cmd == "stats":
            await socket.send(json.dumps(self._health()))

    async def _talk(self, socket: Any) -> None:
        info = {"type": "info", "resolutions": "QQVGA..UXGA", "mode": "speed", "fps": self.fps}
        await socket.send(json.dumps(info))
        healthy_s = 0.0
        while True:
            if time.monotonic() - healthy_s > 10:
                healthy_s = time.monotonic()
                await socket.send(json.dumps(self._health()))
            begun = time.monotonic()
            await self._send(socket, self.frames[self.sent % len(self.frames)])
            self.sent += 1
            await asyncio.sleep(max(0, 1 / self.fps - (time.monotonic() - begun)))

    async def _send(self, socket: Any, jpeg: bytes) -> None:
        id, size = self.sent + 1, len(jpeg)
        if size <= WHOLE:
            await socket.send(jpeg)
        elif size <= FRAMED:
            await socket.send(json.dumps({"type": "frame_start", "id": id, "size": size}))
            await socket.send(jpeg)
            await socket.send(json.dumps({"type": "frame_end", "id": id}))
        else:
            await self._send_chunks(socket, id, jpeg)

    async def _send_chunks(self, socket: Any, id: int, jpeg: bytes) -> None:
        size = len(jpeg)
        step = next(kb for most, kb in CHUNKS if size <= most * 1024) * 1024
        start = {"type": "img_start", "id": id, "size": size, "chunks": -(-size // step), "chunkSize": step}
        self._acked.clear()
        await socket.send(json.dumps({**start, "width": 1024, "height": 768}))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._acked.wait(), ACK_S)
        for begin in range(0, size, step):
            await socket.send(jpeg[begin : begin + step])
        await socket.send(json.dumps({"type": "img_end", "id": id, "size": size, "success": True}))

    def _health(self) -> dict[str, Any]:
        up = int(time.monotonic() - self._begun)
        uptime = f"{up // 3600}h {up // 60 % 60}m {up % 60}s"
        told = {"frames": self.sent, "dropped": 0, "heap": 4_100_000, "minHeap": 3_900_000, "rssi": -61}
        told |= {"uptime": uptime, "ip": "192.168.1.50", "model": "ESP32-CAM"}
        return {
            "type": "health",
            **told,
            "resolution": self.settings["resolution"],
            "quality": self.settings["quality"],
        }
