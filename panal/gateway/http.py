"""The device HTTP API on raw ASGI: authenticate, limit, decode, hand to the cell, answer after the commit.

Every path stands below /api/v1/ and /api/ (docs/wire/devices-http.md). One route object serves them all: a
dictionary finds the handler, no request object is made. Errors become answers in errors.py only.
"""

import asyncio
import base64
import binascii
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl

from starlette.responses import FileResponse
from starlette.routing import BaseRoute, Match, NoMatchFound

from panal.protocol import fields
from panal.protocol.errors import BadRequest, PanalError, TooLarge, Unavailable, UnsupportedType
from panal.protocol.topics import HTTP_PREFIXES, INGEST

from . import body as json_body
from .cell import Answered, Call, EventKinds, File, HttpHandler, Hub, Path, Stores
from .errors import Headers, document_of, headers_of, status_of
from .identity import Identities, holds, stranger
from .ledger import Ledger
from .limits import Failures, Rates, is_near, is_private
from .store import Identity

logger = logging.getLogger(__name__)

READ_S = 30
# A body beyond its bound is still taken, and thrown away, up to here: an answer to a peer that is still sending is lost
# in the reset of its connection, or becomes a 502 at a proxy, and a board would then send the same body for ever.
DRAIN_BYTES = 2 * 1024 * 1024
MAX_TOKEN = 256
MAX_ID = 64

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

Told = Callable[[int, bytes, Headers], None]
"""Hears an answer: status, body, headers beyond those that every answer has."""

NO_QUERY: Mapping[str, str] = {}

Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Context(Protocol):
    """What the device API needs of the gateway."""

    identities: Identities
    addresses: Rates
    devices: Rates
    failures: Failures
    ledger: Ledger
    plain_public: bool
    http_counts: Counter[tuple[str, int]]

    @property
    def hub(self) -> Hub: ...

    async def sleep(self, seconds: float) -> None: ...


class Head(NamedTuple):
    """The head of a request that `DeviceApi.take` may answer: a POST of a JSON object with a token in its headers."""

    path: str
    device_id: str
    token: str
    length: int


class Heads(NamedTuple):
    """The headers that matter, as text."""

    device_id: str
    device_key: str
    authorization: str
    content_type: str
    content_length: str
    forwarded_for: str


NAMES = {b"x-device-id": 0, b"x-device-key": 1, b"authorization": 2, b"content-type": 3, b"content-length": 4}
FORWARDED_FOR = 5
NAMES[b"x-forwarded-for"] = FORWARDED_FOR


def heads_of(headers: Sequence[tuple[bytes, bytes]]) -> Heads:
    found = ["", "", "", "", "", ""]
    for name, value in headers:
        if (at := NAMES.get(name)) is not None:
            text = value.decode("latin-1")
            found[at] = f"{found[at]},{text}" if at == FORWARDED_FOR else text
    return Heads(*found)


def device_api(context: Context, paths: Sequence[Path], kinds: Mapping[str, EventKinds]) -> "DeviceApi":
    """The device API, as a Starlette route or behind a Front."""
    stores = ingest_of(kinds)
    return DeviceApi(context, [*paths, Path(("POST",), INGEST, _waiting(stores), stores=stores)])


def ingest_of(kinds: Mapping[str, EventKinds]) -> Stores:
    """`POST events/ingest` for the kinds of event that the cells take."""
    allowed = tuple(kinds)

    def message(call: Call) -> tuple[str, Any]:
        kind = call.body.get("eventType")
        cell = kinds.get(kind) if isinstance(kind, str) else None
        if cell is None:
            raise unknown_kind(kind, "eventType", allowed)
        return cell.ledger_kind, cell.parse_http(call.body, call.caller.device_id, call.now_ms)

    return Stores(message, _recorded)


def _recorded(recorded: Any) -> Answered:
    document = {"ok": True, "eventId": str(recorded.event_id), "duplicated": recorded.duplicated}
    return 200 if recorded.duplicated else 201, document


def _waiting(stores: Stores) -> HttpHandler:
    """The handler that does what `stores` says."""

    async def handler(hub: Hub, call: Call) -> Answered:
        kind, message = stores.message(call)
        return stores.answer(await hub.submit(kind, message, True))

    return handler


def unknown_kind(kind: Any, field: str, allowed: tuple[str, ...]) -> PanalError:
    if kind is None or kind == "":
        return fields.missing(field)
    if not isinstance(kind, str):
        return fields.bad(field, "a text is expected")
    return BadRequest("unknown_event_type", "no such kind of event", field, allowed)


class Front:
    """An application in front of another: device paths are answered here, without the middleware that pages need."""

    def __init__(self, api: "DeviceApi", behind: Application) -> None:
        self._api = api
        self._behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match, found = self._api.matches(scope)
        if match is Match.NONE:
            await self._behind(scope, receive, send)
        else:
            scope.update(found)
            await self._api.handle(scope, receive, send)


