"""The kinds of alert there are, from the cells' cards."""

from functools import lru_cache

from panal.cells import cards
from panal.cells.card import AlarmKind

from .models import Urgency


@lru_cache(maxsize=1)
def kinds() -> dict[str, AlarmKind]:
    return {kind.kind: kind for card in cards() for kind in card.alarm_kinds}


def kind_of(kind: str) -> AlarmKind:
    """One that no card names any more is urgent, and called by its own word."""
    return kinds().get(kind) or AlarmKind(kind, kind, Urgency.URGENT, "siren")
