"""Hostile peers at the stream port of a real server: bounded memory, all counted, and other cameras feel nothing."""

import asyncio
import json
import re
import socket
import struct
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import psutil
import pytest

from panal.cells.cameras.tests.streams import Cam, Peer, picture
from tests.running import Panal

MB = 1024 * 1024
GROWTH_BYTES = 40 * MB
"""What a handful of hostile peers may cost at most: far less than what they announce or send."""
HELLO = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Target:
    """A server with one camera that behaves and is looked at, and the identities of some that do not."""

    def __init__(self, panal: Panal) -> None:
        self.panal = panal
        self.good = panal.mint("camera-1", 1, "--id", "GOOD")[0]
        self.bad = panal.mint("camera-1", 8)
        self.count = 0

    @property
    def port(self) -> int:
        return self.panal.ports["stream"]

    def rss(self) -> int:
        assert self.panal.process
        return int(psutil.Process(self.panal.process.pid).memory_info().rss)

    async def hostile(self, number: int = 0) -> Cam:
        device = self.bad[number]
        return await Cam.register(self.port, device["device_id"], device["token"])

    async def broken(self, number: int = 0) -> dict[str, float]:
        """How often this camera broke each rule, as /metrics says."""
        text = await asyncio.to_thread(fetch, f"{self.panal.url}/metrics")
        device_id = self.bad[number]["device_id"]
        found = re.findall(rf'panal_camera_broken_total{{camera="{device_id}",rule="(\w+)"}} ([\d.]+)', text)
        return {rule: float(count) for rule, count in found}


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Panal(
        tmp_path_factory.mktemp("streams"), PANAL_LEGACY_CAMERA="GOOD", PANAL_RATE_ADDRESS_PER_MIN="100000"
    ) as p:
        yield Target(p)


@pytest.fixture(autouse=True)
async def nothing_open() -> AsyncIterator[None]:
    yield
    await Peer.close_all()


@pytest.fixture
async def others(nothing_open: None, target: Target) -> Callable[[], Awaitable[None]]:
    """Sends a frame from the camera that behaves, and sees it arrive: what every test ends with."""
    camera = await Cam.register(target.port, "GOOD", target.good["token"])
    viewer = await Peer.open(f"ws://127.0.0.1:{target.port}/")
    viewer.say({"type": "register", "device": "browser"})
    await viewer.text("status")

    async def feel_nothing() -> None:
        target.count += 1
        camera.frame_out(picture(60_000, target.count))
        async with asyncio.timeout(10):
            while await viewer.frame() != picture(60_000, target.count):
                pass  # the newest frame of the test before

    await feel_nothing()
    return feel_nothing


@pytest.mark.parametrize("size", [5 * MB + 1, 2**31, 2**63 - 1, 2**63, 2**70])
async def test_an_announcement_beyond_the_bound_closes(target: Target, others: Any, size: int) -> None:
    before, camera = target.rss(), await target.hostile()
    camera.say(b'{"type":"img_start","id":1,"size":%d,"chunks":1,"chunkSize":1}' % size)
    if size < 2**63:
        assert (await camera.end())[0] == 1009
    else:  # no number of 64 bits: it is counted, and nothing comes of it
        await counted(target, "no_json")
        await others()
    assert target.rss() - before < GROWTH_BYTES


async def counted(target: Target, rule: str, least: int = 1, number: int = 0) -> None:
    async with asyncio.timeout(60):
        while (await target.broken(number)).get(rule, 0) < least:  # noqa: ASYNC110  the server's counter
            await asyncio.sleep(0.05)


async def test_endless_chunks_are_swallowed_not_kept(target: Target, others: Any) -> None:
    before, camera = target.rss(), await target.hostile(1)
    camera.say({"type": "img_start", "id": 1, "size": 30_000, "chunks": 2, "chunkSize": 24_000})
    for _ in range(15):
        camera.send(b"\xff\xd8" + bytes(24_000))
    await counted(target, "too_long", 1, 1)
    await others()
    assert target.rss() - before < GROWTH_BYTES
    camera.close()


async def test_interleaved_starts_keep_one_frame_only(target: Target, others: Any) -> None:
    """2,000 announcements of 5 MB with some of their bytes: 10 GB announced."""
    before, camera = target.rss(), await target.hostile(2)
    for number in range(2_000):
        camera.say({"type": "img_start", "id": number, "size": 5 * MB, "chunks": 900, "chunkSize": 24_000})
        camera.send(b"\xff\xd8" + bytes(500))
    assert (await camera.end())[0] == 1008
    assert (await target.broken(2))["interrupted"] >= 20
    await others()
    assert target.rss() - before < GROWTH_BYTES


