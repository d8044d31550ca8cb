"""Which network a board is on: how it keeps one, gets its first one, and changes to another without ever being lost.

The rule behind all of it: a network that worked is forgotten only after its successor has reached the server. So a
board ends, whatever happens, on a network it knows, or with its access point open for a person.
"""

RETRY_MS = 10000  # between two tries of the known networks
RESTART_MS = 120000  # without a network, before a board that has no portal restarts
PORTAL_MS = 600000  # without a network, before the access point opens; so long it stays when a person called it
STORED_MS = 60000  # between two tries of the known networks while it is open: each disturbs who is connected to it
JOIN_MS = 30000
SERVER_MS = 60000
FAREWELL_MS = 60000  # the access point stays after a success, so that the page can say so
HOLD_PORTAL_MS = 5000
HOLD_RESET_MS = 10000
FAILURES = 2  # in a row before the radio is believed: noise looks like a wrong password too

# what the radio says
DOWN, JOINING, UP = "down", "joining", "up"
WRONG_PASSWORD, NOT_FOUND, NO_ADDRESS = "wrong_password", "not_found", "no_address"
NO_SERVER = "no_server"  # this one is found out here

STATION = "station"  # on a known network, or trying the known ones; no access point
PORTAL = "portal"  # the access point is open and waits for a person; the known networks are tried now and then
TRYING = "trying"  # joins what a person typed, with the access point open
REACHING = "reaching"  # joined it, and waits for the server
CLOSING = "closing"  # on a known network; the access point is open for one more minute
CHANGING = "changing"  # joins what the server ordered
PROVING = "proving"  # joined it, and waits for the server

TRANSITIONS = {
    (STATION, "open"): PORTAL,
    (CLOSING, "open"): PORTAL,
    (PORTAL, "back"): CLOSING,
    (PORTAL, "over"): STATION,
    (CLOSING, "over"): STATION,
    (PORTAL, "chosen"): TRYING,
    (CLOSING, "chosen"): TRYING,
    (TRYING, "chosen"): TRYING,
    (REACHING, "chosen"): TRYING,
    (TRYING, "joined"): REACHING,
    (TRYING, "failed"): PORTAL,
    (REACHING, "failed"): PORTAL,
    (REACHING, "reached"): CLOSING,
    (STATION, "ordered"): CHANGING,
    (PORTAL, "ordered"): CHANGING,
    (CLOSING, "ordered"): CHANGING,
    (CHANGING, "joined"): PROVING,
    (CHANGING, "failed"): STATION,
    (PROVING, "failed"): STATION,
    (PROVING, "reached"): STATION,
}
OPEN = (PORTAL, TRYING, REACHING, CLOSING)
JOINS = (TRYING, CHANGING)
PROOFS = (REACHING, PROVING)


