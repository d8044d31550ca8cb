"""What people say of an event, and what follows: the one table of its states."""

OPEN = "open"  # nobody has said what it was
CONFIRMED = "confirmed"  # somebody saw that it was real; not over yet
FALSE_ALARM = "false_alarm"  # somebody saw that it was nothing
RESOLVED = "resolved"  # over: nothing is left to do
STATES = (OPEN, CONFIRMED, FALSE_ALARM, RESOLVED)

CONFIRM = "confirm"
DISMISS = "dismiss"
RESOLVE = "resolve"
REOPEN = "reopen"
ACTIONS = (CONFIRM, DISMISS, RESOLVE, REOPEN)

ACKNOWLEDGE = "acknowledge"  # somebody is on their way; changes no state
ESCALATE = "escalate"  # a doubt that nobody looked at in time counts as a fall; changes no state
CANCEL = "cancel"  # the wearer said that nothing happened
LIKELY = "likely"  # the second stage finds what the board only suspected likely; changes no state
DOUBT = "doubt"  # the second stage finds a fall unlikely; changes no state

FALL = "fall"
VERDICTS = (FALL, FALSE_ALARM)

TABLE = {
    (OPEN, CONFIRM): CONFIRMED,
    (OPEN, DISMISS): FALSE_ALARM,
    (OPEN, RESOLVE): RESOLVED,
    (CONFIRMED, DISMISS): FALSE_ALARM,
    (CONFIRMED, RESOLVE): RESOLVED,
    (FALSE_ALARM, CONFIRM): CONFIRMED,
    (FALSE_ALARM, REOPEN): OPEN,
    (RESOLVED, CONFIRM): CONFIRMED,
    (RESOLVED, DISMISS): FALSE_ALARM,
    (RESOLVED, REOPEN): OPEN,
}

ALARMING = ("FALL", "EMERGENCY_BUTTON")
"""Kinds for which people are woken; the others are only told of."""


def begins(kind: str, *, is_cancelled: bool) -> str:
    """The state of a new event: what wakes nobody waits for nobody."""
    return OPEN if wakes(kind, is_cancelled=is_cancelled) else RESOLVED


def wakes(kind: str, *, is_cancelled: bool) -> bool:
    return kind in ALARMING and not is_cancelled


def possible(state: str) -> tuple[str, ...]:
    """What may be said of an event in this state, in the order of its buttons."""
    return tuple(action for action in ACTIONS if (state, action) in TABLE)


def verdict(before: str, action: str) -> str:
    """What it was, as far as people have said: resolving it says nothing about that."""
    return {CONFIRM: FALL, DISMISS: FALSE_ALARM, REOPEN: ""}.get(action, before)


def is_over(state: str) -> bool:
    """Whether those who were told may hear that it is over."""
    return state in (FALSE_ALARM, RESOLVED)
