"""What is kept of a camera that streams into a running gateway: files on a real disk, news of them to the ledger."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av
import pytest

from panal.cells.cameras import storage
from panal.gateway.store import DomainEvent
from panal.gateway.tests.conftest import until
from panal.protocol.errors import Conflict, Unavailable

from .pictures import jpeg
from .test_gateway import World

STILL = jpeg(320, 240)
MOVING = [jpeg(320, 240, box=(x, 60, x + 60, 160)) for x in range(20, 260, 12)]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as running:
        yield running


def told(world: World, kind: str) -> list[Any]:
    return [entry.message for entry in world.store.told if entry.kind == f"cameras.{kind}"]


async def changed(world: World, **changes: Any) -> None:
    """Set, and heard by the camera's replica."""
    world.change(**changes)
    camera = world.cameras.camera("CAM")
    await until(lambda: all(getattr(camera.settings, name) == value for name, value in changes.items()))


async def stream(world: World, camera: Any, frames: Any) -> None:
    """Each frame a fifth of a second after the one before, by the storage's clock, and looked at before the next."""
    watched, keeper = world.cameras.camera("CAM"), world.cameras.keepers[0]
    now_s, begun = keeper.clock(), watched.counts["frames"]
    for number, frame in enumerate(frames, 1):
        keeper.clock = lambda at_s=now_s + number / 5: at_s
        looked = keeper.lookout.looked["CAM"] + watched.settings.watches_motion
        camera.frame_out(frame, 320, 240)
        await until(lambda: watched.counts["frames"] == begun + number)  # noqa: B023  awaited before the next turn
        await until(lambda: keeper.lookout.looked["CAM"] == looked)  # noqa: B023


def files(world: World, kind: str) -> list[Path]:
    return sorted(path for path in (Path(world.gateway.settings.data) / kind).rglob("*") if path.is_file())


async def test_a_picture_that_somebody_wants_is_the_next_one(world: World) -> None:
    camera = await world.cam()
    keeper = world.cameras.keepers[0]
    saving = asyncio.create_task(keeper.save(world.cameras.camera("CAM")))
    await asyncio.sleep(0)
    camera.frame_out(STILL, 320, 240)
    image = await saving
    assert [path.read_bytes() for path in files(world, "images")] == [STILL]
    await until(lambda: told(world, "image"))
    assert told(world, "image") == [image]
    assert (image.cause, image.width_px, image.size_bytes) == ("person", 320, len(STILL))


async def test_no_picture_is_said_in_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "WAIT_S", 0.1)
    await world.cam()
    with pytest.raises(Unavailable) as refused:
        await world.cameras.keepers[0].save(world.cameras.camera("CAM"))
    assert refused.value.code == "no_frame"


async def test_a_camera_that_is_away_gives_no_picture(world: World) -> None:
    with pytest.raises(Conflict):
        await world.cameras.keepers[0].save(world.cameras.camera("CAM"))


async def test_frames_are_saved_by_themselves_until_that_is_switched_off(world: World) -> None:
    camera = await world.cam()
    await changed(world, auto_save=True, save_interval_s=0.0)
    camera.frame_out(STILL, 320, 240)
    await until(lambda: len(told(world, "image")) == 1)
    await changed(world, auto_save=False)
    camera.frame_out(STILL, 320, 240)
    await until(lambda: world.cameras.camera("CAM").counts["frames"] == 2)
    await world.gateway.stop()
    assert len(told(world, "image")) == len(files(world, "images")) == 1


async def test_nothing_of_a_private_camera_is_stored(world: World) -> None:
    camera = await world.cam()
    await changed(world, is_private=True, auto_save=True, save_interval_s=0.0, record="always", motion_on=True)
    await stream(world, camera, MOVING[:5])
    with pytest.raises(Conflict):
        await world.cameras.keepers[0].save(world.cameras.camera("CAM"))
    await world.gateway.stop()
    assert files(world, "images") == files(world, "clips") == []
    assert not told(world, "image") and not told(world, "clip") and not told(world, "motion")


async def test_a_recording_is_whole_when_the_camera_goes(world: World) -> None:
    camera = await world.cam()
    await changed(world, record="always")
    await stream(world, camera, MOVING)
    camera.close()
    [clip] = await until(lambda: told(world, "clip"))
    assert (clip.frames, clip.cause) == (len(MOVING), "always")
    with av.open(str(files(world, "clips")[0])) as container:
        assert [bytes(p) for p in container.demux(video=0) if p.size] == MOVING


async def test_switching_recording_off_ends_it_without_another_frame(world: World) -> None:
    camera = await world.cam()
    await changed(world, record="always")
    await stream(world, camera, MOVING[:5])
    await changed(world, record="off")
    [clip] = await until(lambda: told(world, "clip"))
    assert clip.frames == 5


