"""What a door controller does: moves data between its parts and the machine, which decides; and what the panel asks.

Parts of the hardware: `relay.set(is_on)`, `servo()` makes one with the same word; `blue`, `green`, `red` lights with it
too; `buzzer.play(name)` and `.work(now_ms)`; `reed`, `exit`, `bolt` with is_closed(); `knob.value()` 0..4095;
`reader.start()` and `.poll()`; `lcd` start(), show(), work(), revive(); `keypad.poll()`.
Tasks by their importance: the control of the door, knob and keys, cards, display, access list. None takes longer than
25 ms at a time, and how long the door has waited for its turn is measured and reported.
"""

import asyncio
import binascii
import os

from panal.board.memory import forget
from panal.cells.access import machine, roster, rules
from panal.protocol import keys

LOOK_S = 0.02
CARD_S = 0.15
DISPLAY_S = 0.1
SLICE_S = 0.02
REVIVE_LOOKS = 50  # of the display: every 5 s while it is not there
ASK_S = 5
LATENCY_MS = (25, 50, 100, 250)
REPORT_MS = 600000
DEFAULT_CODE = (3, 6, 4)
MAX_NOTE = 120
ENROLL_S = (5, 120)
PAUSES = "pauses"
LEGACY_TELEMETRY = "iot/telemetry"
LEGACY_COMMANDS = "iot/commands"


def make(board):
    return Access(board)


