"""Whatever people, time and power do to a door: never locked while open, never unlocked without a grant.

`make soak` runs it for long (SOAK_EXAMPLES).
"""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from panal.cells.access import machine
from panal.cells.access.tests.test_machine import ANN, BOB

LOOK_MS = 50
LATEST_MS = 3 * LOOK_MS
"""How late a deadline may be seen: reed and time are looked at every 50 ms, and a level is steady after one more."""
STRANGER = "cc" * 16
TIMES_MS = (20, 50, 200, 900, 1000, 1100, 3000, 8000, 9900, 10100, 31000, 62000)
STEPS = {"done": 0}


class Doors(RuleBasedStateMachine):
    @initialize(mode=st.sampled_from(machine.SETTINGS["mode"][1]), is_open=st.booleans(), sensor=st.booleans())
    def begin(self, mode, is_open, sensor):
        self.settings = dict(machine.defaults(), mode=mode, lock_sensor=sensor)
        self.now_ms, self.kept = 0, 0
        self.is_open, self.is_pressed, self.bolt = is_open, False, None
        self.last_ask = 0
        self.people = {ANN: 1, BOB: 2}
        self.codes = {(3, 6, 4): 0, (1, 1, 1): 1, (2, 2, 2): 2}
        self.power()

    # what happens

    @rule()
    def power(self):
        """Off and on again: only what was kept remains."""
        self.door = machine.Door(self.settings, self.kept, self.now_ms)
        self.was_released, self.credit, self.has_booted = False, None, False
        self.closed_ms, self.granted_ms = None, None
        self.proofs, self.paused_until_ms = {}, None
        self.has_seen_exit_up = False
        self.asks, self.is_slow, self.answering = [], False, None
        if self.kept:
            self.paused_until_ms = self.now_ms + min(30000 << (self.kept - 1), 600000)
        assert not self.door.is_released

    @rule(ms=st.sampled_from(TIMES_MS))
    def let(self, ms):
        STEPS["done"] += 1
        until_ms = self.now_ms + ms
        while self.now_ms < until_ms:
            self.now_ms += min(LOOK_MS, until_ms - self.now_ms)
            self.look()

    @rule(is_open=st.booleans())
    def move(self, is_open):
        STEPS["done"] += 1
        self.is_open = is_open
        self.look()

    @rule(ms=st.integers(1, 49), times=st.integers(1, 6))
    def rattle(self, ms, times):
        """The contact bounces."""
        STEPS["done"] += 1
        for _ in range(times):
            self.is_open = not self.is_open
            self.now_ms += ms
            self.look()

    @rule(card=st.sampled_from([ANN, ANN, BOB, STRANGER]))
    def card(self, card):
        STEPS["done"] += 1
        self.act(self.door.receive_card, card)

    @rule(digits=st.sampled_from([(3, 6, 4), (1, 1, 1), (2, 2, 2), (9, 9, 9), (3,), (6, 4)]))
    def code(self, digits):
        STEPS["done"] += 1
        for digit in digits:
            self.act(self.door.receive_digit, digit)

    @rule()
    def remote(self):
        STEPS["done"] += 1
        self.credit = ("remote", self.now_ms)
        self.granted_ms = self.now_ms
        self.door.receive_remote("", "", self.now_ms)
        self.obey()
        self.check()

    @rule()
    def exit(self):
        STEPS["done"] += 1
        self.is_pressed = not self.is_pressed
        self.let(100)

    @rule(bolt=st.sampled_from([None, True, False]))
    @precondition(lambda self: self.settings["lock_sensor"])
    def sensor(self, bolt):
        STEPS["done"] += 1
        self.bolt = bolt

    @rule(is_slow=st.booleans())
    def flash(self, is_slow):
        """A slow list is one whose answers come when they come."""
        self.is_slow = is_slow

    @rule(which=st.integers(0, 5))
    @precondition(lambda self: self.asks)
    def answer_late(self, which):
        STEPS["done"] += 1
        self.answer(*self.asks.pop(which % len(self.asks)))
        self.check()

    @rule(off=st.sampled_from([-2, -1, 0, 1, 2]), refusal=st.sampled_from(["", "unknown_card"]))
    def forge(self, off, refusal):
        """An answer that nobody asked for, or that the list never gave."""
        STEPS["done"] += 1
        latest = self.asks[-1][0] if self.asks else self.last_ask
        if off or not self.asks:
            self.door.receive_answer(latest + off, refusal, 1, self.now_ms)
            self.obey()
            self.check()

    @rule(before_ms=st.integers(0, 60), then=st.sampled_from(["move", "rattle", "nothing"]))
    def approach(self, before_ms, then):
        """To the moment before a time of the lock is over, where a door that moves matters most."""
        until_ms = self.door._until_ms - before_ms
        if self.now_ms < until_ms < self.now_ms + 12000:
            self.let(until_ms - self.now_ms)
            if then == "move":
                self.move(not self.is_open)
            elif then == "rattle":
                self.rattle(20, 5)
            self.let(100)

    @rule(seconds=st.integers(5, 60))
    def enroll(self, seconds):
        STEPS["done"] += 1
        self.door.enroll(seconds, self.now_ms)
        self.proofs = {}

    # what must hold

    def act(self, receive, what):
        receive(what, self.now_ms)
        self.obey()
        self.check()

    def look(self):
        if self.is_open:
            self.closed_ms = None
        elif self.closed_ms is None:
            self.closed_ms = self.now_ms
        self.door.receive_door(self.is_open, self.now_ms)
        self.obey()
        self.check()
        self.has_seen_exit_up = self.has_seen_exit_up or not self.is_pressed
        self.door.receive_exit(self.is_pressed, self.now_ms)
        if self.bolt is not None:
            self.door.receive_bolt(self.bolt, self.now_ms)
        self.obey()
        self.check()

    def obey(self):
        for event in self.door.events():
            if event[0] == "ask":
                self.last_ask = event[1]
                self.asks.append((*event[1:], self.now_ms))
                if not self.is_slow:
                    self.answer(*self.asks.pop())
            elif event[0] == "keep":
                self.kept = event[1]
                if self.kept:
                    self.paused_until_ms = self.now_ms + min(30000 << (self.kept - 1), 600000)
            elif event[0] == "log" and event[1] == "door.attempt" and event[2]["access_granted"]:
                self.granted(event[2])

    def answer(self, number, method, what, asked_ms):
        person = (self.people if method == "rfid" else self.codes).get(what)
        missing = "unknown_card" if method == "rfid" else "wrong_code"
        is_timely = number == self.last_ask and self.now_ms - asked_ms < machine.ANSWER_MS
        self.answering = (method, person) if person is not None and is_timely else None
        self.door.receive_answer(number, missing if person is None else "", person or 0, self.now_ms)
        if self.answering and self.settings["mode"] == "AND":
            self.proofs[method] = (person, self.now_ms)
        self.obey()
        self.answering = None

    def granted(self, data):
        method = data["access_method"]
        if method == "exit":
            assert self.has_seen_exit_up, "unlocked by a button that was down since the start"
            self.credit = (method, self.now_ms)
            self.granted_ms = self.now_ms
        if method not in ("rfid", "password"):
            return
        assert self.answering and self.answering[0] == method, "granted without a good answer to the last question"
        assert self.paused_until_ms is None or self.now_ms >= self.paused_until_ms, "granted in a pause"
        if self.settings["mode"] == "AND":
            other = "rfid" if method == "password" else "password"
            person, at_ms = self.proofs.pop(other)
            assert self.now_ms - at_ms <= self.settings["factor_window_ms"], "the first factor was too old"
            assert len(data["factors"]) == 2
            assert not (self.answering[1] and person and self.answering[1] != person), "two people's factors"
        self.credit = (method, self.now_ms)
        self.granted_ms = self.now_ms

    def check(self):
        """After every single thing that happened."""
        released = self.door.is_released
        is_boot = not self.has_booted and self.door.is_open is not None
        self.has_booted = self.has_booted or is_boot
        if released and not self.was_released:
            assert (is_boot and self.door.is_open) or self.may_unlock(), "unlocked without a grant"
        if self.was_released and not released:
            assert not self.is_open, "locked while open"
            assert self.door.is_open is False, "locked while the reed said open"
        if released or self.was_released:
            self.credit = None  # a grant is used once, by what it unlocked or what was unlocked already
        self.was_released = released

    def may_unlock(self):
        """By card or code only a closed door, and only soon after the grant."""
        if self.credit is None:
            return False
        method, at_ms = self.credit
        if method in ("remote", "exit"):
            return at_ms == self.now_ms
        return self.door.is_open is False and self.now_ms - at_ms < self.settings["grant_wait_ms"] + LATEST_MS

    @invariant()
    def it_locks_within_its_limits(self):
        if not getattr(self, "door", None) or not self.door.is_released or self.closed_ms is None:
            return
        begun_ms = max(self.closed_ms, self.granted_ms or 0)
        most_ms = self.settings["unlock_max_ms"] + LATEST_MS
        if self.door.state == machine.CLOSING:
            most_ms = self.settings["relock_ms"] + LATEST_MS
        assert self.now_ms - begun_ms <= most_ms + LOOK_MS, "it did not lock"

    @invariant()
    def it_says_what_it_is(self):
        if getattr(self, "door", None):
            assert self.door.lock() in ("locked", "unlocked", "jammed")
            assert all(len(line) <= 16 for line in self.door.display(self.now_ms))
            assert (
                self.door.state == machine.BOOTING
                or self.door.is_open is not None
                or self.door.is_released
                or (self.door.state == machine.WAITING)
            )


def test_it_is_never_locked_while_open_and_never_unlocked_without_a_grant():
    examples = int(os.environ.get("SOAK_EXAMPLES", "160"))
    STEPS["done"] = 0
    run_state_machine_as_test(
        Doors,
        settings=settings(
            max_examples=examples,
            stateful_step_count=120,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f" {STEPS['done']} steps")  # noqa: T201  the figure is wanted
    assert STEPS["done"] >= min(10_000, examples * 60)
