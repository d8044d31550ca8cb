"""The card of accounts."""

from panal.cells.card import Card, Entry

CARD = Card(
    name="accounts",
    app=True,
    rest="panal.cells.accounts.rest:router",
    urls="panal.cells.accounts.urls",
    words="panal.cells.accounts.words:WORDS",
    navigation=(
        Entry("People", "people", "users", "account"),
        Entry("Machine tokens", "tokens", "key-round", "account"),
        Entry("Audit log", "audit", "scroll-text", "account", shown="panal.control.page:may_manage"),
        Entry("Accounts", "accounts", "building-2", "staff"),
    ),
)
