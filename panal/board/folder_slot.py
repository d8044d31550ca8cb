"""A slot that is a folder: panal/board/slots.py says what a slot can."""

import asyncio
import hashlib
import os

from panal.board.slots import Bad
from panal.cells.updates import messages
from panal.protocol import keys
from panal.protocol.errors import BadRequest

TABLE = ".files"
READ_BYTES = 512
RESERVE_BYTES = 32768  # of flash, for events and whatever else the board must keep meanwhile


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
        self._buffer = None

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
        """`data`: best a memoryview, of which no part is copied."""
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
        """Hand the file over in small parts, each good until the next; its size, 0 where there is none."""
        size = 0
        if self._buffer is None:
            self._buffer = memoryview(bytearray(READ_BYTES))
        try:
            with self._open(self._path(name), "rb") as file:
                while count := file.readinto(self._buffer):
                    take(self._buffer[:count])
                    size += count
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
