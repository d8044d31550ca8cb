"""The card of lights."""

from panal.cells.card import Card

CARD = Card(
    name="lights",
    app=True,
    recorders=(("lights.around", "panal.cells.lights.recorder:record_around"),),
    reports=(("lights", "panal.cells.lights.recorder:follow_reports"),),
    gateway="panal.cells.lights.gateway:HANDLERS",
    on_time="panal.cells.lights.recorder:expire",
)
