"""Where the firmware begins on a real board, called by panal/board/boot.py, which is `main.py` on its flash."""

import asyncio

import machine

from panal.board import esp32
from panal.board.board import Board
from panal.board.memory import forget

FLASH = "/flash"


def run(pointer=None):
    """For ever. `pointer`: who chose this version; None when the whole firmware is an image."""
    from panal.board import config

    values = config.load("/config.json", machine.unique_id(), esp32.secret)
    del config
    forget("panal.board.config")
    hardware = esp32.Hardware(values)
    hardware.pointer = pointer
    asyncio.run(Board(hardware, values, FLASH, _print).run())


def _print(line):
    print(line["level"], line["message"])
