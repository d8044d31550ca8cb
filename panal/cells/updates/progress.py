"""How one board's update goes, as the server sees it: a table of states and of what is heard.

What boards say may come late, twice or in the wrong order. An end that the board told itself is final; silence and a
cancellation are only our own conclusions, and give way to the board's word.
"""

QUEUED, WAITING = "queued", "waiting"
"""Its stage has not begun · the board may take it as soon as it asks."""
DOWNLOADING, INSTALLING, CONFIRMING = "downloading", "installing", "confirming"
DONE, ROLLED_BACK, REFUSED = "done", "rolled_back", "refused"
"""Refused: the board did not even try it; its reason says why."""
SILENT, CANCELLED, SKIPPED = "silent", "cancelled", "skipped"
"""It began and never told the end · taken back · it needs none: it has it, or a newer one, or is not ours any more."""

STATES = (
    *(QUEUED, WAITING, DOWNLOADING, INSTALLING, CONFIRMING),
    *(DONE, ROLLED_BACK, REFUSED, SILENT, CANCELLED, SKIPPED),
)
OPEN = (QUEUED, WAITING, DOWNLOADING, INSTALLING, CONFIRMING)
NOT_BEGUN = (QUEUED, WAITING)
UNDER_WAY = (DOWNLOADING, INSTALLING, CONFIRMING)
TROUBLE = (ROLLED_BACK, REFUSED, SILENT)
"""What an error threshold counts."""
AGAIN = (REFUSED, SILENT)
"""What a retry is for. A board that rolled a release back is not offered it any more."""
TAKES = (WAITING, *UNDER_WAY, SILENT)
"""A board in such a state may be offered its release: one that fell silent goes on when it comes back."""
UNCOUNTED = (CANCELLED, SKIPPED)
"""They are part of no percentage."""

TIME_OVER, GIVEN_UP, NEEDLESS = "time_over", "given_up", "needless"
OURS = (TIME_OVER, GIVEN_UP, NEEDLESS)
SAID = (DOWNLOADING, INSTALLING, CONFIRMING, DONE, ROLLED_BACK, REFUSED)
"""What a board says is the state it is then in."""

TABLE = {
    **{(before, said): said for before in (QUEUED, WAITING, SILENT, CANCELLED) for said in SAID},
    **{(before, said): said for before in UNDER_WAY for said in (DONE, ROLLED_BACK, REFUSED)},
    (DOWNLOADING, DOWNLOADING): DOWNLOADING,
    (DOWNLOADING, INSTALLING): INSTALLING,
    (DOWNLOADING, CONFIRMING): CONFIRMING,
    (INSTALLING, CONFIRMING): CONFIRMING,
    (SKIPPED, DONE): DONE,
    (SKIPPED, ROLLED_BACK): ROLLED_BACK,
    (SKIPPED, REFUSED): REFUSED,
    **{(state, TIME_OVER): SILENT for state in UNDER_WAY},
    **{(state, word): end for state in NOT_BEGUN for word, end in ((GIVEN_UP, CANCELLED), (NEEDLESS, SKIPPED))},
    **{(state, NEEDLESS): DONE for state in UNDER_WAY},
    (SILENT, NEEDLESS): DONE,
    (DONE, ROLLED_BACK): ROLLED_BACK,
}
"""What is not here changes nothing. A board that was under way and then runs the version (needless) has done it."""


def after(state: str, word: str) -> str:
    """The state once `word` is heard."""
    return TABLE.get((state, word), state)
