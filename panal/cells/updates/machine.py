"""One board's update, from the offer to a version that works, whatever happens to power and network in between.

The new version is written into the slot that does not run, and gets the board for a trial (trial.py), before which
nothing of this is loaded. Until it has reached the server, the boot pointer calls the old version the good one, and
goes back to it by itself. What must outlive a restart is in `record`, kept on flash; how far a download is, the slot
knows.
"""

from panal.cells.updates import messages, trust
from panal.cells.updates.messages import CONFIRMING, DONE, DOWNLOADING, INSTALLING, REFUSED, ROLLED_BACK
from panal.protocol.errors import BadRequest

PERCENT_STEP = 10  # of one report to the next
MAX_SWITCHES = 2  # an image whose start nobody counts gets no third one
MAX_TRIED = 8
MAX_WAIT_MS = 86400000

IDLE = "idle"  # nothing is going on
ASKING = "asking"  # the server is asked what there is
CHECKING = "checking"  # the offer's signature is being checked
LOADING = "loading"  # blocks come into the other slot
VERIFYING = "verifying"  # what lies there is read again, and compared with what was signed
SWITCHING = "switching"  # the boot pointer names the other slot; the restart comes
REPORTING = "reporting"  # it is over, and the server does not know yet how
WAITING = "waiting"  # for the network, or for its turn; `wait_ms` says how long

TRANSITIONS = {
    (IDLE, "ask"): ASKING,
    (WAITING, "ask"): ASKING,
    (ASKING, "offered"): CHECKING,
    (ASKING, "nothing"): IDLE,
    (ASKING, "later"): WAITING,
    (ASKING, "over"): REPORTING,
    (CHECKING, "checked"): LOADING,
    (CHECKING, "over"): REPORTING,
    (LOADING, "later"): WAITING,
    (LOADING, "loaded"): VERIFYING,
    (LOADING, "over"): REPORTING,
    (VERIFYING, "again"): LOADING,
    (VERIFYING, "switch"): SWITCHING,
    (VERIFYING, "over"): REPORTING,
    (IDLE, "over"): REPORTING,
    (REPORTING, "later"): WAITING,
    (REPORTING, "reported"): IDLE,
}

# record["stage"]
NONE, LOADED, TRIED, ENDED = "", "loading", "trial", "end"
EMPTY = {"stage": NONE, "offer": None, "slot": "", "number": 0, "switches": 0, "why": "", "end": None}


