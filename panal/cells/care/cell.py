"""The card of care."""

from panal.cells.card import AlarmKind, Card, Entry

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
    reports=(("worn", "panal.cells.care.faults:follow"),),
    answers=(
        ("care.judge", "panal.cells.care.upkeep:judge"),
        ("care.acknowledged", "panal.cells.care.upkeep:acknowledged"),
    ),
    on_time="panal.cells.care.upkeep:on_time",
    prune="panal.cells.care.upkeep:prune",
    gateway="panal.cells.care.gateway:HANDLERS",
    rest="panal.cells.care.rest:router",
    urls="panal.cells.care.urls",
    words="panal.cells.care.words:WORDS",
    navigation=(Entry("Events", "events", "siren"), Entry("Wearers", "wearers", "heart-handshake")),
    alarm_kinds=(
        AlarmKind("care.fall", "Fall", "emergency", "person-standing"),
        AlarmKind("care.button", "Emergency button", "emergency", "siren"),
        AlarmKind("care.doubt", "Perhaps a fall", "urgent", "circle-question-mark"),
        AlarmKind("care.tilt", "Tilt", "notice", "rotate-3d"),
        AlarmKind("care.silent", "Wearable gives no sign of life", "urgent", "wifi-off"),
        AlarmKind("care.battery", "Wearable's battery is low", "notice", "battery-low"),
        AlarmKind("care.not_worn", "Wearable is not worn", "notice", "shirt"),
    ),
    parts=(
        ("overview", "panal.cells.care.views:overview_part"),
        ("device", "panal.cells.care.views:device_part"),
    ),
)
