"""The card of cameras."""

from panal.cells.card import AlarmKind, Card, Entry

CARD = Card(
    name="cameras",
    app=True,
    gateway="panal.cells.cameras.gateway:HANDLERS",
    recorders=tuple(
        (f"cameras.{kind}", f"panal.cells.cameras.recorder:record_{kind}")
        for kind in ("seen", "gone", "response", "image", "clip", "motion", "storage", "progress")
    ),
    rest="panal.cells.cameras.rest:router",
    urls="panal.cells.cameras.urls",
    navigation=(Entry("Cameras", "cameras", "cctv"),),
    alarm_kinds=(AlarmKind("cameras.offline", "Camera offline", "urgent", "video-off"),),
    parts=(
        ("overview", "panal.cells.cameras.views:overview_part"),
        ("device", "panal.cells.cameras.views:device_part"),
    ),
    on_time="panal.cells.cameras.alarms:on_time",
    words="panal.cells.cameras.words:WORDS",
    answers=(
        ("cameras.settings", "panal.cells.cameras.queries:settings_of"),
        ("cameras.viewer", "panal.cells.cameras.actions:viewer"),
        ("cameras.older_command", "panal.cells.cameras.actions:older_command"),
        ("cameras.older_auto_save", "panal.cells.cameras.actions:older_auto_save"),
        ("cameras.connected", "panal.cells.cameras.queries:connected"),
        ("cameras.default_for", "panal.cells.cameras.queries:default_for"),
        ("cameras.operator", "panal.cells.cameras.actions:operator"),
        ("cameras.command", "panal.cells.cameras.actions:command"),
        ("cameras.auto_save", "panal.cells.cameras.actions:auto_save"),
        ("cameras.known_images", "panal.cells.cameras.queries:known_images"),
        ("cameras.next_job", "panal.cells.cameras.recorder:next_job"),
    ),
)
