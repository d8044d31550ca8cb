"""The card of lights."""

from panal.cells.card import Card, Entry

CARD = Card(
    name="lights",
    app=True,
    recorders=(("lights.around", "panal.cells.lights.recorder:record_around"),),
    reports=(("lights", "panal.cells.lights.recorder:follow_reports"),),
    gateway="panal.cells.lights.gateway:HANDLERS",
    urls="panal.cells.lights.urls",
    words="panal.cells.lights.words:WORDS",
    navigation=(Entry("Lights", "lights", "lightbulb"),),
    frame="home_state",
    parts=(
        ("overview", "panal.cells.lights.views:overview_part"),
        ("device", "panal.cells.lights.views:device_part"),
    ),
    on_time="panal.cells.lights.recorder:expire",
)
