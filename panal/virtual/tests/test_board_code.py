"""What goes onto a board is what a board can run: its syntax, its imports, its names, its memory."""

import ast
import subprocess
from pathlib import Path

import pytest

from panal.virtual import build, collect, reboot, runner, strict

FILES = sorted({*build.board_sources(), *build.PACKAGE.glob("cells/*/messages.py")})
SIMULATION = [build.PACKAGE / name for name in build.SIMULATION]
LIVE_MAX_BYTES = 76 * 1024  # of 109 that an ESP32 without PSRAM has; a fall detector with its memory is 13 of them
WITH_BODY = "124k"  # 100 KB for the firmware, and the simulated chips and body of a wearer
ERRNO = frozenset(
    "EPERM ENOENT EIO EBADF EAGAIN ENOMEM EACCES EEXIST ENODEV EISDIR EINVAL EOPNOTSUPP EADDRINUSE ECONNABORTED"
    " ECONNRESET ENOBUFS ENOTCONN ETIMEDOUT ECONNREFUSED EHOSTUNREACH EALREADY EINPROGRESS".split()
)
"""MicroPython's errno has these and no more (py/moderrno.c)."""


def name_of(path: Path) -> str:
    return str(path.relative_to(build.PACKAGE))


@pytest.mark.parametrize("path", [*FILES, *SIMULATION], ids=name_of)
def test_mpy_cross_takes_every_file(path, tmp_path):
    build.compile_file(path, tmp_path / "out.mpy")


@pytest.mark.parametrize("text", ["match x:\n    case 1: pass\n", "def f(a, /): pass\n", "a = {**b}\n", "a = [*b]\n"])
def test_mpy_cross_refuses_what_micropython_has_not(text, tmp_path):
    (tmp_path / "wrong.py").write_text(text)
    with pytest.raises(subprocess.CalledProcessError):
        build.compile_file(tmp_path / "wrong.py", tmp_path / "out.mpy")


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_it_imports_only_what_a_board_has(path):
    assert imports(path.read_text(encoding="utf-8")) <= strict.ALLOWED


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_it_names_only_what_a_board_has(path):
    assert not foreign_names(path.read_text(encoding="utf-8"))


def test_the_two_tests_above_find_what_they_look_for():
    assert imports("import functools\nfrom dataclasses import dataclass") == {"functools", "dataclasses"}
    wrong = "try:\n    x.zfill(2)\nexcept ConnectionError:\n    y = errno.EPROTO\n"
    assert foreign_names(wrong) == {"zfill", "ConnectionError", "EPROTO"}


