"""The card of wifi."""

from panal.cells.card import Card, Entry

CARD = Card(
    name="wifi",
    app=True,
    recorders=(("wifi.news", "panal.cells.wifi.recorder:record_news"),),
    gateway="panal.cells.wifi.gateway:HANDLERS",
    rest="panal.cells.wifi.rest:router",
    urls="panal.cells.wifi.urls",
    words="panal.cells.wifi.words:WORDS",
    on_time="panal.cells.wifi.recorder:on_time",
    navigation=(Entry("Wi-Fi", "wifi", "wifi"),),
    parts=(
        ("device", "panal.cells.wifi.views:device_part"),
        ("selection", "panal.cells.wifi.views:selection_part"),
    ),
)
