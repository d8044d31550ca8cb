"""Cameras and viewers at a running gateway: real sockets, a real broker, a store in memory."""

import asyncio
import base64
import ssl
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import pytest
import uvicorn
from picows import WSError, WSMsgType
from starlette.applications import Starlette

from panal import certificates
from panal.cells.cameras import gateway, hub, viewers
from panal.cells.cameras.machine import Sender
from panal.gateway.gateway import Gateway
from panal.gateway.store import DomainEvent
from panal.gateway.tests.conftest import Http, settings_for, until

from .pictures import jpeg
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
        self.tls_cert, self.tls_key = settings.get("PANAL_TLS_CERT", ""), settings.get("PANAL_TLS_KEY", "")

    async def __aenter__(self) -> "World":
        await self.gateway.start()
        streams: Any = self.gateway.streams.upgraded
        app = Starlette(routes=self.gateway.routes())
        tls = {"ssl_certfile": self.tls_cert, "ssl_keyfile": self.tls_key} if self.tls_cert else {}
        options: Any = {"http": self.gateway.http_protocol(), "ws": streams, "loop": "none", "lifespan": "off", **tls}
        config = uvicorn.Config(app, port=0, log_config=None, **options)
        self.server = uvicorn.Server(config)
        self.serving = asyncio.create_task(self.server._serve())
        await until(lambda: self.server.started)
        self.http_port = self.server.servers[0].sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await Peer.close_all()
        self.server.should_exit = True
        await self.gateway.stop()
        await self.serving

    @property
    def cameras(self) -> Any:
        return next(service for service in self.gateway.services if hasattr(service, "camera_for"))

    async def cam(self, device_id: str = "CAM", token: str | None = None, **options: Any) -> Cam:
        return await Cam.register(self.gateway.ports.stream, device_id, token or self.token, **options)

    async def peer(self) -> Any:
        return await Peer.open(f"ws://127.0.0.1:{self.gateway.ports.stream}/")

    async def live(self, device_id: str = "CAM", **headers: str) -> Peer:
        wanted = headers or {"Authorization": LOOKING}
        return await Peer.open(f"ws://127.0.0.1:{self.http_port}/cameras/{device_id}/live", **wanted)

    def change(self, device_id: str = "CAM", **changes: Any) -> None:
        self.store.cameras[device_id] = self.store.cameras[device_id]._replace(**changes)
        self.store.publish([DomainEvent("camera.changed", "cameras", 1, device_id, {})])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds takes tenths."""
    monkeypatch.setattr(hub, "IDLE_AFTER_MS", 500)
    monkeypatch.setattr(gateway, "TICK_S", 0.1)


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


async def test_all_who_look_get_the_same_frame(world: World) -> None:
    camera, viewers = await world.cam(), [await looking(world) for _ in range(3)]
    camera.frame_out(picture(40_000, 1))
    assert [await viewer.frame() for viewer in viewers] == [picture(40_000, 1)] * 3


async def test_a_viewer_who_comes_later_begins_with_the_newest_frame(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewers, "FRESH_MS", 3_600_000)  # however slow this machine is
    camera = await world.cam()
    camera.frame_out(picture(5_000, 3))
    await until(lambda: world.cameras.camera("CAM").latest)
    assert await (await world.live()).frame() == picture(5_000, 3)


async def test_a_wrong_token_is_not_let_in(world: World) -> None:
    peer = await world.peer()
    peer.say({"type": "register", "device": "camera", "device_id": "CAM", "token": "wrong"})
    assert await peer.end() == (1008, "unknown camera or wrong token")
    assert world.store.told == []


async def test_without_id_and_token_nobody_is_a_camera_here(world: World) -> None:
    peer = await world.peer()
    peer.say({"type": "register", "device": "camera"})
    assert (await peer.end())[0] == 1008


@pytest.mark.parametrize("said", [{"type": "info"}, b"{", b"\xff\xd8\xff\xd9"])
async def test_who_does_not_register_first_is_closed(world: World, said: Any) -> None:
    peer = await world.peer()
    peer.send(said) if said == b"\xff\xd8\xff\xd9" else peer.say(said)
    assert (await peer.end())[0] == 1008


async def test_an_older_board_is_the_camera_that_the_setting_names(older: World) -> None:
    camera = await older.cam("", idle=False)
    viewer = await older.peer()
    viewer.say({"type": "register", "device": "browser"})
    assert (await viewer.text("status"))["camera"] == "CAM"
    camera.frame_out(picture(20_000, 2))
    assert await viewer.frame() == picture(20_000, 2)


async def test_an_older_viewer_without_a_token_needs_the_setting(world: World) -> None:
    viewer = await world.peer()
    viewer.say({"type": "register", "device": "browser"})
    assert (await viewer.end())[0] == 1008


async def test_an_older_viewer_with_a_token_looks_at_its_default_camera(world: World) -> None:
    world.store.allowed.add(("Bearer machine", "CAM"))
    viewer = await world.peer()
    viewer.say({"type": "register", "device": "browser", "token": "machine"})
    assert (await viewer.text("status"))["camera"] == "CAM"


async def test_a_second_camera_with_the_same_id_replaces_the_first(world: World) -> None:
    first, second = await world.cam(), await world.cam()
    assert (await first.end())[0] == 1000
    viewer = await looking(world)
    second.frame_out(picture(5_000, 2))
    assert await viewer.frame() == picture(5_000, 2)
    await until(lambda: "cameras.gone" in world.store.kinds())
    assert world.cameras.camera("CAM").board is not None


async def test_a_stranger_does_not_look(world: World) -> None:
    for headers in ({"Authorization": "Bearer stranger"}, {"Cookie": "sessionid=x"}):
        viewer = await world.live(**headers)
        assert (await viewer.end())[0] == 1008


async def test_a_page_of_another_site_does_not_look(world: World) -> None:
    with pytest.raises(Exception, match="403"):
        await world.live(Authorization=LOOKING, Origin="https://elsewhere.example")


async def test_who_may_no_longer_look_is_closed_as_soon_as_it_is_known(world: World) -> None:
    viewer = await looking(world)
    world.store.allowed.clear()
    world.store.publish([DomainEvent("account.changed", "accounts", 1, "", {})])
    assert (await viewer.end())[0] == 1008


async def test_a_private_camera_shows_nothing_from_then_on(world: World) -> None:
    camera, viewer = await world.cam(), await looking(world)
    camera.frame_out(picture(5_000))
    await viewer.frame()
    world.change(is_private=True)
    assert (await viewer.end())[0] == 1008
    await until(lambda: world.cameras.camera("CAM").settings.is_private)
    assert (await camera.text("command"))["cmd"] == "idle"
    camera.frame_out(picture(5_000))
    await until(lambda: world.cameras.camera("CAM").counts["private"] == 1)
    assert world.cameras.camera("CAM").latest is None


async def test_a_camera_idles_when_nobody_looks_and_wakes_at_once(world: World) -> None:
    camera, viewer = await world.cam(), await looking(world)
    viewer.close()
    told = await camera.text("command")
    assert (told["cmd"], told["val"]) == ("idle", "1")
    await world.live()
    async with asyncio.timeout(10):
        told = await camera.text("command")
    assert (told["cmd"], told["val"]) == ("idle", "0")


async def test_an_older_board_idles_at_one_frame_a_second(older: World) -> None:
    camera = await older.cam("", idle=False)
    told = await camera.text("command")
    assert (told["cmd"], told["val"]) == ("fps", "1")
    older.store.publish([DomainEvent("camera.command", "cameras", 1, "CAM", {"cmd": "quality", "val": "9"})])
    assert (await camera.text("command"))["cmd"] == "quality"  # it is told everything else meanwhile
    viewer = await older.peer()
    viewer.say({"type": "register", "device": "browser"})
    told = await camera.text("command")
    assert (told["cmd"], told["val"]) == ("fps", "20")


async def test_a_camera_that_comes_is_told_how_it_is_set_the_most_urgent_first(tmp_path: Path) -> None:
    async with World(tmp_path, PANAL_CAMERA_FPS="12") as world:
        now_ms = world.gateway.now_ms()
        pending = (("reboot", "", now_ms - 60_000), ("flash", "9", now_ms))
        world.store.cameras["CAM"] = world.store.cameras["CAM"]._replace(brightness=1, resolution=5, pending=pending)
        camera = await world.cam()
        told = [await camera.text("command") for _ in range(4)]
        assert [(m["cmd"], m["val"]) for m in told] == [
            ("resolution", "5"), ("fps", "12"), ("brightness", "1"), ("flash", "9"),
        ]  # fmt: skip


async def test_a_viewer_commands_through_the_control_plane(world: World) -> None:
    camera, viewer = await world.cam(), await looking(world)
    viewer.say({"type": "command", "cmd": "resolution", "val": "7"})
    asked = await until(lambda: world.store.commanded)
    assert asked[0][:5] == ("", LOOKING, "CAM", "resolution", "7")
    world.store.publish([DomainEvent("camera.command", "cameras", 1, "CAM", {"cmd": "resolution", "val": "7"})])
    while (told := await camera.text("command"))["cmd"] == "idle":  # it idled, if the viewer took a moment to come
        pass
    assert (told["cmd"], told["val"], told["timestamp"] > 0) == ("resolution", "7", True)
    camera.say({"type": "response", "cmd": "resolution", "status": "ok", "value": "7"})
    assert (await viewer.text("response"))["value"] == "7"
    await until(lambda: "cameras.response" in world.store.kinds())


async def test_a_command_that_makes_no_sense_is_answered_as_an_error(world: World) -> None:
    viewer = await looking(world)
    viewer.say({"type": "command", "cmd": "resolution", "val": "99"})
    answer = await viewer.text("response")
    assert (answer["status"], answer["error"]["code"]) == ("error", "bad_field")


async def test_health_reaches_viewers_and_the_ledger(world: World) -> None:
    camera, viewer = await world.cam(), await looking(world)
    camera.say({"type": "health", "frames": 12, "rssi": -61, "ip": "10.0.0.9"})
    assert (await viewer.text("camera_health"))["frames"] == 12
    await until(lambda: [e for e in world.store.told if e.kind == "cameras.seen" and e.message.health])


async def test_stats_are_told_to_who_asks(world: World) -> None:
    camera, viewer = await world.cam(), await looking(world)
    camera.frame_out(picture(300_000))
    await viewer.frame()
    viewer.say({"type": "request_stats"})
    stats = (await viewer.text("server_stats"))["stats"]
    assert (stats["frames_received"], stats["frames_chunked"], stats["browsers_connected"]) == (1, 1, 1)


async def test_broken_frames_are_counted_and_floods_closed(world: World) -> None:
    camera = await world.cam()
    for _ in range(20):
        camera.send(bytes(9))
    assert (await camera.end())[0] == 1008
    assert world.cameras.camera("CAM").broken["no_jpeg"] == 20


async def test_a_message_in_parts_is_one_message(world: World) -> None:
    camera, viewer = await world.cam(), await looking(world)
    whole = picture(9_000, 4)
    camera.transport.send(WSMsgType.BINARY, whole[:4_000], fin=False)
    camera.transport.send(WSMsgType.CONTINUATION, whole[4_000:8_000], fin=False)
    camera.transport.send(WSMsgType.CONTINUATION, whole[8_000:])
    assert await viewer.frame() == whole


async def test_a_viewer_that_reads_nothing_skips_frames_and_the_others_get_all(world: World) -> None:
    camera, stalled, viewer = await world.cam(), await looking(world), await looking(world)
    stalled.transport.underlying_transport.pause_reading()
    for number in range(60):
        camera.frame_out(picture(250_000, number))
        assert await viewer.frame() == picture(250_000, number)
    looks = {look.skipped for look in world.cameras.looks}
    assert min(looks) == 0
    assert max(looks) > 10


async def test_who_asks_for_one_frame_a_second_gets_no_more(world: World) -> None:
    seldom = await Peer.open(f"ws://127.0.0.1:{world.http_port}/cameras/CAM/live?fps=1", Authorization=LOOKING)
    await seldom.text("status")
    [look] = world.cameras.looks
    for number in range(40):
        look.offer(hub.Frame("CAM", number, picture(500, number), 50_000 + number * 90, None, 64, 48))  # 3.6 s
    assert (look.sent, look.skipped) == (4, 0)
    assert [await seldom.frame() for _ in range(4)] == [picture(500, number) for number in (0, 12, 23, 34)]


@pytest.mark.parametrize("fps", ["31", "-1", "1.5", "x", "1" * 200])
async def test_a_number_of_frames_that_is_none_is_refused(world: World, fps: str) -> None:
    with pytest.raises(WSError, match="400"):
        await Peer.open(f"ws://127.0.0.1:{world.http_port}/cameras/CAM/live?fps={fps}", Authorization=LOOKING)


# HTTP


async def test_the_snapshot_is_the_newest_frame_while_it_is_young_enough(world: World) -> None:
    camera = await world.cam()
    camera.frame_out(picture(5_000, 8))
    await until(lambda: world.cameras.camera("CAM").latest)
    answer = await world.http.get("/cameras/CAM/snapshot.jpg", authorization=LOOKING)
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "image/jpeg", picture(5_000, 8))


async def test_ten_dashboards_cost_one_capture(world: World) -> None:
    camera = await world.cam()
    asking = [
        asyncio.create_task(world.http.get("/cameras/CAM/snapshot.jpg?max_age_s=0", authorization=LOOKING))
        for _ in range(10)
    ]
    waiting = world.cameras.camera("CAM")
    await until(lambda: sum(isinstance(consumer, hub.Slot) for consumer in waiting.consumers) == 10)
    camera.frame_out(picture(5_000, 9))
    answers = await asyncio.gather(*asking)
    assert {answer.body for answer in answers} == {picture(5_000, 9)}


async def test_a_stranger_gets_no_picture(world: World) -> None:
    for path in ("/cameras/CAM/snapshot.jpg", "/cameras/CAM/mjpeg", "/api/stats", "/mjpeg"):
        assert (await world.http.get(path)).status in (401, 404)
        assert (await world.http.get(path, authorization="Bearer stranger")).status == 404


ASKED = f"Host: x\r\nAuthorization: {LOOKING}\r\n\r\n"


async def watching(
    world: World, method: str = "GET", version: str = "1.1", trusting: Any = None
) -> tuple[Any, Any, str]:
    """Reader, writer, and the head of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.http_port, limit=1024, ssl=trusting)
    writer.write(f"{method} /mjpeg HTTP/{version}\r\n{ASKED}".encode())
    return reader, writer, (await reader.readuntil(b"\r\n\r\n")).decode().lower()


