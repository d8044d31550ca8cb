"""Thousands of virtual devices in one process, for load: the board's MQTT machine, hello, heartbeat, commands; no VM.

A device is one asyncio Protocol and one timer, so 5,000 of them fit beside a server on two cores.
"""

import asyncio
import json
import random
import ssl
import time
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import panal
from panal.board import mqtt
from panal.board.outbox import new_uid
from panal.cells.devices import device
from panal.protocol import backoff, codec, command, keys, topics
from panal.protocol.errors import PanalError

ACCEPTED_MS = 10_000
CONNECTING_AT_ONCE = 200


class Target(NamedTuple):
    """Where the fleet goes and how it behaves there."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    heartbeat_s: float
    press_every_s: float
    """Mean time between presses of one device's button; 0 is never."""


class Statistics:
    def __init__(self, devices: int) -> None:
        self.counts = dict.fromkeys(
            (
                "connections",
                "unreachable",
                "refused",
                "lost",
                "heartbeats",
                "presses",
                "accepted",
                "retries",
                "dropped",
                "commands",
            ),
            0,
        )
        self.devices = devices
        self.connected = 0
        self.lowest_connected: int | None = None
        """Since all were connected for the first time."""
        self.connect_ms: list[int] = []
        self.accept_ms: list[int] = []

    def count(self, name: str) -> None:
        self.counts[name] += 1

    def change(self, by: int) -> None:
        self.connected += by
        if self.lowest_connected is not None:
            self.lowest_connected = min(self.lowest_connected, self.connected)
        elif self.connected == self.devices:
            self.lowest_connected = self.connected

    def document(self) -> dict[str, Any]:
        return {
            "devices": self.devices,
            "connected": self.connected,
            "lowest_connected": self.lowest_connected,
            **self.counts,
            "connect_ms": _spread(self.connect_ms),
            "accept_ms": _spread(self.accept_ms),
        }


