"""Which function records a kind of message, answers a question, is called as time goes by: from the cells' cards."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from panal.cells import cards
from panal.cells.card import Recorder, load
from panal.gateway.store import DomainEvent


@lru_cache(maxsize=1)
def recorders() -> dict[str, Recorder]:
    """By ledger kind, in the order of the cards: what others refer to comes first."""
    return {kind: load(reference) for card in cards() for kind, reference in card.recorders}


@lru_cache(maxsize=1)
def on_time() -> list[Callable[[datetime], object]]:
    """What changes by time alone, bottom to top: a command expires before the change it is part of is silent."""
    return [load(card.on_time) for card in cards() if card.on_time]


@lru_cache(maxsize=1)
def witnesses() -> list[Callable[[tuple[DomainEvent, ...]], None]]:
    """What sees every domain event inside the transaction that it is published in."""
    return [load(card.witness) for card in cards() if card.witness]


@lru_cache(maxsize=1)
def prunes() -> list[Callable[[datetime], int]]:
    """What takes away what has been kept for long enough."""
    return [load(card.prune) for card in cards() if card.prune]


@lru_cache(maxsize=1)
def answers() -> dict[str, Callable[..., Any]]:
    """By question."""
    return {question: load(reference) for card in cards() for question, reference in card.answers}
