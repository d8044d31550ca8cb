"""Whatever the air does and whenever the power goes: the board knows the network that worked, or its portal is open."""

from hypothesis import given, settings
from hypothesis import strategies as st

from panal.cells.wifi import machine
from panal.cells.wifi.tests.test_machine import HOME, NEW, OTHER, Air

WRONG = st.sampled_from([machine.WRONG_PASSWORD, machine.NOT_FOUND, machine.NO_ADDRESS, machine.DOWN, machine.JOINING])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.integers(1, 700)),
        st.tuples(st.just("press"), st.integers(1, 9)),
        st.tuples(st.just("break"), st.sampled_from([HOME, OTHER, NEW]), WRONG),
        st.tuples(st.just("mend"), st.sampled_from([HOME, OTHER, NEW])),
        st.tuples(st.just("served"), st.booleans()),
        st.tuples(st.just("choose"), st.sampled_from([HOME, OTHER, NEW])),
        st.tuples(st.just("order"), st.sampled_from([HOME, OTHER, NEW]), st.integers(1, 9)),
        st.just(("power",)),
    ),
    max_size=12,
)


def act(air, step):
    """The air after one step: another one when the power was cut."""
    verb, rest = step[0], step[1:]
    if verb == "pass":
        air.let(rest[0])
    elif verb == "press":
        air.let(rest[0], is_pressed=True)
        air.let(1)
    elif verb == "break":
        air.wrong[rest[0]] = rest[1]
    elif verb == "mend":
        air.wrong.pop(rest[0], None)
    elif verb == "served":
        air.served = rest[0]
    elif verb == "choose":
        air.machine.choose(*rest[0], air.now_ms)
        air.obey()
    elif verb == "order":
        air.machine.order(*rest[0], rest[1], air.now_ms)
        air.obey()
    else:
        after = Air(known=air.flash[0], rev=air.flash[1])
        after.wrong, after.served = air.wrong, air.served
        return after
    return air


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, known=st.sampled_from([(), (HOME,), (HOME, OTHER)]))
def test_it_ends_on_a_network_it_knows_or_in_the_portal(steps, known):
    air, rev = Air(known=known), 0
    for step in steps:
        before = air.flash[0]
        air = act(air, step)
        after = air.flash[0]
        assert len(after) <= 2
        assert not before or after, "it forgot every network"
        assert air.flash[1] >= rev
        rev = air.flash[1]
    air.let(1500)
    is_home = air.joined in air.machine.networks and air.radio() == machine.UP
    assert is_home or air.is_open, (air.machine.state, air.joined)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_a_network_is_written_only_after_it_reached_the_server(steps):
    air = Air(known=(HOME,))
    air.served = False
    for step in steps:
        air = act(air, step if step[0] != "served" else ("pass", 1))
        assert air.flash[0] == [HOME]
