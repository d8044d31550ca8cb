"""What ours is measured against: the obvious camera server, written from the same contract (docs/wire/camera.md).

Flask for MJPEG, the `websockets` library for cameras and viewers, one latest frame, broadcast to viewers in turn.
"""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

MAX_BYTES = 5 * 1024 * 1024
MJPEG_PERIOD_S = 1 / 30

latest: bytes | None = None
viewers: set[ServerConnection] = set()
app = Flask(__name__)


async def connection(socket: ServerConnection) -> None:
    register = json.loads(await socket.recv())
    await socket.send(json.dumps({"status": "ok", "message": "registered"}))
    if register["device"] == "camera":
        await camera(socket)
    else:
        viewers.add(socket)
        try:
            await socket.wait_closed()
        finally:
            viewers.discard(socket)


async def camera(socket: ServerConnection) -> None:
    parts: bytearray | None = None
    size = 0
    async for message in socket:
        if isinstance(message, str):
            text = json.loads(message)
            if text["type"] in ("frame_start", "img_start"):
                parts, size = bytearray(), text["size"]
                if text["type"] == "img_start":
                    await socket.send(json.dumps({"type": "img_ack", "status": "ready", "timestamp": time.time()}))
            elif text["type"] in ("frame_end", "img_end"):
                if parts is not None and len(parts) == size:
                    await broadcast(bytes(parts))
                parts = None
        elif parts is None:
            await broadcast(message)
        else:
            parts += message


async def broadcast(frame: bytes) -> None:
    global latest
    latest = frame
    for viewer in list(viewers):
        try:
            await viewer.send(frame)
        except ConnectionClosed:
            viewers.discard(viewer)


@app.get("/mjpeg")
def mjpeg() -> Any:
    return Response(parts_of_mjpeg(), mimetype="multipart/x-mixed-replace; boundary=frame")


def parts_of_mjpeg() -> Iterator[bytes]:
    while True:
        if latest:
            yield b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(latest) + latest + b"\r\n"
        time.sleep(MJPEG_PERIOD_S)


async def main(http_port: int, stream_port: int) -> None:
    web = threading.Thread(
        target=app.run, kwargs={"host": "127.0.0.1", "port": http_port, "threaded": True}, daemon=True
    )
    web.start()
    async with serve(connection, "127.0.0.1", stream_port, max_size=MAX_BYTES):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
