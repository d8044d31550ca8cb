"""What the data plane asks of the control plane: the only crossing between the two, implemented in control/store.py.

Every method is synchronous and may touch the database: the gateway calls them in its thread pool through
`await in_thread(store.method, …)`, never on the loop. `commit` is called by the ledger's writer thread only.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class Identity(NamedTuple):
    """What the data plane must know of a device to let it speak."""

    device_id: str
    account_id: int | None
    model: str
    token_sha256: bytes
    keyless: bool
    active: bool
    """False once the device is revoked: it is then treated as unknown."""


class Entry(NamedTuple):
    """One message on its way into the ledger. `kind` chooses the recorder."""

    kind: str
    message: Any


class OpenCommand(NamedTuple):
    """A command without an outcome, ready for the wire; `mac` is already computed with the device's command key."""

    id: str
    name: str
    args: dict[str, Any]
    issued_at_ms: int
    expires_at_ms: int
    mac: str


class Desired(NamedTuple):
    version: int
    state: dict[str, Any]


class DomainEvent(NamedTuple):
    """Something that has happened and is committed; `name` is past tense, `topic` is what live pages listen to."""

    name: str
    topic: str
    account_id: int | None
    device_id: str
    data: dict[str, Any]


class Viewer(NamedTuple):
    """A signed-in person on a live page: the accounts they may hear of; staff hears of all (`account_ids` None)."""

    user_id: int
    account_ids: frozenset[int] | None


class Store(Protocol):
    def identity(self, device_id: str) -> Identity | None: ...

    def commit(self, entries: Sequence[Entry]) -> list[Any]:
        """Write a whole group in one transaction; one answer per entry, in order.

        An answer is what the recorder returned, or a `protocol.errors.PanalError` for a message that was refused.
        Raises `protocol.errors.Unavailable` when nothing was written (database busy or gone): the group may be retried.
        Domain events are published after the commit.
        """
        ...

    def open_commands(self, device_id: str, now_ms: int) -> list[OpenCommand]: ...

    def desired(self, device_id: str) -> Desired: ...

    def ask(self, question: str, *arguments: Any) -> Any:
        """What a cell's data plane asks of its own control plane; the answers are on its card."""
        ...

    def viewer(self, cookie: str, authorization: str = "") -> Viewer | None:
        """Who calls with these headers, a machine token before a session; None: nobody."""
        ...

    def expire(self, now_ms: int) -> None:
        """Give every command past its deadline its outcome, and every HTTP device that fell silent its absence."""
        ...

    def reconcile(self, broker: str, sessions: dict[str, str], now_ms: int) -> None:
        """Presence as the broker sees it: `sessions` maps device id to session id; whoever is not in it is offline."""
        ...