def imports(text: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return found


def foreign_names(text: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and node.id in strict.FORBIDDEN_NAMES:
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            module = node.value.id if isinstance(node.value, ast.Name) else ""
            missing = (module == "errno" and node.attr not in ERRNO) or (
                module == "asyncio" and node.attr in strict.FORBIDDEN_IN_ASYNCIO
            )
            if node.attr in strict.FORBIDDEN_METHODS or missing:
                found.add(node.attr)
    return found


def in_vm(program: str, heap: str = collect.HEAP, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    vm = runner.find_vm()
    assert vm, "There is no MicroPython VM: run tools/micropython.sh once."
    command = [str(vm), "-X", f"heapsize={heap}", "-c", program]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_the_heap_gate_bites():
    """What does not fit a board does not pass: 98 KB at once fail in 100 KB, and pass in more."""
    greedy = "a = bytearray(98 * 1024); print('fits')"
    assert "MemoryError" in in_vm(greedy).stderr
    assert in_vm(greedy, "200k").stdout == "fits\n"


def test_the_vm_has_the_words_of_an_esp32():
    """32 bits, so that pointers and small integers are as large as there."""
    assert in_vm("import sys; print(sys.maxsize)").stdout == "2147483647\n"


WEIGH = """
import asyncio, binascii, gc, hashlib, json, sys
import panal.board.board, panal.board.link_mqtt, panal.board.portal, panal.board.udp, panal.board.boards.wearable_1
import panal.cells.care.device, panal.cells.care.falls, panal.cells.wifi.device
class Chip:
    def __getattr__(self, name):
        return self
    def __call__(self, *args, **options):
        return self
for name in ("esp32", "machine", "network"):
    sys.modules[name] = Chip()
{load}
gc.collect()
print(gc.mem_alloc())
"""
ROOM_BYTES = 116 * 1024  # the aim is 100 KB, and 109 is what an ESP32 without PSRAM has: docs/decisions/0012
TIGHT_BYTES = 100 * 1024
CHIP_BYTES = 111_936  # after its first heap growth
SIMULATED = """
from panal.virtual import device, hardware
bench = device.Bench(True)
bench.hardware = hardware.Hardware("wearable-1", "A", "pwron_reset", True, hardware.HOME, 10, [1, 2])
"""


def test_a_virtual_board_gives_its_firmware_no_more_than_it_says(capsys):
    """The simulation lies in the same heap as the firmware, where a board has the code that drives its chip.

    What a virtual board has in all, less by how much the one outweighs the other, is what its firmware really gets. All
    end-to-end tests run so: the set-up page in Chromium, TLS, changes of network.
    """
    real, simulated = (alive_after(load) for load in ("import panal.board.esp32", SIMULATED))
    outweighs = simulated - real
    room = reboot.HEAP_KB * 1024 - outweighs
    with capsys.disabled():
        print(f" {real} bytes with a real chip's code, {simulated} simulated, room {room}", end="")  # noqa: T201
    assert room <= ROOM_BYTES
    assert runner.TIGHT_KB * 1024 - outweighs <= TIGHT_BYTES
    assert runner.CHIP_KB * 1024 - outweighs <= CHIP_BYTES


def alive_after(load: str) -> int:
    """Bytes of the firmware, set-up page and all, with these lines."""
    said = in_vm(WEIGH.format(load=load), "200k", build.build())
    assert said.stdout, said.stderr
    return int(said.stdout)


LIVE = """
import asyncio, gc, sys
from panal.board import config
from panal.board.board import Board
from panal.board.memory import forget
import panal.board.link_{transport}, panal.board.udp, panal.board.link, panal.cells.care.device, panal.cells.care.falls
from panal.board import networks, storage
networks.save(storage.Storage("{flash}"), "0" * 64, [("Panal", "panal panal")], 0)
del networks
for module in ("panal.board.networks", "panal.protocol.envelope", "panal.protocol.keys"):
    forget(module)
gc.collect()
imported = gc.mem_alloc()
import panal.virtual.hardware as simulated, panal.virtual.body
values = config.parse({{"device_id": "A", "token": "0" * 64, "model": "wearable-1", "server": "http://127.0.0.1:9",
                       "transport": "{transport}", "ntp": ""}}, b"123456")
gc.collect()
simulation = gc.mem_alloc() - imported
del config
forget("panal.board.config")
hardware = simulated.Hardware("wearable-1", "A", "pwron_reset")
board = Board(hardware, values, "{flash}")
async def live():
    running = asyncio.create_task(board.run())
    await asyncio.sleep(1.3)
    board.log.say = lambda leaf, line: True  # a board with a connection has handed its log over
    board.log.flush()
    gc.collect()
    print(imported, gc.mem_alloc() - simulation)
asyncio.run(live())
"""


@pytest.mark.parametrize("transport", ["mqtt", "http", "ws"])
def test_the_firmware_leaves_room(transport, tmp_path, capsys):
    """What is alive in steady state, without the simulated hardware: a board must also fit TLS and its garbage."""
    said = in_vm(LIVE.format(transport=transport, flash=tmp_path / "flash"), WITH_BODY, build.build())
    imported, alive = map(int, said.stdout.split() or [0, 0])
    assert alive, said.stderr
    with capsys.disabled():
        print(f" {transport}: {imported} bytes of code, {alive} alive", end="")  # noqa: T201  the figures are wanted
    assert alive <= LIVE_MAX_BYTES
