"""The short way of the hot paths over real sockets: whatever takes it is answered as uvicorn and ASGI would."""

import asyncio
import json
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from panal.gateway import quick
from panal.gateway.gateway import Gateway
from panal.gateway.quick import MAX_HEAD, head_of

from .conftest import until
from .memory import MemoryStore

INGEST = "/api/v1/events/ingest"


class Served:
    """The gateway behind uvicorn on a free port; `ordinary` counts what came through ASGI."""

    def __init__(self, gateway: Gateway, protocol: Any) -> None:
        self.ordinary = self.received = 0
        self.lines: list[Line] = []
        self._app = gateway.front(Starlette(routes=gateway.routes()))
        self.server = uvicorn.Server(
            uvicorn.Config(
                self._count,
                port=0,
                http=self._counting(protocol),
                lifespan="off",
                log_config=None,
                ws="none",
                interface="asgi3",
            )
        )

    def _counting(self, protocol: Any) -> Any:
        def data_received(connection: Any, data: bytes) -> None:
            self.received += len(data)
            protocol.data_received(connection, data)

        return type("Counting", (protocol,), {"data_received": data_received})

    @property
    def connection(self) -> Any:
        """The server's side of the only connection."""
        [connection] = self.server.server_state.connections
        return connection

    async def _count(self, scope: Any, receive: Any, send: Any) -> None:
        self.ordinary += 1
        await self._app(scope, receive, send)

    async def start(self) -> None:
        self.server.config.load()
        self.server.lifespan = self.server.config.lifespan_class(self.server.config)
        await self.server.startup()

    async def stop(self) -> None:
        await self.server.shutdown()

    async def connect(self) -> "Line":
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.lines.append(Line(self, *await asyncio.open_connection("127.0.0.1", port)))
        return self.lines[-1]


