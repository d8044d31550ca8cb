"""The card of contacts."""

from panal.cells.card import Card

CARD = Card(name="contacts", app=True)
