"""A slot that is a partition: panal/board/slots.py says what a slot can."""

import asyncio
import hashlib
import json

from panal.board.slots import Bad
from panal.cells.updates import messages
from panal.protocol import keys

SAVE_BLOCKS = 16
FILE = "image"


class Image:
    """A partition. How far it is, is kept in a file, `[sha256, offset]`, once in a while and after what it counts."""

    def __init__(self, partition, storage):
        self._partition = partition
        self._storage = storage
        self._offset = 0

    def open(self, manifest):
        self._sha256 = manifest.sha256
        if manifest.size > self._partition.info()[3]:
            raise Bad("no_room")
        self._offset = self._load()
        return self._offset

    def _load(self):
        try:
            sha256, offset = json.loads(self._storage.read(FILE) or "null")
            return offset if sha256 == self._sha256 and offset % messages.BLOCK_BYTES == 0 else 0
        except (TypeError, ValueError):
            return 0

    def clear(self):
        self._storage.write(FILE, "null")
        self._offset = 0

    def write(self, data):
        """`data` is a whole block, or the last part of the artifact."""
        number = self._offset // messages.BLOCK_BYTES
        if self._offset % messages.BLOCK_BYTES:
            raise Bad("bad_artifact")
        block = data
        if len(data) < messages.BLOCK_BYTES:
            block = bytearray(messages.BLOCK_BYTES)
            block[: len(data)] = data
        self._partition.writeblocks(number, block)
        self._offset += len(data)
        if number % SAVE_BLOCKS == SAVE_BLOCKS - 1:
            self._storage.write(FILE, json.dumps([self._sha256, self._offset]))
        return self._offset

    async def verify(self, manifest):
        found, left, number = hashlib.sha256(), manifest.size, 0
        block = bytearray(messages.BLOCK_BYTES)
        while left > 0:
            self._partition.readblocks(number, block)
            found.update(block if left >= len(block) else block[:left])
            number, left = number + 1, left - len(block)
            await asyncio.sleep(0)
        return "" if keys.hex_of(found.digest()) == manifest.sha256 else "bad_artifact"
