"""Small files on flash that are either the old or the new ones, whatever happens to the power in between.

A file begins with the CRC-32 of its text. Writing goes to `<name>.new`, then the old one becomes `<name>.old`, then the
new one takes the name: at every instant one of the three is whole. `fs` is `os` or what stands in for it in tests.
"""

import binascii
import os


class Storage:
    def __init__(self, root, fs=os, opener=open):
        self._root = root
        self._fs = fs
        self._open = opener
        self.folder("")

    def read(self, name):
        """The newest whole text that was written under the name, or None."""
        for candidate in (name, name + ".new", name + ".old"):
            text = self.read_one(candidate)
            if text is not None:
                return text
        return None

    def write(self, name, text):
        if self.read_one(name) is None and self.read_one(name + ".new") is not None:
            self.rename(name + ".new", name)  # an earlier write was cut off one step before its end
        self.write_one(name + ".new", text)
        if self.read_one(name) is not None:  # a damaged one must not push out the last good one
            self.rename(name, name + ".old")
        self.rename(name + ".new", name)

    def read_one(self, name):
        """The text of exactly this file; None when it is missing or damaged."""
        try:
            with self._open(self._path(name)) as file:
                seal = file.read(9)
                text = file.read()
        except (OSError, ValueError):  # ValueError: not UTF-8 any more
            return None
        return text if seal == _seal(text) else None

    def write_one(self, name, text):
        """Write exactly this file, sealed; not atomic by itself."""
        with self._open(self._path(name), "w") as file:
            file.write(_seal(text))
            file.write(text)
            file.flush()
            if hasattr(self._fs, "fsync"):  # LittleFS commits at close
                self._fs.fsync(file.fileno())

    def write_parts(self, name, parts):
        """As write_one, for a text too long to be in memory at once: `parts()` gives it piece by piece, and twice."""
        crc = 0
        for part in parts():
            crc = binascii.crc32(part.encode(), crc)
        with self._open(self._path(name), "w") as file:
            file.write("%08x\n" % (crc & 0xFFFFFFFF))
            for part in parts():
                file.write(part)
            file.flush()
            if hasattr(self._fs, "fsync"):
                self._fs.fsync(file.fileno())

    def rename(self, old, new):
        self._fs.rename(self._path(old), self._path(new))

    def remove(self, name):
        try:
            self._fs.remove(self._path(name))
        except OSError:
            pass

    def names(self, folder):
        try:
            return self._fs.listdir(self._path(folder))
        except OSError:
            return []

    def folder(self, name):
        """Make a folder where there is none."""
        try:
            self._fs.mkdir(self._path(name))
        except OSError:
            pass

    def _path(self, name):
        return self._root + "/" + name if name else self._root


def _seal(text):
    return "%08x\n" % (binascii.crc32(text.encode()) & 0xFFFFFFFF)
