"""The data plane's part of updates: what is there for a board, the bytes of it, and how far it is."""

import uuid
from collections import OrderedDict
from typing import Any, NamedTuple

from panal.gateway.cell import Answered, Call, File, Handlers, Hub, Path
from panal.protocol import fields
from panal.protocol.errors import BadRequest, NotFound

from . import messages

KEPT_MS = 60_000
"""So long a board that may read an artifact is not asked about again: it reads it in many parts."""
MOST_KEPT = 10_000


class Asked(NamedTuple):
    """For the ledger: a board asks whether there is something newer for it."""

    device_id: str
    version: str
    board: str


class Told(NamedTuple):
    """For the ledger: how far a board's update is."""

    device_id: str
    id: uuid.UUID
    state: str
    percent: int | None
    reason: str


async def next_release(hub: Hub, call: Call) -> Answered:
    """`GET updates/next?version=…&board=…`: 200 with an offer, or 204."""
    asked = Asked(call.caller.device_id, _text(call, "version", 64), _text(call, "board", messages.MAX_VERSION))
    found = await hub.submit("updates.asked", asked)
    return (204, None) if found is None else (200, found)


def _text(call: Call, name: str, most: int) -> str:
    value = call.query.get(name, "")
    if not 0 < len(value) <= most or not value.isascii() or not value.isprintable():
        raise fields.bad(name, f"1 to {most} printable ASCII characters")
    return value


async def progress(hub: Hub, call: Call) -> Answered:
    """`POST updates/{id}/progress`: 200 once it is committed, also for what is late or said again."""
    told = messages.parse_progress(call.body)
    message = Told(call.caller.device_id, _uuid(call.id), told.state, told.percent, told.reason)
    await hub.submit("updates.told", message, urgent=True)
    return 200, {"ok": True}


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound("unknown_update", "no such update") from None


class Passes:
    """Which board may read which artifact, for a short time."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[int, str]] = OrderedDict()

    async def path(self, hub: Hub, device_id: str, sha256: str, now_ms: int) -> str:
        """Where the artifact lies. Raises NotFound for a board that was not offered it."""
        until_ms, path = self._kept.get((device_id, sha256), (0, ""))
        if until_ms < now_ms:
            path = await hub.in_thread(hub.store.ask, "updates.artifact", device_id, sha256)
            self._keep((device_id, sha256), now_ms + KEPT_MS, path)
        return path

    def _keep(self, key: tuple[str, str], until_ms: int, path: str) -> None:
        self._kept[key] = (until_ms, path)
        self._kept.move_to_end(key)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


def artifact_path(passes: Passes) -> Any:
    async def artifact(hub: Hub, call: Call) -> Answered:
        """`GET updates/artifacts/{sha256}`: its bytes, or the part that `Range` names."""
        if not messages.is_digest(call.id):
            raise BadRequest("bad_sha256", "64 lower-case hexadecimal digits")
        path = await passes.path(hub, call.caller.device_id, call.id, call.now_ms)
        return 200, File(path, etag=f'"{call.id}"')

    return artifact


HANDLERS = Handlers(
    paths=(
        Path(("GET",), "updates/next", next_release, body=""),
        Path(("GET",), "updates/artifacts/{id}", artifact_path(Passes()), body=""),
        Path(("POST",), "updates/{id}/progress", progress),
    ),
)
