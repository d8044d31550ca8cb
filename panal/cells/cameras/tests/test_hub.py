"""Cameras in memory: slots, counts, and what goes between replicas."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from panal.cells.cameras.hub import MOST_FPS, Camera, Frame, Slot, size_of
from panal.cells.cameras.machine import Picture
from panal.cells.cameras.relay import MAX_BYTES, Inward, parts_of
from panal.cells.cameras.settings import CameraSettings

from .pictures import jpeg

NOW = 1_795_222_923_000


class Clock:
    now_ms = NOW

    def __call__(self) -> int:
        return self.now_ms


class Taker:
    """Who takes what is offered, while it wants."""

    def __init__(self, wanting: bool = True) -> None:
        self.wanting = wanting
        self.taken: list[Frame] = []

    def wants(self) -> bool:
        return self.wanting

    def offer(self, frame: Frame) -> None:
        self.taken.append(frame)


class Faulty(Taker):
    def offer(self, frame: Frame) -> None:
        raise ValueError("my own fault")


def a_picture(data: bytes = b"\xff\xd8\xff\xd9") -> Picture:
    return Picture(data, 640, 480, None)


async def test_a_slot_has_room_for_one_frame_and_counts_what_it_skips() -> None:
    slot, camera = Slot(), Camera("CAM", Clock())
    camera.watch(slot)
    for _ in range(3):
        camera.receive(a_picture())
    frame = await slot.wait()
    assert frame and (frame.number, slot.skipped) == (3, 2)
    camera.unwatch(slot)
    assert camera.counts["skipped"] == 2


async def test_a_closed_slot_gives_none() -> None:
    slot = Slot()
    slot.close()
    assert await slot.wait() is None
    assert not slot.wants()


def test_only_who_wants_frames_gets_them() -> None:
    camera, eager, tired = Camera("CAM", Clock()), Taker(), Taker(wanting=False)
    camera.watch(eager)
    camera.watch(tired)
    camera.receive(a_picture())
    assert (len(eager.taken), len(tired.taken)) == (1, 0)


def test_one_consumer_s_fault_is_not_another_s() -> None:
    camera, other = Camera("CAM", Clock()), Taker()
    camera.watch(Faulty())
    camera.watch(other)
    camera.receive(a_picture())
    assert len(other.taken) == 1


def test_a_private_camera_is_needed_by_nobody() -> None:
    camera = Camera("CAM", Clock())
    camera.watch(Taker())
    assert camera.is_needed
    camera.settings = CameraSettings("CAM", is_private=True)
    assert not camera.is_needed


def test_frames_that_come_faster_than_any_camera_can_are_dropped() -> None:
    clock = Clock()
    camera, taker = Camera("CAM", clock), Taker()
    camera.watch(taker)
    for _ in range(MOST_FPS + 5):
        camera.receive(a_picture())
    assert (len(taker.taken), camera.counts["too_fast"]) == (MOST_FPS, 5)
    clock.now_ms += 1000
    camera.receive(a_picture())
    assert len(taker.taken) == MOST_FPS + 1


def test_the_rate_is_that_of_the_last_three_seconds() -> None:
    clock = Clock()
    camera = Camera("CAM", clock)
    for _ in range(50):
        camera.receive(a_picture())
        clock.now_ms += 100
    assert camera.fps() == 10.0
    clock.now_ms += 10_000
    assert camera.fps() == 0.0


def test_a_jpeg_says_how_large_it_is() -> None:
    assert size_of(jpeg(320, 240)) == (320, 240)
    camera, taker = Camera("CAM", Clock()), Taker()
    camera.watch(taker)
    camera.receive(Picture(jpeg(160, 120), None, None, None))
    assert (taker.taken[0].width, taker.taken[0].height) == (160, 120)


@given(st.binary(max_size=200) | st.binary(max_size=40).map(lambda data: b"\xff\xd8\xff" + data))
def test_no_bytes_make_the_size_fail(data: bytes) -> None:
    width, height = size_of(data)
    assert 0 <= width <= 65535
    assert 0 <= height <= 65535


@given(st.sampled_from([4, MAX_BYTES - 100, MAX_BYTES, 2_500_000]), st.sampled_from([None, NOW]))
def test_a_frame_cut_for_the_broker_is_put_together_again(size: int, captured_at_ms: int | None) -> None:
    whole = b"\xff\xd8" + bytes(size - 4) + b"\xff\xd9"
    parts = parts_of(Frame("CAM", 7, whole, NOW, captured_at_ms, 640, 480))
    assert all(len(part) <= MAX_BYTES for part in parts)
    camera, taker = Camera("CAM", Clock()), Taker()
    camera.watch(taker)
    inward = Inward(camera)
    for part in parts:
        inward.receive_frame(part, 5 * 1024 * 1024, NOW)
    found = taker.taken[0]
    assert (found.jpeg, found.width, found.captured_at_ms) == (whole, 640, captured_at_ms)


def test_a_frame_of_which_a_part_is_missing_is_dropped() -> None:
    camera, taker = Camera("CAM", Clock()), Taker()
    camera.watch(taker)
    inward: Any = Inward(camera)
    parts = parts_of(Frame("CAM", 7, b"\xff\xd8" + bytes(2_000_000), NOW, None, 640, 480))
    for part in (parts[0], parts[2], b"", parts[1]):
        inward.receive_frame(part, 5 * 1024 * 1024, NOW)
    assert taker.taken == []
