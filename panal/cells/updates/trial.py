"""The trial of a new version: it runs with all its cells, and must reach the server, or gives itself up.

Loaded alone and small, because everything else of the board is in memory too. It is not the only judge: each start of
a trial is counted before it happens, and main.py ends one that nobody judges (panal/board/boot.py).
"""

import asyncio
import json

TRIAL_MS = 90000  # from the start, until the server must be reached
WELL_MS = 5000  # so long it runs before it is called well
LOOK_S = 0.25
KEEP = "keep"


def judge(has_server, is_well, passed_ms):
    """ "" to wait on, KEEP, or why it cannot stay."""
    if not is_well:
        return "self_test"
    if has_server and passed_ms >= WELL_MS:
        return KEEP
    return "no_server" if passed_ms >= TRIAL_MS else ""


async def run(board, file):
    """Until it is decided; True when the board is to stay as it is. `file`: the machine's record."""
    boot, record = board.hardware.boot(), _record(board, file)
    is_known = boot is not None and record.get("stage") == "trial" and record.get("slot") == boot.slot
    if boot is None or not boot.is_trial or not (is_known or boot.is_counted):
        return True
    verdict = record.get("why") if is_known else ""  # given up, and the power went before the pointer was written
    while not verdict:
        await asyncio.sleep(LOOK_S)
        verdict = judge(board.link.is_up, board.supervisor.is_well(), board.clock.monotonic_ms())
    if verdict == KEEP:
        boot.keep()
        board.log.info("update: kept is " + board.hardware.FIRMWARE)
        return True
    board.log.error("update: going back: " + verdict)
    if is_known:
        record["why"] = verdict
        board.storage.write(file, json.dumps(record))  # before the pointer: the old version tells why
    boot.back(verdict)
    board.hardware.restart("update")
    return False


def _record(board, file):
    try:
        found = json.loads(board.storage.read(file) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
