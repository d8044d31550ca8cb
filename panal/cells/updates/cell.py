"""The card of updates."""

from panal.cells.card import Card

CARD = Card(name="updates")
