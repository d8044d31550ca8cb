"""The card of automations."""

from panal.cells.card import AlarmKind, Card, Entry

CARD = Card(
    name="automations",
    app=True,
    gateway="panal.cells.automations.gateway:HANDLERS",
    answers=(
        ("automations.refresh", "panal.cells.automations.recorder:refresh"),
        ("automations.run", "panal.cells.automations.runs:run_due"),
        ("automations.take_call", "panal.cells.automations.runs:take_call"),
        ("automations.make_call", "panal.cells.automations.runs:make_call"),
    ),
    witness="panal.cells.automations.recorder:witness",
    on_time="panal.cells.automations.recorder:on_time",
    prune="panal.cells.automations.runs:prune",
    alarm_kinds=(AlarmKind("automations.alert", "Alert of an automation", "urgent", "workflow"),),
    rest="panal.cells.automations.rest:router",
    urls="panal.cells.automations.urls",
    words="panal.cells.automations.words:WORDS",
    parts=(("door", "panal.cells.automations.views:door_part"),),
    navigation=(Entry("Automations", "automations", "workflow"),),
)
