"""A restart that is one: the process becomes its successor, with an empty memory and without open connections."""

import sys

MODULE = "panal.virtual.power"
HEAP_KB = 138  # 115 for the firmware, and by how much the simulation outweighs a real chip
HEAP = "heapsize=%dk" % HEAP_KB
HEAP_WITH_PSRAM = "heapsize=256k"  # a board with a camera has megabytes; its own gate is in tests/test_camera.py
HEAP_OF_DOOR = "heapsize=160k"  # 140 KB, see docs/boards/door-1.md, and 20 KB for the chips that are simulated
FDS = range(3, 64)


def heap_for(arguments):
    """A board that looks at a scene has a camera, and every board with a camera has PSRAM; a door has a knob."""
    for argument in arguments:
        if argument.startswith("--heap="):
            return "heapsize=%sk" % argument[7:]
    for begin, heap in (("--scene=", HEAP_WITH_PSRAM), ("--knob=", HEAP_OF_DOOR)):
        if any(argument.startswith(begin) for argument in arguments):
            return heap
    return HEAP


def reboot(arguments, vm):
    """Run the device again in this very process; `vm` is the path of the VM, or empty on CPython. Does not return."""
    if vm:
        _exec_in_vm([vm, "-X", heap_for(arguments), "-m", MODULE] + arguments)
    else:
        _exec_in_cpython([sys.executable, "-m", MODULE] + arguments)


def _exec_in_vm(words):
    """execv(3) by hand: MicroPython has none, but it can call C."""
    import array

    import ffi
    import uctypes

    libc = ffi.open("libc.so.6")
    close = libc.func("i", "close", "i")
    for fd in FDS:
        close(fd)
    texts = [word.encode() + b"\0" for word in words]
    argv = array.array("P", [uctypes.addressof(text) for text in texts] + [0])
    libc.func("i", "execv", "pp")(argv[0], uctypes.addressof(argv))


def _exec_in_cpython(words):
    import os

    os.closerange(FDS.start, FDS.stop)
    os.execv(words[0], words)  # noqa: S606  ourselves
