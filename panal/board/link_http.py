"""The link over HTTP (docs/wire/devices-http.md); its methods are those of link_mqtt.

One connection for everything, because an ESP32 has memory for one TLS session. The server's commands are asked for by a
long poll, which gives way at once when there is something to say. What the rest of the board says in MQTT's terms is
translated here into the camelCase of this API; telemetry and log lines have no path in it and stay on the board.
"""

import asyncio
import errno
import time

from panal.board import http, net
from panal.board.net import Dropped
from panal.protocol import backoff, topics

PREFIX = topics.HTTP_PREFIXES[0]
MAX_WAITING = 8
POLL_SLACK_S = 10
EPOCH_2000_S = 946684800  # where the ESP32 begins to count, in seconds since 1970


class Link:
    def __init__(self, board, address, tls):
        self.is_up = False
        self._board = board
        self._id = board.config["device_id"]
        self._headers = ("X-Device-Id: " + self._id, "X-Device-Key: " + board.config["token"])
        host = "%s:%d" % address
        self._client = http.Client(lambda: board.connect(address, tls), host, self._headers)
        self._waiting = []  # (leaf, document) to say
        self._polling = None
        self._has_work = asyncio.Event()
        self._wait = backoff.for_connections()
        self._again = asyncio.Event()
        self._pending = 0

    async def run(self):
        while True:
            await self._board.online()
            try:
                await self._session()
            except OSError as error:
                self._board.log.warning("link: %s" % error)
            self._client.close()
            self._down()
            await net.pause(self._again, self._wait.next_ms(self._board.random()))

    def say(self, leaf, document):
        if not self.is_up or leaf not in SAYING or len(self._waiting) >= MAX_WAITING:
            return False
        self._waiting.append((leaf, document))
        self._interrupt()
        return True

    def drop(self):
        """The network is about to be another one: end the connection now, and begin again without a wait."""
        self._wait.succeeded()
        self._again.set()
        self._down()
        if self._polling is not None:
            self._has_work.set()
            self._polling.cancel()

    async def deliver(self, event):
        if not self.is_up:
            raise OSError(errno.ENOTCONN)
        self._interrupt()
        status, answer, _ = await self._client.request("POST", PREFIX + topics.INGEST, _event(self._id, event))
        if 400 <= status < 500:
            raise Dropped((answer or {}).get("error") or {"code": str(status)})
        if status // 100 != 2:
            raise OSError(errno.EAGAIN, "status %d" % status)

    async def _session(self):
        await self._register()
        while self.is_up and self._board.hardware.wifi.is_up():
            while self._waiting:
                await self._say_first()
            await self._listen()
        raise OSError(errno.EHOSTUNREACH)

    async def _register(self):
        answer = await self._ask("POST", PREFIX + topics.REGISTER, _register(self._id, self._board.hello()))
        self.is_up = True
        self._wait.succeeded()
        self._board.on_interval(answer.get("heartbeatS"))
        desired = answer.get("desired")
        if isinstance(desired, dict):
            self._board.on_desired({"version": answer.get("desiredVersion"), "state": desired})
        self._board.on_up()

    async def _say_first(self):
        leaf, document = self._waiting[0]
        method, path, body = SAYING[leaf](self._id, document)
        answer = await self._ask(method, PREFIX + path, body, refusable=True)
        if self._waiting:
            self._waiting.pop(0)
        if leaf == "heartbeat":
            await self._heard(answer)
        elif leaf in self._board.hear:
            self._board.hear[leaf](answer)

    async def _heard(self, answer):
        """What a heartbeat's answer says: commands waiting, a newer desired."""
        self._board.on_interval(answer.get("heartbeatS"))
        self._pending = answer.get("pending") or 0
        version = answer.get("desiredVersion")
        if isinstance(version, int) and version > self._board.desired_version():
            self._board.on_desired(await self._ask("GET", PREFIX + topics.desired_path(self._id)))

    async def _listen(self):
        """Ask for commands while there is nothing to say; a board that saves power, only when told that some wait."""
        wait_s = self._board.config["command_wait_s"]
        self._has_work.clear()
        if wait_s or self._pending:
            self._pending = 0
            self._polling = asyncio.create_task(self._poll(wait_s))
        try:
            if self._polling is not None:
                await self._polling
            else:
                await self._sleep_until_work()
        except asyncio.CancelledError:
            # Ours when somebody had something to say; the next lines of the session then say it.
            if self._polling is None or not self._has_work.is_set():
                raise
        finally:
            self._polling = None

    async def _sleep_until_work(self):
        try:
            await asyncio.wait_for(self._has_work.wait(), 1)
        except asyncio.TimeoutError:  # noqa: UP041  a class of its own on MicroPython
            pass

    async def _poll(self, wait_s):
        path = "%s%s?waitS=%d" % (PREFIX, topics.commands_path(self._id), wait_s)
        status, answer, retry_s = await self._client.request("GET", path, None, wait_s + POLL_SLACK_S)
        if status != 200:
            await self._sleep(retry_s)
            raise OSError(errno.EAGAIN, "status %d" % status)
        commands = answer if isinstance(answer, list) else ()
        for command in commands:
            self._board.on_command(_command(command))
        if commands:  # what is under way is still open for the server, which would give it again at once
            await self._sleep_until_work()

    async def _ask(self, method, path, document=None, refusable=False):
        """The document of a good answer. `refusable`: a 4xx is logged and passed over, as it will never get better."""
        status, answer, retry_s = await self._client.request(method, path, document)
        if status // 100 == 2:
            return answer if isinstance(answer, dict) else {}
        if refusable and 400 <= status < 500 and status != 401:
            self._board.log.warning("link: %s %s: %d" % (method, path, status))
            return {}
        await self._sleep(retry_s)
        raise OSError(errno.EAGAIN, "%s: status %d" % (path, status))

    async def _sleep(self, retry_s):
        if retry_s:
            await asyncio.sleep(retry_s)

    def _interrupt(self):
        self._has_work.set()
        if self._polling is not None:
            self._polling.cancel()

    def _down(self):
        self._waiting = []
        if self.is_up:
            self.is_up = False
            self._board.on_down()