async def marks_until(reader: asyncio.StreamReader, last: int, size: int) -> list[int]:
    """The marks of the pictures of `size` that come, up to `last`."""
    marks = [-1]
    while marks[-1] != last:
        await reader.readuntil(b"Content-Length: %d\r\n\r\n" % size)
        jpeg = await reader.readexactly(size)
        marks.append(int.from_bytes(jpeg[2:6], "big"))
        assert jpeg == picture(size, marks[-1])
    return marks


async def test_mjpeg_has_each_frame_once_with_its_length(world: World) -> None:
    camera = await world.cam()
    reader, writer, head = await watching(world)
    assert "multipart/x-mixed-replace; boundary=frame" in head
    for number in (1, 2):
        camera.frame_out(picture(5_000, number))
        part = await reader.readuntil(b"Content-Length: 5000\r\n\r\n")
        assert b"--frame\r\nContent-Type: image/jpeg\r\n" in part
        assert await reader.readexactly(5_000) == picture(5_000, number)
    writer.close()
    await until(lambda: not world.cameras.looks)


async def test_mjpeg_ends_with_its_connection_so_that_programs_without_chunks_read_it(world: World) -> None:
    camera = await world.cam()
    for version in ("1.0", "1.1"):
        reader, writer, head = await watching(world, version=version)
        assert "connection: close" in head
        assert "transfer-encoding" not in head
        camera.frame_out(picture(5_000))
        assert await reader.readexactly(9) == b"--frame\r\n"
        writer.close()


