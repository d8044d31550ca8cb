"""What holds of every policy, every clock and every night: with hypothesis."""

import zoneinfo
from datetime import UTC, datetime, timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from panal.cells.contacts.machine import Plan, advance, begin, hurry
from panal.cells.contacts.models import Contact
from panal.cells.contacts.recorder import quiet_until

NOW = 1_000_000_000
DELAYS = st.lists(st.integers(0, 7200), max_size=6).map(lambda more: [0, *more])
PLANS = st.builds(Plan, DELAYS, st.integers(0, 4), st.integers(30, 7200))
JUMPS = st.lists(st.integers(-10_000_000, 50_000_000), max_size=60)


@given(PLANS, JUMPS, st.lists(st.booleans(), max_size=60))
def test_whatever_the_clock_does_each_step_is_told_once_and_in_order(plan, jumps, hurries):
    stand, now, found = begin(NOW), NOW, []
    for number, jump in enumerate(jumps):
        now += jump
        for _ in range(len(plan.delays_s) * (plan.repeats + 1) + 1):
            if stand is None:
                break
            move = advance(stand, plan, now)
            stand = move.stand
            if move.tell is None:
                break
            found.append(move.tell)
        if stand is not None and number < len(hurries) and hurries[number]:
            stand = hurry(stand, now)
    every = [(r, s) for r in range(plan.repeats + 1) for s in range(len(plan.delays_s))]
    assert found == every[: len(found)]
    assert (stand is None) == (len(found) == len(every))


@given(PLANS, st.integers(-10_000_000_000, 10_000_000_000))
def test_after_any_jump_of_the_clock_the_next_step_is_never_further_away_than_its_delay(plan, jump):
    move = advance(begin(NOW), plan, NOW)
    while move.stand is not None:
        later = advance(move.stand, plan, NOW + jump)
        if later.tell is None and later.stand is not None:
            longest = max(*plan.delays_s, plan.repeat_after_s) * 1000
            assert later.stand.due_ms - (NOW + jump) <= longest + 60_000
        move = advance(move.stand, plan, move.stand.due_ms)


ZONES = st.sampled_from(["Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
INSTANTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)).map(lambda at: at.replace(tzinfo=UTC, second=0))


@given(ZONES, INSTANTS, st.integers(0, 1439), st.integers(0, 1439))
@example("Europe/Madrid", datetime(2025, 3, 29, 1, 1, tzinfo=UTC), 121, 120)
@example("Europe/Madrid", datetime(2025, 3, 30, 0, 30, tzinfo=UTC), 60, 150)
@settings(max_examples=300)
def test_quiet_hours_end_at_their_minute_within_a_day_wherever_clocks_change(zone, now, begin_min, end_min):
    contact = Contact(time_zone=zone, quiet_from_min=begin_min, quiet_until_min=end_min)
    end = quiet_until(contact, now)
    if end is None:
        return
    assert now < end <= now + timedelta(hours=26)
    local = end.astimezone(zoneinfo.ZoneInfo(zone))
    before = (end - timedelta(minutes=1)).astimezone(zoneinfo.ZoneInfo(zone))
    minute, minute_before = local.hour * 60 + local.minute, before.hour * 60 + before.minute
    assert minute == end_min or minute_before < end_min < minute  # the clocks went forward over it


def test_a_night_in_madrid_when_the_clocks_change():
    night = Contact(time_zone="Europe/Madrid", quiet_from_min=22 * 60, quiet_until_min=7 * 60)
    assert quiet_until(night, datetime(2026, 3, 28, 23, tzinfo=UTC)) == datetime(2026, 3, 29, 5, tzinfo=UTC)
    assert quiet_until(night, datetime(2026, 10, 24, 22, tzinfo=UTC)) == datetime(2026, 10, 25, 6, tzinfo=UTC)
    assert quiet_until(night, datetime(2026, 10, 25, 6, tzinfo=UTC)) is None


def test_who_has_no_quiet_hours_is_told_at_any_time():
    assert quiet_until(Contact(), datetime(2026, 1, 1, tzinfo=UTC)) is None
