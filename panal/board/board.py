"""The board as a whole: makes the parts, ties them together, and runs the cells that its model has."""

import asyncio
import gc
import os

from panal.board import clock, log, storage, supervisor, updates, wifi
from panal.board.memory import forget

SNTP_AGAIN_S = 3600
SNTP_RETRY_S = 30
ONLINE_LOOK_S = 0.1
COLLECT_BYTES = 4096  # so often that what stays lies close together: else no 1.5 KB in a row are left for a message


class Board:
    """What cells see of the board. `hardware` is the real one or a simulated one; board/esp32.py says what it has."""

    def __init__(self, hardware, config, flash, echo=None):
        from panal.board import start, turns

        if hasattr(gc, "threshold"):
            gc.threshold(COLLECT_BYTES)
        self.hardware = hardware
        self.config = config
        self.flash = flash
        self.hear = {}  # leaf, or "up" for a new connection -> function(document); cells add to it
        self.topics = {}  # topics beside our own -> function(document)
        self.clock = clock.Clock(hardware.ticks_ms, hardware.TICKS_PERIOD, hardware.rtc)
        self.log = log.Log(self.clock, echo)
        self.storage = storage.Storage(flash)
        self.is_quiet = turns.is_quiet(self.storage)
        self.boot_count = start.count_boot(self.storage)
        self.is_new = start.is_new(self.storage)
        self.supervisor = supervisor.Supervisor(hardware, self.clock, self.log, self.storage)
        self.link = start.make_link(self)
        self.is_busy = False  # the memory for a TLS session is somebody else's: links wait
        self._needs_time = bool(config["ca"])
        self._asked_time = False
        cells = () if self.is_quiet else config["cells"] or hardware.CELLS
        self.queue = self.outbox = None
        start.make_device(self, cells)
        start.finish()
        self.log.say = self.link.say
        self.wifi = wifi.Wifi(self)
        self.updates = updates.Updates(self)
        self.cells = {}
        for name in cells:
            self._add_cell(name)

    def _add_cell(self, name):
        module = __import__("panal.cells.%s.device" % name, None, None, ("make",))
        cell = self.cells[name] = module.make(self)
        self.supervisor.watch(name, cell.run, getattr(cell, "SILENT_MS", None))

    async def run(self):
        """For ever."""
        self.log.info("started: %s, boot %d" % (self.hardware.reset_cause(), self.boot_count))
        watch = self.supervisor.watch
        watch("wifi", self.wifi.run)
        watch("time", self._keep_time)
        watch("updates", self.updates.run)
        if self.is_quiet:
            from panal.board import quiet

            watch("quiet", quiet.listener(self))
        else:
            watch("link", self.link.run)
            watch("outbox", self.outbox.run)
            watch("devices", self.device.run)
        await self.supervisor.run()

    # what links ask and tell

    async def online(self):
        """Until there is Wi-Fi, and a clock where one is needed: a certificate cannot be checked without."""
        while self.is_busy or not self.has_network():
            await asyncio.sleep(ONLINE_LOOK_S)

    def has_network(self):
        has_time = self.clock.is_set() or self._asked_time and not self._needs_time
        return self.wifi.is_up() and has_time

    async def connect(self, address, tls):
        return await self.hardware.connect(address[0], address[1], tls, self.config["tls_name"])

    def random(self):
        """0..1"""
        return int.from_bytes(os.urandom(2), "big") / 65535

    def hello(self):
        return self.device.hello()

    def on_up(self):
        self.log.flush()
        self.device.on_up()
        if "up" in self.hear:
            self.hear["up"](None)
        self.outbox.try_now()

    def on_down(self):
        self.log.info("link down")

    def on_desired(self, document):
        self.device.on_desired(document)

    def on_command(self, document):
        self.device.on_command(document)

    def on_interval(self, heartbeat_s):
        self.device.on_interval(heartbeat_s)

    def on_accepted(self, uid):
        self.outbox.accepted(uid)

    def desired_version(self):
        return self.device.desired_version()

    async def _keep_time(self):
        while True:
            while not self.wifi.is_up():
                await asyncio.sleep(ONLINE_LOOK_S)
            server = self.config["ntp"]
            is_told = bool(server) and await self._ask_time(server)
            self._asked_time = True
            await asyncio.sleep(SNTP_AGAIN_S if is_told else SNTP_RETRY_S)

    async def _ask_time(self, server):
        from panal.board import sntp

        is_told = await sntp.ask(self.clock, self.hardware.open_udp, server)
        forget("panal.board.sntp")
        return is_told
