"""Cameras and viewers for tests: the board's own firmware on a virtual device, and whoever looks at it."""

import asyncio
import io
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import websockets
from PIL import Image

from tests.end_to_end.boards import VirtualBoard
from tests.running import PATIENCE_S, Panal


class VirtualCamera(VirtualBoard):
    """A camera board on the real MicroPython VM, before a scene that moves."""

    def __init__(self, panal: Panal, device: dict[str, Any], folder: Path, *options: str) -> None:
        stream = ("--stream", f"127.0.0.1:{panal.ports['stream']}")
        super().__init__(panal, device, folder, "--model", "camera-1", *stream, *options)


class Viewer:
    """Somebody who looks over a WebSocket, in a thread; what is heard stays in `frames` and `said`."""

    def __init__(self, url: str, register: dict[str, Any] | None = None, **headers: str) -> None:
        self.url, self.register, self.headers = url, register, headers
        self.frames: list[tuple[float, bytes]] = []
        self.said: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._socket: Any = None
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._look(),), daemon=True)

    def __enter__(self) -> "Viewer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop.is_running() and self._socket is not None:
            asyncio.run_coroutine_threadsafe(self._socket.close(), self._loop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    async def _look(self) -> None:
        options: dict[str, Any] = {"additional_headers": self.headers, "max_size": None, "open_timeout": PATIENCE_S}
        async with websockets.connect(self.url, **options) as self._socket:
            if self.register:
                await self._socket.send(json.dumps(self.register))
            with suppress(websockets.ConnectionClosed):
                async for message in self._socket:
                    self._hear(message)

    def _hear(self, message: str | bytes) -> None:
        with self._news:
            if isinstance(message, str):
                self.said.append(json.loads(message))
            else:
                self.frames.append((time.monotonic(), message))
            self._news.notify_all()

    def say(self, **message: Any) -> None:
        self.wait(lambda viewer: viewer.said)
        asyncio.run_coroutine_threadsafe(self._socket.send(json.dumps(message)), self._loop).result(PATIENCE_S)

    def wait(self, found: Callable[["Viewer"], Any], timeout_s: float = PATIENCE_S) -> Any:
        with self._news:
            result = self._news.wait_for(lambda: found(self), timeout_s)
        assert result, f"it did not come; {len(self.frames)} frames, said {self.said[-5:]}"
        return result

    def wait_for_frames(self, count: int, timeout_s: float = PATIENCE_S) -> None:
        """So many more from now on."""
        begun = len(self.frames)
        self.wait(lambda viewer: len(viewer.frames) >= begun + count, timeout_s)

    def wait_for_response(self, cmd: str, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        def newest(viewer: "Viewer") -> dict[str, Any] | None:
            return next((m for m in reversed(viewer.said) if m.get("type") == "response" and m["cmd"] == cmd), None)

        return dict(self.wait(newest, timeout_s))

    def wait_until_closed(self, timeout_s: float = PATIENCE_S) -> None:
        self._thread.join(timeout_s)
        assert not self._thread.is_alive()

    def size(self) -> tuple[int, int]:
        """Of the newest frame, which must be a picture."""
        with Image.open(io.BytesIO(self.frames[-1][1])) as image:
            image.load()
            return image.size
