"""Where a new version is written while the old one runs: the other folder of two, or the other partition of two.

A slot has: open(manifest), which empties it unless a part of this artifact lies in it, and returns how much does ·
write(data), which goes on there and returns how much there is then · await verify(manifest), "" or what is wrong, read
back from flash · clear(). Raises Bad, whose text is the reason for a refusal.
"""

import asyncio
import hashlib
import json
import os

from panal.cells.updates import messages
from panal.protocol import keys
from panal.protocol.errors import BadRequest

TABLE = ".files"
READ_BYTES = 1024
RESERVE_BYTES = 32768  # of flash, for events and whatever else the board must keep meanwhile
SAVE_BLOCKS = 16
IMAGE_FILE = "image"


class Bad(Exception):
    pass


class Apps:
    """How a board started whose firmware lies in two folders; `pointer` is main.py's."""

    kinds = (messages.APP,)

    def __init__(self, pointer, fs=os, opener=open):
        self._pointer = pointer
        self.slot, self.number, self.why = pointer.slot, pointer.number, pointer.why
        self.other = "b" if pointer.slot == "a" else "a"
        self.is_trial = pointer.trial == pointer.slot
        self._files = (fs, opener)
        self.begin, self.keep = pointer.begin, pointer.keep

    def back(self):
        self._pointer.back("")

    def open(self, storage):
        return Folder(self._pointer.root + "/slot_" + self.other, *self._files)


