"""The networks of a board on LittleFS while the power goes at every write: first set-up, a change, a factory reset.

After each cut the board starts again as it does in life: it first goes on with an erasure that was cut. While that
happens the power goes once more, at every write of it. Then the board knows the networks from before the step or those
from after it: never none, unless it was asked to forget them, and never a number of an order older than the one it had.
"""

import json

import vfs

from panal.board import networks
from panal.board.storage import Storage
from panal.virtual.vm.power_cut import BLOCK, BLOCKS, LIMIT, Flash, Life

TOKEN = "5a" * 32
HOME, NEW = ("Casa", "vieja 12345"), ("Fibra", "nueva 12345")
TRYING = {"rev": 7, "state": "trying", "reason": "", "ssid_hash": "0badcafe"}
CHANGED = {"rev": 7, "state": "changed", "reason": "", "ssid_hash": "0badcafe"}

# networks, rev and report that a step leaves behind; None: a factory reset
STORY = (
    ([HOME], 0, None),
    ([HOME], 7, TRYING),
    ([NEW, HOME], 7, CHANGED),
    None,
    ([HOME], 7, None),
)


def act(storage, step):
    if STORY[step] is None:
        networks.erase(storage)
    else:
        known, rev, report = STORY[step]
        networks.save(storage, TOKEN, known, rev, report)


def after(step):
    """(networks, rev) once this step is done; -1: as from the factory."""
    if step < 0:
        return [], 0
    if STORY[step] is None:
        return [], after(step - 1)[1]
    return STORY[step][0], STORY[step][1]


def live(data, work, dies_at, part):
    """Do `work(storage)` in one life that ends at write `dies_at`: (flash, whether it died)."""
    life = Life(data, dies_at, part)
    try:
        work(Storage("/flash"))
    except OSError:
        pass
    died = life.flash.has_died
    return life.end(), died


def look(data, step, is_whole=False):
    """What the board knows in its next life: from before the step, or from after it; after a whole step only that."""
    life = Life(data)
    storage = Storage("/flash")
    networks.finish(storage)
    known, rev, _ = networks.load(storage, TOKEN)
    life.end()
    allowed = [after(step)] if is_whole else [after(step - 1), after(step)]
    if (known, rev) not in allowed:
        raise AssertionError("step %d left %s, %s" % (step, known, rev))


def cut_step(before, step, part):
    """Every cut of one step, each with every cut of the start that follows it: (cuts, pairs)."""
    pairs = 0
    for first in range(LIMIT):
        cut, died = live(before, lambda storage: act(storage, step), first, part)
        if not died:
            return first, pairs
        for second in range(LIMIT):
            again, died = live(cut, networks.finish, second, part)
            look(again, step)
            if not died:
                break
            pairs += 1
    raise AssertionError("it never ends")


def main():
    flash = Flash(bytearray(BLOCK * BLOCKS))
    vfs.VfsLfs2.mkfs(flash)
    data, cuts, pairs = flash.data, 0, 0
    for step in range(len(STORY)):
        for part in (0.0, 0.5):
            more, twice = cut_step(data, step, part)
            cuts, pairs = cuts + more, pairs + twice
        data, _ = live(data, lambda storage, step=step: act(storage, step), None, 0.0)
        look(data, step, is_whole=True)
    print(json.dumps({"cuts": cuts, "pairs": pairs}))


if __name__ == "__main__":
    main()
