"""The access list on flash: records of one size in the order of their hashes, so that one is found in a few reads.

One file: zones, schedules, entries, and a trailer that counts them. A new list is written beside the old one, page by
page, and takes its place by one rename when it is whole; wherever the power goes, one of the two is there. Every record
carries a checksum, and one that is damaged lets nobody in.
"""

import binascii
import os
import struct
from collections import namedtuple

from panal.cells.access import rules

FILE = "access"
DRAFT = FILE + ".new"
ZONE = ">Ih"
SCHEDULE = ">BB" + "BHH" * rules.MAX_WINDOWS
ENTRY = ">16sIHHBB"
TRAILER = ">4sIHHI"  # mark, version, zones, schedules, entries
MARK = b"PAL1"
CHECK = 2  # bytes of the checksum after each record
MAX_ENTRIES = 12000
MAX_U32 = 2147483647  # as far as a person's number or a time goes
MAX_U16 = 65535
MAX_MIN = 1440
CHUNK = 16  # records that are written at once

Counts = namedtuple("Counts", "version zones schedules entries")
NONE = Counts(0, 0, 0, 0)


class Unreadable(Exception):
    pass


class Roster:
    """`fs` and `opener` are `os` and `open`, or what stands in for them in tests."""

    def __init__(self, root, fs=os, opener=open):
        self._root = root + "/"
        self._fs = fs
        self._open = opener
        self.reads = 0  # of the last find
        self._draft: list = []  # [version, zones, schedules, entries, last hash, last schedule, whether it is whole]
        self._remove(DRAFT)
        self.counts = self._count()

    def find(self, hash):
        """The Entry with this hash (16 bytes), or None. Raises Unreadable."""
        self.reads = 0
        counts = self.counts
        if not counts.entries:
            return None
        with self._open(self._root + FILE, "rb") as file:
            begin = counts.zones * _size(ZONE) + counts.schedules * _size(SCHEDULE)
            found = self._search(file, begin, ENTRY, counts.entries, hash)
        if found is None:
            return None
        hash, person, from_day, until_day, schedule, when_clockless = found
        return rules.Entry(hash, person, schedule, from_day, until_day, bool(when_clockless))

    def windows(self, number):
        """Of a schedule, ((days, from_min, until_min), …). Raises Unreadable, also where there is no such schedule."""
        with self._open(self._root + FILE, "rb") as file:
            found = self._search(file, self.counts.zones * _size(ZONE), SCHEDULE, self.counts.schedules, number)
        if found is None:
            raise Unreadable
        return [found[2 + 3 * n : 5 + 3 * n] for n in range(found[1])]

    def zone(self):
        """((from_s, offset_min), …). Raises Unreadable."""
        with self._open(self._root + FILE, "rb") as file:
            return [self._record(file, n * _size(ZONE), ZONE) for n in range(self.counts.zones)]

    def refusal(self, entry, now_s):
        """As rules.refusal, with what the list says of the entry's schedule. Raises Unreadable."""
        windows = self.windows(entry.schedule) if entry.schedule else None
        zone = self.zone() if entry.schedule or entry.from_day or entry.until_day else ()
        return rules.refusal(entry, windows, zone, now_s)

    def _search(self, file, begin, shape, count, wanted):
        low, high = 0, count
        while low < high:
            middle = (low + high) // 2
            found = self._record(file, begin + middle * _size(shape), shape)
            if found[0] == wanted:
                return found
            if found[0] < wanted:
                low = middle + 1
            else:
                high = middle
        return None

    def _record(self, file, at, shape):
        self.reads += 1
        file.seek(at)
        data = file.read(_size(shape))
        if len(data) != _size(shape) or _check(data[:-CHECK]) != data[-CHECK:]:
            raise Unreadable
        return struct.unpack(shape, data[:-CHECK])

    def _count(self):
        try:
            with self._open(self._root + FILE, "rb") as file:
                size = self._fs.stat(self._root + FILE)[6]
                found = self._record(file, max(0, size - _size(TRAILER)), TRAILER)
        except (OSError, Unreadable):
            return NONE
        counts = Counts(*found[1:])
        return counts if found[0] == MARK and _length(counts) == size else NONE

    # a new list

    def missing(self, version):
        """How much of this version is here already: what to ask for next; None when it is whole."""
        if self.counts.version == version:
            return None
        if not self._draft or self._draft[0] != version:
            return 0
        return self._draft[2] + self._draft[3]

    def take(self, page):
        """One page (messages.build_page); after the last one the new list holds. Raises ValueError for nonsense.

        A generator: it gives way after every write, because flash is slow and a door is not to wait for it.
        """
        try:
            if page["after"] == 0:
                self._begin(page)
            elif not self._draft or self._draft[0] != page["version"] or self.missing(page["version"]) != page["after"]:
                return  # of another list, or a repetition
            yield
            yield from self._append(page)
        except (KeyError, TypeError, IndexError):
            raise ValueError("page")
        if page["next"] is None:
            self._finish()

    def _begin(self, page):
        zone = page["zone"]
        if len(zone) > rules.MAX_ZONES or not isinstance(page["version"], int) or page["version"] < 1:
            raise ValueError("zone")
        self._remove(DRAFT)
        self._draft = [page["version"], len(zone), 0, 0, b"", 0]
        self._write([struct.pack(ZONE, _whole(at_s, MAX_U32), _whole(offset, 900, -900)) for at_s, offset in zone])

    def _append(self, page):
        draft = self._draft
        records = []
        for number, windows in page["schedules"]:
            if draft[3] or not draft[5] < number <= rules.MAX_SCHEDULES or len(windows) > rules.MAX_WINDOWS:
                raise ValueError("schedule")
            numbers = [_whole(value, MAX_MIN) for days, begin, end in windows for value in (days & 127, begin, end)]
            record = [number, len(windows)] + numbers + [0] * (3 * (rules.MAX_WINDOWS - len(windows)))  # noqa: RUF005
            records.append(struct.pack(SCHEDULE, *record))
            draft[5] = number
            draft[2] += 1
        for text, person, schedule, from_day, until_day, when_clockless in page["entries"]:
            hash = binascii.unhexlify(text)
            if len(hash) != rules.HASH_BYTES or hash <= draft[4] or draft[3] >= MAX_ENTRIES:
                raise ValueError("entry")
            days = _whole(from_day or 0, MAX_U16), _whole(until_day or 0, MAX_U16)
            who = hash, _whole(person, MAX_U32), days[0], days[1], _whole(schedule, rules.MAX_SCHEDULES)
            records.append(struct.pack(ENTRY, *(who + (1 if when_clockless else 0,))))
            draft[4] = hash
            draft[3] += 1
            if len(records) >= CHUNK:
                self._write(records)
                records = []
                yield
        self._write(records)

    def _finish(self):
        counts = Counts(*self._draft[:4])
        self._write([struct.pack(TRAILER, MARK, *counts)])
        self._draft = []
        self._fs.rename(self._root + DRAFT, self._root + FILE)
        self.counts = counts

    def _write(self, records):
        with self._open(self._root + DRAFT, "ab") as file:
            for record in records:
                file.write(record + _check(record))

    def _remove(self, name):
        try:
            self._fs.remove(self._root + name)
        except OSError:
            pass


def _whole(value, most, least=0):
    """MicroPython's struct cuts off what does not fit."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError("number")
    return value


def _size(shape):
    return struct.calcsize(shape) + CHECK


def _length(counts):
    return (
        counts.zones * _size(ZONE) + counts.schedules * _size(SCHEDULE) + counts.entries * _size(ENTRY) + _size(TRAILER)
    )


def _check(data):
    return (binascii.crc32(data) & 0xFFFF).to_bytes(2, "big")
