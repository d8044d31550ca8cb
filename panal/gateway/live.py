"""Live pages: one server-sent event stream a page says which topic has news; the page then asks for its fragment.

Nothing of a device's data travels here, so what a person may see is decided in one place: where the fragment is made.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from .bus import Bus
from .store import DomainEvent, Store, Viewer

COALESCE_S = 0.3
PING_S = 15.0
CHECK_S = 30.0
MAX_VIEWERS = 5_000
MAX_DIGITS = 15
RECENT = 4_096
SLACK_MS = 1_000
"""Another replica may have answered the page, by its own clock."""

STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Context(Protocol):
    bus: Bus
    store: Store

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any: ...


class Live:
    """All open streams. `close` ends them, so that a stopping server need not wait for pages to be closed."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pages: set[Page] = set()
        self._recent: deque[tuple[int, DomainEvent]] = deque(maxlen=RECENT)
        context.bus.listen(self._keep)

    def _keep(self, event: DomainEvent) -> None:
        self._recent.append((_now_ms(), event))

    def __len__(self) -> int:
        return len(self._pages)

    async def endpoint(self, request: Request) -> Response:
        """`GET /live?since=MS&device=ID`: news from when the page was asked for on; 401: nobody is signed in.

        A program shows its token, as to the REST.
        """
        since = request.query_params.get("since", "")
        if since and not (since.isascii() and since.isdigit() and len(since) <= MAX_DIGITS):
            return Response("since: milliseconds since 1970.\n", status_code=400)
        headers = request.headers.get("cookie", ""), request.headers.get("authorization", "")
        viewer = await self._viewer(*headers)
        if viewer is None:
            return Response(status_code=401)
        if len(self._pages) >= MAX_VIEWERS:
            return Response(status_code=503, headers={"Retry-After": "10"})
        page = Page(viewer, request.query_params.get("device", ""))
        stream = self._stream(page, headers, int(since) if since else None)
        return StreamingResponse(stream, media_type="text/event-stream", headers=STREAM_HEADERS)

    def _tell_of_the_gap(self, page: "Page", since_ms: int) -> None:
        """What happened after the page was made and before it could listen."""
        for at_ms, event in self._recent:
            if at_ms >= since_ms - SLACK_MS:
                page.hear(event)

    async def _viewer(self, cookie: str, authorization: str) -> Viewer | None:
        if not (cookie or authorization):
            return None
        found: Viewer | None = await self._context.in_thread(self._context.store.viewer, cookie, authorization)
        return found

    async def _stream(self, page: "Page", headers: tuple[str, str], since_ms: int | None) -> AsyncIterator[bytes]:
        self._pages.add(page)
        self._context.bus.listen(page.hear)
        if since_ms is not None:
            self._tell_of_the_gap(page, since_ms)
        try:
            yield b": hello\n\nretry: 2000\n\n"
            async for chunk in page.chunks(lambda: self._viewer(*headers)):
                yield chunk
        finally:
            self._context.bus.forget(page.hear)
            self._pages.discard(page)

    def close(self) -> None:
        for page in self._pages:
            page.close()


class Page:
    """One stream: topics with news since the last time, not more often than every 0.3 s each."""

    def __init__(self, viewer: Viewer, device_id: str = "") -> None:
        self.viewer = viewer
        self.device_id = device_id
        self._news: dict[str, set[str]] = {}
        self._wake = asyncio.Event()
        self._closed = False
        self._check_now = False

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    def hear(self, event: DomainEvent) -> None:
        if event.name == "account.changed":
            self._check_now = True
        elif not self._concerns(event):
            return
        if self._concerns(event):
            self._news.setdefault(event.topic, set()).add(event.device_id)
        self._wake.set()

    def _concerns(self, event: DomainEvent) -> bool:
        if self.device_id and event.device_id and event.device_id != self.device_id:
            return False
        return self.viewer.account_ids is None or event.account_id in self.viewer.account_ids

    async def chunks(self, viewer_again: Callable[[], Awaitable[Viewer | None]]) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        check_at, ping_at = loop.time() + CHECK_S, loop.time() + PING_S
        while not self._closed:
            await self._wait_until(min(check_at, ping_at))
            if self._check_now or loop.time() >= check_at:
                self._check_now, check_at = False, loop.time() + CHECK_S
                viewer = await viewer_again()
                if viewer is None:
                    return
                self.viewer = viewer
            if self._news:
                yield self._take()
                ping_at = loop.time() + PING_S
                await self._pause()
            elif loop.time() >= ping_at:
                yield b": ping\n\n"
                ping_at = loop.time() + PING_S

    async def _wait_until(self, at: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout_at(at):
                await self._wake.wait()
        if not self._closed:
            self._wake.clear()

    async def _pause(self) -> None:
        """What comes in the meantime is said together."""
        await asyncio.sleep(COALESCE_S)

    def _take(self) -> bytes:
        news, self._news = self._news, {}
        return b"".join(_event(topic, devices) for topic, devices in news.items())


def _event(topic: str, devices: set[str]) -> bytes:
    """One event; `device_id` where it is about one device, "" for several."""
    only = next(iter(devices)) if len(devices) == 1 else ""
    return b"event: %s\ndata: %s\n\n" % (topic.encode(), msgspec.json.encode({"device_id": only}))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