class DeviceApi(BaseRoute):
    """All device paths. Anything else does not match and falls through to the pages."""

    def __init__(self, context: Context, paths: Sequence[Path]) -> None:
        self.context = context
        self._patience = Patience()
        self._exact: dict[str, Path] = {}
        self._with_id: dict[tuple[str, str], Path] = {}
        for path in paths:
            for prefix in ("/",) if path.bare else HTTP_PREFIXES:
                self._add(prefix + path.path, path)

    def _add(self, full: str, path: Path) -> None:
        before, hole, after = full.partition("{id}")
        if hole:
            self._with_id[before, after] = path
        else:
            self._exact[full] = path

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        full = scope["path"]
        path = self._exact.get(full)
        if path is not None:
            return Match.FULL, {"panal.path": path, "panal.id": ""}
        return self._match_id(full)

    def _match_id(self, full: str) -> tuple[Match, Scope]:
        for (before, after), path in self._with_id.items():
            if full.startswith(before) and full.endswith(after):
                found = full[len(before) : len(full) - len(after)]
                if found and "/" not in found and len(found) <= MAX_ID:
                    return Match.FULL, {"panal.path": path, "panal.id": found}
        return Match.NONE, {}

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: Path = scope["panal.path"]
        extra: Headers = []
        try:
            if scope["method"] not in path.methods:
                status, document = 405, {"ok": False, "error": {"code": "method_not_allowed", "message": "see Allow"}}
                extra = [(b"allow", ", ".join(path.methods).encode())]
            else:
                status, document = await self._answer(path, scope, receive)
        except PanalError as error:
            status, document, extra = _refused(error)
        except Exception:  # our own fault is never a 500: a board retries a 503
            logger.exception("%s %s", scope["method"], path.path)
            status, document, extra = _refused(Unavailable("unavailable", "something went wrong here"))
        self.context.http_counts[path.path, status] += 1
        if isinstance(document, File):
            await reply_with_file(document, scope, receive, send)
        else:
            await reply(send, status, json_body.encode(document), extra)

    async def _answer(self, path: Path, scope: Scope, receive: Receive) -> Answered:
        address = (scope.get("client") or ("", 0))[0]
        self._admit(address, scope["scheme"])
        heads = heads_of(scope["headers"])
        if "/" in path.body:
            caller = await self._caller(path, heads, None, scope["panal.id"], address)
            body = await self._body(path, heads, receive)
        else:
            body = await self._body(path, heads, receive)
            caller = await self._caller(path, heads, body, scope["panal.id"], address)
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"))) if scope["query_string"] else {}
        return await path.handler(self.context.hub, self._call(caller, body, scope["panal.id"], query))

    def _admit(self, address: str, scheme: str) -> None:
        context = self.context
        if wait_s := context.addresses.take(address):
            raise too_often(wait_s)
        if scheme == "http" and not context.plain_public and not is_private(address):
            raise Unavailable("tls_required", "over a public network only with TLS", retry_after_s=3600)

    def _call(self, caller: Identity, body: Any, path_id: str, query: Mapping[str, str]) -> Call:
        if wait_s := self.context.devices.take(caller.device_id):
            raise too_often(wait_s)
        return Call(caller, body, path_id, query, self.context.hub.now_ms())

    def take(self, head: Head, data: bytes, address: str, scheme: str, told: Told) -> bool:
        """Answer a whole request without a task: `told` hears it, at once or after the commit.

        False where more than that is needed, for an unknown token or device as well; then nothing was done.
        """
        path = self._exact.get(head.path)
        caller, fresh = self.context.identities.known(head.device_id)
        if path is None or path.stores is None or not fresh or caller is None or not holds(caller, head.token):
            return False
        answer = partial(self._tell, path, path.stores, told)
        try:
            self._admit(address, scheme)
            body = json_body.decode_object(data, path.max_bytes)
            _check_named(head.device_id, body)
            kind, message = path.stores.message(self._call(caller, body, "", NO_QUERY))
            self.context.ledger.put(kind, message, True, answer)
        except PanalError as error:
            answer(error)
        except Exception:  # as in `handle`
            logger.exception("%s", path.path)
            answer(Unavailable("unavailable", "something went wrong here"))
        return True

    def _tell(self, path: Path, stores: Stores, told: Told, outcome: Any) -> None:
        extra: Headers = []
        if isinstance(outcome, PanalError):
            status, document, extra = _refused(outcome)
        else:
            status, document = stores.answer(outcome)
        self.context.http_counts[path.path, status] += 1
        told(status, json_body.encode(document), extra)

    async def _body(self, path: Path, heads: Heads, receive: Receive) -> Any:
        if not path.body:
            return None
        if path.body == "object" and not is_json(heads.content_type):
            raise UnsupportedType("not_json_type", "Content-Type must be application/json")
        if "/" in path.body and heads.content_type.partition(";")[0].strip().lower() != path.body:
            raise UnsupportedType("wrong_type", f"Content-Type must be {path.body}")
        if heads.content_length and int(heads.content_length) > DRAIN_BYTES:
            raise too_large(path.max_bytes)
        data = await self._patience.read(receive, path.max_bytes)
        if "/" in path.body:
            return data
        return json_body.decode_object(data, path.max_bytes) if path.body == "object" else _text(data)

    async def _caller(self, path: Path, heads: Heads, body: Any, path_id: str, address: str) -> Identity:
        named, token = credentials(heads)
        device_id = named or _id_in(body) or (path_id if path.path.startswith("devices/") else "")
        if named and isinstance(body, dict):
            _check_named(named, body)
        if token and not device_id:
            raise fields.missing("deviceId")
        identities = self.context.identities
        identity, fresh = identities.known(device_id)
        if not fresh:
            identity = await identities.get(device_id)
        if holds(identity, token) or (
            identity and identity.keyless and not token and is_near(address, heads.forwarded_for)
        ):
            assert identity is not None
            return identity
        raise await self._no(address)

    async def _no(self, address: str) -> PanalError:
        """The one answer to an unknown device and to a wrong token, later with every failure of this address."""
        failures = self.context.failures
        delay_s = failures.failed(address)
        if failures.may_wait():
            failures.delayed += 1
            try:
                await self.context.sleep(delay_s)
            finally:
                failures.delayed -= 1
        return stranger()


