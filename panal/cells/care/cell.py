"""The card of care."""

from panal.cells.card import Card, Entry

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
    urls="panal.cells.care.urls",
    navigation=(Entry("Events", "events", "siren"),),
    parts=(
        ("overview", "panal.cells.care.views:overview_part"),
        ("device", "panal.cells.care.views:device_part"),
    ),
)