def _register(device_id, hello):
    body = {
        "deviceId": device_id,
        "state": None,
        "fwVersion": hello["fw"],
        "hwId": hello["hw_id"],
        "mode": hello["mode"],
    }
    body.update({"model": hello["model"], "ip": hello["ip"]})
    body.update({"resetCause": hello["reset_cause"], "bootCount": hello["boot_count"]})
    return body


def _event(device_id, event):
    at = event["at_ms"]
    occurred_at = None if at is None else _text(at)
    body = {"deviceId": device_id, "eventUid": event["uid"], "eventType": event["kind"], "occurredAt": occurred_at}
    if event["data"]:
        body["data"] = event["data"]
    return body


def _text(at_ms):
    """ISO 8601. protocol/instants.py can do it too, and more, but costs a board 2 KB."""
    epoch_s = 0 if time.gmtime(0)[0] == 1970 else EPOCH_2000_S
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (tuple(time.gmtime(at_ms // 1000 - epoch_s)[:6]) + (at_ms % 1000,))


def _command(document):
    """A command as MQTT says it; what is no object becomes an empty one, which the inbox passes over."""
    if not isinstance(document, dict):
        return {}
    return {
        "id": document.get("id"),
        "name": document.get("name"),
        "args": document.get("args"),
        "expires_at_ms": document.get("expiresAtMs"),
        "mac": document.get("mac"),
    }


# leaf -> function(device id, document), which answers (method, path, document); cells add their own
SAYING = {
    "heartbeat": lambda device_id, document: ("POST", topics.HEARTBEAT, document),
    "reported": lambda device_id, document: ("PUT", topics.reported_path(device_id), document),
    "answer": lambda device_id, document: ("POST", topics.answer_path(document["id"]), document),
}
