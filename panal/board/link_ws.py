"""The link over a WebSocket, for networks that let nothing else through: what MQTT says, as texts (docs/wire/mqtt.md).

Its methods are those of link_mqtt, and much of it reads like that one: a board has only one of them in memory, and what
both shared would be a third module. It is up once the server has answered our hello, which it does after the commit.
"""

import asyncio
import errno
import json
import os

from panal.board import net, websocket
from panal.board.net import Dropped
from panal.protocol import backoff, topics

PATH = "/device"
ACCEPTED_S = 10
WRITE_S = 10
GREETED_MS = 30000
READ_BYTES = 512
MAX_WAITING = 16  # texts that have not left yet; more than that and it is of no use to say more
MAX_TEXT = 8192


class Link:
    def __init__(self, board, address, tls):
        """`address` is (host, port) of the stream port; `tls` a context of link.pinned, or None."""
        self.is_up = False
        self._board = board
        self._address = address
        self._tls = tls
        self._id = board.config["device_id"]
        self._client = None
        self._failure = None  # of the connection's reading half
        self._opened_ms = None
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
        if not self.is_up or self._client.state != websocket.OPEN or self._client.waiting() >= MAX_WAITING:
            return False
        self._publish(leaf, document)
        return True

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
        headers = ("X-Device-Id: " + self._id, "X-Device-Key: " + self._board.config["token"])
        self._client = websocket.Client("%s:%d" % self._address, PATH, os.urandom, MAX_TEXT, headers)
        self._client.connect(self._now())
        self._failure = self._opened_ms = None
        reading = asyncio.create_task(self._read(stream))
        try:
            while self._client.state != websocket.CLOSED:
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
            self._look()
        self._wake.clear()

    def _look(self):
        is_greeted = self.is_up or self._opened_ms is None or self._now() - self._opened_ms < GREETED_MS
        if not is_greeted or not self._board.hardware.wifi.is_up():
            self._client.connection_lost()

    def _dispatch(self):
        for event in self._client.events():
            if event[0] == "open":
                self._opened_ms = self._now()
                self._publish("hello", self._board.hello())
            elif event[0] == "text":
                self._receive(event[1])
            elif event[0] == "skipped":
                self._board.log.warning("link: a message of %d bytes is too large" % event[1])

    def _receive(self, text):
        try:
            said = json.loads(text)
            parsed, document = topics.parse(said["topic"]), said["payload"]
        except (ValueError, KeyError, TypeError, AttributeError):
            self._board.log.warning("link: not understood")
            return
        if parsed is None or parsed[:2] != (self._id, "down") or not isinstance(document, dict):
            return
        leaf = parsed[2]
        if leaf == "accepted":
            self._accepted(document)
        elif leaf == "desired":
            self._greeted()
            self._board.on_desired(document)
        elif leaf == "command":
            self._board.on_command(document)
        elif leaf in self._board.hear:
            self._board.hear[leaf](document)

    def _greeted(self):
        if not self.is_up:
            self.is_up = True
            self._wait.succeeded()
            self._board.on_up()

    def _accepted(self, document):
        waiting = self._accepting.get(document.get("uid"))
        if waiting is not None:
            waiting[1] = document
            waiting[0].set()
        else:
            self._board.on_accepted(document.get("uid"))  # late: its waiter has given up, the event is committed

    def _publish(self, leaf, document):
        said = {"topic": topics.up(self._id, leaf), "payload": document}
        self._client.send_text(json.dumps(said))
        self._wake.set()

    def _down(self):
        if self.is_up:
            self.is_up = False
            self._board.on_down()
        for waiting in self._accepting.values():
            waiting[0].set()

    def _now(self):
        return self._board.clock.monotonic_ms()
