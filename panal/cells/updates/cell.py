"""The card of updates."""

from panal.cells.card import Card, Entry

CARD = Card(
    name="updates",
    app=True,
    recorders=(
        ("updates.asked", "panal.cells.updates.recorder:record_asked"),
        ("updates.told", "panal.cells.updates.recorder:record_told"),
    ),
    answers=(("updates.artifact", "panal.cells.updates.queries:artifact_of"),),
    gateway="panal.cells.updates.gateway:HANDLERS",
    rest="panal.cells.updates.rest:router",
    urls="panal.cells.updates.urls",
    navigation=(Entry("Updates", "updates", "cloud-download", "staff"),),
    parts=(
        ("device", "panal.cells.updates.views:device_part"),
        ("selection", "panal.cells.updates.views:selection_part"),
    ),
    words="panal.cells.updates.words:WORDS",
    on_time="panal.cells.updates.recorder:on_time",
    prune="panal.cells.updates.actions:prune_artifacts",
)