async def test_asking_for_the_head_of_the_mjpeg_wakes_no_camera(world: World) -> None:
    _, writer, head = await watching(world, "HEAD")
    assert head.startswith("http/1.1 200 ok")
    assert "content-type: multipart/x-mixed-replace; boundary=frame" in head
    assert "content-length" not in head
    assert not world.cameras.looks
    writer.close()


async def test_an_mjpeg_viewer_whose_permission_ends_is_told_the_end(world: World) -> None:
    await world.cam()
    reader, writer, _ = await watching(world)
    world.store.allowed.clear()
    world.change()
    assert await reader.read() == b"--frame--\r\n"
    writer.close()
    await until(lambda: not world.cameras.looks)


async def test_the_older_paths_answer(world: World) -> None:
    await world.cam()
    http = world.http
    stats = (await http.get("/api/stats", authorization=LOOKING)).json
    assert (stats["status"], stats["camera_connected"], stats["stats"]["connected"]) == ("ok", True, True)
    assert (await http.get("/api/resolutions?camera=CAM", authorization=LOOKING)).json["default"] == 7
    assert "reboot" in (await http.get("/api/commands", authorization=LOOKING)).json["commands"]
    assert (await http.get("/api/images/state", authorization=LOOKING)).json == {"status": "ok", "enabled": False}


