"""Where the firmware begins on a real board: `main.py` on its flash is `from panal.board import main; main.run()`."""

import asyncio

import machine

from panal.board import esp32
from panal.board.board import Board
from panal.board.memory import forget

FLASH = "/flash"


def run():
    from panal.board import config

    values = config.load("/config.json", machine.unique_id(), esp32.secret)
    del config
    forget("panal.board.config")
    hardware = esp32.Hardware(values)
    asyncio.run(Board(hardware, values, FLASH, _print).run())


def _print(line):
    print(line["level"], line["message"])
