"""A door controller in the VM, with all its tasks running on a virtual one's drivers and chips: time and memory."""

import json
import subprocess

from panal.cells.access import messages, rules
from panal.protocol import codec, keys
from panal.virtual import build, reboot, runner

LOOK_MS, SLEEP_MS = 50, 20
CARD = b"\x04\xa1\xb2\xc3"
LIVE_MAX_BYTES = 100 * 1024
"""What else a controller needs: docs/boards/door-1.md."""
LIVE = """
import asyncio, gc, json
import panal.board.link_mqtt, panal.board.udp, panal.board.link, panal.board.journal
from panal.board import networks, storage
networks.save(storage.Storage("{flash}"), "5a" * 32, [("Panal", "panal panal")], 0)
del networks
from panal.board.memory import forget
for module in ("panal.board.networks", "panal.protocol.envelope", "panal.protocol.keys"):
    forget(module)
from panal.cells.access import device
import panal.board.boards.door_1, panal.board.drivers.door, panal.board.drivers.mfrc522, panal.board.drivers.lcd1602
from panal.board import config
from panal.board.board import Board
gc.collect()
imported = gc.mem_alloc()
import panal.virtual.hardware as simulated
from panal.virtual import door
door.machine()
gc.collect()
simulation = gc.mem_alloc() - imported
values = config.parse({{"device_id": "A", "token": "5a" * 32, "model": "door-1", "server": "http://127.0.0.1:9",
                       "ntp": ""}}, b"123456")
del config
forget("panal.board.config")
cells, make = [], device.make
def keep(board):
    cells.append(make(board))
    return cells[0]
device.make = keep
hardware = simulated.Hardware("door-1", "A", "pwron_reset")
board = Board(hardware, values, "{flash}")
"""
PEOPLE = """
import time
async def people(busy):
    number = 0
    while number < 12 or len(busy) <= 100:
        uid = ("04A1B2C3", "04A1B2C3000000", "04A1B2C3000000000000")[number % 3]
        door.here[0].do({"do": "card", "uid": uid, "ms": 300})
        door.here[0].do({"do": "knob", "value": 300 * (number % 12)})
        door.here[0].do({"do": "door", "open": number % 4 == 1})
        number += 1
        await asyncio.sleep(0.4)
async def live():
    running = asyncio.create_task(board.run())
    await asyncio.sleep(1.5)
    board.log.say = lambda leaf, line: True
    board.log.flush()
    gc.collect()
    alive = gc.mem_alloc() - simulation
    cells[0].latency[:] = [0] * len(cells[0].latency)
    plain, busy, last = cells[0].look, [], [time.clock()]
    def look(now_ms):
        now = time.clock()
        busy.append(int((now - last[0]) * 1000))
        plain(now_ms)
        last[0] = now
    cells[0].look = look
    await people(busy)
    busy.sort()
    found = {"alive": alive, "within": cells[0].latency, "events": len(board.queue)}
    found.update({"looks": len(busy), "p99_ms": busy[len(busy) * 99 // 100], "most_ms": busy[-1]})
    print(json.dumps(found))
asyncio.run(live())
"""


LIST = """
from panal.protocol import codec
asked = [0]
def say(leaf, document):
    if leaf == "access":
        asked[0] += 1
        with open("{pages}/%d" % document["after"], "rb") as page:
            board.hear["access"](codec.decode_object(page.read()))
    return True
async def live():
    running = asyncio.create_task(board.run())
    await asyncio.sleep(1.5)
    board.log.flush()
    errors = []
    board.log.say = lambda leaf, line: line["level"] != "error" or errors.append(line["message"]) or True
    board.link.say = say
    cells[0].latency[:] = [0] * len(cells[0].latency)
    board.device.settings["access"]({{"list_version": 5}})
    while asked[0] < {count}:
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)
    within = list(cells[0].latency)
    door.here[0].do({{"do": "card", "uid": "04A1B2C3"}})
    while door.here[0].seen()["lock"] != "unlocked":
        await asyncio.sleep(0.05)
    print(json.dumps({{"asked": asked[0], "lock": door.here[0].seen()["lock"], "within": within, "errors": errors}}))
asyncio.run(live())
"""


def in_vm(program):
    """What the firmware's program says in its last line, in the heap that a controller needs."""
    command = [str(runner.find_vm()), "-X", reboot.HEAP_OF_DOOR, "-c", program]
    done = subprocess.run(command, cwd=build.build(), capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_list_of_10000_cards_and_64_schedules_comes_page_by_page_into_the_running_firmware(tmp_path, capsys):
    key = keys.derive("5a" * 32, "access")
    hashes = sorted([keys.hex_of(rules.card_hash(key, CARD)), *(f"{n * 7919:032x}" for n in range(9999))])
    listed = [[text, n, 1 + n % 64, 0, 0, False] for n, text in enumerate(hashes)]
    schedules = [[number, [[127, 0, 1440]] * 8] for number in range(1, 65)]
    (tmp_path / "pages").mkdir()
    count, after = 0, 0
    while after is not None:
        page = messages.build_page(5, [[0, 60]], schedules, listed, 5, after)
        (tmp_path / "pages" / str(after)).write_bytes(codec.encode(page))
        count, after = count + 1, page["next"]
    program = LIVE.format(flash=tmp_path / "flash") + LIST.format(pages=tmp_path / "pages", count=count)
    found = in_vm(program)
    with capsys.disabled():
        print(f" {found['asked']} pages; looks within 25, 50, 100, 250 ms: {found['within']}", end="")  # noqa: T201
    assert not found["errors"]
    assert found["asked"] == count
    assert found["lock"] == "unlocked"


def test_the_door_has_its_turn_within_50_ms_and_the_firmware_fits(tmp_path, capsys):
    """With cards of every length, a knob that is turned, a display that changes, lines that are written to flash and a
    server that cannot be reached. What counts is the processor's time between two looks at the door, which is what the
    firmware makes it wait beyond its 20 ms of sleep: the wall's depends on what else this machine does."""
    found = in_vm(LIVE.format(flash=tmp_path / "flash") + PEOPLE)
    with capsys.disabled():
        print(  # noqa: T201  the figures are wanted
            f" {found['alive']} alive; busy between looks: p99 {found['p99_ms']} ms, most {found['most_ms']} ms;"
            f" looks within 25, 50, 100, 250 ms: {found['within']}",
            end="",
        )
    assert found["events"] >= 12
    assert found["looks"] > 100
    assert found["p99_ms"] <= LOOK_MS - SLEEP_MS
    assert found["alive"] <= LIVE_MAX_BYTES
