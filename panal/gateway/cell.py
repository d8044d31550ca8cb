"""What a cell adds to the data plane, and what the data plane lends to a cell's handlers."""

import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from prometheus_client.core import Metric
from starlette.routing import BaseRoute

from panal.settings import Settings

from .bus import Bus
from .identity import Identities
from .limits import Failures
from .replicas import Replicas
from .store import DomainEvent, Identity, Store
from .stream import Accept


class Hub(Protocol):
    """The services that handlers use; `panal.gateway.gateway.Gateway` is the one that runs."""

    settings: Settings
    store: Store
    heartbeat_s: int
    services: list["Service"]
    """Those of all cells."""
    plain_public: bool
    identities: Identities
    failures: Failures
    bus: Bus
    replicas: Replicas

    def now_ms(self) -> int: ...

    def submit(self, kind: str, message: Any, urgent: bool = False) -> Awaitable[Any]:
        """Commit one message; its answer. Awaiting it raises the PanalError that refused it, or Unavailable."""
        ...

    def post(self, kind: str, message: Any, urgent: bool = False) -> None:
        """Commit one message whose answer nobody waits for; dropped and counted when there is no room."""
        ...

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a blocking method of the store off the loop."""
        ...

    def send(self, device_id: str, leaf: str, document: Any) -> None:
        """Say something to a board on `panal/<id>/down/<leaf>`: over MQTT, or on its WebSocket at whichever replica."""
        ...

    def say(self, topic: str, document: Any) -> None:
        """Say something on an MQTT topic of the older kind (`OldTopics.says`)."""
        ...

    def own_mqtt(self) -> "OwnMqtt | None":
        """For what only MQTT can: messages that the broker keeps (retained). None while there is no broker."""
        ...

    async def end_guest(self, user: str) -> None:
        """Throw a guest of the broker out."""
        ...

    def is_connected(self, device_id: str) -> bool:
        """Whether this board has a connection through which `send` reaches it."""
        ...

    def news(self, device_id: str, name: str) -> AbstractContextManager["News"]:
        """Domain events called `name` about this device, from now until the block is left."""
        ...


class News(Protocol):
    async def wait(self, timeout_s: float) -> bool:
        """Whether something has come, at the latest when time is up."""
        ...


class Call(NamedTuple):
    """One authenticated HTTP request. `id` is the variable part of its path, "" where there is none."""

    caller: Identity
    body: Any
    id: str
    query: Mapping[str, str]
    now_ms: int


Answered = tuple[int, Any]
"""HTTP status and document, or `File`."""


class File(NamedTuple):
    """An answer that is a file: read off the loop, and in part where the request has a `Range`."""

    path: str
    content_type: str = "application/octet-stream"
    etag: str = ""


HttpHandler = Callable[[Hub, Call], Awaitable[Answered]]


class Stores(NamedTuple):
    """For a handler that does nothing but commit one message and answer: it can then do without a task (quick.py)."""

    message: Callable[[Call], tuple[str, Any]]
    """Ledger kind and message. Raises the PanalError that refuses it."""
    answer: Callable[[Any], Answered]
    """What the caller is told, from what the recorder answered."""


class Path(NamedTuple):
    """An HTTP path below /api/v1/ and /api/; one `{id}` may stand in it."""

    methods: tuple[str, ...]
    path: str
    handler: HttpHandler
    body: str = "object"
    """"object": a JSON object is needed. "": no body. "text": UTF-8 text of any content type.
    With a slash in it: bytes of this content type, read only once the caller is known."""
    max_bytes: int = 65536
    bare: bool = False
    """The path stands at the root, without /api/."""
    stores: Stores | None = None
    """The same as `handler`, where that only commits an urgent message."""


class Leaf(NamedTuple):
    """An MQTT leaf below panal/<id>/up/. `parse(body, device_id, now_ms)` gives the ledger its message.

    `kind` "": nothing is committed, `then` is called at once.
    """

    parse: Callable[[Any, str, int], Any]
    kind: str
    urgent: bool = False
    then: Callable[[Hub, Any, Any], Awaitable[None]] | None = None
    """Called after the commit with the message and its answer."""
    wants_object: bool = True


class EventKinds(NamedTuple):
    """The kinds of event a cell takes and how they are parsed; what records them answers with a Recorded."""

    kinds: tuple[str, ...]
    ledger_kind: str
    parse_http: Callable[[Any, str, int], Any]
    parse_mqtt: Callable[[Any, str, int], Any]


class OldTopics(NamedTuple):
    """Topics of boards in the field that give no user name: they belong to the one device that a setting names.

    Open only while the setting is set, only to private addresses, and only these two.
    """

    setting: str
    hears: str
    says: str
    take: Callable[[Hub, str, Any], Awaitable[None]]
    """Called with the device's id and what was said, decoded and bounded."""


class Rights(NamedTuple):
    """What somebody may say and hear at the broker, as NATS subjects (wildcards as there)."""

    says: tuple[str, ...]
    hears: tuple[str, ...]


class Guests(NamedTuple):
    """Who may come to the broker beside devices: user names that begin so, which no device id can (a dot is in it)."""

    prefix: str
    admit: Callable[[Hub, str, str], Awaitable[Rights | None]]
    """Called with the user name and the password."""


class OwnMqtt(NamedTuple):
    """Where and how the server itself speaks MQTT at its broker."""

    host: str
    port: int
    user: str
    password: str
    tls: ssl.SSLContext | None


class Reaction(NamedTuple):
    """What one replica does when something has happened."""

    event: str
    react: Callable[[Hub, DomainEvent], Awaitable[None]]


class Service(Protocol):
    """What a cell runs in the data plane beside its handlers; it lives as long as the server does."""

    async def start(self) -> None: ...

    def close(self) -> None:
        """End what would stay open for as long as its peers like: called first when the server stops."""
        ...

    async def stop(self) -> None: ...

    def routes(self) -> Iterable[BaseRoute]:
        """What it serves on the HTTP port; its WebSockets there are `upgrades`."""
        ...

    def streams(self) -> Mapping[str, Accept]:
        """What it serves on the stream port, by path."""
        ...

    def upgrades(self) -> Mapping[str, Accept]:
        """WebSockets it serves on the HTTP port, by path with at most one `{id}` in it."""
        ...

    def metrics(self) -> Iterable[Metric]: ...


class Handlers(NamedTuple):
    paths: tuple[Path, ...] = ()
    leaves: Mapping[str, Leaf] = {}
    events: EventKinds | None = None
    reactions: tuple[Reaction, ...] = ()
    service: Callable[[Hub], Service] | None = None
    older: OldTopics | None = None
    guests: Guests | None = None
