"""Cameras and viewers at a running gateway: real sockets, a real broker, a store in memory."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from panal.gateway.gateway import Gateway
from panal.gateway.store import DomainEvent
from panal.gateway.tests.conftest import Http, settings_for, until

from .streams import Cam, Peer, Store, picture

LOOKING = "Bearer of-alice"


class World:
    """A gateway with an HTTP port, and one camera that `LOOKING` may see."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.store = Store()
        self.token = self.store.add_camera("CAM")
        self.store.allowed.add((LOOKING, "CAM"))
        self.gateway = Gateway(settings_for(folder, **settings), self.store)
        self.store.publish = self.gateway.bus.publish_soon
        self.http = Http(self.gateway)
        self.http_port = 0
        self._peers: list[Peer] = []

    async def __aenter__(self) -> "World":
        await self.gateway.start()
        streams: Any = self.gateway.streams.upgraded
        app = Starlette(routes=self.gateway.routes())
        config = uvicorn.Config(app, port=0, loop="none", ws=streams, lifespan="off", log_config=None)
        self.server = uvicorn.Server(config)
        self.serving = asyncio.create_task(self.server._serve())
        await until(lambda: self.server.started)
        self.http_port = self.server.servers[0].sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for peer in self._peers:
            peer.close()
        self.server.should_exit = True
        await self.gateway.stop()
        await self.serving

    @property
    def cameras(self) -> Any:
        return next(service for service in self.gateway.services if hasattr(service, "camera_for"))

    async def cam(self, device_id: str = "CAM", token: str | None = None, **options: Any) -> Cam:
        camera = await Cam.register(self.gateway.ports.stream, device_id, token or self.token, **options)
        self._peers.append(camera)
        return camera

    async def peer(self) -> Peer:
        peer = await Peer.open(f"ws://127.0.0.1:{self.gateway.ports.stream}/")
        self._peers.append(peer)
        return peer

    async def live(self, device_id: str = "CAM", **headers: str) -> Peer:
        wanted = headers or {"Authorization": LOOKING}
        peer = await Peer.open(f"ws://127.0.0.1:{self.http_port}/cameras/{device_id}/live", **wanted)
        self._peers.append(peer)
        return peer

    def change(self, device_id: str = "CAM", **changes: Any) -> None:
        self.store.cameras[device_id] = self.store.cameras[device_id]._replace(**changes)
        self.store.publish([DomainEvent("camera.changed", "cameras", 1, device_id, {})])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as running:
        yield running


@pytest.fixture
async def older(tmp_path: Path) -> AsyncIterator[World]:
    """Where boards and viewers of the older kind are let in."""
    async with World(tmp_path, PANAL_LEGACY_CAMERA="CAM") as running:
        yield running


async def looking(world: World) -> Peer:
    """A viewer that the camera's next frame reaches."""
    viewer = await world.live()
    await viewer.text("status")
    return viewer


@pytest.mark.parametrize("size", [4_000, 20_000, 300_000])
async def test_a_frame_reaches_a_viewer_whole_whichever_way_it_travels(world: World, size: int) -> None:
    camera, viewer = await world.cam(), await looking(world)
    camera.frame_out(picture(size, 7))
    assert await viewer.frame() == picture(size, 7)
