"""The card of automations."""

from panal.cells.card import Card

CARD = Card(name="automations")