def _check_named(named: str, body: dict[str, Any]) -> None:
    if body.get("deviceId") not in (None, named):
        raise BadRequest("device_mismatch", "deviceId is not the device that called", "deviceId")


def _refused(error: PanalError) -> tuple[int, Any, Headers]:
    status = status_of(error)
    return status, document_of(error), headers_of(error, status)


def too_often(wait_s: float) -> PanalError:
    return Unavailable("too_often", "slow down", retry_after_s=wait_s)


def too_large(most: int) -> PanalError:
    return TooLarge("too_large", f"at most {most} bytes")


def is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind in ("application/json", "") or (kind.startswith("application/") and kind.endswith("+json"))


def _text(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("not_utf8", "the text is not UTF-8") from None
    if "\0" in text:
        raise BadRequest("bad_text", "text may not hold NUL")
    return text.strip()


def _id_in(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    return fields.text(body, "deviceId", MAX_ID) or ""


def credentials(heads: Heads) -> tuple[str, str]:
    """(device id, token) as the headers give them; "" for what they do not say."""
    kind, _, rest = heads.authorization.partition(" ")
    kind = kind.lower()
    if kind == "bearer":
        text = rest.strip()
    elif kind == "basic":
        text = _base64(rest.strip())
    else:
        return heads.device_id[:MAX_ID], heads.device_key[:MAX_TOKEN]
    device_id, _, token = text.partition(":")
    return device_id[:MAX_ID], token[:MAX_TOKEN]


def _base64(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""


async def read(receive: Receive, most: int) -> bytes:
    """The whole body. Raises TooLarge, where it can after the body has come: see DRAIN_BYTES."""
    message = await receive()
    data: bytes = message.get("body", b"")
    size = len(data)
    while message.get("more_body") and size <= DRAIN_BYTES:
        message = await receive()
        size += len(message.get("body", b""))
        if size <= most:
            data += message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise Unavailable("gone", "the caller has gone")
    if size > most:
        raise too_large(most)
    return data


class Patience:
    """Time limits for bodies on their way, looked at together now and then: a timer for each costs every request."""

    def __init__(self, limit_s: float = READ_S) -> None:
        self._limit_s = limit_s
        self._since: dict[asyncio.Task[Any], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, receive: Receive, most: int) -> bytes:
        """As `read`. Raises Unavailable when the body does not come in time."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        began = self._since[task] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._limit_s / 4, self._look, loop)
        try:
            return await read(receive, most)
        except asyncio.CancelledError:
            if loop.time() - began < self._limit_s:
                raise
            task.uncancel()
            raise Unavailable("too_slow", "the body did not arrive in time") from None
        finally:
            self._since.pop(task, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        late = loop.time() - self._limit_s
        for task, since in tuple(self._since.items()):
            if since <= late:
                task.cancel()
        self._timer = loop.call_later(self._limit_s / 4, self._look, loop) if self._since else None


async def reply_with_file(file: File, scope: Scope, receive: Receive, send: Send) -> None:
    """The whole file, or what `Range` asks for."""
    headers = {"cache-control": "private", **({"etag": file.etag} if file.etag else {})}
    try:
        await FileResponse(file.path, media_type=file.content_type, headers=headers)(scope, receive, send)
    except RuntimeError:  # it has gone since it was found
        status, document, extra = _refused(Unavailable("unavailable", "the file is not here"))
        await reply(send, status, json_body.encode(document), extra)


async def reply(send: Send, status: int, data: bytes, extra: Headers) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data)), *extra]
    if status == 204:  # RFC 9110, 15.3.5: neither content nor its length
        headers, data = extra, b""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
