"""Which function writes which kind of message, and which are called as time goes by: read from the cells' cards."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from panal.cells import cards
from panal.cells.card import Recorder, load


@lru_cache(maxsize=1)
def recorders() -> dict[str, Recorder]:
    """By ledger kind, in the order of the cards: what others refer to comes first."""
    return {kind: load(reference) for card in cards() for kind, reference in card.recorders}


@lru_cache(maxsize=1)
def on_time() -> list[Callable[[datetime], object]]:
    """What changes by time alone, bottom to top: a command expires before the change it is part of is silent."""
    return [load(card.on_time) for card in cards() if card.on_time]
