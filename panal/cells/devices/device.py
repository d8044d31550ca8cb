"""What every board does: says hello and gives signs of life, obeys commands and the twin.

Shapes: docs/wire/mqtt.md; panal/cells/devices/messages.py parses them (its tests compare the two).
"""

import asyncio
import gc
import json

from panal.board.memory import forget
from panal.protocol import twin

HEARTBEAT_S = (5, 86400)
ORDERS = ("panal.cells.devices.orders", "panal.protocol.command", "panal.protocol.keys")
"""What need not stay in memory once every command is answered."""
RESTART_S = 1  # enough for the answer to leave


class Device:
    """Cells add their own: `commands[name] = async function(args)`, which returns a small result, or (status,
    result, error code), or raises ValueError;
    `settings[name] = function(value)`, which obeys a desired value and returns what it made of it."""

    def __init__(self, board):
        self._board = board
        self._asked_s = None
        self._heartbeat_now = asyncio.Event()
        self._was_local = False  # without the server at some time since the last heartbeat that went
        self._has_been_up = self._is_begun = False
        self._twin = twin.Board(*self._load_twin())
        self._orders = None  # while there are commands without an answer
        self.order_id = ""
        self.commands = {"ping": self._ping, "restart": self._restart}
        self.settings = {"heartbeat_s": self._set_heartbeat, "log_level": self._set_log_level}
        self._obeyed = {}
        self._told = {}
        self.other_way = None  # say(leaf, document) of a cell that has a connection of its own

    async def run(self):
        """Heartbeats, for ever: one at once on every connection, then one in every interval."""
        self._obey(self._twin.state)  # here and not before, so that the cells have added their settings
        while True:
            has_gone = self._board.link.say("heartbeat", self.heartbeat())
            self._was_local, self._is_begun = not has_gone and self._is_begun, True
            self._heartbeat_now.clear()
            try:
                await asyncio.wait_for(self._heartbeat_now.wait(), self.interval_s())
            except asyncio.TimeoutError:  # noqa: UP041  a class of its own on MicroPython
                pass

    def interval_s(self):
        """Desired by a person, else asked for by the server, else configured."""
        return self._obeyed.get("heartbeat_s") or self._asked_s or self._board.config["heartbeat_s"]

    def hello(self):
        return hello(self._board.hardware, self._board.config, self._board.boot_count)

    def heartbeat(self):
        document = heartbeat(self._board.hardware, self._board.config, self._board.clock.monotonic_ms() // 1000)
        document["mode"] = "local" if self._was_local else "remote"
        return document

    # what the link tells

    def on_up(self):
        self._was_local = self._was_local or self._has_been_up
        self._has_been_up = True
        self._twin.report(self._state())
        self._say_reports()
        self._heartbeat_now.set()

    def on_interval(self, heartbeat_s):
        if isinstance(heartbeat_s, int) and HEARTBEAT_S[0] <= heartbeat_s <= HEARTBEAT_S[1]:
            self._asked_s = heartbeat_s

    def desired_version(self):
        return self._twin.version

    def on_desired(self, document):
        self._twin.receive_desired(document)
        for version, state in self._twin.events():
            self._board.storage.write("twin", json.dumps([version, state]))
            self._obey(state)
            self._twin.report(self._state(False))
        self._say_reports()

    def on_command(self, document):
        if self._orders is None:
            from panal.cells.devices import orders

            self._orders = orders.Orders(self._board, self)
        self._orders.receive_command(document)
        self.look_at_orders()

    # commands

    def look_at_orders(self):
        """Once all are answered, what they took is free again."""
        if self._orders is not None and self._orders.is_over():
            self._orders = None
            for module in ORDERS:
                forget(module)

    def say_answer(self, answer):
        # Not up: the server sends the command again on the next hello.
        if not self._board.link.say("answer", answer) and self.other_way is not None:
            self.other_way("answer", answer)

    async def _ping(self, args):
        return {"uptime_s": self._board.clock.monotonic_ms() // 1000}

    async def _restart(self, args):
        asyncio.create_task(self._restart_soon())  # noqa: RUF006  nothing outlives it

    async def _restart_soon(self):
        await asyncio.sleep(RESTART_S)
        self._board.hardware.restart("command")

    # the twin

    def tell(self, name, value, whole=None):
        """A part of the board says something of itself: now, and again on every connection.

        Where `value` is only what changed, `whole()` is what is said again.
        """
        self._told[name] = value if whole is None else whole
        self._twin.report({name: value})
        self._say_reports()

    def _load_twin(self):
        try:
            version, state = json.loads(self._board.storage.read("twin") or "null")
            return version, state
        except (TypeError, ValueError):
            return 0, {}

    def _state(self, is_whole=True):
        """Who says what has changed need not say the rest for every desired document."""
        state = {
            "fw": self._board.hardware.FIRMWARE,
            "heartbeat_s": self.interval_s(),
            "log_level": self._board.log.level,
        }
        state.update(self._obeyed)
        for name, told in self._told.items():
            if not callable(told):
                state[name] = told
            elif is_whole:
                state[name] = told()
            else:
                state.pop(name, None)
        return state

    def _say_reports(self):
        for report in self._twin.messages_to_send():
            self._board.link.say("reported", report)

    def _obey(self, desired):
        """Obey what is known; what is not is never reported, so the page shows it as pending."""
        for name, obey in self.settings.items():
            if name not in desired:
                self._obeyed.pop(name, None)
                continue
            try:
                self._obeyed[name] = obey(desired[name])
            except ValueError:
                self._board.log.warning("desired %s cannot be obeyed" % name)

    def _set_heartbeat(self, value):
        if not isinstance(value, int):
            raise ValueError
        self._heartbeat_now.set()
        return min(max(value, HEARTBEAT_S[0]), HEARTBEAT_S[1])

    def _set_log_level(self, value):
        if value not in ("debug", "info", "warning", "error"):
            raise ValueError
        self._board.log.level = value
        return value


def hello(hardware, config, boot_count):
    """`up/hello`."""
    return {
        "fw": hardware.FIRMWARE,
        "model": config["model"],
        "hw_id": hardware.hw_id(),
        "ip": hardware.wifi.ip(),
        "reset_cause": hardware.reset_cause(),
        "boot_count": boot_count,
        "mode": hardware.MODE,
    }


def heartbeat(hardware, config, uptime_s):
    """`up/heartbeat`, which is the HTTP heartbeat: battery 0..1 or null, rssi in dBm."""
    if hasattr(gc, "mem_free"):
        gc.collect()  # so that what is free is not hidden by what is only not collected yet
    return {
        "deviceId": config["device_id"],
        "battery": hardware.battery(),
        "rssi": hardware.wifi.rssi(),
        "fwVersion": hardware.FIRMWARE,
        "freeHeapBytes": gc.mem_free() if hasattr(gc, "mem_free") else None,
        "uptimeS": uptime_s,
        "ip": hardware.wifi.ip(),
        "resetCause": hardware.reset_cause(),
    }
