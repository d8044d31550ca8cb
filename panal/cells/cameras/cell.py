"""The card of cameras."""

from panal.cells.card import Card

CARD = Card(
    name="cameras",
    app=True,
    gateway="panal.cells.cameras.gateway:HANDLERS",
    recorders=tuple(
        (f"cameras.{kind}", f"panal.cells.cameras.recorder:record_{kind}")
        for kind in ("seen", "gone", "response", "image", "clip", "motion", "storage", "progress")
    ),
    answers=(
        ("cameras.settings", "panal.cells.cameras.queries:settings_of"),
        ("cameras.viewer", "panal.cells.cameras.actions:viewer"),
        ("cameras.default_for", "panal.cells.cameras.queries:default_for"),
        ("cameras.command", "panal.cells.cameras.actions:command"),
    ),
)
