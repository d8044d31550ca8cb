"""How one device's change of network goes, as the server sees it: a table of states and of what is heard.

What is heard is read from two places that may speak late, twice or in the wrong order: what the board reports of
itself, and the outcome of its command. An outcome that the board told itself is final; silence and a cancellation are
only our own conclusions, and give way to the board's word.
"""

WAITING, TRYING = "waiting", "trying"
CHANGED, KEPT, SILENT, CANCELLED = "changed", "kept", "silent", "cancelled"
REFUSED = "refused"
"""Kept, because the board did not begin (see REFUSALS): not a state of its own for people."""
OPEN = (WAITING, TRYING)
STATES = (WAITING, TRYING, CHANGED, KEPT, SILENT, CANCELLED)

HEARD_TRYING, HEARD_CHANGED, HEARD_KEPT = "heard_trying", "heard_changed", "heard_kept"
HEARD_REFUSED = "heard_refused"
TIME_OVER = "time_over"
GIVEN_UP = "given_up"
WORDS = (HEARD_TRYING, HEARD_CHANGED, HEARD_KEPT, HEARD_REFUSED, TIME_OVER, GIVEN_UP)

REFUSALS = (
    *("old_rev", "bad_envelope", "busy", "unknown_command", "bad_args", "bad_mac", "no_clock", "expired"),
    *("interrupted", "crashed"),
)
"""Reasons for which a board does not begin, or does not know how far it came. A board that lost power while it tried
answers `interrupted`, or refuses its own command when it is said again (old_rev), and then reports how the trial
ended: that report counts."""

TABLE = {
    (WAITING, HEARD_TRYING): TRYING,
    (WAITING, HEARD_CHANGED): CHANGED,
    (WAITING, HEARD_KEPT): KEPT,
    (WAITING, HEARD_REFUSED): REFUSED,
    (WAITING, TIME_OVER): SILENT,
    (WAITING, GIVEN_UP): CANCELLED,
    (TRYING, HEARD_CHANGED): CHANGED,
    (TRYING, HEARD_KEPT): KEPT,
    (TRYING, TIME_OVER): SILENT,
    (REFUSED, HEARD_TRYING): TRYING,
    (REFUSED, HEARD_CHANGED): CHANGED,
    (REFUSED, HEARD_KEPT): KEPT,
    (SILENT, HEARD_CHANGED): CHANGED,
    (SILENT, HEARD_KEPT): KEPT,
    (CANCELLED, HEARD_TRYING): TRYING,
    (CANCELLED, HEARD_CHANGED): CHANGED,
    (CANCELLED, HEARD_KEPT): KEPT,
}
"""What is not here changes nothing."""

HEARD = {"trying": HEARD_TRYING, "changed": HEARD_CHANGED, "kept": HEARD_KEPT}


def after(state: str, reason: str, word: str, told: str = "") -> tuple[str, str]:
    """State and reason once `word` is heard; `told` is the reason that came with it."""
    stage = REFUSED if state == KEPT and reason in REFUSALS else state
    found = TABLE.get((stage, word))
    if found is None:
        return state, reason
    return (KEPT if found == REFUSED else found), (told if found in (KEPT, REFUSED) else "")


def of_report(report: object, rev: int) -> tuple[str, str] | None:
    """The word in what a board reports as `wifi`, if it is about this change."""
    if not isinstance(report, dict) or report.get("rev") != rev or isinstance(report.get("rev"), bool):
        return None
    word, told = HEARD.get(str(report.get("state"))), _reason(report.get("reason"))
    return (_kept(told) if word == HEARD_KEPT else word, told) if word else None


def of_command(status: str, error_code: str) -> tuple[str, str] | None:
    """The word in a command's outcome."""
    if status == "done":
        return HEARD_CHANGED, ""
    if status in ("failed", "rejected"):
        return _kept(error_code), _reason(error_code) or "unknown"
    return {"expired": (TIME_OVER, ""), "cancelled": (GIVEN_UP, "")}.get(status)


def _kept(told: str) -> str:
    return HEARD_REFUSED if told in REFUSALS else HEARD_KEPT


def _reason(text: object) -> str:
    """A board's own word, short; sentences for people are made of it elsewhere."""
    return text[:32] if isinstance(text, str) else ""
