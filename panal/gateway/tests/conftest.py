"""A running gateway on free ports with a store in memory, a client for its HTTP side, and MQTT boards (paho)."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as paho
import pytest
from starlette.applications import Starlette

from panal.gateway.gateway import Gateway
from panal.settings import Settings, load

from .memory import MemoryStore


def settings_for(folder: Path, **changes: str) -> Settings:
    return load(
        {
            "PANAL_DATA": str(folder),
            "PANAL_HOST": "127.0.0.1",
            "PANAL_MQTT_PORT": "0",
            "PANAL_STREAM_PORT": "0",
            "PANAL_RATE_DEVICE_PER_MIN": "100000",
            "PANAL_RATE_ADDRESS_PER_MIN": "1000000",
            **changes,
        }
    )


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def gateway(store: MemoryStore, tmp_path: Path) -> AsyncIterator[Gateway]:
    running = Gateway(settings_for(tmp_path), store)
    store.publish = running.bus.publish_soon
    await running.start()
    yield running
    await running.stop()


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> Any:
        """The error's code, or None."""
        return self.json.get("error", {}).get("code")


class Http:
    """Calls the ASGI application as a server would: no socket, and the body in as many pieces as wanted."""

    def __init__(self, gateway: Gateway, address: str = "127.0.0.1", scheme: str = "http") -> None:
        self.app = Starlette(routes=gateway.routes())
        self.address = address
        self.scheme = scheme
        self.headers: dict[str, str] = {}

    def of(self, device_id: str, token: str) -> "Http":
        self.headers = {"X-Device-Id": device_id, "X-Device-Key": token}
        return self

    async def __call__(
        self, method: str, target: str, document: Any = None, *, pieces: Any = None, **headers: str
    ) -> Answer:
        if pieces is None:
            pieces = [
                document if isinstance(document, bytes) else b"" if document is None else json.dumps(document).encode()
            ]
        wanted = {"Content-Type": "application/json", **self.headers}
        wanted.update({name.replace("_", "-"): value for name, value in headers.items()})
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "scheme": self.scheme,
            "client": (self.address, 4711),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in wanted.items()],
        }
        return await self._call(scope, list(pieces))

    async def _call(self, scope: dict[str, Any], pieces: list[bytes]) -> Answer:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            if not pieces:
                await asyncio.Event().wait()  # the caller stays and says nothing more
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))

    async def post(self, target: str, document: Any = None, **options: Any) -> Answer:
        return await self("POST", target, document, **options)

    async def put(self, target: str, document: Any = None, **options: Any) -> Answer:
        return await self("PUT", target, document, **options)

    async def get(self, target: str, **options: Any) -> Answer:
        return await self("GET", target, **options)


@pytest.fixture
def http(gateway: Gateway) -> Http:
    return Http(gateway)


class Board:
    """An MQTT client as a board is one; what it hears is kept as (leaf, document)."""

    def __init__(self, device_id: str, token: str, port: int, client_id: str | None = None) -> None:
        self.device_id = device_id
        self.heard: list[tuple[str, Any]] = []
        self.connected: bool | None = None
        self.subscribed: list[bool] = []
        self.gone = threading.Event()
        self.published: set[int] = set()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id or device_id)
        self.client.username_pw_set(device_id, token)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = lambda *_: self.gone.set()
        self.client.on_subscribe = lambda c, u, mid, codes, p: self.subscribed.append(not codes[0].is_failure)
        self.client.on_message = self._on_message
        self.client.on_publish = lambda c, u, mid, code, p: self.published.add(mid)
        self.client.connect("127.0.0.1", port, keepalive=20)
        self.client.loop_start()

    def _on_connect(self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self.connected = not reason.is_failure
        if self.connected:
            client.subscribe(f"panal/{self.device_id}/down/#", 1)

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        self.heard.append((message.topic.rsplit("/", 1)[1], json.loads(message.payload)))

    def say(self, leaf: str, document: Any, qos: int = 1) -> None:
        payload = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.client.publish(f"panal/{self.device_id}/up/{leaf}", payload, qos)

    def of(self, leaf: str) -> list[Any]:
        return [document for found, document in self.heard if found == leaf]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def boards(gateway: Gateway) -> Iterator[Callable[..., Any]]:
    """`await boards("A", token)`: a connected and subscribed board, or one that was refused."""
    made: list[Board] = []

    async def connect(device_id: str, token: str, wait: bool = True, **options: Any) -> Board:
        board = await asyncio.to_thread(Board, device_id, token, gateway.ports.mqtt, **options)
        made.append(board)
        if wait:
            await until(lambda: board.connected is False or board.subscribed)
        return board

    yield connect
    for board in made:
        board.close()


async def until(condition: Callable[[], Any], within_s: float = 60.0) -> Any:
    """Wait until something outside this process has happened (a broker, a thread)."""
    async with asyncio.timeout(within_s):
        while not (found := condition()):  # noqa: ASYNC110  no event of ours says it
            await asyncio.sleep(0.01)
        return found
