"""A door's access list and log on LittleFS while the power goes at every single write of the flash, in the real VM.

As panal/virtual/vm/power_cut.py. For every cut: the list is the old one or the new one, whole, and a new one can be
taken afterwards; no line that was kept is lost, none that was accepted comes back but for the last few, none is
damaged, and the order stays.
"""

import json

from panal.board import journal, storage
from panal.cells.access import roster
from panal.virtual.vm.power_cut import BLOCK, BLOCKS, LIMIT, Flash, Life, Silence, vfs

CONFIG = {"device_id": "DOOR1", "token": "5a" * 32}


def entries(version):
    return [["%02x%030x" % (number, version), version, 0, 0, 0, False] for number in range(20)]


def pages(version):
    listed = entries(version)
    first = {"version": version, "after": 0, "zone": [], "schedules": [], "entries": listed[:9], "next": 9}
    return first, {"version": version, "after": 9, "schedules": [], "entries": listed[9:], "next": None}


def take(found, version):
    for page in pages(version):
        for _ in found.take(page):
            pass


def check_list(found, allowed):
    version = found.counts.version
    if version not in allowed:
        raise AssertionError("list %s, allowed %s" % (version, allowed))
    for text, person, _, _, _, _ in entries(version) if version else ():
        if found.find(bytes.fromhex(text)).person != person:
            raise AssertionError("another entry")


def event(number):
    return {"uid": "u%d" % number, "kind": "door.moved", "at_ms": None, "data": {"door_status": "open"}}


def opened():
    return journal.Journal(storage.Storage("/flash"), "/flash", Silence(), CONFIG)


def live_list(flash, dies_at, part):
    """From version 1 to 2 with a cut; then a life in which everything works."""
    life = Life(flash, dies_at, part)
    try:
        take(roster.Roster("/flash"), 2)
    except OSError:
        pass
    died, data = life.flash.has_died, life.end()
    life = Life(data)
    found = roster.Roster("/flash")
    check_list(found, (1, 2) if died else (2,))
    take(found, 3)
    check_list(roster.Roster("/flash"), (3,))
    life.end()
    return died


def live_log(flash, dies_at, part):
    """Lines are kept and accepted until the power goes; then all that wait are handed over."""
    life, kept, accepted = Life(flash, dies_at, part), 0, 0
    try:
        log = opened()
        for number in range(1, 25):
            log.add(event(number))
            if life.flash.has_died:
                break
            kept = number
            if number % 3 == 0:
                for _ in range(2):
                    log.forget(log.oldest()["uid"])
                    accepted += 1
    except OSError:
        pass
    died, data = life.flash.has_died, life.end()
    life = Life(data)
    log, found = opened(), []
    while log.oldest() is not None and len(found) <= kept + 1:
        found.append(int(log.oldest()["uid"][1:]))
        log.forget(log.oldest()["uid"])
    first = found[0] if found else kept + 1
    if (
        found != list(range(first, first + len(found)))
        or not accepted - journal.SAVE_EVERY <= first - 1 <= accepted + 1
    ):
        raise AssertionError("kept %d, accepted %d, found %s" % (kept, accepted, found))
    if found and found[-1] not in (kept, kept + 1):
        raise AssertionError("lost: kept %d, found %s" % (kept, found))
    log.add(event(99))
    if log.oldest()["uid"] != "u99":
        raise AssertionError("not in order")
    life.end()
    return died


def main():
    journal.FILE_BYTES = 700  # so that it is rotated within the story
    flash = Flash(bytearray(BLOCK * BLOCKS))
    vfs.VfsLfs2.mkfs(flash)
    life = Life(flash.data)
    take(roster.Roster("/flash"), 1)
    begin = life.end()
    cuts = [0, 0]
    for index, story in enumerate((live_list, live_log)):
        for part in (0.0, 0.5):
            for at in range(LIMIT):
                if not story(begin, at, part):
                    break
                cuts[index] += 1
            else:
                raise AssertionError("it never ends")
    print(json.dumps({"list": cuts[0], "log": cuts[1]}))


if __name__ == "__main__":
    main()
