"""Presence of boards on MQTT, from the broker's own events, and on WebSockets; and throwing a connection out.

`$SYS.ACCOUNT.<account>.CONNECT` and `.DISCONNECT` name every connection; a session is "<broker's server id>:<cid>", so
a late goodbye of an old connection is recognised. What was missed is put right from the broker's list of connections
after every (re)connection to it and once a minute. Of WebSockets sockets.py tells; their sessions begin with `ws-`.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from panal.cells.devices.messages import Presence
from panal.protocol import instants
from panal.protocol.topics import is_device_id

from .tasks import end

logger = logging.getLogger(__name__)

QUEUE = "panal-presence"
EVERY_S = 60.0
PAGE = 2000
ANSWERS_S = 1.0
KICK_AGAIN_S = 1.0
WS = "ws-"


class Session(NamedTuple):
    server: str
    cid: int
    began_ms: int

    @property
    def text(self) -> str:
        return f"{self.server}:{self.cid}"

    @property
    def is_websocket(self) -> bool:
        return self.server.startswith(WS)


class Context(Protocol):
    def now_ms(self) -> int: ...

    def post(self, kind: str, message: Any, urgent: bool = False) -> None: ...

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any: ...


class Others(Protocol):
    """Connections that the broker does not know."""

    def sessions(self) -> dict[str, Session]: ...

    def announce(self) -> None: ...

    def replaced(self, device_id: str, session: Session) -> None: ...

    def end(self, device_id: str, session: Session) -> None: ...


class Presences:
    """Who is connected, over all servers of the broker and all replicas."""

    def __init__(self, context: Context, account: str, reconcile: Callable[[str, dict[str, str], int], None]) -> None:
        self._context = context
        self._account = account
        self._reconcile = reconcile
        self.others: Others | None = None
        self.own_user = ""
        """Of the server itself, which is no device."""
        self._system: Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._again = asyncio.Event()
        self._missed: dict[str, dict[str, Session]] = {}
        self.sessions: dict[str, Session] = {}

    async def start(self, system: Client) -> None:
        self._system = system
        for what in ("CONNECT", "DISCONNECT"):
            subject = f"$SYS.ACCOUNT.{self._account}.{what}"
            await system.subscribe(subject, cb=self._notice)
            await system.subscribe(subject, QUEUE, cb=self._record)
        self._task = asyncio.create_task(self._reconcile_often())

    async def stop(self) -> None:
        await end([self._task])

    def reconcile_soon(self) -> None:
        self._again.set()

    async def _notice(self, message: Msg) -> None:
        """Every replica keeps who is connected."""
        said = _said(message)
        if said is None or said[0] == self.own_user:
            return
        device_id, session, online, _ = said
        if online:
            self.came(device_id, session)
        else:
            self.went(device_id, session)

    def came(self, device_id: str, session: Session) -> Session | None:
        """A connection has begun; the one that it takes the place of."""
        before = self.sessions.get(device_id)
        self.sessions[device_id] = session
        if before is not None and before.is_websocket and not session.is_websocket and self.others is not None:
            self.others.replaced(device_id, session)
        return before

    def went(self, device_id: str, session: Session) -> None:
        if (held := self.sessions.get(device_id)) and held.text == session.text:
            del self.sessions[device_id]

    async def _record(self, message: Msg) -> None:
        """One replica writes it down."""
        said = _said(message)
        if said is None or said[0] == self.own_user:
            return
        device_id, session, online, reason = said
        self._context.post(
            "devices.presence", Presence(device_id, session.text, online, self._context.now_ms(), reason), urgent=True
        )

    async def _reconcile_often(self) -> None:
        while True:
            try:
                await self.reconcile()
            except (NatsError, OSError, TimeoutError) as error:
                logger.warning("the broker did not say who is connected: %r", error)
            except Exception:  # the next round tries again
                logger.exception("presence could not be put right")
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._again.wait()
            self._again.clear()

    async def reconcile(self) -> None:
        """Put presence right from the broker's list of connections."""
        asked_ms = self._context.now_ms()
        servers = await self._connections({})
        known = {server: {**sessions} for server, sessions in servers.items()}
        for server, sessions in self._missed.items():  # one round of silence of a server is no absence
            known.setdefault(server, sessions)
        self._missed = servers
        found = {device: session for sessions in known.values() for device, session in sessions.items()}
        for device, session in self._others().items():
            if device not in found or found[device].began_ms <= session.began_ms:
                found[device] = session
        for device, session in self.sessions.items():
            if session.began_ms >= asked_ms:
                found[device] = session
        found.pop(self.own_user, None)
        self.sessions = found
        texts = {device: session.text for device, session in found.items()}
        await self._context.in_thread(self._reconcile, ",".join(sorted(known)), texts, asked_ms)

    def _others(self) -> dict[str, Session]:
        if self.others is None:
            return {}
        self.others.announce()
        return self.others.sessions()

    async def _connections(self, wanted: dict[str, Any]) -> dict[str, dict[str, Session]]:
        """Server id → device id → session, from every server that answers."""
        servers: dict[str, dict[str, Session]] = {}
        options = {"auth": True, "limit": PAGE, "acc": self._account, **wanted}
        for answer in await self._ask_all("CONNZ", options):
            server = answer["server"]["id"]
            servers[server] = _sessions(server, answer["data"])
            while answer["data"]["offset"] + PAGE < answer["data"]["total"]:
                options = {**options, "offset": answer["data"]["offset"] + PAGE}
                answer = await self._ask(f"$SYS.REQ.SERVER.{server}.CONNZ", options)
                servers[server].update(_sessions(server, answer["data"]))
        return servers

    async def _ask(self, subject: str, options: dict[str, Any]) -> Any:
        assert self._system is not None
        answer = await self._system.request(subject, msgspec.json.encode(options), timeout=5)
        return msgspec.json.decode(answer.data)

    async def _ask_all(self, what: str, options: dict[str, Any]) -> list[Any]:
        """The answers of all servers that say something within a second."""
        assert self._system is not None
        inbox = self._system.new_inbox()
        subscription = await self._system.subscribe(inbox)
        answers: list[Any] = []
        try:
            await self._system.publish(f"$SYS.REQ.SERVER.PING.{what}", msgspec.json.encode(options), reply=inbox)
            timeout_s = 5.0
            while True:
                message = await subscription.next_msg(timeout=timeout_s)
                answers.append(msgspec.json.decode(message.data))
                timeout_s = ANSWERS_S
        except TimeoutError:
            if not answers:
                raise
        finally:
            await subscription.unsubscribe()
        return answers

    async def kick(self, device_id: str) -> None:
        """End the connection that this device has, and once more what slipped in with an old answer.

        When a connection began is the broker's word, by the broker's clock: the one we know of goes whatever that says.
        """
        now_ms, before = self._context.now_ms(), self.sessions.get(device_id)
        if before:
            await self.end(device_id, before)
        await asyncio.sleep(KICK_AGAIN_S)
        session = self.sessions.get(device_id)
        if session and (session == before or session.began_ms <= now_ms):
            await self.end(device_id, session)

    async def end(self, device_id: str, session: Session) -> None:
        if session.is_websocket and self.others is not None:
            self.others.end(device_id, session)
            return
        with suppress(NatsError, OSError, TimeoutError):
            await self._ask(f"$SYS.REQ.SERVER.{session.server}.KICK", {"cid": session.cid})

    async def end_user(self, user: str) -> None:
        """End all connections of somebody who is no device."""
        with suppress(NatsError, OSError, TimeoutError):
            for answer in await self._ask_all(
                "CONNZ", {"auth": True, "user": user, "limit": PAGE, "acc": self._account}
            ):
                for connection in answer["data"].get("connections") or ():
                    if connection.get("authorized_user") == user:
                        await self._ask(f"$SYS.REQ.SERVER.{answer['server']['id']}.KICK", {"cid": connection["cid"]})


Said = tuple[str, Session, bool, str]


def _said(message: Msg) -> Said | None:
    """(device id, session, online, reason) of one event; None for what is no device."""
    said = msgspec.json.decode(message.data)
    client = said["client"]
    device_id = client.get("user", "")
    if client.get("client_type") not in ("mqtt", "mqtt_websocket") or not is_device_id(device_id):
        return None
    session = Session(said["server"]["id"], client["id"], _ms(client.get("start", "")))
    return device_id, session, message.subject.endswith(".CONNECT"), said.get("reason", "")


def _sessions(server: str, data: dict[str, Any]) -> dict[str, Session]:
    found: dict[str, Session] = {}
    for connection in data.get("connections") or ():
        # the callout sees to it that a board's client id is its own; one of the older kind has another
        device_id = connection.get("authorized_user", "")
        if connection.get("mqtt_client") and is_device_id(device_id):
            found[device_id] = Session(server, connection["cid"], _ms(connection["start"]))
    return found


def _ms(text: str) -> int:
    return instants.parse(text) or 0
