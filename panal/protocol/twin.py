"""The twin: what we want of a device (`desired`) and what it says of itself (`reported`), each with its version.

Partial documents are merge patches (RFC 7396): null deletes, an object is merged, anything else replaces.
"""

from panal.protocol.errors import BadRequest

MAX_BYTES = 8192


def merge(document, patch):
    """A new document: `document` with `patch` laid over it. Neither argument is changed."""
    merged = {} if not isinstance(document, dict) else document.copy()
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = merge(merged.get(key), value)
        else:
            merged[key] = value
    return merged


def difference(old, new):
    """The patch for which `merge(old, patch) == new`."""
    patch = {key: None for key in old if key not in new}
    for key, value in new.items():
        if key not in old or old[key] != value:
            both = isinstance(value, dict) and isinstance(old.get(key), dict)
            patch[key] = difference(old[key], value) if both else value
    return patch


def pending(desired, reported):
    """The names of desired values (top level) that the device does not report yet, sorted."""
    return sorted(key for key, value in desired.items() if not _contains(reported.get(key), value))


def _contains(have, want):
    if isinstance(want, dict) and isinstance(have, dict):
        return all(_contains(have.get(key), value) for key, value in want.items())
    return have == want


class Board:
    """The board's side: takes every newer desired document whole, and says which version it answers."""

    def __init__(self, version=0, state=None):
        self.version = version
        self.state = state or {}
        self._events = []
        self._messages = []

    def receive_desired(self, document):
        """From the server: `{"version": int, "state": {…}}`. Older ones and nonsense change nothing."""
        version, state = document.get("version"), document.get("state")
        if isinstance(version, int) and isinstance(state, dict) and version > self.version:
            self.version, self.state = version, state
            self._events.append((version, state))

    def report(self, patch):
        """We have changed something about us; `patch` is a merge patch."""
        self._messages.append({"version": self.version, "state": patch})

    def events(self):
        """Desired documents to obey, as (version, state); handed over once."""
        events, self._events = self._events, []
        return events

    def messages_to_send(self):
        """`reported` documents for the server; handed over once."""
        messages, self._messages = self._messages, []
        return messages


def parse_reported(document):
    """(version, state) of a `reported` document. Raises BadRequest."""
    version, state = document.get("version", 0), document.get("state")
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        raise BadRequest("bad_version", "version is a whole number", field="version")
    if not isinstance(state, dict):
        raise BadRequest("bad_state", "state is an object", field="state")
    return version, state
