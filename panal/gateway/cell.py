"""What a cell adds to the data plane, and what the data plane lends to a cell's handlers."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from prometheus_client.core import Metric
from starlette.routing import BaseRoute

from panal.settings import Settings

from .store import DomainEvent, Identity, Store
from .stream import Accept


class Hub(Protocol):
    """The services that handlers use; `panal.gateway.gateway.Gateway` is the one that runs."""

    settings: Settings
    store: Store
    heartbeat_s: int

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
        """Say something to a board on MQTT `panal/<id>/down/<leaf>`."""
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
"""HTTP status and document."""

HttpHandler = Callable[[Hub, Call], Awaitable[Answered]]


class Path(NamedTuple):
    """An HTTP path below /api/v1/ and /api/; one `{id}` may stand in it."""

    methods: tuple[str, ...]
    path: str
    handler: HttpHandler
    body: str = "object"
    """"object": a JSON object is needed. "": no body. "text": UTF-8 text of any content type."""
    max_bytes: int = 65536
    bare: bool = False
    """The path stands at the root, without /api/."""


class Leaf(NamedTuple):
    """An MQTT leaf below panal/<id>/up/. `parse(body, device_id, now_ms)` gives the ledger its message."""

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


class Reaction(NamedTuple):
    """What one replica does when something has happened."""

    event: str
    react: Callable[[Hub, DomainEvent], Awaitable[None]]


class Service(Protocol):
    """What a cell runs in the data plane beside its handlers; it lives as long as the server does."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def routes(self) -> Iterable[BaseRoute]:
        """What it serves on the HTTP port, WebSockets included."""
        ...

    def streams(self) -> Mapping[str, Accept]:
        """What it serves on the stream port, by path."""
        ...

    def metrics(self) -> Iterable[Metric]: ...


class Handlers(NamedTuple):
    paths: tuple[Path, ...] = ()
    leaves: Mapping[str, Leaf] = {}
    events: EventKinds | None = None
    reactions: tuple[Reaction, ...] = ()
    service: Callable[[Hub], Service] | None = None
