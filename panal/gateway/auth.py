"""Auth callout: the broker asks about every connection, we answer with what exactly this device may say and hear.

The question is a JWT on `$SYS.REQ.USER.AUTH`, the answer a JWT signed by the callout's issuer (NATS, "Auth Callout").
A device publishes on those topics below panal/<id>/up/ that the cells take and subscribes below panal/<id>/down/, its
id as user name and client id: a foreign client id would throw another device out. The topics are named one by one:
the broker keeps a retained message of each, and with any name allowed one stolen board fills its store in seconds.
"""

import asyncio
import base64
import hashlib
import json
import logging
import secrets
import time
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import msgspec
import nkeys  # type: ignore[import-untyped]
from nats.aio.client import Client
from nats.aio.msg import Msg

from .broker import Access
from .bus import Outbox
from .cell import Guests, Hub, OldTopics, Rights
from .identity import Identities, holds
from .limits import Failures, is_private
from .store import Identity
from .tasks import end

logger = logging.getLogger(__name__)

SUBJECT = "$SYS.REQ.USER.AUTH"
QUEUE = "panal-auth"
MAX_ASKED = 20_000
MAX_PAYLOAD = 64 * 1024
REFUSED = "unknown device or wrong token"


class Older(NamedTuple):
    """The one board that gives no user name, and its topics."""

    device_id: str
    topics: OldTopics


class Context(Protocol):
    identities: Identities
    failures: Failures
    plain_public: bool
    outbox: Outbox

    @property
    def hub(self) -> Hub: ...

    async def sleep(self, seconds: float) -> None: ...


