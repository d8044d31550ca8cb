"""Where the firmware begins on a real board: `main.py` on its flash is `from panal.board import main; main.run()`."""

import asyncio

import machine

from panal.board import config, esp32
from panal.board.board import Board

FLASH = "/flash"


def run():
    values = config.load("/config.json", machine.unique_id())
    hardware = esp32.Hardware(values)
    asyncio.run(Board(hardware, values, FLASH, _print).run())


def _print(line):
    print(line["level"], line["message"])
