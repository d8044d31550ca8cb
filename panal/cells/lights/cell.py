"""The card of lights."""

from panal.cells.card import Card, Entry

CARD = Card(
    name="lights",
    app=True,
    recorders=(
        ("lights.around", "panal.cells.lights.recorder:record_around"),
        ("lights.older_checked", "panal.cells.lights.older:record_checked"),
        ("lights.older_pushed", "panal.cells.lights.older:record_pushed"),
    ),
    answers=(
        ("lights.status", "panal.cells.lights.older:status"),
        ("lights.older_ids", "panal.cells.lights.older:ids"),
        ("lights.older_due", "panal.cells.lights.older:due"),
        ("lights.older_orders", "panal.cells.lights.older:orders"),
        ("lights.older_timers", "panal.cells.lights.older:timers_over"),
        ("lights.older_push", "panal.cells.lights.older:next_push"),
    ),
    reports=(("lights", "panal.cells.lights.recorder:follow_reports"),),
    gateway="panal.cells.lights.gateway:HANDLERS",
    rest="panal.cells.lights.rest:router",
    urls="panal.cells.lights.urls",
    words="panal.cells.lights.words:WORDS",
    navigation=(Entry("Lights", "lights", "lightbulb"),),
    frame="home_state",
    parts=(
        ("overview", "panal.cells.lights.views:overview_part"),
        ("device", "panal.cells.lights.views:device_part"),
    ),
    on_time="panal.cells.lights.recorder:expire",
    prune="panal.cells.lights.recorder:prune",
)
