"""The link over MQTT (docs/wire/mqtt.md): connects, says hello, hands over what the server says, connects again.

A link has: `is_up` · `await run()` for ever · `say(leaf, document)` best effort, False when it could not go ·
`await deliver(event)` returns once the server has committed the event; raises Dropped or OSError.
It calls the board's `hello()`, `on_up()`, `on_desired(document)`, `on_command(document)`.
"""

import asyncio
import errno

from panal.board import mqtt, net
from panal.board.net import Dropped
from panal.protocol import backoff, codec, topics
from panal.protocol.errors import PanalError

QOS = {"hello": 1, "event": 1, "reported": 1, "answer": 1}
ACCEPTED_S = 10
WRITE_S = 10
READ_BYTES = 512
MAX_WAITING = 16  # messages the broker has not acknowledged; more than that and it is of no use to say more


class Link:
    def __init__(self, board, address, tls):
        """`address` is (host, port); `tls` a context of link.pinned, or None."""
        self.is_up = False
        self._board = board
        self._address = address
        self._tls = tls
        self._id = board.config["device_id"]
        self._client = None
        self._failure = None  # of the connection's reading half
        self._subscription = 0
        self._wake = asyncio.Event()
        self._accepting = {}  # uid -> [Event, document or None]
        self._wait = backoff.for_connections()
        self._again = asyncio.Event()

    async def run(self):
        while True:
            await self._board.online()
            try:
                await self._session()
            except OSError as error:
                self._board.log.warning("link: %s" % error)
            self._down()
            await net.pause(self._again, self._wait.next_ms(self._board.random()))

    def say(self, leaf, document):
        if not self.is_up or self._client.state != mqtt.CONNECTED or self._client.unacknowledged() >= MAX_WAITING:
            return False
        self._publish(leaf, document)
        return True

    def say_on(self, topic, document):
        """On a topic that is not ours, best effort; the broker decides whether this board may."""
        if self.is_up and self._client.state == mqtt.CONNECTED:
            self._client.publish(topic, codec.encode(document), 0, self._now())
            self._wake.set()

    def drop(self):
        """The network is about to be another one: end the connection now, and begin again without a wait."""
        self._wait.succeeded()
        self._again.set()
        if self._client is not None:
            self._client.connection_lost()
            self._wake.set()
        self._down()

    async def deliver(self, event):
        uid = event["uid"]
        waiting = self._accepting[uid] = [asyncio.Event(), None]
        try:
            if not self.say("event", event):
                raise OSError(errno.ENOTCONN)
            await asyncio.wait_for(waiting[0].wait(), ACCEPTED_S)
        except asyncio.TimeoutError:  # noqa: UP041  a class of its own on MicroPython
            raise OSError(errno.ETIMEDOUT)
        finally:
            self._accepting.pop(uid, None)
        if waiting[1] is None:
            raise OSError(errno.ECONNRESET)
        if "error" in waiting[1]:
            raise Dropped(waiting[1]["error"])

    async def _session(self):
        """One connection, from its beginning to its end."""
        stream = await self._board.connect(self._address, self._tls)
        self._client = mqtt.Client(self._id, self._id, self._board.config["token"])
        self._client.connect(self._now())
        self._failure = None
        reading = asyncio.create_task(self._read(stream))
        try:
            while self._client.state != mqtt.CLOSED:
                await self._write(stream)
                await self._wait_for_work()
                self._client.handle_deadline(self._now())
                self._dispatch()
        finally:
            reading.cancel()
            stream.close()
        raise self._failure or OSError(errno.ECONNRESET, self._client.reason)

    async def _read(self, stream):
        client = self._client
        try:
            while data := await stream.read(READ_BYTES):
                client.receive_data(data, self._now())
                self._wake.set()
        except OSError as error:
            self._failure = error
        client.connection_lost()
        self._wake.set()

    async def _write(self, stream):
        for data in self._client.data_to_send():
            try:
                await asyncio.wait_for(stream.write(data), WRITE_S)
            except asyncio.TimeoutError:  # noqa: UP041
                raise OSError(errno.ETIMEDOUT)

    async def _wait_for_work(self):
        """Until there is something to do, at most a second: the Wi-Fi may go, and that wakes nobody."""
        deadline_ms = self._client.next_deadline_ms()
        left_ms = 1000 if deadline_ms is None else min(1000, max(0, deadline_ms - self._now()))
        try:
            await asyncio.wait_for(self._wake.wait(), left_ms / 1000)
        except asyncio.TimeoutError:  # noqa: UP041
            if not self._board.hardware.wifi.is_up():
                self._client.connection_lost()
        self._wake.clear()

    def _dispatch(self):
        for event in self._client.events():
            name = event[0]
            if name == "connected":
                self._subscription = self._client.subscribe(topics.down(self._id, "#"), self._now())
                for topic in self._board.topics:
                    self._client.subscribe(topic, self._now())
            elif name == "subscribed" and event[1] == self._subscription:
                self._subscribed(event[2])
            elif name == "message":
                self._receive(event[1], event[2])
            elif name == "skipped":
                self._board.log.warning("link: a message of %d bytes is too large" % event[1])

    def _subscribed(self, qos):
        if qos == 128:
            self._client.disconnect(self._now())
            return
        self.is_up = True
        self._wait.succeeded()
        self._publish("hello", self._board.hello())
        self._board.on_up()

    def _receive(self, topic, payload):
        parsed = topics.parse(topic)
        if topic not in self._board.topics and (parsed is None or parsed[1] != "down"):
            return
        try:
            document = codec.decode_object(payload)
        except PanalError as error:
            self._board.log.warning("link: %s: %s" % (topic, error.code))
            return
        if parsed is None:
            self._board.topics[topic](document)
        elif parsed[2] == "accepted":
            self._accepted(document)
        elif parsed[2] == "desired":
            self._board.on_desired(document)
        elif parsed[2] == "command":
            self._board.on_command(document)
        elif parsed[2] in self._board.hear:
            self._board.hear[parsed[2]](document)

    def _accepted(self, document):
        waiting = self._accepting.get(document.get("uid"))
        if waiting is not None:
            waiting[1] = document
            waiting[0].set()
        else:
            self._board.on_accepted(
                document.get("uid")
            )  # late: its waiter has given up, the event is committed all the same

    def _publish(self, leaf, document):
        topic = topics.up(self._id, leaf)
        self._client.publish(topic, codec.encode(document), QOS.get(leaf, 0), self._now())
        self._wake.set()

    def _down(self):
        if self.is_up:
            self.is_up = False
            self._board.on_down()
        for waiting in self._accepting.values():
            waiting[0].set()

    def _now(self):
        return self._board.clock.monotonic_ms()