def _spread(values: list[int]) -> dict[str, int] | None:
    if not values:
        return None
    ordered = sorted(values)
    return {"p50": ordered[len(ordered) // 2], "p95": ordered[int(len(ordered) * 0.95)], "max": ordered[-1]}


class Wifi:
    """What a heartbeat says of the Wi-Fi."""

    def ip(self) -> str:
        return "127.0.0.1"

    def rssi(self) -> int:
        return random.randint(-85, -45)  # noqa: S311  for show


class Hardware:
    """As much of a board as hello and heartbeat look at."""

    FIRMWARE = panal.__version__
    MODE = "fleet"
    wifi = Wifi()

    def __init__(self, device_id: str) -> None:
        self._device_id = device_id
        self._battery = random.uniform(0.3, 1.0)  # noqa: S311

    def battery(self) -> float:
        self._battery = max(0.05, self._battery - 0.0001)
        return round(self._battery, 3)

    def hw_id(self) -> str:
        return "fleet-" + self._device_id

    def reset_cause(self) -> str:
        return "pwron_reset"


class Wearable(asyncio.Protocol):
    """One device: connects, says hello, lives, and connects again when it is cut off."""

    def __init__(self, device_id: str, token: str, target: Target, statistics: Statistics) -> None:
        self.config = {"device_id": device_id, "token": token, "model": "wearable-1"}
        self.hardware = Hardware(device_id)
        self.target = target
        self.statistics = statistics
        self.client = mqtt.Client(device_id, device_id, token)
        self.transport: asyncio.Transport | None = None
        self.inbox: command.Inbox | None = None  # made when the first command comes: most devices never get one
        self.waits = backoff.for_connections()
        self.timer: asyncio.TimerHandle | None = None
        self.heartbeat_ms = 0
        self.events: dict[str, tuple[dict[str, Any], int, int]] = {}  # uid -> event, first and last time said
        self.press_ms = self._next_press(now_ms())
        self.started_ms = self.begun_ms = now_ms()
        self.is_online = self.is_over = False

    # connection

    async def connect(self) -> None:
        self.begun_ms = now_ms()
        target = self.target
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, target.host, target.port, ssl=target.tls)
        except OSError:
            self.statistics.count("unreachable")
            self._again()

    def _again(self) -> None:
        if not self.is_over:
            loop = asyncio.get_running_loop()
            later_s = self.waits.next_ms(random.random()) / 1000  # noqa: S311
            self.timer = loop.call_later(later_s, lambda: loop.create_task(self.connect()))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one without saying so
        self.client = mqtt.Client(self.config["device_id"], self.config["device_id"], self.config["token"])
        self.client.connect(now_ms())
        self._work()

    def data_received(self, data: bytes) -> None:
        self.client.receive_data(data, now_ms())
        self._work()

    def connection_lost(self, error: Exception | None) -> None:
        self.client.connection_lost()
        if self.timer is not None:
            self.timer.cancel()
        if self.is_online:
            self.is_online = False
            self.statistics.count("lost")
            self.statistics.change(-1)
        elif not self.is_over:
            self.statistics.count("refused")
        self._again()

    def end(self) -> None:
        self.is_over = True
        if self.timer is not None:
            self.timer.cancel()
        if self.transport is not None:
            self.client.disconnect(now_ms())
            self._flush()
            self.transport.close()

    # life

    def _work(self) -> None:
        for event in self.client.events():
            if event[0] in HEARING:
                getattr(self, HEARING[event[0]])(event)
        self._flush()
        if self.client.state == mqtt.CLOSED and self.transport is not None:
            self.transport.close()
        self._set_timer()

    def _flush(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.writelines(self.client.data_to_send())

    def _set_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        deadlines = [at for at in (self.client.next_deadline_ms(), self._next_ms()) if at is not None]
        if self.client.state != mqtt.CLOSED and deadlines:
            wait_s = max(0, min(deadlines) - now_ms()) / 1000
            self.timer = asyncio.get_running_loop().call_later(wait_s, self._on_time)

    def _next_ms(self) -> int | None:
        if not self.is_online:
            return None
        last_said = [said + ACCEPTED_MS for _, _, said in self.events.values()]
        press = [self.press_ms] if self.press_ms is not None else []
        return min([self.heartbeat_ms, *press, *last_said])

    def _on_time(self) -> None:
        self.client.handle_deadline(now_ms())
        if self.is_online and self.client.state == mqtt.CONNECTED:
            self._live(now_ms())
        self._work()

    def _live(self, now: int) -> None:
        if now >= self.heartbeat_ms:
            self.heartbeat_ms = now + int(self.target.heartbeat_s * 1000)
            self._say("heartbeat", device.heartbeat(self.hardware, self.config, (now - self.started_ms) // 1000), 0)
            self.statistics.count("heartbeats")
        if self.press_ms is not None and now >= self.press_ms:
            self.press_ms = self._next_press(now)
            self._press(now)
        for uid, (event, first, said) in list(self.events.items()):
            if now - said >= ACCEPTED_MS:
                self.events[uid] = (event, first, now)
                self.statistics.count("retries")
                self._say("event", event, 1)

    def _next_press(self, now: int) -> int | None:
        every_s = self.target.press_every_s
        return now + int(random.expovariate(1 / every_s) * 1000) if every_s else None

    def _press(self, now: int) -> None:
        at_ms = time.time_ns() // 1_000_000
        event = {"uid": new_uid(at_ms), "kind": "EMERGENCY_BUTTON", "at_ms": at_ms, "data": {}}
        self.events[event["uid"]] = (event, now, now)
        self.statistics.count("presses")
        self._say("event", event, 1)

    def _say(self, leaf: str, document: dict[str, Any], qos: int) -> None:
        self.client.publish(topics.up(self.config["device_id"], leaf), codec.encode(document), qos, now_ms())

    # what the broker says

    def on_connected(self, event: tuple[Any, ...]) -> None:
        self.client.subscribe(topics.down(self.config["device_id"], "#"), now_ms())

    def on_subscribed(self, event: tuple[Any, ...]) -> None:
        if event[2] == 128:
            self.client.disconnect(now_ms())
            return
        now = now_ms()
        self.waits.succeeded()
        self.is_online = True
        self.statistics.count("connections")
        self.statistics.change(1)
        self.statistics.connect_ms.append(now - self.begun_ms)
        # Spread: a fleet that came back together must not beat together.
        self.heartbeat_ms = now + int(random.random() * self.target.heartbeat_s * 1000)  # noqa: S311
        self._say("hello", device.hello(self.hardware, self.config, 1), 1)
        for uid, (waiting, first, _) in self.events.items():
            self.events[uid] = (waiting, first, now)
            self._say("event", waiting, 1)

    def on_message(self, event: tuple[Any, ...]) -> None:
        parsed = topics.parse(event[1])
        try:
            document = codec.decode_object(event[2])
        except PanalError:
            return
        if parsed and parsed[2] == "accepted":
            self._accepted(document)
        elif parsed and parsed[2] == "command":
            self._command(document)

    def _accepted(self, document: dict[str, Any]) -> None:
        waiting = self.events.pop(str(document.get("uid")), None)
        if waiting is not None:
            self.statistics.count("dropped" if "error" in document else "accepted")
            self.statistics.accept_ms.append(now_ms() - waiting[1])

    def _command(self, document: dict[str, Any]) -> None:
        self.inbox = self.inbox or command.Inbox(keys.derive(self.config["token"], "command"))
        self.inbox.receive_command(document, time.time_ns() // 1_000_000)
        for order in self.inbox.events():
            self.statistics.count("commands")
            if order.name == "ping":
                self.inbox.answered(order.id, "done", {"uptime_s": (now_ms() - self.started_ms) // 1000})
            else:
                self.inbox.answered(order.id, "rejected", None, "unknown_command", order.name)
        for answer in self.inbox.messages_to_send():
            self._say("answer", answer, 1)


HEARING = {"connected": "on_connected", "subscribed": "on_subscribed", "message": "on_message"}
"""What is done about an event of the machine; about the others nothing."""


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


async def run(
    devices: list[tuple[str, str]],
    target: Target,
    rate: float,
    ended: asyncio.Event,
    tell: Callable[[Statistics], None],
) -> dict[str, Any]:
    """Bring the devices (id, token) up at `rate` a second, keep them until `ended`; `tell` hears every half second."""
    statistics = Statistics(len(devices))
    wearables = [Wearable(device_id, token, target, statistics) for device_id, token in devices]
    telling = asyncio.create_task(_tell(statistics, tell))
    ramp = asyncio.create_task(_ramp(wearables, rate))
    await ended.wait()
    ramp.cancel()
    telling.cancel()
    found = statistics.document()
    for wearable in wearables:
        wearable.end()
    await asyncio.sleep(0.2)  # the goodbyes leave
    return found


async def _ramp(wearables: list[Wearable], rate: float) -> None:
    limit = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def connect(wearable: Wearable) -> None:
        async with limit:
            await wearable.connect()

    tasks = []
    for wearable in wearables:
        tasks.append(asyncio.create_task(connect(wearable)))
        await asyncio.sleep(1 / rate)
    await asyncio.gather(*tasks)


async def _tell(statistics: Statistics, tell: Callable[[Statistics], None]) -> None:
    while True:
        tell(statistics)
        await asyncio.sleep(0.5)


def load_devices(text: str, count: int) -> list[tuple[str, str]]:
    """(id, token) of the first `count` devices that `panal device mint --json` printed. Raises ValueError."""
    listed = json.loads(text)
    found = [(entry["device_id"], entry["token"]) for entry in listed[:count]]
    if len(found) < count:
        raise ValueError(f"the list has {len(found)} devices, not {count}")
    return found