class Machine:
    """Says what to do, as events in this order:

    ("save",) keep `networks`, `rev` and `outcome` on flash · ("tell",) report `outcome` · ("join", ssid, password) ·
    ("leave",) · ("open",) and ("close",) the access point · ("restart",) · ("reset",) erase what a person brought.
    """

    def __init__(self, networks, rev, has_portal, now_ms, pressed_ms=None):
        """`networks`: at most two (ssid, password), the best first; `rev`: of the last order that was begun."""
        self.state = STATION
        self.networks = networks
        self.rev = rev
        self.outcome: tuple = ()  # (rev, "trying", "changed" or "kept", reason, ssid) of the last order
        self.result = ("idle", "")  # what the portal shows: idle, trying, reaching, connected, failed and why
        self._has_portal = has_portal
        self._radio = DOWN
        self._down_ms = now_ms
        self._tried_ms = None
        self._turn = 0
        self._trial: tuple = ()  # (ssid, password)
        self._deadline_ms = 0
        self._reason = NOT_FOUND
        self._failures = 0
        self._is_called = False
        self._pressed_ms = pressed_ms
        self._is_held = False
        self._events = []

    def is_settled(self):
        """Nothing is going on: there is a network, and nobody wants another."""
        return self.state == STATION and self._radio == UP and self._pressed_ms is None and not self._events

    def events(self):
        """What to do now, handed over once."""
        events, self._events = self._events, []
        return events

    # what happens

    def receive_state(self, radio, has_server, now_ms):
        """What the radio says, and whether the server is reached over it; to be called several times a second."""
        if radio != UP and self._radio == UP:
            self._down_ms, self._tried_ms, self._turn = now_ms, None, 0
        self._radio = radio
        if self.state in JOINS:
            self._join(radio, now_ms)
        elif self.state in PROOFS:
            self._prove(radio, has_server, now_ms)
        elif self.state == STATION:
            self._live(now_ms)
        else:
            self._serve(now_ms)

    def receive_button(self, is_down, now_ms):
        """The set-up button: held 5 s it opens the access point, held 10 s the board forgets its networks."""
        if not is_down:
            self._pressed_ms, self._is_held = None, False
            return
        if self._pressed_ms is None:
            self._pressed_ms = now_ms
        held_ms = now_ms - self._pressed_ms
        if not self._has_portal:
            return
        if held_ms >= HOLD_PORTAL_MS and not self._is_held:
            self._is_held = True
            if self.state in (STATION, CLOSING):
                self._open(now_ms, True)
        if held_ms >= HOLD_RESET_MS:
            self._pressed_ms = now_ms
            self.networks = []
            self._do("reset")

    def choose(self, ssid, password, now_ms):
        """A person typed a network at the portal. False while the access point is not open."""
        if self.state not in OPEN:
            return False
        self._is_called = True
        self._begin("chosen", ssid, password, now_ms)
        self.result = ("trying", "")
        return True

    def order(self, ssid, password, rev, now_ms):
        """The server wants another network. Returns "", or why not: "old_rev" or "busy"."""
        if rev <= self.rev:
            return "old_rev"
        if (self.state, "ordered") not in TRANSITIONS:
            return "busy"
        if self.state in OPEN:
            self._do("close")
        self.rev = rev
        self.outcome = (rev, "trying", "", ssid)
        self._do("save")  # before the old network is left: a power cut now is told as one, and no order runs twice
        self._do("tell")
        self._begin("ordered", ssid, password, now_ms)
        return ""

    # a network under trial

    def _begin(self, word, ssid, password, now_ms):
        self._move(word)
        self._trial = (ssid, password)
        self._reason, self._failures = NOT_FOUND, 0
        self._deadline_ms = now_ms + JOIN_MS
        self._try(now_ms)

    def _try(self, now_ms):
        self._tried_ms = now_ms
        self._radio = JOINING
        self._do("join", *self._trial)

    def _join(self, radio, now_ms):
        if radio == UP:
            self._move("joined")
            self._deadline_ms = now_ms + SERVER_MS
            if self.state == REACHING:
                self.result = ("reaching", "")
            return
        if radio in (WRONG_PASSWORD, NOT_FOUND, NO_ADDRESS):
            self._reason = radio
        if radio in (WRONG_PASSWORD, NOT_FOUND):
            self._failures += 1
        if self._failures >= FAILURES or now_ms >= self._deadline_ms:
            self._fail(self._reason, now_ms)
        elif radio in (WRONG_PASSWORD, NOT_FOUND):
            self._try(now_ms)

    def _prove(self, radio, has_server, now_ms):
        if radio == UP and has_server:
            self._succeed(now_ms)
        elif now_ms >= self._deadline_ms:
            self._fail(NO_SERVER, now_ms)
        elif radio != UP and (self._tried_ms is None or now_ms - self._tried_ms >= RETRY_MS):
            self._try(now_ms)

    def _succeed(self, now_ms):
        """The new one becomes the first; what was the first becomes the second."""
        trial, self._trial = self._trial, ()
        self.networks = [trial] + [known for known in self.networks if known[0] != trial[0]][:1]  # noqa: RUF005
        self._move("reached")
        if self.state == CLOSING:
            self.result = ("connected", "")
            self._deadline_ms = now_ms + FAREWELL_MS
            self._do("save")
        else:
            self._end("changed", "")

    def _fail(self, reason, now_ms):
        self._trial = ()
        self._move("failed")
        self._down_ms, self._tried_ms, self._turn = now_ms, None, 0
        self._radio = DOWN
        self._do("leave")
        if self.state == PORTAL:
            self.result = ("failed", reason)
            self._deadline_ms = now_ms + PORTAL_MS
        else:
            self._end("kept", reason)

    def _end(self, word, reason):
        self.outcome = (self.outcome[0], word, reason, self.outcome[3])
        self._do("save")
        self._do("tell")

    # the known networks

    def _live(self, now_ms):
        if self._radio == UP:
            return
        down_ms = now_ms - self._down_ms
        if self._has_portal and (not self.networks or down_ms >= PORTAL_MS):
            self._open(now_ms, False)
        elif not self._has_portal and down_ms >= RESTART_MS:
            self._down_ms = now_ms
            self._do("restart")
        else:
            self._try_known(RETRY_MS, now_ms)

    def _serve(self, now_ms):
        """The access point is open and nothing is under trial."""
        if self._radio != UP:
            self._try_known(STORED_MS, now_ms)
        elif self.state == PORTAL and not self._is_called:
            self._move("back")
            self._deadline_ms = now_ms + FAREWELL_MS
        elif now_ms >= self._deadline_ms:
            self._move("over")
            self._is_called = False
            self._do("close")

    def _try_known(self, every_ms, now_ms):
        if self.networks and (self._tried_ms is None or now_ms - self._tried_ms >= every_ms):
            self._tried_ms = now_ms
            self._do("join", *self.networks[self._turn % len(self.networks)])
            self._turn += 1

    def _open(self, now_ms, is_called):
        if self.state == STATION:
            self._do("open")
        self._move("open")
        self._is_called = is_called
        self._deadline_ms = now_ms + PORTAL_MS
        self.result = ("idle", "")

    def _move(self, word):
        self.state = TRANSITIONS[(self.state, word)]

    def _do(self, *event):
        self._events.append(event)
