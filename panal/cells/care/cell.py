"""The card of care."""

from panal.cells.card import Card

from .messages import KINDS

CARD = Card(
    name="care",
    app=True,
    recorders=(
        ("care.event", "panal.cells.care.recorder:record_events"),
        ("care.samples", "panal.cells.care.recorder:record_samples"),
    ),
    event_kinds=KINDS,
    event_recorder="care.event",
    gateway="panal.cells.care.gateway:HANDLERS",
    rest="panal.cells.care.rest:router",
)
