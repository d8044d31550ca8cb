"""Events in a log that people can read, for boards with many of them: `events.jsonl`, one JSON object a line.

It stands in for the queue (panal/board/queue.py): a line is both the log's and an event on its way. Lines are only ever
added; what the server has accepted is a position, kept beside. At 64 KiB the file becomes `events.N.jsonl` and the next
begins; files whose lines are all accepted go, but for the last. Where that is wanted a line is an envelope under the
device's storage key (docs/wire/mqtt.md, Keys).
"""

import json
import os
import time

NEWEST = "events.jsonl"
OLDER = "events.%d.jsonl"
POSITION = "events.at"
FILE_BYTES = 65536
MOST_FILES = 16  # of 64 KiB: more than 2,500 lines that wait; then the oldest file goes, which its `seq` shows
SAVE_EVERY = 8  # accepted lines; after a power cut as many are handed over again, under the uid they had
END_BYTES = 2048
OWN = ("uid", "kind", "at_ms", "device_id", "timestamp")
EPOCH_2000_S = 946684800  # where the ESP32 begins to count


class Journal:
    def __init__(self, storage, root, log, config, fs=os, opener=open):
        self._storage = storage
        self._root = root + "/"
        self._log = log
        self._config = config
        self._fs = fs
        self._open = opener
        self.changed = None  # called with the number of lines that wait whenever it is another one
        self.is_encrypted = False  # what is written from now on
        self._oldest = None  # (event, bytes of its line)
        self._unsaved = 0
        self._older = sorted([int(name[7:-6]) for name in storage.names("") if _is_older(name)])
        # number of the file that is read, offset in it, seq of the last accepted line
        self._at, self._offset, self._accepted = self._load()
        self._number = self._older[-1] + 1 if self._older else max(1, self._at)
        self._size = self._mend()
        self.seq = max(self._last_seq(), self._accepted)

    def _load(self):
        try:
            at, offset, accepted = json.loads(self._storage.read(POSITION) or "null")
            return at, offset, accepted
        except (TypeError, ValueError):
            return 1, 0, 0

    def _mend(self):
        """The size of the newest file. A line that a power cut tore ends here, so that the next one begins anew."""
        size = self._size_of(NEWEST)
        if size and self._end_of(NEWEST)[-1:] != b"\n":
            self._append("\n")
            size += 1
        return size

    def _last_seq(self):
        for name in [NEWEST] + ([OLDER % self._older[-1]] if self._older else []):
            for line in reversed(self._end_of(name).split(b"\n")):
                event = self._event(line)
                if event is not None:
                    return event["data"].get("seq", 0)
        return 0

    def __len__(self):
        return self.seq - self._accepted

    def add(self, event):
        """Keep an event: `{"uid","kind","at_ms","data"}`; after it, its line is on flash."""
        self.seq += 1
        line = dict(event["data"])
        line.update({"uid": event["uid"], "seq": self.seq, "kind": event["kind"], "at_ms": event["at_ms"]})
        line.update({"device_id": self._config["device_id"], "timestamp": _text(event["at_ms"])})
        text = json.dumps(line)
        if self.is_encrypted:
            text = self._seal(text)
        if self._size + len(text) >= FILE_BYTES:
            self._rotate()
        self._append(text + "\n")
        self._size += len(text) + 1
        self._tell()

    def oldest(self):
        """The event to hand over next, or None."""
        while self._oldest is None:
            if self._at < self._number and self._at not in self._older:  # it had to go
                self._at, self._offset = (self._older[0] if self._older else self._number), 0
            line = self._line()
            if line:
                event = self._event(line)
                if event is None:
                    self._log.error("event line %d:%d was damaged" % (self._at, self._offset))
                    self._offset += len(line)
                else:
                    self._accepted = event["data"]["seq"] - 1
                    self._oldest = (event, len(line))
            elif self._at < self._number:
                self._at, self._offset = self._at + 1, 0
                self._tidy()
            else:
                return None
        return self._oldest[0]

    def forget(self, uid):
        """The server has this event, or never wants it. They go in their order; any other uid is nothing new."""
        event = self.oldest()
        if event is None or event["uid"] != uid:
            return
        self._accepted = event["data"]["seq"]
        self._offset += self._oldest[1]
        self._oldest = None
        self._unsaved += 1
        if self._unsaved >= SAVE_EVERY or not len(self):
            self._save()
        self._tell()

    def _save(self):
        self._unsaved = 0
        self._storage.write(POSITION, json.dumps([self._at, self._offset, self._accepted]))

    def _tell(self):
        if self.changed is not None:
            self.changed(len(self))

    def _rotate(self):
        self._fs.rename(self._root + NEWEST, self._root + OLDER % self._number)
        self._older.append(self._number)
        self._number += 1
        self._size = 0
        if len(self._older) >= MOST_FILES:
            self._log.error("log full: the oldest lines go")
            if self._at == self._older[0]:
                self._oldest = None
            self._remove(self._older[0])

    def _tidy(self):
        """Files that are read to their end go, but for the last one, which people may still want to see."""
        self._save()
        for number in [number for number in self._older[:-1] if number < self._at]:
            self._remove(number)

    def _remove(self, number):
        self._storage.remove(OLDER % number)
        self._older.remove(number)

    # files

    def _line(self):
        try:
            with self._open(self._root + (NEWEST if self._at == self._number else OLDER % self._at), "rb") as file:
                file.seek(self._offset)
                return file.readline()
        except OSError:
            return b""

    def _append(self, text):
        with self._open(self._root + NEWEST, "a") as file:
            file.write(text)
            file.flush()
            if hasattr(self._fs, "fsync"):  # LittleFS commits at close
                self._fs.fsync(file.fileno())

    def _size_of(self, name):
        try:
            return self._fs.stat(self._root + name)[6]
        except OSError:
            return 0

    def _end_of(self, name):
        size = self._size_of(name)
        if not size:
            return b""
        with self._open(self._root + name, "rb") as file:
            file.seek(max(0, size - END_BYTES))
            return file.read()

    # lines

    def _event(self, line):
        """The event of a line, or None."""
        try:
            text = line.decode().strip()
            document = json.loads(text if text[:1] == "{" else self._unseal(text))
            event = {"uid": document["uid"], "kind": document["kind"], "at_ms": document["at_ms"]}
            event["data"] = {name: value for name, value in document.items() if name not in OWN}
            return event if isinstance(event["data"]["seq"], int) else None
        except (ValueError, KeyError, TypeError):  # UnicodeError is one of the first
            return None

    def _seal(self, text):
        from panal.protocol import envelope

        return envelope.seal(*self._keys(), text.encode(), os.urandom(16))  # noqa: B026

    def _unseal(self, text):
        from panal.protocol import envelope
        from panal.protocol.errors import BadRequest

        try:
            return envelope.open(*self._keys(), text)
        except BadRequest:
            raise ValueError

    def _keys(self):
        from panal.protocol import keys

        key = keys.derive(self._config["token"], "storage")
        return keys.hmac_sha256(key, b"encrypt"), keys.hmac_sha256(key, b"mac")


def _is_older(name):
    return name.startswith("events.") and name.endswith(".jsonl") and name[7:-6].isdigit()


def _text(at_ms):
    if at_ms is None:
        return ""
    epoch_s = 0 if time.gmtime(0)[0] == 1970 else EPOCH_2000_S
    t = time.gmtime(at_ms // 1000 - epoch_s)
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (t[0], t[1], t[2], t[3], t[4], t[5], at_ms % 1000)
