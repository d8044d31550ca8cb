"""The card of doors."""

from panal.cells.card import AlarmKind, Card, Entry

from .messages import KINDS

CARD = Card(
    name="access",
    app=True,
    recorders=(
        ("access.event", "panal.cells.access.recorder:record_events"),
        ("access.finished", "panal.cells.access.recorder:record_finished"),
        ("access.renewals", "panal.cells.access.recorder:record_renewals"),
    ),
    event_kinds=KINDS,
    event_recorder="access.event",
    answers=(
        ("access.acknowledged", "panal.cells.access.actions:acknowledge_told"),
        ("access.page", "panal.cells.access.lists:page"),
        ("access.is_older", "panal.cells.access.queries:is_older"),
        ("access.renew_account", "panal.cells.access.lists:renew_account"),
    ),
    own_commands=("door.unlock", "door.enroll"),
    gateway="panal.cells.access.gateway:HANDLERS",
    rest="panal.cells.access.rest:router",
    urls="panal.cells.access.urls",
    words="panal.cells.access.words:WORDS",
    navigation=(Entry("Doors", "doors", "door-closed"),),
    alarm_kinds=(
        AlarmKind("access.forced", "Door opened by force", "urgent", "shield-alert"),
        AlarmKind("access.held", "Door held open", "urgent", "door-open"),
        AlarmKind("access.jammed", "Lock jammed", "urgent", "lock-keyhole"),
        AlarmKind("access.paused", "Entry paused after too many mistakes", "notice", "timer"),
    ),
    parts=(
        ("overview", "panal.cells.access.views:overview_part"),
        ("device", "panal.cells.access.views:device_part"),
    ),
)
