"""How an alert goes through its policy: which step is next and when. No clock, no rows, no people.

The first step comes at once, each other one its delay after the one before was carried out. After the last one the
round begins again, `repeats` times. A server that was away carries out what is due and goes on from there, so people
keep the time that a step gives them; a clock that was set back makes nobody wait longer than a step takes.
"""

from collections import namedtuple

SET_BACK_MS = 60_000
"""Clocks of two replicas differ by less; what was written further in the future was written before the clock was set
back."""

# delays_s: seconds before each step, the first is 0; repeats: further rounds; repeat_after_s: before each of them
Plan = namedtuple("Plan", "delays_s repeats repeat_after_s")

# round, step: what is carried out next; due_ms: when; set_ms: when that was decided
Stand = namedtuple("Stand", "round step due_ms set_ms")

# tell: (round, step) whose people are told now, or None; stand: what comes next, or None where it has ended
Move = namedtuple("Move", "tell stand")


def begin(now_ms):
    return Stand(0, 0, now_ms, now_ms)


def advance(stand, plan, now_ms):
    """What is to be done at this time; call again until nothing is told."""
    if stand.set_ms > now_ms + SET_BACK_MS:
        stand = Stand(stand.round, stand.step, now_ms + _delay_ms(stand, plan), now_ms)
    if now_ms < stand.due_ms:
        return Move(None, stand)
    if stand.step >= len(plan.delays_s):  # the policy has become shorter
        following = _next_round(stand, plan, now_ms)
        return Move(None, following)
    return Move((stand.round, stand.step), _following(stand, plan, now_ms))


def hurry(stand, now_ms):
    """Nobody of the last step could be reached: the next one comes at once. Ends nothing and repeats nothing."""
    if stand.step == 0 or stand.due_ms <= now_ms:
        return stand
    return Stand(stand.round, stand.step, now_ms, now_ms)


def _following(stand, plan, now_ms):
    if stand.step + 1 < len(plan.delays_s):
        return Stand(stand.round, stand.step + 1, now_ms + plan.delays_s[stand.step + 1] * 1000, now_ms)
    return _next_round(stand, plan, now_ms)


def _next_round(stand, plan, now_ms):
    if stand.round >= plan.repeats or not plan.delays_s:
        return None
    return Stand(stand.round + 1, 0, now_ms + plan.repeat_after_s * 1000, now_ms)


def _delay_ms(stand, plan):
    if stand.step == 0:
        return plan.repeat_after_s * 1000 if stand.round else 0
    return plan.delays_s[stand.step] * 1000 if stand.step < len(plan.delays_s) else 0
