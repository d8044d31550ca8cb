"""Live pages: who hears of what, how often, and for how long."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from panal.gateway import live
from panal.gateway.gateway import Gateway
from panal.gateway.live import Page
from panal.gateway.store import DomainEvent, Viewer

from .conftest import Http, until
from .memory import MemoryStore


def event(
    topic: str = "devices", account: int | None = 1, device: str = "A", name: str = "device.updated"
) -> DomainEvent:
    return DomainEvent(name, topic, account, device, {})


OWNER = Viewer(7, frozenset({1}))
STAFF = Viewer(8, None)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "COALESCE_S", 0.01)


def chunks(page: Page, viewer: Viewer | None = OWNER) -> AsyncIterator[bytes]:
    async def again() -> Viewer | None:
        return viewer

    return page.chunks(again)


async def test_a_page_hears_what_happened_once_for_each_topic() -> None:
    page = Page(OWNER)
    for _ in range(100):
        page.hear(event())
    page.hear(event("care"))
    said = await anext(chunks(page))
    assert said == b'event: devices\ndata: {"device_id":"A"}\n\nevent: care\ndata: {"device_id":"A"}\n\n'


async def test_several_devices_are_said_without_a_name() -> None:
    page = Page(OWNER)
    page.hear(event(device="A"))
    page.hear(event(device="B"))
    assert await anext(chunks(page)) == b'event: devices\ndata: {"device_id":""}\n\n'


@pytest.mark.parametrize(
    ("viewer", "device", "what", "hears"),
    [
        (OWNER, "", event(account=1), True),
        (OWNER, "", event(account=2), False),
        (OWNER, "", event(account=None), False),
        (STAFF, "", event(account=None), True),
        (OWNER, "A", event(device="A"), True),
        (OWNER, "A", event(device="B"), False),
        (OWNER, "A", event(account=2, device="A"), False),
        (OWNER, "A", event("accounts", device="", name="account.changed"), True),
    ],
)
async def test_who_hears_of_what(viewer: Viewer, device: str, what: DomainEvent, hears: bool) -> None:
    page = Page(viewer, device)
    page.hear(what)
    assert bool(page._news) is hears


async def test_a_person_who_lost_their_account_hears_nothing_more() -> None:
    page = Page(OWNER)
    page.hear(event("accounts", name="account.changed", device=""))
    assert [said async for said in chunks(page, None)] == []


async def test_a_person_is_asked_for_again_when_accounts_change_and_sees_with_their_new_eyes() -> None:
    page = Page(OWNER)
    said = chunks(page, Viewer(7, frozenset({2})))
    page.hear(event("accounts", account=1, name="account.changed", device=""))
    await anext(said)
    page.hear(event(account=1))
    page.hear(event(account=2, topic="care"))
    assert (await anext(said)).startswith(b"event: care")


async def test_silence_is_broken_by_a_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "PING_S", 0.01)
    assert await anext(chunks(Page(OWNER))) == b": ping\n\n"


async def test_a_stranger_gets_401(http: Http) -> None:
    assert (await http.get("/live")).status == 401
    assert (await http.get("/live", Cookie="sessionid=guess")).status == 401


async def test_a_stream_over_http_and_its_end(http: Http, gateway: Gateway, store: MemoryStore) -> None:
    store.viewers["sessionid=ok"] = OWNER
    streaming: asyncio.Task[Any] = asyncio.create_task(http.get("/live?device=A", Cookie="sessionid=ok"))
    await until(lambda: len(gateway.live) == 1)
    gateway.bus.publish_soon([event(device="B"), event("telemetry")])
    await until(lambda: http.app and not streaming.done())
    await asyncio.sleep(0.05)
    gateway.close_live()
    answer = await streaming
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert b"event: telemetry" in answer.body
    assert b"event: devices" not in answer.body
    assert len(gateway.live) == 0


async def test_a_program_hears_with_its_token(http: Http, gateway: Gateway, store: MemoryStore) -> None:
    store.viewers["Bearer pat_ok"] = OWNER
    assert (await http.get("/live", Authorization="Bearer pat_guess")).status == 401
    streaming: asyncio.Task[Any] = asyncio.create_task(http.get("/live", Authorization="Bearer pat_ok"))
    await until(lambda: len(gateway.live) == 1)
    gateway.bus.publish_soon([event("commands")])
    await asyncio.sleep(0.05)
    gateway.close_live()
    assert b"event: commands" in (await streaming).body


@pytest.mark.parametrize(("earlier_ms", "hears"), [(5_000, True), (-5_000, False)])
async def test_a_page_hears_what_happened_before_it_could_listen(
    gateway: Gateway, http: Http, store: MemoryStore, earlier_ms: int, hears: bool
) -> None:
    store.viewers["sessionid=ok"] = OWNER
    gateway.bus.publish_soon([event(), event("care", account=2)])
    await asyncio.sleep(0)
    since = gateway.now_ms() - earlier_ms
    streaming = asyncio.create_task(http.get(f"/live?since={since}", Cookie="sessionid=ok"))
    await until(lambda: len(gateway.live) == 1)
    await asyncio.sleep(0.05)
    gateway.close_live()
    answer = await streaming
    assert (b"event: devices" in answer.body) is hears
    assert b"event: care" not in answer.body


async def test_nothing_is_lost_between_a_request_and_its_stream(gateway: Gateway, http: Http) -> None:
    stream = gateway.live._stream(Page(OWNER), ("", ""), gateway.now_ms())
    gateway.bus.publish_soon([event()])
    await asyncio.sleep(0.01)
    assert [await anext(stream) for _ in range(2)][1].startswith(b"event: devices")
    await stream.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("since", ["now", "-1", "1" * 16, "\u0661"])
async def test_a_moment_that_is_none_is_refused(http: Http, store: MemoryStore, since: str) -> None:
    store.viewers["sessionid=ok"] = OWNER
    assert (await http.get(f"/live?since={quote(since)}", Cookie="sessionid=ok")).status == 400
