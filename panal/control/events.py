"""Domain events leave the control plane here: once per transaction, after it has committed, the whole list at once."""

from collections.abc import Callable
from functools import partial

from django.db import transaction

from panal.gateway.store import DomainEvent

from .recorders import witnesses

Publisher = Callable[[list[DomainEvent]], None]

_publisher: Publisher | None = None


def set_publisher(publisher: Publisher | None) -> None:
    """Who hears of events from now on. `publisher` must be thread-safe and must not block."""
    global _publisher
    _publisher = publisher


def publish_on_commit(*events: DomainEvent) -> None:
    """Publish when the transaction around us has committed; at once where there is none.

    Witnesses see them now, inside it: what they write because of an event is kept with it, or not at all.
    """
    if not events:
        return
    for witness in witnesses():
        witness(events)
    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        _publish(list(events))
    elif waiting := _waiting(connection):
        waiting.extend(events)
    else:
        batch = list(events)
        connection.on_commit(partial(_publish, batch))
        connection.panal_waiting = (tuple(connection.savepoint_ids), batch)


def _waiting(connection: object) -> list[DomainEvent] | None:
    """The list that will be published with this transaction and savepoint, if one is open.

    An event joins a list only under the same savepoints: on_commit drops what a rolled-back savepoint had registered.
    """
    savepoints, batch = getattr(connection, "panal_waiting", ((), None))
    registered = any(
        getattr(hook[1], "func", None) is _publish and hook[1].args[0] is batch
        for hook in connection.run_on_commit  # type: ignore[attr-defined]
    )
    return batch if registered and savepoints == tuple(connection.savepoint_ids) else None  # type: ignore[attr-defined]


def _publish(events: list[DomainEvent]) -> None:
    if _publisher is not None and events:
        _publisher(events)
