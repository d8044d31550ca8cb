"""Cameras and viewers for tests: real sockets, whatever is wished on the wire."""

import asyncio
import json
from typing import Any

from picows import WSListener, WSMsgType, WSTransport, ws_connect

from panal.cells.cameras.machine import Sender
from panal.cells.cameras.settings import CameraSettings
from panal.gateway.store import Entry
from panal.gateway.tests.memory import MemoryStore
from panal.protocol.errors import NotFound


def picture(size: int, mark: int = 0) -> bytes:
    """Bytes that look like a JPEG of that size from outside; `mark` tells one from another."""
    return b"\xff\xd8" + mark.to_bytes(4, "big") + bytes(size - 8) + b"\xff\xd9"


class Store(MemoryStore):
    """A store with cameras: who may look is in `allowed`."""

    def __init__(self) -> None:
        super().__init__()
        self.cameras: dict[str, CameraSettings] = {}
        self.allowed: set[tuple[str, str]] = set()
        self.commanded: list[tuple[Any, ...]] = []
        self.told: list[Entry] = []
        self.known: set[str] = set()
        self.questions |= {
            "cameras.settings": self._settings,
            "cameras.connected": lambda: [*self.cameras],
            "cameras.viewer": self._viewer,
            "cameras.default_for": lambda cookie, authorization: next(iter(self.cameras)),
            "cameras.command": lambda *asked: self.commanded.append(asked),
            "cameras.known_images": lambda paths: self.known,
            "cameras.next_job": lambda is_first: None,
        }

    def add_camera(self, device_id: str, **changes: Any) -> str:
        self.cameras[device_id] = CameraSettings(device_id)._replace(**changes)
        return self.add(device_id, model="camera-1")

    def _settings(self, device_id: str) -> CameraSettings:
        if device_id not in self.cameras:
            raise NotFound("not_found")
        return self.cameras[device_id]

    def _viewer(self, cookie: str, authorization: str, device_id: str, address: str = "") -> int | None:
        shown = authorization or cookie
        return 1 if (shown, device_id) in self.allowed and not self.cameras[device_id].is_private else None

    def _record(self, entry: Entry, events: list[Any]) -> Any:
        if not entry.kind.startswith("cameras."):
            return super()._record(entry, events)
        self.told.append(entry)
        return None

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.told]


OPENED: "list[Peer]" = []


class Peer(WSListener):
    """The other end of a WebSocket; what it hears waits in a queue, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: asyncio.Queue[Any] = asyncio.Queue()
        self.closed: tuple[int, str] | None = None
        self.transport: WSTransport

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self.heard.put_nowait(json.loads(frame.get_payload_as_bytes()))
        elif frame.msg_type == WSMsgType.BINARY:
            self.heard.put_nowait(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            self.closed = (int(frame.get_close_code()), frame.get_close_reason())
            transport.disconnect()

    def on_ws_disconnected(self, transport: Any) -> None:
        self.heard.put_nowait(None)

    @classmethod
    async def open(cls, url: str, trusting: Any = None, **headers: str) -> Any:
        transport, peer = await ws_connect(cls, url, ssl_context=trusting, extra_headers=headers)
        peer.transport = transport
        OPENED.append(peer)
        return peer

    def say(self, document: Any) -> None:
        text = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.transport.send(WSMsgType.TEXT, text)

    def send(self, data: Any) -> None:
        self.transport.send(WSMsgType.BINARY, bytes(data))

    async def next(self, within_s: float = 60.0) -> Any:
        async with asyncio.timeout(within_s):
            return await self.heard.get()

    async def text(self, kind: str) -> Any:
        """The next text of this type; what comes before it is passed over."""
        while not (isinstance(found := await self.next(), dict) and found.get("type") == kind):
            assert found is not None, self.closed
        return found

    async def frame(self) -> bytes:
        while not isinstance(found := await self.next(), bytes):
            assert found is not None, self.closed
        return found

    async def end(self) -> tuple[int, str] | None:
        """How it was closed by the other side."""
        while await self.next() is not None:
            pass
        return self.closed

    def close(self) -> None:
        self.transport.disconnect(graceful=False)

    @classmethod
    async def close_all(cls) -> None:
        """Whatever was opened since the last time."""
        while OPENED:
            peer = OPENED.pop()
            peer.close()
            await peer.transport.wait_disconnected()


class Cam(Peer):
    """A camera."""

    sender: Sender

    @classmethod
    async def register(cls, port: int, device_id: str = "", token: str = "", idle: bool = True) -> "Cam":
        camera: Cam = await cls.open(f"ws://127.0.0.1:{port}/")
        camera.sender = Sender()
        message = {"type": "register", "device": "camera"}
        if device_id:
            message = dict(message, device_id=device_id, token=token)
        camera.say(message)
        answer = await camera.next()
        assert answer and answer["status"] == "ok", camera.closed
        camera.say({"type": "info", "resolutions": "0-12", "mode": "0", "fps": 20, "idle": idle})
        return camera

    def frame_out(self, jpeg: bytes, width: int = 640, height: int = 480) -> None:
        for piece in self.sender.pieces(jpeg, width, height, 0):
            self.say(piece) if isinstance(piece, dict) else self.send(piece)
        self.sender.sent(0)
