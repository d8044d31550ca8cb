"""The data plane's part: who comes to the broker, what is told there as things change, what is asked from there."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from starlette.routing import BaseRoute

from panal.gateway.cell import Guests, Handlers, Hub, Rights
from panal.gateway.replicas import Listening
from panal.gateway.store import DomainEvent
from panal.gateway.stream import Accept
from panal.gateway.tasks import end
from panal.protocol.errors import PanalError
from panal.protocol.topics import is_device_id

from . import discovery
from .speaker import Speaker

logger = logging.getLogger(__name__)

USER = "home."
QUEUE = "panal-home"
SOON_S = 0.1
"""What changes together is told together."""
EVERY_S = 300.0
"""As often everything is compared anew: what another replica told may have overtaken what we told."""
BIRTH_EVERY_S = 10.0
AGAIN_S = 2.0
"""After this a device that is new there is told of once more: Home Assistant listens to its topics when it hears of it,
and what the broker is just then about to keep may miss it."""
GOODBYE_S = 2.0
"""What it is to forget is still told to whoever is turned off; it can say nothing that is done any more."""
TOPICS = frozenset(("devices", "twin", "lights", "doors", "accounts", "homeassistant", "care"))
MAX_ASKED = 200


class Announcer:
    """Tells each account's Home Assistant what there is; `_told` is what we know to be kept at the broker."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.speaker = Speaker(hub.own_mqtt)
        self._told: dict[int, discovery.Messages] = {}
        self._homes: dict[int, Any] = {}
        self._changed: dict[int, set[str]] = {}
        self._wake = asyncio.Event()
        self._born_s: dict[str, float] = {}
        self._asked: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._listening: list[Listening] = []

    async def start(self) -> None:
        self.hub.bus.on_own(self._notice)
        self.hub.bus.listen(self._hear)
        share = self.hub.replicas.share
        self._listening = [
            await share("*.panal.*.*.set", QUEUE, self._set),
            await share("*.status", QUEUE, self._born),
        ]
        self._tasks = [asyncio.create_task(self.speaker.run()), asyncio.create_task(self._run())]

    def close(self) -> None: ...

    async def stop(self) -> None:
        self.hub.bus.forget(self._hear)
        for listening in self._listening:
            await listening.stop()
        await end([*self._tasks, *self._asked])

    def routes(self) -> Iterable[BaseRoute]:
        return ()

    def streams(self) -> Mapping[str, Accept]:
        return {}

    def upgrades(self) -> Mapping[str, Accept]:
        return {}

    def metrics(self) -> Iterable[Metric]:
        told = sum(len(messages) for messages in self._told.values())
        yield GaugeMetricFamily("panal_homeassistant_topics", "Topics kept for Home Assistant", told)

    # what changes

    def _hear(self, event: DomainEvent) -> None:
        """At every replica: who is at Home Assistant is known anew."""
        if event.topic == "homeassistant" and event.account_id is not None:
            self._look(event.account_id)
            if event.name != "homeassistant.changed":
                is_off = event.name == "homeassistant.turned_off"
                self._spawn(self._throw_out(event.data["user"], GOODBYE_S if is_off else 0))

    async def _throw_out(self, user: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self.hub.end_guest(user)

    def _notice(self, event: DomainEvent) -> None:
        """At the replica in which it was committed: it tells of it."""
        if event.topic not in TOPICS:
            return
        if event.account_id in self._homes:
            self._look(event.account_id, event.device_id)
        for account_id, messages in self._told.items():  # a device that has left for another account
            if event.account_id != account_id and self._config(account_id, event.device_id) in messages:
                self._look(account_id, event.device_id)

    def _config(self, account_id: int, device_id: str) -> str:
        home = self._homes.get(account_id)
        return discovery.config_topic(home.prefix, device_id) if home else ""

    def _look(self, account_id: int, device_id: str = "") -> None:
        self._changed.setdefault(account_id, set()).add(device_id)
        self._wake.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._tell_all()
            except PanalError as error:  # the database is busy or away: the next round
                logger.warning("Home Assistant: %s", error.message)
            except Exception:
                logger.exception("Home Assistant could not be told")
            try:
                async with asyncio.timeout(EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                self._changed = {account_id: {""} for account_id in self._homes}
            await asyncio.sleep(SOON_S)
            self._wake.clear()

    async def _tell_all(self) -> None:
        changed, self._changed = self._changed, {}
        if not self._homes or any("" in ids for ids in changed.values()):
            before = set(self._homes)
            self._homes = {home.account_id: home for home in await self._ask("homeassistant.homes")}
            changed |= {account_id: {""} for account_id in self._homes.keys() - before}
        for account_id, ids in changed.items():
            if account_id in self._homes:
                await self._tell(self._homes[account_id], ids)

    async def _tell(self, home: Any, ids: set[str]) -> None:
        """Say what is new; of the devices in `ids` everything, since another replica may have told of them before."""
        things = await self._ask("homeassistant.things", home.account_id)
        messages: discovery.Messages = {}
        again: set[str] = set()
        for thing in things:
            about = discovery.messages_of(home.prefix, thing, home.may_unlock)
            messages |= about
            again |= about.keys() if thing.device_id in ids else set()
        told = self._told.get(home.account_id, {})
        for topic in sorted(self._forgotten(home, messages, things), key=lambda topic: not topic.endswith("/config")):
            self.speaker.say(topic, b"")
        for topic, payload in messages.items():
            if told.get(topic) != payload or topic in again:
                self.speaker.say(topic, payload)
        self._told[home.account_id] = messages
        now_told = sorted(thing.device_id for thing in things)
        new = [id for id in now_told if discovery.config_topic(home.prefix, id) not in told]
        if new:
            self._spawn(self._tell_again(home.account_id, new))
        if now_told != sorted(home.told):
            await self._ask("homeassistant.told", home.account_id, now_told)
            self._homes[home.account_id] = home._replace(told=now_told)

    async def _tell_again(self, account_id: int, ids: list[str]) -> None:
        await asyncio.sleep(AGAIN_S)
        for device_id in ids:
            self._look(account_id, device_id)

    def _forgotten(self, home: Any, messages: discovery.Messages, things: list[Any]) -> set[str]:
        """Topics that were told of and are no more; of devices that others told of, all they can have."""
        gone = set(home.told) - {thing.device_id for thing in things}
        found = self._told.get(home.account_id, {}).keys() - messages.keys()
        for device_id in gone:
            found |= {discovery.config_topic(home.prefix, device_id), discovery.topic(home.prefix, device_id, "up")}
            keys = ("door", "lock", "battery", *(f"light_{n}" for n in range(1, 9)))
            found |= {discovery.topic(home.prefix, device_id, key) for key in keys}
        return found

    async def _ask(self, question: str, *arguments: Any) -> Any:
        return await self.hub.in_thread(self.hub.store.ask, question, *arguments)

    # what Home Assistant says

    def _born(self, subject: str, payload: bytes) -> None:
        """It has started: it is told everything again, not more than now and then."""
        prefix, now_s = subject.partition(".")[0], asyncio.get_running_loop().time()
        if payload != b"online" or now_s - self._born_s.get(prefix, float("-inf")) < BIRTH_EVERY_S:
            return
        for account_id, home in self._homes.items():
            if home.prefix == prefix:
                self._born_s[prefix] = now_s
                self._told.pop(account_id, None)
                self._look(account_id)

    def _set(self, subject: str, payload: bytes) -> None:
        prefix, _, device_id, key, _ = subject.split(".")
        command = discovery.parse_command(device_id, key, payload) if is_device_id(device_id) else None
        if command is not None and len(self._asked) < MAX_ASKED:
            self._spawn(self._obey(prefix, command))

    async def _obey(self, prefix: str, command: discovery.Command) -> None:
        try:
            await self._ask("homeassistant.obey", prefix, command)
        except PanalError as error:
            logger.info("Home Assistant: %s of %s: %s", command.key, command.device_id, error.code)
            for account_id, home in self._homes.items():  # it shows again how it is
                if home.prefix == prefix:
                    self._look(account_id, command.device_id)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)


async def admit(hub: Hub, user: str, password: str) -> Rights | None:
    """Home Assistant of one account: its own topics. Commands and its birth message are all that it may say."""
    prefix = await hub.in_thread(hub.store.ask, "homeassistant.admit", user, password)
    if not prefix:
        return None
    return Rights((f"{prefix}.panal.*.*.set", f"{prefix}.status"), (f"{prefix}.>", prefix))


HANDLERS = Handlers(service=Announcer, guests=Guests(USER, admit))
