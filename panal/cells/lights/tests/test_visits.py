"""Visits to boards of the older kind: what goes well, and everything that a board may do wrong."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from panal.cells.lights import visits
from panal.cells.lights.visits import Place, Trouble

from .stub import Stub, stub_board

NETWORKS = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with stub_board() as running:
        yield running


async def trouble(visit) -> str:
    with pytest.raises(Trouble) as raised:
        await visit
    assert raised.value.code in visits.TROUBLES
    return raised.value.code


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("192.168.1.40", ("192.168.1.40", 80)),
        (" 10.0.0.7:8080 ", ("10.0.0.7", 8080)),
        ("fd00::7", ("fd00::7", 80)),
        ("[fd00::7]:81", ("fd00::7", 81)),
    ],
)
def test_a_place_is_an_address_of_the_local_network(text, place):
    assert visits.place_of(text, NETWORKS) == Place(*place)


@pytest.mark.parametrize(
    "text",
    ["", "board.local", "localhost", "127.0.0.1", "8.8.8.8", "169.254.169.254", "0.0.0.0", "::1", "::ffff:127.0.0.1",
     "2130706433", "0x7f.1", "192.168.1", "192.168.1.40:0", "192.168.1.40:99999", "192.168.1.40:x", "fe80::1",
     "192.168.1.40@8.8.8.8", "192.168.1.40/..", "http://192.168.1.40", "[fd00::7", "192.168.1.40\r\nHost: x"],
)  # fmt: skip
def test_names_and_other_addresses_are_no_place(text):
    with pytest.raises(ValueError):
        visits.place_of(text, NETWORKS)


def test_without_networks_nothing_is_a_place():
    with pytest.raises(ValueError):
        visits.place_of("192.168.1.40", "")


async def test_a_board_is_found_and_told_the_interval(stub):
    await visits.check(stub.place, 7200)
    assert stub.asked == ["/?check_interval=7200"]


async def test_a_light_is_switched_whatever_it_is_called(stub):
    await visits.switch(stub.place, "Salón & cocina", "Lámpara=1", True)
    await visits.switch(stub.place, "Salón & cocina", "Lámpara=1", False)
    assert stub.lights == {("Salón & cocina", "Lámpara=1"): "off"}


@pytest.mark.parametrize(
    ("mood", "code"),
    [
        ("silent", "silent"), ("garbage", "garbage"), ("endless", "endless"), ("redirect", "redirect"),
        ("busy", "status"), ("foreign", "foreign"),
    ],
)  # fmt: skip
async def test_what_goes_wrong_has_a_name(stub, mood, code, monkeypatch):
    monkeypatch.setattr(visits, "ANSWER_S", 0.2 if mood == "silent" else 10)
    stub.mood = mood
    assert await trouble(visits.ask(stub.place, "GET", "/", within_s=visits.ANSWER_S) if mood == "silent"
                         else visits.check(stub.place, 10)) == code  # fmt: skip


async def test_a_head_without_an_end_is_not_read_to_it(stub):
    stub.mood = "endless_head"
    assert await trouble(visits.check(stub.place, 10)) in ("garbage", "endless")


async def test_of_five_gigabytes_little_is_read(stub):
    stub.mood = "endless"
    await trouble(visits.check(stub.place, 10))
    assert stub.sent < 16 * 1024 * 1024, "what the system buffers, and no more"


async def test_nobody_there_is_a_refusal(stub):
    async with stub_board() as other:
        place = other.place
    assert await trouble(visits.check(place, 10)) == "refused"


async def test_a_silent_board_holds_nobody_up(stub):
    stub.mood = "silent"
    waiting = asyncio.create_task(visits.ask(stub.place, "GET", "/"))
    async with stub_board() as other:
        await visits.check(other.place, 10)
    assert not waiting.done()
    waiting.cancel()


@pytest.mark.parametrize("size", [1, 4096, 300_000])
async def test_firmware_arrives_whole_and_its_progress_is_told(stub, size):
    told: list[int] = []
    data = bytes(range(256)) * (size // 256 + 1)
    await visits.push(stub.place, "firmware.bin", data[:size], told.append)
    assert stub.firmware == [("firmware.bin", data[:size])]
    assert told == sorted(told) and told[-1] > size


async def test_firmware_that_the_board_does_not_take_has_failed(stub):
    assert await trouble(visits.push(stub.place, "spiffs.bin", b"bad", lambda sent: None)) == "failed"