class Access:
    SILENT_MS = 10000  # without a sign of life, before the watchdog is let loose: a TLS handshake blocks for seconds

    def __init__(self, board):
        self._board = board
        self._parts = board.hardware.parts
        self._key = keys.derive(board.config["token"], "access")
        self._code = rules.code_hash(self._key, DEFAULT_CODE)
        self._roster = roster.Roster(board.flash)
        self._settings = machine.defaults()
        self._given = {}  # settings that were desired and obeyed
        self._wanted = 0  # version of the access list
        self._page = asyncio.Event()
        self._pages = []
        self._uid = b""
        self._enrolling = None  # [Event, answer]
        self._lock = None  # relay or servo, from when on the door is known
        self._told = None
        self._looked_ms = None
        self.latency = [0] * (len(LATENCY_MS) + 1)  # looks that came within these times, and later ones
        self.worst_ms = self._reported_worst_ms = 0
        self._report_ms = 0
        self.door = machine.Door(self._settings, int(board.storage.read(PAUSES) or "0"), self._now())
        self._knob = machine.Knob(self._settings)
        self._parts["blue"].set(True)
        self._parts["lcd"].start()
        self._parts["reader"].start()
        board.device.settings["access"] = self._obey
        board.device.commands["door.unlock"] = self._unlock
        board.device.commands["door.enroll"] = self._enroll
        board.device.commands["identify"] = self._identify
        board.hear["access"] = self._hear
        board.hear["up"] = self._greet
        if board.config["transport"] == "http":
            from panal.board import link_http

            link_http.SAYING["access"] = _page_request
        watch = board.supervisor.watch
        watch("knob", self._turn)
        watch("cards", self._read)
        watch("display", self._show)
        watch("list", self._fetch)

    def _now(self):
        return self._board.clock.monotonic_ms()

    # the door

    async def run(self):
        self._looked_ms = None
        while True:
            now_ms = self._now()
            self._measure(now_ms)
            self.look(now_ms)
            self._board.supervisor.alive("access")
            await asyncio.sleep(LOOK_S)

    def look(self, now_ms):
        """One round: what the door shows, and what follows from it."""
        parts, door = self._parts, self.door
        door.receive_door(not parts["reed"].is_closed(), now_ms)
        door.receive_exit(parts["exit"].is_closed(), now_ms)
        if self._settings["lock_sensor"]:
            door.receive_bolt(parts["bolt"].is_closed(), now_ms)
        self._follow(now_ms)

    def _follow(self, now_ms):
        """First the lock, then the rest."""
        parts, door = self._parts, self.door
        if self._lock is None and door.state != machine.BOOTING:
            self._lock = parts["servo"]() if self._settings["lock"] == "servo" else parts["relay"]
        if self._lock is not None:
            self._lock.set(door.is_released)
        parts["green"].set(door.is_released)
        parts["red"].set(door.is_red(now_ms))
        for event in door.events():
            getattr(self, event[0])(now_ms, *event[1:])
            if event[0] == "ask":
                self._follow(now_ms)
        parts["buzzer"].work(now_ms)
        self._tell(now_ms)

    # what the machine says, by the names of its events

    def sound(self, now_ms, name):
        self._parts["buzzer"].play(name)

    def ask(self, now_ms, number, method, what):
        refusal, person = self._judge(method, what)
        self.door.receive_answer(number, refusal, person, now_ms)

    def log(self, now_ms, kind, data):
        data["lock"] = self.door.lock()
        if data.get("reason") == "boot":
            data["boot"] = self._board.boot_count
        try:
            self._board.outbox.raise_event(kind, data, now_ms)
        except OSError:  # a flash that is full or broken must not stop the door
            self._board.log.error("log: cannot be written")
        if self._board.topics and kind in ("door.attempt", "door.moved"):
            said = {"device_id": self._board.config["device_id"], "timestamp": ""}
            for name in ("door_status", "access_method", "access_granted"):
                said[name] = data[name]
            self._board.link.say_on(LEGACY_TELEMETRY, said)

    def keep(self, now_ms, pauses):
        try:
            self._board.storage.write(PAUSES, str(pauses))
        except OSError:
            self._board.log.error("pause: cannot be written")

    def enrolled(self, now_ms, card):
        waiting, self._enrolling = self._enrolling, None
        if waiting is not None:
            waiting[1] = None if card is None else {"card": card, "sealed": self._sealed()}
            waiting[0].set()

    def _judge(self, method, what):
        """("" or why not, person) of a card's hash or of digits."""
        hash = binascii.unhexlify(what) if method == "rfid" else rules.code_hash(self._key, what)
        if method == "password" and keys.same(hash, self._code):
            return "", 0
        try:
            entry = self._roster.find(hash)
            if entry is None:
                return "unknown_card" if method == "rfid" else "wrong_code", 0
            now_ms = self._board.clock.now_ms()
            return self._roster.refusal(entry, None if now_ms is None else now_ms // 1000), entry.person
        except (OSError, roster.Unreadable):
            return "list_unreadable", 0

    def _measure(self, now_ms):
        """How long the door waited for its turn, beyond the time it sleeps."""
        if self._looked_ms is not None:
            late_ms = now_ms - self._looked_ms
            at = 0
            while at < len(LATENCY_MS) and late_ms > LATENCY_MS[at]:
                at += 1
            self.latency[at] += 1
            self.worst_ms = max(self.worst_ms, late_ms)
        self._looked_ms = now_ms
        if now_ms - self._report_ms >= REPORT_MS:
            self._report_ms = now_ms
            self._board.log.info("loop: %s, worst %d ms" % (self.latency, self.worst_ms))
            self._reported_worst_ms, self.worst_ms = self.worst_ms, 0
            self.latency = [0] * len(self.latency)

    # what else is looked at

    async def _turn(self):
        """Knob and keys."""
        while True:
            now_ms = self._now()
            digit = self._knob.receive_value(self._parts["knob"].value(), now_ms)
            self.door.candidate = self._knob.candidate()
            if digit is not None:
                self.door.receive_digit(digit, now_ms)
                self._follow(now_ms)
            if self._settings["keypad"]:
                key = self._parts["keypad"].poll()
                if key is not None:
                    self.door.receive_key(key, now_ms)
                    self._follow(now_ms)
            await asyncio.sleep(LOOK_S)

    async def _read(self):
        """Cards."""
        while True:
            uid = self._parts["reader"].poll()
            if uid is not None:
                await asyncio.sleep(0)  # the door's turn: a card took its time already
                self._uid = uid
                now_ms = self._now()
                self.door.receive_card(keys.hex_of(rules.card_hash(self._key, uid)), now_ms)
                self._follow(now_ms)
            await asyncio.sleep(CARD_S)

    async def _show(self):
        lcd, looks = self._parts["lcd"], 0
        while True:
            lcd.show(*self.door.display(self._now()))
            while lcd.work():
                await asyncio.sleep(SLICE_S)
            looks += 1
            if not lcd.is_present and looks % REVIVE_LOOKS == 0:
                lcd.revive()
            await asyncio.sleep(DISPLAY_S)

    # the panel

    def _tell(self, now_ms):
        """The door's state, whenever it is another one."""
        door = self.door
        until_ms = door.paused_until_ms
        state = {
            "lock": door.lock(),
            "door": "open" if door.is_open else "close",
            "mode": self._settings["mode"],
            "paused_until_ms": None if until_ms is None else self._board.clock.at_ms(until_ms),
            "alarms": list(door.alarms),
            "list_version": self._roster.counts.version,
            "entries": self._roster.counts.entries,
            "worst_ms": self._reported_worst_ms,
            "reader": self._parts["reader"].is_present,
            "display": self._parts["lcd"].is_present,
        }
        if state == self._told or door.state == machine.BOOTING:
            return
        self._told = state
        whole = dict(self._given)
        whole.update(state)
        self._board.device.tell("access", whole)

    def _obey(self, value):
        """The twin's `access`: settings, `combination`, `list_version`. What is not good is passed over."""
        if not isinstance(value, dict):
            raise ValueError
        settings, given, code = machine.defaults(), {}, rules.code_hash(self._key, DEFAULT_CODE)
        for name, wanted in value.items():
            if name in machine.SETTINGS and machine.is_good(name, wanted):
                settings[name] = given[name] = wanted
            elif name == "combination" and isinstance(wanted, str) and len(wanted) == 2 * rules.HASH_BYTES:
                code, given[name] = binascii.unhexlify(wanted), wanted
            elif name == "list_version" and isinstance(wanted, int):
                self._wanted = wanted
        self._page.set()
        had_legacy = self._settings["legacy_topics"]
        self._settings, self._given, self._code = settings, given, code
        self._knob.settings = settings
        self.door.receive_settings(settings, self._now())
        self._parts["lcd"].mapping = settings["lcd_mapping"]
        self._board.queue.is_encrypted = settings["encrypt_log"]
        if settings["legacy_topics"] != had_legacy and self._board.config["transport"] == "mqtt":
            self._board.topics = {LEGACY_COMMANDS: self._hear_legacy} if settings["legacy_topics"] else {}
            self._board.link.drop()
        self._told = None
        return given

    async def _unlock(self, args):
        note = args.get("reason") or ""
        if not isinstance(note, str) or len(note) > MAX_NOTE:
            raise ValueError("reason")
        self._remote(note, self._board.device.order_id)
        if self._settings["lock_sensor"]:
            until_ms = self._now() + self._settings["jam_ms"] + 100
            while self._now() < until_ms and self._parts["bolt"].is_closed():
                await asyncio.sleep(LOOK_S)
        result = {"lock": self.door.lock(), "door": "open" if self.door.is_open else "close"}
        return ("failed", result, "jammed") if result["lock"] == "jammed" else result

    def _remote(self, note, command):
        now_ms = self._now()
        self.door.receive_remote(note, command, now_ms)
        self._follow(now_ms)

    async def _enroll(self, args):
        seconds = args.get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int) or not ENROLL_S[0] <= seconds <= ENROLL_S[1]:
            raise ValueError("seconds")
        if self._enrolling is not None:
            return "rejected", None, "busy"
        waiting = self._enrolling = [asyncio.Event(), None]
        self.door.enroll(seconds, self._now())
        await waiting[0].wait()
        return ("failed", None, "no_card") if waiting[1] is None else waiting[1]

    def _sealed(self):
        """The UID of the card that was just read, for nobody but the server."""
        from panal.protocol import envelope

        token = self._board.config["token"]
        encrypt, mac = keys.derive(token, "access-encrypt"), keys.derive(token, "access-mac")
        sealed = envelope.seal(encrypt, mac, self._uid, os.urandom(16))
        forget("panal.protocol.envelope")
        return sealed

    async def _identify(self, args):
        self._parts["buzzer"].play("long")

    # the access list

    def _hear(self, page):
        self._pages = [page]  # one at a time was asked for
        self._page.set()

    async def _fetch(self):
        """Page after page, while there is a newer list."""
        while True:
            if self._pages:
                await self._take(self._pages.pop())
                await asyncio.sleep(LOOK_S)  # a long list must not keep the door from its turn
            after = self._roster.missing(self._wanted) if self._wanted else None
            self._page.clear()
            if after is None:
                await self._page.wait()
                continue
            self._board.link.say("access", {"want": self._wanted, "after": after})
            try:
                await asyncio.wait_for(self._page.wait(), ASK_S)
            except asyncio.TimeoutError:  # noqa: UP041  a class of its own on MicroPython
                pass

    async def _take(self, page):
        try:
            for _ in self._roster.take(page):
                await asyncio.sleep(0)
        except ValueError:
            self._board.log.error("access list: not understood")
            await asyncio.sleep(ASK_S)
            return
        self._wanted = page["version"]  # the server's newest, which need not be the one that was asked for

    # older topics (docs/wire/mqtt.md)

    def _greet(self, nothing):
        if self._board.topics:
            said = {"device": self._board.config["device_id"], "uptime_sec": self._now() // 1000, "ssid": ""}
            self._board.link.say_on(LEGACY_TELEMETRY, said)

    def _hear_legacy(self, document):
        is_open = document["action"] == "open" if "action" in document else document.get("open", True) is True
        if is_open:
            self._remote(LEGACY_COMMANDS, "")


def _page_request(device_id, document):
    return "GET", "access/list?version=%d&after=%d" % (document["want"], document["after"]), None
