"""Whatever happens, in whatever order: every light is as its last cause left it, and says so."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from panal.cells.lights import machine, messages
from panal.protocol import twin

START_MS = 1795000000000
NUMBERS = st.integers(1, 2)
LEVELS = st.none() | st.integers(1, 100)
FOR_S = st.none() | st.integers(1, 600)
DIMMER = {"kind": "dimmer", "switch": "toggle", "power": "last"}


class Lights(RuleBasedStateMachine):
    """A model that knows of each light the last that counted, (is_on, level, by), and what the server was told."""

    @initialize(has_clock=st.booleans())
    def begin(self, has_clock):
        self.now_ms = 0
        self.offset_ms = START_MS if has_clock else None
        self.lights = machine.Lights(2, None, 0)
        self.set_up()
        self.closed = {1: False, 2: False}
        self.expected = {1: (False, 100, "power"), 2: (False, 100, "power")}
        self.ends_ms = {1: None, 2: None}
        self.instants = {1: 0, 2: 0}
        self.server = {}
        self.settle()

    def set_up(self):
        self.lights.receive_clock(self.offset_ms, self.now_ms)
        self.lights.receive_desired({"settings": {"channels": {"1": DIMMER, "2": DIMMER}}}, self.now_ms)

    def settle(self):
        """As the board's loop: what is due, and what it tells the server."""
        due_ms = self.lights.next_deadline_ms()
        if due_ms is not None and due_ms <= self.now_ms:
            self.lights.handle_deadline(self.now_ms)
        self.server = twin.merge(self.server, self.lights.reported(self.lights.events()))

    def changed(self, number, is_on, level, by, for_s=None):
        before = self.expected[number][1]
        self.expected[number] = (is_on, level or before, by)
        self.ends_ms[number] = None if not is_on or for_s is None else self.now_ms + for_s * 1000

    @rule(number=NUMBERS)
    def somebody_throws_a_switch(self, number):
        self.let_pass(20)
        for _ in range(4):
            self.lights.receive_wall(number, self.closed[number], self.now_ms)
            self.let_pass(20)
        was_on = self.expected[number][0]
        self.closed[number] = not self.closed[number]
        for _ in range(4):
            self.lights.receive_wall(number, self.closed[number], self.now_ms)
            if self.lights.lights[number - 1].by == "wall" and self.lights.lights[number - 1].is_on != was_on:
                break
            self.let_pass(20)
            was_on = self.expected[number][0]
        self.changed(number, not was_on, None, "wall")
        self.settle()

    @rule(number=NUMBERS, is_on=st.booleans(), level=LEVELS, for_s=FOR_S)
    def somebody_near_by_switches(self, number, is_on, level, for_s):
        self.lights.switch(number, is_on, level, for_s, self.now_ms)
        self.changed(number, is_on, level, "local", for_s)
        self.settle()

    @rule(number=NUMBERS, is_on=st.booleans(), level=LEVELS, for_s=FOR_S, later_ms=st.integers(-5000, 5000))
    def a_click_arrives(self, number, is_on, level, for_s, later_ms):
        light = self.lights.lights[number - 1]
        set_at_ms = max(1, messages.set_at_ms(0, light.at_ms, light.seen_ms) + later_ms)
        is_newer = set_at_ms > light.at_ms and set_at_ms > light.seen_ms
        wish = messages.build_wish(is_on, level, None if self.offset_ms is not None else for_s, set_at_ms)
        self.lights.receive_desired({str(number): wish}, self.now_ms)
        if is_newer:
            self.changed(number, is_on, level, "page", wish["for_s"])
        self.settle()

    @rule(number=NUMBERS)
    def the_server_agrees(self, number):
        found = messages.parse_state(self.server).lights[number - 1]
        if messages.is_own_doing(found):
            self.lights.receive_desired({str(number): messages.build_agreement(found)}, self.now_ms)
            self.settle()

    @rule(ms=st.integers(1, 400000))
    def time_passes(self, ms):
        self.let_pass(ms)

    def let_pass(self, ms):
        self.now_ms += ms
        for number in (1, 2):
            if self.ends_ms[number] is not None and self.ends_ms[number] <= self.now_ms:
                self.changed(number, False, None, "timer")
        self.settle()

    @precondition(lambda self: self.offset_ms is None)
    @rule()
    def somebody_tells_the_time(self):
        self.offset_ms = START_MS
        self.lights.receive_clock(START_MS, self.now_ms)
        self.settle()

    @rule()
    def the_power_goes_and_comes(self):
        kept = self.lights.kept()
        self.lights = machine.Lights(2, kept, self.now_ms)
        self.closed = {1: False, 2: False}
        self.set_up()
        for number in (1, 2):  # a timer begins once more where nobody knows the time
            light = self.lights.lights[number - 1]
            self.ends_ms[number] = light.ends_ms if self.offset_ms is None else self.ends_ms[number]
        self.settle()

    @invariant()
    def every_light_is_as_its_last_cause_left_it(self):
        for number in (1, 2) if hasattr(self, "expected") else ():
            light = self.lights.lights[number - 1]
            assert (light.is_on, light.level, light.by) == self.expected[number]
            assert self.lights.shine(number) == (light.level if light.is_on else 0)
            assert light.ends_ms is None or light.is_on

    @invariant()
    def the_server_knows_it_and_instants_only_grow(self):
        for light in messages.parse_state(self.server).lights if hasattr(self, "server") else ():
            assert (light.is_on, light.level, light.by) == self.expected[light.channel]
            assert light.at_ms >= self.instants[light.channel]
            self.instants[light.channel] = light.at_ms


Lights.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_lights = Lights.TestCase