async def test_becoming_private_ends_the_recording_at_once(world: World) -> None:
    camera = await world.cam()
    await changed(world, record="always")
    await stream(world, camera, MOVING[:5])
    await changed(world, is_private=True)
    [clip] = await until(lambda: told(world, "clip"))
    assert clip.frames == 5


def asked(world: World, seconds: int) -> None:
    """Somebody wants a clip; 0: no more."""
    world.store.publish([DomainEvent("camera.record_requested", "cameras", 1, "CAM", {"seconds": seconds})])


async def test_somebody_asks_for_a_clip_and_ends_it(world: World) -> None:
    camera = await world.cam()
    asked(world, 60)
    watched = world.cameras.camera("CAM")
    await until(lambda: watched.is_needed)
    await stream(world, camera, MOVING[:6])
    asked(world, 0)
    [clip] = await until(lambda: told(world, "clip"))
    assert (clip.frames, clip.cause) == (6, "person")


async def test_a_clip_that_was_asked_for_waits_for_a_camera_that_must_wake_first(world: World) -> None:
    camera = await world.cam()
    watched, keeper = world.cameras.camera("CAM"), world.cameras.keepers[0]
    asked(world, 60)
    await until(lambda: watched.is_needed)
    keeper.consumer_of(watched).tick(keeper.clock())  # no frame for long
    await stream(world, camera, MOVING[:6])
    asked(world, 0)
    [clip] = await until(lambda: told(world, "clip"))
    assert (clip.frames, clip.cause) == (6, "person")


async def test_becoming_private_ends_what_was_asked_for(world: World) -> None:
    camera = await world.cam()
    watched = world.cameras.camera("CAM")
    asked(world, 60)
    await until(lambda: watched.is_needed)
    await changed(world, is_private=True)
    world.cameras.keepers[0].consumer_of(watched).tick(0)
    await changed(world, is_private=False, record="motion")
    await stream(world, camera, [STILL] * 3)
    await world.gateway.stop()
    assert files(world, "clips") == [] and not told(world, "clip")


async def test_motion_is_told_with_its_picture_and_recorded_with_what_was_before(world: World) -> None:
    camera = await world.cam()
    await changed(world, motion_on=True, record="motion", motion_cooldown_s=0.0, post_roll_s=1.0)
    await stream(world, camera, [STILL] * 20)
    assert not told(world, "motion")
    await stream(world, camera, MOVING)
    await until(lambda: any(motion.image_path for motion in told(world, "motion")))
    await stream(world, camera, [STILL] * 60)
    await until(lambda: any(motion.ended_ms for motion in told(world, "motion")))
    motions = told(world, "motion")
    assert len({motion.uid for motion in motions}) == 1
    assert (motions[0].ended_ms, motions[0].area_pct > 0) == (None, True)
    [image] = [image for image in told(world, "image") if image.cause == "motion"]
    assert motions[1].image_path == image.path
    [clip] = await until(lambda: told(world, "clip"))
    assert clip.cause == "motion"
    assert clip.frames > 20 + len(MOVING)


async def test_a_full_disk_is_said_and_the_stream_goes_on(world: World) -> None:
    camera = await world.cam()
    keeper = world.cameras.keepers[0]
    keeper.saver.disk._reserve_bytes = 2**60
    await changed(world, auto_save=True, save_interval_s=0.0)
    viewer = await world.live()
    await viewer.text("status")
    camera.frame_out(STILL, 320, 240)
    assert await viewer.frame() == STILL
    [state] = await until(lambda: told(world, "storage"))
    assert (state.device_id, state.error) == ("CAM", "full")
    camera.frame_out(MOVING[0], 320, 240)
    assert await viewer.frame() == MOVING[0]
    assert keeper.image_stats(world.cameras.camera("CAM"))["error"] == "full"
    assert files(world, "images") == []


async def test_what_a_crash_left_without_a_row_gets_one(tmp_path: Path) -> None:
    hour = tmp_path / "images" / "CAM" / "2026-09-21" / "14-00-00"
    hour.mkdir(parents=True)
    for number in (1, 2):
        (hour / f"{number}.jpg").write_bytes(STILL)
    world = World(tmp_path)
    world.store.known = {"CAM/2026-09-21/14-00-00/1.jpg"}
    async with world:
        [image] = await until(lambda: told(world, "image"))
    assert image.path == "CAM/2026-09-21/14-00-00/2.jpg"


async def test_what_is_counted_can_be_read(world: World) -> None:
    camera = await world.cam()
    await changed(world, auto_save=True, save_interval_s=0.0)
    camera.frame_out(STILL, 320, 240)
    await until(lambda: told(world, "image"))
    page = (await world.http.get("/metrics")).body.decode()
    assert 'panal_camera_images_total{camera="CAM",outcome="saved"} 1.0' in page
    assert 'panal_camera_storage_failing{camera="CAM"} 0.0' in page