class Folder:
    """The files of an app. How far it is, is what is there: the table of files first, then each file in its order."""

    def __init__(self, root, fs=os, opener=open):
        self._root = root
        self._fs = fs
        self._open = opener
        self._offset = 0
        self._line = 0  # where in the table the line of the next file begins
        self._file = None
        self._left = 0

    def open(self, manifest):
        self._manifest = manifest
        self._offset = 0
        if self._size(TABLE) == manifest.files_size and self._is_table():
            self._go_to_first_missing()
        else:
            self.clear()
        return self._offset

    def clear(self):
        """The table first: what lies in a slot without one is nothing."""
        try:
            self._fs.remove(self._path(TABLE))
        except OSError:
            pass
        self._clear(self._root)
        self._offset = 0

    def _clear(self, path):
        try:
            names = self._fs.listdir(path)
        except OSError:
            return
        for name in names:
            inner = path + "/" + name
            try:
                self._fs.remove(inner)
            except OSError:
                self._clear(inner)
                self._fs.rmdir(inner)

    def write(self, data):
        begin, total = 0, self._manifest.files_size
        while begin < len(data):
            if self._offset < total:
                part = data[begin : begin + total - self._offset]
                self._append(TABLE, part)
            elif self._file is None:
                raise Bad("bad_files")
            else:
                part = data[begin : begin + self._left]
                self._append(self._file.path, part)
                self._left -= len(part)
            begin += len(part)
            self._offset += len(part)
            if self._offset == total:
                self._take_table()
            elif self._offset > total and not self._left:
                self._next()
        return self._offset

    # the table

    def _is_table(self):
        found = hashlib.sha256()
        self._read(TABLE, found.update)
        return keys.hex_of(found.digest()) == self._manifest.files_sha256

    def _take_table(self):
        """All of it is here: what it says is what was signed, fits together, and onto the flash."""
        if not self._is_table():
            raise Bad("bad_files")
        total, blocks = self._manifest.files_size, 0
        for file in self._each():
            total += file.size
            blocks += file.size // messages.BLOCK_BYTES + 2
        if total != self._manifest.size:
            raise Bad("bad_files")
        if self._free() < blocks * messages.BLOCK_BYTES + RESERVE_BYTES:
            raise Bad("no_room")
        self._line = len(messages.TABLE_HEAD)
        self._next()

    def _each(self):
        self._line = len(messages.TABLE_HEAD)
        count = 0
        while self._next() is not None:
            count += 1
            if count > messages.MAX_FILES:
                raise Bad("bad_files")
            yield self._file

    def _next(self):
        """The next line of the table: `_file`, or None after the last one."""
        with self._open(self._path(TABLE), "rb") as file:
            file.seek(self._line)
            line = file.readline()
        self._line += len(line)
        self._file = None
        try:
            if len(line) > 1:
                self._file = messages.parse_line(line.decode().rstrip("\n"))
                self._left = self._file.size
        except (BadRequest, ValueError):  # ValueError: not UTF-8
            raise Bad("bad_files")
        return self._file

    def _go_to_first_missing(self):
        self._offset = self._manifest.files_size
        for file in self._each():
            have = self._size(file.path)
            if have > file.size:  # nothing of ours
                self.clear()
                return
            self._offset += have
            if have < file.size:
                self._left = file.size - have
                return

    def _free(self):
        try:
            found = self._fs.statvfs(self._root)
        except AttributeError:  # a host that does not tell
            return 1 << 30
        return found[0] * found[4]

    async def verify(self, manifest):
        whole = hashlib.sha256()
        total = self._read(TABLE, whole.update)
        try:
            for file in self._each():
                own = hashlib.sha256()

                def take(data, own=own):
                    own.update(data)
                    whole.update(data)

                size = self._read(file.path, take)
                total += size
                if size != file.size or keys.hex_of(own.digest()) != file.sha256:
                    return "bad_artifact"
                await asyncio.sleep(0)
        except Bad:
            return "bad_files"
        is_good = total == manifest.size and keys.hex_of(whole.digest()) == manifest.sha256
        return "" if is_good else "bad_artifact"

    # files

    def _read(self, name, take):
        """Hand the file over in small parts; its size, 0 where there is none."""
        size = 0
        try:
            with self._open(self._path(name), "rb") as file:
                while data := file.read(READ_BYTES):
                    take(data)
                    size += len(data)
        except OSError:
            pass
        return size

    def _append(self, name, data):
        """Each part is on flash when its file is closed: LittleFS writes it whole or not at all."""
        at = 0
        while True:
            try:
                with self._open(self._path(name), "ab") as file:
                    file.write(data)
                return
            except OSError as error:
                at = self._make_folder(name, at, error)

    def _make_folder(self, name, at, error):
        """One more of the folders on the way to a file; raises what went wrong if that is not what is missing."""
        folders = ("/" + name).split("/")[:-1]
        if error.errno != 2 or at >= len(folders):  # ENOENT
            raise error
        try:
            self._fs.mkdir(self._root + "/".join(folders[: at + 1]))
        except OSError:  # it is there
            pass
        return at + 1

    def _size(self, name):
        try:
            return self._fs.stat(self._path(name))[6]
        except OSError:
            return 0

    def _path(self, name):
        return self._root + "/" + name


class Images:
    """How a board started whose whole firmware is an image, in one of two partitions. `partition` is esp32.Partition.

    Its loader goes back by itself from an image that restarts before it was kept. Source: MicroPython's documentation
    of esp32.Partition; the loader's rollback is on in its builds (boards/sdkconfig.base).
    """

    kinds = (messages.IMAGE,)
    number = 0  # nobody counts: the machine does
    is_trial = True  # of what it knows to be on trial
    why = ""

    def __init__(self, partition):
        self._partition = partition
        running = partition(partition.RUNNING)
        self._next = running.get_next_update()
        self.slot, self.other = running.info()[4], self._next.info()[4]

    def begin(self, slot):
        self._next.set_boot()

    def keep(self):
        self._partition.mark_app_valid_cancel_rollback()

    def back(self):
        self._next.set_boot()

    def open(self, storage):
        return Image(self._next, storage)


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
            sha256, offset = json.loads(self._storage.read(IMAGE_FILE) or "null")
            return offset if sha256 == self._sha256 and offset % messages.BLOCK_BYTES == 0 else 0
        except (TypeError, ValueError):
            return 0

    def clear(self):
        self._storage.write(IMAGE_FILE, "null")
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
            self._storage.write(IMAGE_FILE, json.dumps([self._sha256, self._offset]))
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