class Callout:
    """`lasts_s`: after so long the broker asks again about a connection; 0: never, since we can always end one."""

    def __init__(
        self,
        context: Context,
        access: Access,
        leaves: Iterable[str],
        older: Older | None = None,
        lasts_s: int = 0,
        guests: Iterable[Guests] = (),
    ) -> None:
        self._guests = tuple(guests)
        self._context = context
        self._lasts_s = lasts_s
        self._older = older
        self._leaves = sorted(leaves)
        self._account = access.account
        self._issuer = nkeys.from_seed(access.issuer_seed)
        self._issuer_name = access.issuer
        self._asked: set[asyncio.Task[None]] = set()
        self.allowed = 0
        self.refused = 0

    async def start(self, connection: Client) -> None:
        await connection.subscribe(SUBJECT, QUEUE, cb=self._ask)

    async def stop(self) -> None:
        await end(self._asked)

    async def _ask(self, message: Msg) -> None:
        """One question; answered beside the others, so that a slow one holds nobody up."""
        if len(self._asked) >= MAX_ASKED:
            return  # the broker refuses when its time is up, and the device tries again
        task = asyncio.create_task(self._decide(message))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def _decide(self, message: Msg) -> None:
        try:
            asked = question(message.data)
            user_key, server_id = asked["user_nkey"], asked["server_id"]["id"]
        except (ValueError, KeyError, TypeError, msgspec.DecodeError):
            logger.warning("a question of the broker could not be read")
            return
        try:
            rights = await self._guest(asked)
            allowed = asked["connect_opts"]["user"] if rights else await self._allowed(asked)
        except Exception:  # no answer is no: the broker refuses when its time is up
            logger.exception("a connection could not be checked")
            return
        if not allowed:
            self.refused += 1
            await self._delay(asked)
        else:
            self.allowed += 1
        is_older = bool(allowed) and not asked["connect_opts"].get("user")
        if rights:
            answer = {"jwt": self.permit_guest(user_key, allowed, rights)}
        else:
            answer = {"jwt": self.permit(user_key, allowed, is_older)} if allowed else {"error": REFUSED}
        self._context.outbox.send(message.reply, self.answer(user_key, server_id, answer).encode())

    async def _allowed(self, asked: dict[str, Any]) -> str:
        """The device id when it may come in, else ""."""
        given, client = asked["connect_opts"], asked["client_info"]
        device_id, token = given.get("user", ""), given.get("pass", "")
        if client.get("type") not in ("mqtt", "mqtt_websocket"):
            return ""
        if not device_id and not token:
            return await self._older_board(client)
        if client.get("mqtt_id", device_id) != device_id:
            return ""
        private = is_private(client.get("host", ""))
        if not (private or self._context.plain_public or asked.get("client_tls")):
            return ""
        identity = await self._context.identities.get(device_id)
        return device_id if holds(identity, token) or _keyless(identity, token, private) else ""

    async def _guest(self, asked: dict[str, Any]) -> Rights | None:
        given, client = asked["connect_opts"], asked["client_info"]
        user, password = given.get("user", ""), given.get("pass", "")
        found = [guests for guests in self._guests if user.startswith(guests.prefix)]
        if not found or not password or client.get("type") not in ("mqtt", "mqtt_websocket"):
            return None
        is_safe = is_private(client.get("host", "")) or self._context.plain_public or asked.get("client_tls")
        # a device's id as client id would throw that device out
        if not is_safe or await self._context.identities.get(client.get("mqtt_id", "")) is not None:
            return None
        return await found[0].admit(self._context.hub, user, password)

    async def _older_board(self, client: dict[str, Any]) -> str:
        """Who gives no name is the board that PANAL_LEGACY_ACCESS names, on a local network and nowhere else."""
        older = self._older
        if older is None or client.get("type") != "mqtt" or not is_private(client.get("host", "")):
            return ""
        # another device's id as client id would throw that device out
        called = client.get("mqtt_id", "")
        if called != older.device_id and await self._context.identities.get(called) is not None:
            return ""
        return older.device_id if await self._context.identities.get(older.device_id) else ""

    async def _delay(self, asked: dict[str, Any]) -> None:
        failures = self._context.failures
        delay_s = failures.failed(asked["client_info"].get("host", ""))
        if failures.may_wait():
            failures.delayed += 1
            try:
                await self._context.sleep(delay_s)
            finally:
                failures.delayed -= 1

    def permit(self, user_key: str, device_id: str, is_older: bool = False) -> str:
        """The user JWT: this device's topics and nothing else."""
        says = [f"panal.{device_id}.up.{leaf}" for leaf in self._leaves]
        hears = [f"panal.{device_id}.down", f"panal.{device_id}.down.>"]
        if self._older is not None and device_id == self._older.device_id:
            topics = self._older.topics
            # the same device under its own name is a board of ours that speaks the older topics too
            says = [*([] if is_older else says), _subject(topics.hears)]
            hears = [*([] if is_older else hears), _subject(topics.says)]
        return self._permit(user_key, device_id, says, hears)

    def permit_guest(self, user_key: str, user: str, rights: Rights) -> str:
        return self._permit(user_key, user, list(rights.says), list(rights.hears))

    def _permit(self, user_key: str, name: str, says: list[str], hears: list[str]) -> str:
        permissions = {
            "pub": {"allow": says},
            "sub": {"allow": [*hears, "$MQTT.sub.>", "$MQTT.deliver.pubrel.>"]},
        }
        user = {"type": "user", "version": 2, "subs": -1, "data": -1, "payload": MAX_PAYLOAD, **permissions}
        ends = {"exp": int(time.time()) + self._life_s()} if self._lasts_s else {}
        return self._signed({"sub": user_key, "aud": self._account, "name": name, "nats": user, **ends})

    def _life_s(self) -> int:
        """Up to a quarter longer than the least, so that boards which came together do not come again together."""
        return self._lasts_s + secrets.randbelow(self._lasts_s // 4 + 1)

    def answer(self, user_key: str, server_id: str, answer: dict[str, str]) -> str:
        nats = {"type": "authorization_response", "version": 2, **answer}
        return self._signed({"sub": user_key, "aud": server_id, "nats": nats})

    def _signed(self, claims: dict[str, Any]) -> str:
        """A NATS JWT (ed25519-nkey); `jti` is the base32 SHA-256 of the claims."""
        claims = {**claims, "iat": int(time.time()), "iss": self._issuer_name}
        claims["jti"] = base64.b32encode(hashlib.sha256(msgspec.json.encode(claims)).digest()).decode().rstrip("=")
        text = f"{HEAD}.{_b64(msgspec.json.encode(claims))}"
        return f"{text}.{_b64(self._issuer.sign(text.encode()))}"


def _subject(topic: str) -> str:
    """The NATS subject of an MQTT topic."""
    return topic.replace("/", ".")


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


HEAD = _b64(json.dumps({"typ": "JWT", "alg": "ed25519-nkey"}).encode())


def question(data: bytes) -> dict[str, Any]:
    """The claims of the broker's question. The connection it came on is the system's own: not signed by a stranger."""
    body = data.split(b".")[1]
    claims = msgspec.json.decode(base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4)))
    asked: dict[str, Any] = claims["nats"]
    return asked


def _keyless(identity: Identity | None, token: str, private: bool) -> bool:
    return identity is not None and identity.keyless and not token and private
