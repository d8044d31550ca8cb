"""Power comes to a virtual device: as main.py of a board does, choose a slot, and run what lies in it.

    micropython -m panal.virtual.power FOLDER …

The simulation and the firmware that the factory put on the device come from the build; a slot in which an update lies
takes the firmware's place, and never the simulation's. On CPython the sources run, and there are no updates.
"""

import os
import sys

from panal.board import boot
from panal.virtual import reboot

IS_VM = sys.implementation.name == "micropython"
FIRMWARE = ("panal", "panal.board", "panal.board.boot")


def main(arguments):
    folder = arguments[0]
    pointer = boot.Pointer(folder) if IS_VM else None
    if pointer is not None:
        slot = "%s/slot_%s" % (folder, pointer.start())
        if _is_there(slot + "/panal"):
            sys.path.insert(0, slot)
            for module in FIRMWARE:
                del sys.modules[module]
    try:
        from panal.virtual import device

        device.main(arguments, pointer)
    except Exception as error:
        if pointer is None or not pointer.trial:
            raise
        sys.print_exception(error, sys.stderr)
        reboot.reboot(
            [argument for argument in arguments if argument != "--restarted"] + ["--restarted"], _vm(arguments)
        )


def _is_there(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def _vm(arguments):
    for argument in arguments:
        if argument.startswith("--vm="):
            return argument[5:]
    return ""


if __name__ == "__main__":
    main(sys.argv[1:])
