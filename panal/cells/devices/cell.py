"""The card of devices."""

from panal.cells.card import AlarmKind, Card, Entry

CARD = Card(
    name="devices",
    app=True,
    recorders=tuple(
        (f"devices.{kind}", f"panal.cells.devices.recorder:record_{kind}")
        for kind in ("hello", "heartbeat", "telemetry", "log", "presence", "sent", "reported", "answer")
    ),
    gateway="panal.cells.devices.gateway:HANDLERS",
    rest="panal.cells.devices.rest:router",
    urls="panal.cells.devices.urls",
    on_time="panal.cells.devices.api:expire",
    words="panal.cells.devices.words:WORDS",
    navigation=(
        Entry("Devices", "devices", "router"),
        Entry("Fleet", "fleet", "layout-grid"),
        Entry("Sectors", "sectors", "map-pin"),
        Entry("Groups", "groups", "boxes"),
        Entry("Add a device", "claim", "scan-qr-code", "account"),
        Entry("Batches", "batches", "package", "staff"),
    ),
    alarm_kinds=(
        AlarmKind("devices.offline", "Device offline", "notice", "wifi-off"),
        AlarmKind("devices.battery", "Battery low", "notice", "battery-low"),
    ),
    parts=(
        ("overview", "panal.cells.devices.views:fleet_part"),
        ("overview", "panal.cells.devices.views:attention_part"),
    ),
)