async def test_a_command_by_path_is_a_post_or_needs_a_token(world: World) -> None:
    world.store.allowed.add(("sessionid=alice", "CAM"))
    assert (await world.http.post("/api/command/fps/15", cookie="sessionid=alice")).json["val"] == "15"
    assert (await world.http.get("/api/command/fps/15", cookie="sessionid=alice")).code == "post_it"
    assert (await world.http.get("/api/command/fps/16", authorization=LOOKING)).json["val"] == "16"
    assert (await world.http.post("/api/command/fps/99", authorization=LOOKING)).status == 400
    assert [asked[4] for asked in world.store.commanded] == ["15", "16"]


async def test_metrics_tell_of_each_camera(world: World) -> None:
    camera, viewer = await world.cam(), await looking(world)
    camera.frame_out(picture(5_000))
    camera.send(b"x")
    await viewer.frame()
    await until(lambda: world.cameras.camera("CAM").broken)
    text = (await world.http.get("/metrics")).body.decode()
    assert 'panal_camera_frames_total{camera="CAM"} 1.0' in text
    assert 'panal_camera_viewers{camera="CAM"} 1.0' in text
    assert 'panal_camera_broken_total{camera="CAM",rule="no_jpeg"} 1.0' in text


# between replicas


async def test_a_viewer_at_another_replica_sees_the_camera(world: World, tmp_path: Path) -> None:
    access = world.gateway.access
    assert access
    shared = {
        "PANAL_NATS_URL": access.url, "PANAL_NATS_USER": access.user, "PANAL_NATS_PASSWORD": access.password,
        "PANAL_NATS_SYS_USER": access.sys_user, "PANAL_NATS_SYS_PASSWORD": access.sys_password,
        "PANAL_NATS_ISSUER_SEED": access.issuer_seed.decode(),
    }  # fmt: skip
    async with World(tmp_path / "other", **shared) as other:
        camera, viewer = await world.cam(), await looking(other)
        assert (await camera.text("command"))["val"] == "1"  # it idled …
        assert (await camera.text("command"))["val"] == "0"  # … and somebody looks elsewhere
        camera.frame_out(picture(2_000_000, 5))
        assert await viewer.frame() == picture(2_000_000, 5)
        camera.say({"type": "health", "frames": 3})
        assert (await viewer.text("camera_health"))["frames"] == 3
        assert other.cameras.camera("CAM").is_elsewhere


