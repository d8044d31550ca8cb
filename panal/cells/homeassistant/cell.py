"""The card of Home Assistant."""

from panal.cells.card import Card, Entry

CARD = Card(
    name="homeassistant",
    app=True,
    answers=(
        ("homeassistant.homes", "panal.cells.homeassistant.queries:homes"),
        ("homeassistant.admit", "panal.cells.homeassistant.queries:admit"),
        ("homeassistant.things", "panal.cells.homeassistant.queries:things"),
        ("homeassistant.told", "panal.cells.homeassistant.actions:note_told"),
        ("homeassistant.obey", "panal.cells.homeassistant.actions:obey"),
    ),
    gateway="panal.cells.homeassistant.gateway:HANDLERS",
    urls="panal.cells.homeassistant.urls",
    words="panal.cells.homeassistant.words:WORDS",
    navigation=(
        Entry("Home Assistant", "homeassistant", "house-plug", "account", shown="panal.control.page:may_manage"),
    ),
)