async def test_a_wrong_order_is_counted_and_good_frames_still_arrive(target: Target, others: Any) -> None:
    camera = await target.hostile(3)
    camera.say({"type": "img_end", "id": 1, "size": 5, "success": True})
    camera.send(bytes(1_000))
    camera.say({"type": "frame_start", "id": 2, "size": 2_000})
    camera.say({"type": "frame_end", "id": 2})
    camera.send(picture(5_000))
    await counted(target, "too_short", 1, 3)
    assert await target.broken(3) == {"no_jpeg": 1.0, "too_short": 1.0}
    await others()


async def test_text_in_the_middle_of_a_frame_neither_breaks_nor_hides_it(target: Target, others: Any) -> None:
    camera = await target.hostile(4)
    whole = picture(40_000)
    camera.say({"type": "img_start", "id": 1, "size": 40_000, "chunks": 2, "chunkSize": 20_000})
    camera.send(whole[:20_000])
    camera.say({"type": "health", "frames": 1})
    camera.say(b"[1,2")
    camera.say({"type": "who knows"})
    camera.send(whole[20_000:])
    camera.say({"type": "img_end", "id": 1, "size": 40_000, "success": True})
    await counted(target, "unknown_type", 1, 4)
    assert (await target.broken(4))["no_json"] == 1
    text = await asyncio.to_thread(fetch, f"{target.panal.url}/metrics")
    assert f'panal_camera_frames_total{{camera="{target.bad[4]["device_id"]}"}} 1.0' in text
    await others()


async def test_a_slow_drip_is_given_up_after_ten_seconds(target: Target, others: Any) -> None:
    camera = await target.hostile(5)
    camera.say({"type": "img_start", "id": 1, "size": 5 * MB, "chunks": 900, "chunkSize": 24_000})
    dripping = asyncio.create_task(drip(camera))
    await counted(target, "too_slow", 1, 5)
    dripping.cancel()
    await others()


async def drip(camera: Cam) -> None:
    camera.send(b"\xff\xd8")
    while True:
        camera.send(b"x")
        await asyncio.sleep(0.2)


async def test_a_message_of_two_to_the_63_bytes_is_refused_by_its_head(target: Target, others: Any) -> None:
    before = target.rss()
    for size in (6 * MB, 2**62, 2**63):
        reader, writer = await raw(target.port)
        writer.write(bytes((0x82, 0xFF)) + struct.pack("!Q", size) + b"mask" + bytes(1_000))
        async with asyncio.timeout(60):
            while await reader.read(1_000):  # until the server closes
                pass
        writer.close()
    await others()
    assert target.rss() - before < GROWTH_BYTES


async def raw(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket by hand."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HELLO)
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def test_connections_that_say_nothing_are_closed_and_bounded(target: Target, others: Any) -> None:
    """Half-open ones and those that never register."""
    before = target.rss()
    silent = [await raw(target.port) for _ in range(60)]
    async with asyncio.timeout(60):
        for reader, _ in silent:
            while await reader.read(1_000):
                pass
    for _, writer in silent:
        writer.close()
    await others()
    assert target.rss() - before < GROWTH_BYTES


async def test_a_camera_that_vanishes_without_a_word_is_gone_within_half_a_minute(target: Target, others: Any) -> None:
    """No FIN and no answer to pings, as when its power goes: here it only stops reading."""
    camera = await target.hostile(6)
    camera.transport.underlying_transport.pause_reading()
    name = target.bad[6]["device_id"]
    async with asyncio.timeout(40):
        while f'panal_camera_connected{{camera="{name}"}} 1.0' in await asyncio.to_thread(  # noqa: ASYNC110
            fetch, f"{target.panal.url}/metrics"
        ):
            await asyncio.sleep(0.5)
    await others()


async def test_a_camera_that_asks_for_answers_and_reads_none_is_cut(target: Target, others: Any) -> None:
    """Each img_start is answered: who never reads must not fill our memory with answers."""
    before = target.rss()
    camera = await target.hostile(7)
    connection = camera.transport.underlying_transport
    connection.pause_reading()
    connection.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    start = {"type": "img_start", "id": 1, "size": 8, "chunks": 1, "chunkSize": 8}
    for _ in range(20_000):
        if connection.is_closing():
            break
        camera.say(json.dumps(start).encode())
        camera.send(picture(8))
        await asyncio.sleep(0)
    await others()
    assert target.rss() - before < GROWTH_BYTES
    camera.close()