async def test_a_camera_that_connects_to_another_replica_leaves_the_first(world: World, tmp_path: Path) -> None:
    access = world.gateway.access
    assert access
    shared = {
        "PANAL_NATS_URL": access.url, "PANAL_NATS_USER": access.user, "PANAL_NATS_PASSWORD": access.password,
        "PANAL_NATS_SYS_USER": access.sys_user, "PANAL_NATS_SYS_PASSWORD": access.sys_password,
        "PANAL_NATS_ISSUER_SEED": access.issuer_seed.decode(),
    }  # fmt: skip
    async with World(tmp_path / "other", **shared) as other:
        first = await world.cam()
        await other.cam()
        assert (await first.end())[0] == 1000


async def test_when_the_server_stops_all_are_told_and_the_camera_is_gone(world: World) -> None:
    camera, viewer = await world.cam(), await looking(world)
    reader, writer, _ = await watching(world)
    world.gateway.close_live()
    assert (await camera.end(), await viewer.end()) == ((1001, "the server stops"), (1001, "the server stops"))
    assert await reader.read() == b"--frame--\r\n"
    writer.close()
    await until(lambda: world.store.kinds().count("cameras.gone") == 1)


async def test_frames_go_over_tls_at_both_ports(tmp_path: Path) -> None:
    certificates.ensure(tmp_path / "tls", ["127.0.0.1"], datetime.now(UTC))
    files = certificates.files_in(tmp_path / "tls")
    trusting = ssl.create_default_context(cafile=str(files.authority))
    async with World(tmp_path, PANAL_TLS_CERT=str(files.certificate), PANAL_TLS_KEY=str(files.key)) as world:
        camera = await Cam.open(f"wss://127.0.0.1:{world.gateway.ports.stream}/", trusting)
        camera.say({"type": "register", "device": "camera", "device_id": "CAM", "token": world.token})
        url = f"wss://127.0.0.1:{world.http_port}/cameras/CAM/live"
        viewer, stalled = [await Peer.open(url, trusting, Authorization=LOOKING) for _ in range(2)]
        await viewer.text("status")
        await stalled.text("status")
        stalled.transport.underlying_transport.pause_reading()
        reader, writer, _ = await watching(world, trusting=trusting)
        camera.sender = Sender()
        for number in range(40):
            camera.frame_out(picture(250_000, number))
            assert await viewer.frame() == picture(250_000, number)
        stalled.transport.underlying_transport.resume_reading()
        while await stalled.frame() != picture(250_000, 39):
            pass
        marks = await marks_until(reader, 39, 250_000)
        assert marks == sorted(set(marks))
        writer.close()
        assert sorted(look.skipped for look in world.cameras.looks)[-2] > 5


