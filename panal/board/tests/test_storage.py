import os
import unittest

from panal.board.storage import Storage
from panal.board.tests import folder


class PowerCut(Exception):
    pass


class CutFs:
    """`os` that loses its power at the n-th change."""

    def __init__(self, steps):
        self.steps = steps

    def step(self):
        if self.steps == 0:
            raise PowerCut
        self.steps -= 1

    def open(self, path, mode="r"):
        if mode == "w":
            self.step()
            with open(path, mode) as file:
                file.write("half of what was mea")
            self.step()
        return open(path, mode)

    def rename(self, old, new):
        self.step()
        os.rename(old, new)

    def remove(self, path):
        self.step()
        os.remove(path)

    def mkdir(self, path):
        os.mkdir(path)

    def listdir(self, path):
        return os.listdir(path)


class StorageTest(unittest.TestCase):
    def setUp(self):
        self.root = folder.fresh("storage")
        self.storage = Storage(self.root)

    def tearDown(self):
        folder.clear(self.root)

    def test_what_is_written_is_read(self):
        self.assertEqual(self.storage.read("a"), None)
        self.storage.write("a", "ñ1")
        self.storage.write("a", "ñ2")
        self.assertEqual(Storage(self.root).read("a"), "ñ2")

    def test_a_damaged_file_gives_way_to_the_last_good_one(self):
        self.storage.write("a", "one")
        self.storage.write("a", "two")
        with open(self.root + "/a", "w") as file:
            file.write("00000000\ntwp")
        self.assertEqual(self.storage.read("a"), "one")
        self.storage.write("a", "three")
        self.assertEqual(self.storage.read("a"), "three")

    def test_a_power_cut_at_any_step_leaves_the_old_or_the_new(self):
        """Twice in a row, so that the second write meets what the first cut left behind."""
        for first in range(12):
            for second in range(12):
                self.storage.write("a", "old")
                self.cut(first, "new")
                between = self.storage.read("a")
                self.assertIn(between, ("old", "new"), (first, second))
                self.cut(second, "newest")
                self.assertIn(self.storage.read("a"), (between, "newest"), (first, second))

    def cut(self, steps, text):
        fs = CutFs(steps)
        try:
            Storage(self.root, fs, fs.open).write("a", text)
        except PowerCut:
            pass


if __name__ == "__main__":
    unittest.main()
