"""The card of accounts."""

from panal.cells.card import Card

CARD = Card(
    name="accounts",
    app=True,
    rest="panal.cells.accounts.rest:router",
)
