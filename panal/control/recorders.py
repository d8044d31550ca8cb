"""Which function writes which kind of message: read from the cells' cards."""

from functools import lru_cache

from panal.cells import cards
from panal.cells.card import Recorder, load


@lru_cache(maxsize=1)
def recorders() -> dict[str, Recorder]:
    """By ledger kind, in the order of the cards: what others refer to comes first."""
    return {kind: load(reference) for card in cards() for kind, reference in card.recorders}
