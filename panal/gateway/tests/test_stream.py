"""The stream port."""

import asyncio
from pathlib import Path

from picows import WSListener, WSUpgradeRequest, ws_connect

from panal.gateway.gateway import Gateway
from panal.gateway.stream import Streams

from .conftest import settings_for

HELLO = (
    b"GET /nothing HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def test_a_path_that_nobody_serves_is_404(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.ports.stream)
    writer.write(HELLO)
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"Nothing streams at this address." in answer
    writer.close()


async def test_a_path_in_the_table_is_served(tmp_path: Path) -> None:
    streams, asked = Streams(settings_for(tmp_path)), []

    def accept(request: WSUpgradeRequest) -> WSListener:
        asked.append(request.path)
        return WSListener()

    streams.serve("/here", accept)
    await streams.start()
    try:
        transport, _ = await ws_connect(WSListener, f"ws://127.0.0.1:{streams.port}/here?a=1")
        transport.disconnect()
        await transport.wait_disconnected()
        assert asked == [b"/here?a=1"]
    finally:
        await streams.stop()
