"""Does what the machine says, with the radio, the flash and the portal; lives until all is well.

The radio, `hardware.wifi`: join(ssid, password), leave(), radio() what of the machine's words it says, is_up(), ip(),
rssi(), scan() list of (ssid, rssi, is_locked), open(ssid, password) and close() the access point.
"""

import asyncio

from panal.board.memory import forget
from panal.cells.wifi import machine, messages
from panal.protocol.errors import BadRequest

MODULES = (
    "panal.cells.wifi.device",
    "panal.cells.wifi.machine",
    "panal.cells.wifi.messages",
    "panal.protocol.keys",
)
"""What need not stay in memory once all is well."""
SECRETS = ("panal.board.networks", "panal.protocol.envelope")
"""What is in memory only while something is opened or sealed: the set-up page needs the room."""
LOOK_S = 0.25
TELL_S = 1  # enough for a report to leave before the network does


async def change(wifi, args):
    """The command `wifi.change`, until its end: (status, `{"state","rev"}` or None, error code or None)."""
    try:
        order = messages.parse_order(_opened(wifi.board.config["token"], args.get("envelope") or ""))
    except BadRequest:
        return "rejected", None, "bad_envelope"
    if wifi.order is not None:
        return "rejected", None, "busy"
    waiting = wifi.order = [order, asyncio.Event(), ("failed", None, "crashed")]
    await waiting[1].wait()
    wifi.order = None
    return waiting[2]


def _opened(token, sealed):
    from panal.protocol import envelope, keys

    try:
        return envelope.open(keys.derive(token, "wifi-encrypt"), keys.derive(token, "wifi-mac"), sealed)
    finally:
        forget("panal.protocol.envelope")


def _load(board):
    from panal.board import networks

    found = networks.load(board.storage, board.config["token"])
    _forget_secrets()
    return found


def _save(board, known, rev, report):
    from panal.board import networks

    networks.save(board.storage, board.config["token"], known, rev, report)
    _forget_secrets()


def _erase(board):
    from panal.board import networks

    networks.erase(board.storage)
    _forget_secrets()


def _forget_secrets():
    for module in SECRETS:
        forget(module)


class Driver:
    def __init__(self, wifi):
        self._wifi = wifi
        self._board = wifi.board
        self._radio = wifi.board.hardware.wifi
        self._ordered = False
        self._portal = None

    async def run(self):
        board = self._board
        known, rev, report = _load(board)
        if report and report["state"] == messages.TRYING:  # the power went during a trial, and the old one was kept
            report = messages.build_report(report["rev"], messages.KEPT, "power_cut", report["ssid_hash"])
            _save(board, known, rev, report)
        if report:
            board.device.tell("wifi", report)
        has_portal = bool(board.hardware.ACCESS_POINT)
        self._report = report
        self.machine = machine.Machine(known, rev, has_portal, self._wifi.now_ms(), self._wifi.pressed_ms)
        try:
            await self._step()
            while not self.machine.is_settled() or self._wifi.order is not None:
                await asyncio.sleep(LOOK_S)
                await self._step()
        finally:
            self.close()
            if self._ordered and self._wifi.order is not None:
                self._wifi.order[1].set()
                self._wifi.order = None

    async def _step(self):
        self._look()
        await self._work()

    def _look(self):
        now_ms, is_up = self._wifi.now_ms(), self._radio.is_up()
        if is_up != self._wifi.was_up:
            self._wifi.was_up = is_up
            self._board.log.info("wifi up, " + self._radio.ip() if is_up else "wifi down")
        self.machine.receive_state(self._radio.radio(), self._board.link.is_up, now_ms)
        self.machine.receive_button(self._wifi.look_at_button(), now_ms)
        if self._wifi.order is not None and not self._ordered:
            self._ordered = True
            ssid, password, rev = self._wifi.order[0]
            refusal = self.machine.order(ssid, password, rev, now_ms)
            if refusal:
                self._answer("rejected", None, refusal)

    async def _work(self):
        for event in self.machine.events():
            verb, rest = event[0], event[1:]
            if verb == "tell":
                await self._tell()
            else:
                getattr(self, verb)(*rest)

    def join(self, ssid, password):
        self._board.link.drop()
        self._radio.join(ssid, password)

    def leave(self):
        self._board.link.drop()
        self._radio.leave()

    def save(self):
        made, outcome = self.machine, self.machine.outcome
        if outcome:
            rev, state, reason, ssid = outcome
            self._report = messages.build_report(rev, state, reason, messages.ssid_hash(ssid))
        _save(self._board, made.networks, made.rev, self._report)

    async def _tell(self):
        self._board.device.tell("wifi", self._report)
        state, reason, rev = self._report["state"], self._report["reason"], self._report["rev"]
        self._board.log.info("wifi change: %s %s" % (state, reason))
        if state == messages.TRYING:
            await asyncio.sleep(TELL_S)
        else:
            self._answer("failed" if reason else "done", {"state": state, "rev": rev}, reason or None)

    def _answer(self, status, result, code):
        self._ordered = False
        if self._wifi.order is not None:
            self._wifi.order[2] = (status, result, code)
            self._wifi.order[1].set()
            self._wifi.order = None

    def restart(self):
        self._board.log.error("no wifi for 2 min: restarting")
        self._board.hardware.restart("no_wifi")

    def reset(self):
        self._board.log.warning("factory reset")
        _erase(self._board)
        self._board.hardware.restart("factory_reset")

    # the access point

    def open(self):
        from panal.board import portal

        hardware, config = self._board.hardware, self._board.config
        name = config["access_point"] or hardware.ACCESS_POINT + config["device_id"]
        self._radio.open(name, hardware.secret("ap_password"))
        self._wifi.is_open = self._wifi.was_open = True
        self._board.log.info("access point open")
        page = getattr(self._board, "local", None)  # of a cell that has one
        self._portal = portal.Portal(self, hardware, self._board.log, name, page)
        self._portal.open()

    def close(self):
        if self._portal is None:
            return
        self._portal.close()
        self._portal = None
        for module in ("panal.board.portal", "panal.board.dns", "panal.board.visitor"):
            forget(module)
        self._radio.close()
        self._wifi.is_open = False
        self._board.log.info("access point closed")

    # what the portal asks

    def result(self):
        """(state, reason) of what a person chose last."""
        return self.machine.result

    def scan(self):
        return self._radio.scan()

    def choose(self, ssid, password):
        """Begin to try a network. Raises BadRequest for what can be none."""
        messages.check_network(ssid, password)
        self.machine.choose(ssid, password, self._wifi.now_ms())