class Machine:
    """Says what to do, as events in this order:

    ("save",) keep `record` on flash · ("ask",) · ("check", manifest) · ("open", manifest) the other slot, which is
    emptied unless a part of this artifact lies in it · ("fetch", sha256, offset, length) and write it there ·
    ("verify", manifest) · ("clear",) the other slot · ("switch", slot) let the pointer try it · ("restart",) ·
    ("tell", id, progress) if it can be · ("report", id, progress) until it is answered.
    """

    def __init__(self, record, boot, board, version, security_version):
        """`record`: what was kept, or None. `boot`: how the board started, with the names `slot` (which runs), `other`,
        `number` (of changes of the pointer), `why` (it went back) and `kinds` of artifact it takes."""
        self.record = {"tried": [], "floor": 0}
        self.record.update(EMPTY)
        self.record.update(record or {})
        self.state = IDLE
        self.wait_ms = 0
        self._boot = boot
        self._board = board
        self._version = version
        self._floor = max(security_version, self.record["floor"])
        self._percent = -PERCENT_STEP
        self._was_resumed = False
        self._events = []
        self._offer = self._kept_offer()
        self._wake()

    def events(self):
        """What to do now, handed over once."""
        events, self._events = self._events, []
        return events

    def is_over(self):
        """Nothing is to be done now: all is settled, or `wait_ms` must pass, or the restart comes."""
        return not self._events and self.state in (IDLE, WAITING, SWITCHING)

    # how the board started

    def _kept_offer(self):
        try:
            return messages.parse_offer(self.record["offer"]) if self.record["offer"] else None
        except BadRequest:
            return None

    def _wake(self):
        """Go on where the last life ended."""
        stage, boot = self.record["stage"], self._boot
        if stage == ENDED and self.record["end"]:
            self.state = REPORTING
            self._report()
        elif stage == NONE or self._offer is None:
            self.record.update(EMPTY)
            if stage != NONE:  # a version that was pushed (panal/board/push.py), and of which nobody waits to hear
                self._do("save")
        elif stage == TRIED and boot.slot == self.record["slot"]:  # and what could not prove itself does not run
            self._go_over(DONE, "")
        elif stage == TRIED and (boot.number != self.record["number"] or self.record["switches"] >= MAX_SWITCHES):
            self._go_over(ROLLED_BACK, self.record["why"] or boot.why or "crash_loop")
        else:  # a download, or the power went before the pointer was written
            self.state = WAITING
            self.ask()

    # the offer

    def ask(self):
        """Is there anything? Nothing happens where something is going on already."""
        if self.state in (IDLE, WAITING):
            self._move("ask")
            self._do("ask")

    def receive_offer(self, offer, unix_ms):
        """The server's answer: an Offer or None. `unix_ms`: the time of day, or None."""
        if offer is None:
            self._abandon()
            return
        self._offer = offer
        early_ms = offer.not_before_ms - unix_ms if offer.not_before_ms and unix_ms else 0
        if early_ms > 0:
            self._wait(min(early_ms, MAX_WAIT_MS))
            return
        self._move("offered")
        if offer.manifest.version == self._version:
            self._go_over(DONE, "")
            return
        reason = self._refusal(offer)
        if reason:
            self._go_over(REFUSED, reason)
        else:
            self._do("check", offer.manifest)

    def receive_bad_offer(self, id):
        """What the server offered is no manifest at all; `id` is the update's."""
        self._end(REFUSED, "bad_manifest", id)

    def _refusal(self, offer):
        reason = trust.refusal(offer.manifest, self._board, self._boot.kinds, self._floor)
        tried = [attempt for version, attempt in self.record["tried"] if version == offer.manifest.version]
        return reason or ("tried" if any(attempt >= offer.attempt for attempt in tried) else "")

    def _abandon(self):
        """The server wants nothing, or no more."""
        self._move("nothing")
        if self.record["stage"]:
            self.record.update(EMPTY)
            self._do("save")

    # the download

    def receive_checked(self, reason):
        """ "" or why the manifest cannot be trusted."""
        if reason:
            self._go_over(REFUSED, reason)
            return
        self._move("checked")
        offer, record = self._offer, self.record
        known = self._kept_offer()
        if known is None or known.manifest != offer.manifest or known.id != offer.id:
            record.update(EMPTY)
            kept = messages.build_offer(offer.id, offer.manifest, offer.not_before_ms, offer.attempt)
            record.update({"stage": LOADED, "slot": self._boot.other, "offer": kept})
            self._do("save")
        self._do("open", offer.manifest)

    def receive_position(self, offset):
        """So much of the artifact lies in the slot already."""
        self._was_resumed = offset > 0
        self._go_on(offset)

    def receive_written(self, offset):
        """A block was written; the next one begins there."""
        self._go_on(offset)

    def _go_on(self, offset):
        manifest = self._offer.manifest
        if offset >= manifest.size:
            self._move("loaded")
            self._tell(INSTALLING, None)
            self._do("verify", manifest)
            return
        percent = offset * 100 // manifest.size
        if percent >= self._percent + PERCENT_STEP:
            self._percent = percent - percent % PERCENT_STEP
            self._tell(DOWNLOADING, percent)
        block = messages.BLOCK_BYTES
        length = min(block - offset % block, manifest.size - offset)
        self._do("fetch", manifest.sha256, offset, length)

    def receive_refusal(self, reason):
        """What came, or the slot, cannot be used: `no_room`, `bad_files`, `bad_artifact`."""
        self._do("clear")
        self._go_over(REFUSED, reason)

    def receive_verified(self, reason):
        """ "" or what is wrong with what lies in the slot."""
        record = self.record
        if reason and self._was_resumed:  # what lay there for longer may have been damaged: once more from the start
            self._move("again")
            self._do("clear")
            self._do("open", self._offer.manifest)
        elif reason:
            self.receive_refusal(reason)
        else:
            self._move("switch")
            record.update({"stage": TRIED, "number": self._boot.number, "switches": record["switches"] + 1, "why": ""})
            self._do("save")  # before the pointer: a slot that starts must find out what it is
            self._do("switch", record["slot"])
            self._tell(CONFIRMING, None)
            self._do("restart")

    # the end

    def receive_reported(self):
        """The server has heard a report, or will never want it."""
        if self.state == REPORTING:
            self._move("reported")
            self.record.update(EMPTY)
            self._do("save")

    def receive_failure(self, wait_ms):
        """The network failed, or the server has no time; try again in `wait_ms`."""
        if self.state in (ASKING, LOADING, REPORTING):
            self._wait(wait_ms)

    def _go_over(self, end, reason):
        self._end(end, reason, self._offer.id)

    def _end(self, end, reason, id):
        self._move("over")
        record, offer = self.record, self._offer
        if end == ROLLED_BACK:
            record["tried"] = (record["tried"] + [[offer.manifest.version, offer.attempt]])[-MAX_TRIED:]
        elif end == DONE:
            record["floor"] = max(record["floor"], offer.manifest.security_version)
        kept = messages.build_offer(id, offer.manifest) if offer else None
        record.update(EMPTY)
        record.update({"stage": ENDED, "offer": kept, "end": [id, end, reason]})
        self._do("save")
        self._report()

    def _report(self):
        id, end, reason = self.record["end"]
        self._do("report", id, messages.build_progress(end, None, reason))

    def _tell(self, state, percent):
        self._do("tell", self._id(), messages.build_progress(state, percent))

    def _id(self):
        return self._offer.id if self._offer else ""

    def _wait(self, ms):
        self._move("later")
        self.wait_ms = ms

    def _move(self, word):
        self.state = TRANSITIONS[(self.state, word)]

    def _do(self, *event):
        self._events.append(event)
