"""Events on flash until the server has them: ten at most, safe from a power cut at any instant.

One file for one event, named by its number: written beside, sealed with a CRC, then renamed into place; forgetting is
removing. Each of the two is atomic on LittleFS, so there is no state in which an event is half here.
"""

import json

CAPACITY = 10
FOLDER = "events"
DRAFT = FOLDER + "/draft"


class Queue:
    def __init__(self, storage, log, capacity=CAPACITY):
        self._storage = storage
        self._log = log
        self._capacity = capacity
        self.changed = None  # called with the number of events whenever it is another one
        self._entries = []  # (number, event), oldest first
        self._held = []  # uids that wait for something; nobody remembers that after a power cut
        storage.folder(FOLDER)
        storage.remove(DRAFT)
        self._load()

    def _load(self):
        for number in sorted(int(name) for name in self._storage.names(FOLDER) if name.isdigit()):
            event = self._read(number)
            if event is None:
                self._log.error("event file %d was damaged" % number)
                self._storage.remove(_name(number))
            else:
                self._entries.append((number, event))
        self._make_room()  # the power may have gone between adding one and dropping another

    def _read(self, number):
        text = self._storage.read_one(_name(number))
        try:
            return None if text is None else json.loads(text)
        except ValueError:
            return None

    def __len__(self):
        return len(self._entries)

    def oldest(self):
        """The event to hand over next, or None."""
        for _, event in self._entries:
            if event["uid"] not in self._held:
                return event
        return None

    def uids(self):
        return [event["uid"] for _, event in self._entries]

    def add(self, event):
        """Keep an event: `{"uid","kind","at_ms","data"}`. After it, the event is on flash (or was the one to drop)."""
        if len(self._entries) >= self._capacity and event["kind"] == "TILT" and self._tilt() is None:
            self._log.warning("queue full: TILT dropped")
            return
        number = self._entries[-1][0] + 1 if self._entries else 1
        self._storage.write_one(DRAFT, json.dumps(event))
        self._storage.rename(DRAFT, _name(number))
        self._entries.append((number, event))
        self._make_room()
        self._tell()

    def forget(self, uid):
        """The server has this event, or never wants it. An unknown uid is nothing new."""
        for entry in self._entries:
            if entry[1]["uid"] == uid:
                self._remove(entry)
                self._tell()
                return

    def hold(self, uid):
        """Keep an event that is about to be added, and hand it over only once it is released or the board restarts."""
        self._held.append(uid)

    def release(self, uid, data=None):
        """Hand it over from now on; with `data`, which then is the event's on flash too, at once or not at all."""
        if uid in self._held:
            self._held.remove(uid)
        for number, event in self._entries:
            if event["uid"] == uid and data is not None:
                event["data"] = data
                self._storage.write_one(DRAFT, json.dumps(event))
                self._storage.rename(DRAFT, _name(number))

    def _tell(self):
        if self.changed is not None:
            self.changed(len(self._entries))

    def _make_room(self):
        while len(self._entries) > self._capacity:
            entry = self._tilt() or self._entries[0]
            self._log.warning("queue full: %s dropped" % entry[1]["kind"])
            self._remove(entry)

    def _tilt(self):
        """The oldest TILT: it is the least of a wearer's events, so it goes first (docs/boards/wearable-1.md)."""
        for entry in self._entries:
            if entry[1]["kind"] == "TILT":
                return entry
        return None

    def _remove(self, entry):
        self._storage.remove(_name(entry[0]))
        self._entries.remove(entry)


def _name(number):
    return FOLDER + "/%06d" % number
