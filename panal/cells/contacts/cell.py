"""The card of contacts."""

from panal.cells.card import Card, Entry

CARD = Card(
    name="contacts",
    app=True,
    recorders=(
        ("contacts.claim", "panal.cells.contacts.recorder:record_claims"),
        ("contacts.tried", "panal.cells.contacts.recorder:record_tried"),
    ),
    answers=(
        ("contacts.is_due", "panal.cells.contacts.recorder:is_due"),
        ("contacts.on_start", "panal.cells.contacts.recorder:on_start"),
        ("contacts.warm", "panal.cells.contacts.recorder:warm"),
        ("contacts.send", "panal.cells.contacts.recorder:send_notice"),
    ),
    gateway="panal.cells.contacts.gateway:HANDLERS",
    rest="panal.cells.contacts.rest:router",
    urls="panal.cells.contacts.urls",
    prune="panal.cells.contacts.inquiries:prune",
    words="panal.cells.contacts.words:WORDS",
    navigation=(
        Entry("Alerts", "alerts", "bell-ring", number="panal.cells.contacts.queries:open_count"),
        Entry("Inbox", "inbox", "inbox", "staff", shown="panal.cells.contacts.inbox_views:may_open_inbox"),
    ),
    parts=(("overview", "panal.cells.contacts.views:overview_part"),),
)
