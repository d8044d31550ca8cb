"""The card of lights."""

from panal.cells.card import Card

CARD = Card(name="lights")
