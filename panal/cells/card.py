"""What a cell says about itself: plain data, read by the gateway, the control plane and the board's build."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """One line of the navigation: `label` is an English message id, `url` a URL name, `icon` a lucide name."""

    label: str
    url: str
    icon: str
    section: str = ""
    """"" what people do every day · "account" how an account is run · "staff" for the operator's people only."""
    number: str = ""
    """"module:function(request)": a number that stands beside it, where it is not 0."""
    shown: str = ""
    """"module:function(request) -> bool": whether this person may open it; "" is everybody."""


class AlarmKind(NamedTuple):
    """A kind of alert that a cell raises; `kind` begins with the cell's name, `label` is an English message id.

    `urgency`: "emergency" wakes people up at night · "urgent" · "notice" is told once.
    """

    kind: str
    label: str
    urgency: str
    icon: str


class Card(NamedTuple):
    """A cell's card. Whatever is code is named as "module:attribute", so that reading a card imports nothing."""

    name: str
    app: bool = False
    """Has models, migrations and pages: a Django application `panal.cells.<name>`."""
    gateway: str = ""
    """The data plane's handlers: an attribute of type `panal.gateway.cell.Handlers`."""
    recorders: tuple[tuple[str, str], ...] = ()
    """(ledger kind, recorder). A recorder writes a batch: `record(batch, now) -> list of answers`, same length."""
    event_kinds: tuple[str, ...] = ()
    """Kinds of event this cell takes from devices, as they stand on the wire."""
    event_recorder: str = ""
    """The ledger kind that takes those events."""
    reports: tuple[tuple[str, str], ...] = ()
    """(name in a board's reported state, "module:function([Said, …])"): called in the transaction that stores it."""
    answers: tuple[tuple[str, str], ...] = ()
    """(question, "module:function"): what its data plane may ask of the database by `store.ask(question, …)`."""
    own_commands: tuple[str, ...] = ()
    """Commands that only this cell's own actions send: the general ways of sending a command refuse them."""
    on_time: str = ""
    """"module:function(now)": what time alone changes; called every few seconds."""
    prune: str = ""
    """"module:function(now) -> int": what has been kept for long enough goes, once an hour; how many rows went."""
    witness: str = ""
    """"module:function(events)": sees every domain event inside the transaction that it is published in, and may write
    what follows from it. It is called wherever something happens: it costs nothing where nothing follows."""
    urls: str = ""
    """A Django URL module, mounted at `/<url prefix chosen inside it>`."""
    rest: str = ""
    """A django-ninja router, mounted under /api/v1/manage/."""
    navigation: tuple[Entry, ...] = ()
    alarm_kinds: tuple[AlarmKind, ...] = ()
    """What this cell raises by `contacts.api.raise_alarms`."""
    parts: tuple[tuple[str, str], ...] = ()
    """What this cell adds to pages that are not its own: ("overview", "selection", "device" or "door",
    "module:function"). The function takes (request, account or None) or (request, device) and returns
    `control.page.Part` or None. A selection's part is a button for the devices that are ticked; it is sent their ids as
    `device`."""
    frame: str = ""
    """A URL name: what every page fetches and keeps out of sight, again on the topic "home" (panal.js)."""
    words: str = ""
    """How the audit log is read: "module:WORDS", label and icon by object type and by verb."""
    board: str = ""
    """The module that a board with this cell runs."""


def load(reference: str) -> Any:
    """The object that "module:attribute" names."""
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)


Recorder = Callable[[list[Any], Any], list[Any]]