class Line:
    def __init__(self, served: Served, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.served, self.reader, self.writer = served, reader, writer

    async def say(self, piece: bytes) -> None:
        """Send it, and wait until the server has it: so that it comes alone."""
        before = self.served.received
        self.writer.write(piece)
        await until(lambda: self.served.received == before + len(piece))

    async def ask(self, *pieces: bytes) -> tuple[int, dict[str, str], Any]:
        for piece in pieces:
            await self.say(piece)
        return await self.answer()

    async def answer(self) -> tuple[int, dict[str, str], Any]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        if headers.get("transfer-encoding") == "chunked":
            return int(status.split()[1]), headers, None
        return int(status.split()[1]), headers, await self.reader.readexactly(int(headers["content-length"]))


@pytest.fixture
async def serve(gateway: Gateway) -> AsyncIterator[Callable[..., Awaitable[Served]]]:
    running: list[Served] = []

    async def start(protocol: Any = None) -> Served:
        served = Served(gateway, protocol or gateway.http_protocol())
        await served.start()
        running.append(served)
        return served

    yield start
    for served in running:
        for line in served.lines:
            line.writer.close()
        await served.stop()


@pytest.fixture
async def token(store: MemoryStore, gateway: Gateway) -> str:
    token = store.add("A")
    await gateway.identities.get("A")
    return token


def event(**changes: Any) -> dict[str, Any]:
    return {"deviceId": "A", "eventUid": str(uuid.uuid4()), "eventType": "FALL", "occurredAt": None, **changes}


def request(token: str, document: Any = None, *more: str, path: str = INGEST, version: str = "1.1") -> bytes:
    body = document if isinstance(document, bytes) else json.dumps(document if document else event()).encode()
    lines = [f"POST {path} HTTP/{version}", "Host: panal", "X-Device-Id: A", f"X-Device-Key: {token}"]
    lines += more if any("Type" in line for line in more) else ["Content-Type: application/json", *more]
    lines += [] if any("Encoding" in line for line in more) else [f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def uid(n: int) -> str:
    return str(uuid.UUID(int=n))


# every line: (what is sent, given the token; whether it takes the short way)
CASES: dict[str, tuple[Callable[[str], bytes], bool]] = {
    "an event": (lambda t: request(t, event(eventUid=uid(1))), True),
    "under the short prefix": (lambda t: request(t, event(eventUid=uid(2)), path="/api/events/ingest"), True),
    "with its samples": (lambda t: request(t, event(eventUid=uid(3), samples=[])), True),
    "not JSON": (lambda t: request(t, b"{"), True),
    "not UTF-8": (lambda t: request(t, b'{"\xff": 1}'), True),
    "no object": (lambda t: request(t, b"[]"), True),
    "a key twice": (lambda t: request(t, b'{"deviceId":"A","deviceId":"A"}'), True),
    "an unknown kind": (lambda t: request(t, event(eventType="RAIN")), True),
    "no kind": (lambda t: request(t, event(eventType=None)), True),
    "a bad uid": (lambda t: request(t, event(eventUid="x")), True),
    "another device": (lambda t: request(t, event(deviceId="B")), True),
    "a wrong token": (lambda t: request("0" * 64), False),
    "no token": (lambda t: request(""), False),
    "not said to be JSON": (lambda t: request(t, event(), "Content-Type: text/plain"), False),
    "another path": (lambda t: request(t, event(), path="/api/v1/devices/A/desired"), False),
    "no such path": (lambda t: request(t, event(), path="/api/v1/events/ingests"), False),
    "a query": (lambda t: request(t, event(eventUid=uid(4)), path=INGEST + "?a=b"), False),
    "through a proxy": (lambda t: request(t, event(eventUid=uid(5)), "X-Forwarded-For: 8.8.8.8"), False),
    "HTTP/1.0": (lambda t: request(t, event(eventUid=uid(6)), version="1.0"), False),
    "the last request": (lambda t: request(t, event(eventUid=uid(7)), "Connection: close"), False),
    "an empty body": (lambda t: request(t, b" " * 3), True),
    "a chunked body": (lambda t: request(t, b"2\r\n{}\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), False),
    "two lengths": (lambda t: request(t, event(), "Content-Length: 3"), False),
    "an upgrade": (lambda t: request(t, event(eventUid=uid(8)), "Connection: Upgrade", "Upgrade: h2c"), False),
    "a long head": (lambda t: request(t, event(eventUid=uid(9)), "X: " + "x" * MAX_HEAD), False),
}


@pytest.mark.parametrize("name", CASES)
async def test_it_answers_as_the_ordinary_way_does(serve: Any, store: MemoryStore, token: str, name: str) -> None:
    said, is_short = CASES[name]
    quick, plain = await serve(), await serve(HttpToolsProtocol)
    answers = [await (await served.connect()).ask(said(token)) for served in (quick, plain)]
    assert _without_what_differs(answers[0]) == _without_what_differs(answers[1])
    assert quick.ordinary == (0 if is_short else plain.ordinary)


def _without_what_differs(answer: tuple[int, dict[str, str], Any]) -> Any:
    """The second to say the same event hears that it is a repeat."""
    status, headers, body = answer
    headers = {name: value for name, value in headers.items() if name not in ("date", "content-length", "server")}
    return 201 if status == 200 else status, headers, (body or b"").replace(b"true}", b"false}")


async def test_a_request_in_pieces_is_answered_wherever_it_is_cut(serve: Any, store: MemoryStore, token: str) -> None:
    served = await serve()
    line = await served.connect()
    whole = request(token)
    for cut in range(1, len(whole), 23):
        whole = request(token)
        status, _, _ = await line.ask(whole[:cut], whole[cut:])
        assert status == 201, cut
    assert len(store.events) == len(range(1, len(whole), 23))


async def test_both_ways_take_turns_on_one_connection(serve: Any, store: MemoryStore, token: str) -> None:
    served = await serve()
    line = await served.connect()
    for round in range(1, 4):
        assert (await line.ask(request(token)))[0] == 201
        assert (await line.ask(request(token, path="/api/v1/devices/heartbeat")))[0] == 200
        assert served.ordinary == round


async def test_a_request_inside_the_head_of_another_is_no_request(serve: Any, store: MemoryStore, token: str) -> None:
    whole = request(token)
    pieces = f"POST {INGEST} HTTP/1.1\r\nHost: panal\r\nX-Says: ".encode(), whole
    quick, plain = await serve(), await serve(HttpToolsProtocol)
    answers = [await (await served.connect()).ask(*pieces) for served in (quick, plain)]
    assert _without_what_differs(answers[0]) == _without_what_differs(answers[1])
    assert quick.ordinary == 1


class Blocked:
    """A store that commits only when it is let."""

    def __init__(self, store: MemoryStore) -> None:
        self.may_commit, self.began = threading.Event(), threading.Event()
        store.before_commit = self._before_commit

    def _before_commit(self, entries: Any) -> None:
        self.began.set()
        self.may_commit.wait(60)


@pytest.mark.parametrize("path", [INGEST, "/api/v1/devices/heartbeat"])
async def test_answers_keep_the_order_of_the_requests(serve: Any, store: MemoryStore, token: str, path: str) -> None:
    """The second, which is refused at once, waits for the first, whichever way that takes."""
    served, blocked = await serve(), Blocked(store)
    line = await served.connect()
    await line.say(request(token, path=path))
    await until(blocked.began.is_set)
    await line.say(request(token, b"{"))
    await until(lambda: served.connection.flow.read_paused)
    blocked.may_commit.set()
    assert (await line.answer())[0] // 100 == 2
    status, _, body = await line.answer()
    assert (status, json.loads(body)["error"]["code"]) == (400, "not_json")
    assert (await line.ask(request(token)))[0] == 201


async def test_requests_in_one_piece_are_answered_in_their_order(serve: Any, store: MemoryStore, token: str) -> None:
    line = await (await serve()).connect()
    events = [event() for _ in range(5)]
    await line.say(b"".join([request(token, one) for one in events]))
    for one in events:
        status, _, body = await line.answer()
        assert (status, json.loads(body)["eventId"]) == (201, str(store.event_ids[one["eventUid"]]))


async def test_a_connection_that_waits_for_its_answer_is_not_idle(serve: Any, store: MemoryStore, token: str) -> None:
    served = await serve()
    line = await served.connect()
    assert (await line.ask(request(token)))[0] == 201
    assert served.connection.timeout_keep_alive_task is not None
    blocked = Blocked(store)
    await line.say(request(token))
    await until(blocked.began.is_set)
    assert served.connection.timeout_keep_alive_task is None
    blocked.may_commit.set()
    assert (await line.answer())[0] == 201


async def test_an_answer_comes_after_the_commit_also_when_the_server_stops(
    serve: Any, store: MemoryStore, token: str
) -> None:
    served, blocked = await serve(), Blocked(store)
    line = await served.connect()
    line.writer.write(request(token))
    await until(blocked.began.is_set)
    stopping = asyncio.create_task(served.stop())
    await until(lambda: not served.server.servers[0].is_serving())
    assert not store.events
    blocked.may_commit.set()
    status, headers, _ = await line.answer()
    assert (status, headers["connection"], len(store.events)) == (201, "close", 1)
    assert await line.reader.read() == b""
    await stopping


async def test_a_caller_that_has_gone_disturbs_nobody(serve: Any, store: MemoryStore, token: str) -> None:
    served, blocked = await serve(), Blocked(store)
    gone, stays = await served.connect(), await served.connect()
    gone.writer.write(request(token))
    stays.writer.write(request(token))
    await until(blocked.began.is_set)
    gone.writer.transport.abort()
    await until(lambda: len(served.server.server_state.connections) == 1)
    blocked.may_commit.set()
    assert (await stays.answer())[0] == 201
    await until(lambda: len(store.events) == 2)


async def test_an_idle_connection_is_closed(serve: Any, token: str) -> None:
    served = await serve()
    served.server.config.timeout_keep_alive = 0
    line = await served.connect()
    assert (await line.ask(request(token)))[0] == 201
    assert await asyncio.wait_for(line.reader.read(), 60) == b""


GET = b"GET /api/health HTTP/1.1\r\nHost: panal\r\n"


@pytest.mark.parametrize("begun", [b"", b"\r\n", b"GET /api/he", GET + b"X-A: 1\r\n", b"POST"])
async def test_who_never_ends_a_head_is_let_go(
    serve: Any, token: str, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(quick, "HEAD_S", 0.2)
    served = await serve()
    fresh, used = await served.connect(), await served.connect()
    assert (await used.ask(request(token)))[0] == 201
    for line in (fresh, used):
        line.writer.write(begun)
        if begun.strip():
            status, headers, body = await line.answer()
            assert (status, json.loads(body)["error"]["code"], "retry-after" in headers) == (503, "too_slow", True)
        assert await asyncio.wait_for(line.reader.read(), 60) == b""


async def test_an_answer_may_take_longer_than_a_head(
    serve: Any, store: MemoryStore, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick, "HEAD_S", 0.05)
    served, blocked = await serve(), Blocked(store)
    ordinary, quickly = await served.connect(), await served.connect()
    ordinary.writer.write(request(token, None, "Expect: nothing"))
    quickly.writer.write(request(token))
    await until(blocked.began.is_set)
    await asyncio.sleep(0.2)
    blocked.may_commit.set()
    assert [(await line.answer())[0] for line in (ordinary, quickly)] == [201, 201]


@pytest.mark.parametrize("more", [b"X-A: " + b"b" * 10_000_000, b"X-A: b\r\n" * 1_000_000])
async def test_a_head_without_end_is_refused(serve: Any, token: str, more: bytes) -> None:
    served = await serve()
    line = await served.connect()
    line.writer.write(GET + more)
    status, headers, body = await line.answer()
    assert (status, headers["connection"], json.loads(body)["error"]["code"]) == (431, "close", "too_large")
    assert served.received < 1_000_000


async def test_limits_hold_on_the_short_way(serve: Any, store: MemoryStore, gateway: Gateway, token: str) -> None:
    served = await serve()
    line = await served.connect()
    gateway.devices.per_minute = 0
    assert (await line.ask(request(token)))[0] == 201  # the first of a new bucket
    status, headers, body = await line.ask(request(token))
    assert (status, json.loads(body)["error"]["code"], served.ordinary) == (503, "too_often", 0)
    assert int(headers["retry-after"]) >= 1
    assert gateway.http_counts["events/ingest", 503] == 1


@given(st.binary(max_size=200))
def test_no_head_makes_the_parser_raise(junk: bytes) -> None:
    assert head_of(b"POST / HTTP/1.1\r\n" + junk + b"\r\n\r\n") is None
    assert head_of(junk) is None


def test_a_head_is_read_as_uvicorn_reads_it() -> None:
    head = b"POST /a HTTP/1.1\r\nx-device-id:A\r\nX-Device-Key:  k\r\nCONTENT-LENGTH: 7\r\n\r\n"
    found = head_of(head)
    assert found is not None and (found.path, found.device_id, found.token, found.length) == ("/a", "A", "k", 7)
    assert head_of(head.replace(b"\r\nCONT", b"\n\nCONT")) is None
    assert head_of(head.replace(b"A\r\n", b"A\r\nExpect: 100-continue\r\n")) is None