async def test_a_program_may_give_its_token_as_a_password(world: World) -> None:
    camera = await world.cam()
    camera.frame_out(picture(5_000))
    await until(lambda: world.cameras.camera("CAM").latest)
    basic = "Basic " + base64.b64encode(b"frigate:of-alice").decode()
    assert (await world.http.get("/cameras/CAM/snapshot.jpg", authorization=basic)).status == 200
    refused = await world.http.get("/cameras/CAM/snapshot.jpg", authorization="Basic %%%")
    assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Basic realm="Panal", Bearer')
    in_a_page = await world.http.get("/cameras/CAM/snapshot.jpg", sec_fetch_mode="no-cors")
    assert in_a_page.headers["www-authenticate"] == "Bearer"
    # a browser that was given a password sends it with every link
    assert (await world.http.get("/api/command/fps/9", authorization=basic)).code == "post_it"


async def test_an_mjpeg_viewer_that_reads_nothing_skips_frames_and_then_gets_the_newest(world: World) -> None:
    camera, viewer = await world.cam(), await looking(world)
    reader, writer, _ = await watching(world)
    for number in range(60):
        camera.frame_out(picture(250_000, number))
        assert await viewer.frame() == picture(250_000, number)  # it costs others nothing
    assert max(look.skipped for look in world.cameras.looks) > 10
    marks = await marks_until(reader, 59, 250_000)
    assert marks == sorted(set(marks))  # none twice, none out of order
    writer.close()
    await until(lambda: len(world.cameras.looks) == 1)


