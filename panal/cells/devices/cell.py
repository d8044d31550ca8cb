"""The card of devices."""

from panal.cells.card import Card

CARD = Card(
    name="devices",
    app=True,
    recorders=tuple(
        (f"devices.{kind}", f"panal.cells.devices.recorder:record_{kind}")
        for kind in ("hello", "heartbeat", "telemetry", "log", "presence", "sent", "reported", "answer")
    ),
    gateway="panal.cells.devices.gateway:HANDLERS",
    rest="panal.cells.devices.rest:router",
)