async def test_a_viewer_who_has_not_read_an_older_answer_waits_for_room(world: World) -> None:
    camera, viewer = await world.cam(), await looking(world)
    camera.frame_out(large := picture(5_000_000, 7))
    assert await viewer.frame() == large
    reader, writer = await asyncio.open_connection("127.0.0.1", world.http_port, limit=1024)
    writer.write(f"GET /cameras/CAM/snapshot.jpg HTTP/1.1\r\n{ASKED}GET /mjpeg HTTP/1.1\r\n{ASKED}".encode())
    await until(lambda: len(world.cameras.looks) == 2)
    for number in range(20):
        camera.frame_out(picture(250_000, number))
        await viewer.frame()
    assert max(look.skipped for look in world.cameras.looks) >= 19
    await reader.readuntil(b"\r\n\r\n")
    assert await reader.readexactly(5_000_000) == large
    assert await marks_until(reader, 19, 250_000) == [-1, 19]
    writer.close()


async def test_a_viewer_who_reads_nothing_is_cut_off_when_its_permission_ends(
    monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    monkeypatch.setattr(viewers, "CLOSE_S", 0.1)
    camera, viewer = await world.cam(), await looking(world)
    _, writer, _ = await watching(world)
    for number in range(40):
        camera.frame_out(picture(250_000, number))
        await viewer.frame()
    world.store.allowed.clear()
    world.change()
    await until(lambda: not world.cameras.looks)
    writer.close()


async def test_ffmpeg_reads_the_mjpeg_with_the_token_as_its_password(world: World) -> None:
    camera, at = await world.cam(), f"127.0.0.1:{world.http_port}"
    reading = asyncio.create_task(asyncio.to_thread(read_by_ffmpeg, f"http://frigate:of-alice@{at}/cameras/CAM/mjpeg"))
    async with asyncio.timeout(60):
        while not reading.done():
            camera.frame_out(jpeg(320, 240))
            await asyncio.wait([reading], timeout=0.05)
    assert await reading == [(320, 240)] * 5


def read_by_ffmpeg(url: str) -> list[tuple[int, int]]:
    with av.open(url, format="mpjpeg", timeout=60) as container:
        return [(frame.width, frame.height) for _, frame in zip(range(5), container.decode(video=0), strict=False)]


async def test_a_camera_that_did_not_come_back_after_a_kill_is_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(gateway, "VANISHED_S", 0)
    world, is_back = World(tmp_path), threading.Event()
    world.store.add_camera("LOST")
    world.store.questions["cameras.connected"] = lambda: is_back.wait(60) and [*world.store.cameras]
    async with world:
        await world.cam()
        is_back.set()
        gone = await until(lambda: [e.message.device_id for e in world.store.told if e.kind == "cameras.gone"])
        assert gone == ["LOST"]


async def test_an_older_program_commands_and_toggles_as_the_setting_allows(older: World) -> None:
    told: list[Any] = []
    older.store.questions["cameras.older_command"] = lambda *asked: told.append(asked)
    older.store.questions["cameras.older_auto_save"] = lambda device_id, enabled, address: enabled
    assert (await older.http.get("/api/command/fps/9")).json["val"] == "9"
    assert told == [("CAM", "fps", "9", "127.0.0.1")]
    assert (await older.http.post("/api/images/toggle", {"enabled": True})).json["enabled"] is True
    # who shows a session is that person, wherever they are
    assert (await older.http.get("/api/command/fps/9", cookie="panal_session=stranger")).status == 404
