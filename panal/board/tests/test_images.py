import asyncio
import unittest

from panal.board import slots
from panal.board.storage import Storage
from panal.board.tests import folder
from panal.cells.updates import messages
from panal.cells.updates.tests import releases


class FakePartition:
    """esp32.Partition: two of 8 KB, of which the first one runs."""

    RUNNING = 1
    made = {}

    def __init__(self, label):
        self.label = "ota_0" if label == self.RUNNING else label
        if self.label == "ota_1":
            if "ota_1" not in FakePartition.made:
                FakePartition.made["ota_1"] = bytearray(8192)
            self.data = FakePartition.made["ota_1"]

    def info(self):
        return (0, 16, 0x10000, 8192, self.label, False)

    def get_next_update(self):
        return FakePartition("ota_1")

    def writeblocks(self, number, data):
        if len(data) % 4096:
            raise OSError(22)
        self.data[number * 4096 : number * 4096 + len(data)] = data

    def readblocks(self, number, buffer):
        buffer[:] = self.data[number * 4096 : number * 4096 + len(buffer)]

    def set_boot(self):
        FakePartition.made["boot"] = self.label

    @staticmethod
    def mark_app_valid_cancel_rollback():
        FakePartition.made["valid"] = True


class ImageTest(unittest.TestCase):
    def setUp(self):
        self.root = folder.fresh("image")
        self.storage = Storage(self.root)
        FakePartition.made.clear()

    def tearDown(self):
        folder.clear(self.root)

    def slot(self):
        return slots.Images(FakePartition).open(self.storage)

    def load(self, content, manifest):
        slot = self.slot()
        at = slot.open(manifest)
        while at < len(content):
            at = slot.write(content[at : at + messages.BLOCK_BYTES - at % messages.BLOCK_BYTES])
        return asyncio.run(slot.verify(manifest))

    def test_an_image_lies_in_the_other_partition(self):
        manifest, content = releases.image(content=b"image" * 1200, is_signed=False)
        self.assertEqual(self.load(content, manifest), "")
        self.assertEqual(bytes(FakePartition.made["ota_1"][: len(content)]), content)

    def test_a_flipped_bit_is_found(self):
        manifest, content = releases.image(content=b"image" * 1200, is_signed=False)
        self.load(content, manifest)
        FakePartition.made["ota_1"][5000] ^= 1
        self.assertEqual(asyncio.run(self.slot().verify(manifest)), "bad_artifact")

    def test_an_image_that_is_too_large_is_refused(self):
        manifest, _ = releases.image(content=b"image" * 2000, is_signed=False)
        with self.assertRaises(slots.Bad):
            self.slot().open(manifest)

    def test_it_goes_on_after_a_restart_where_that_was_kept(self):
        manifest, content = releases.image(content=b"image" * 1200, is_signed=False)
        self.storage.write("image", '["%s", 4096]' % manifest.sha256)
        self.assertEqual(self.slot().open(manifest), 4096)
        other, _ = releases.image(content=b"other" * 1200, is_signed=False)
        self.assertEqual(self.slot().open(other), 0)

    def test_the_loader_is_told(self):
        boot = slots.Images(FakePartition)
        self.assertEqual((boot.slot, boot.other), ("ota_0", "ota_1"))
        boot.begin("ota_1")
        boot.keep()
        self.assertEqual((FakePartition.made["boot"], FakePartition.made["valid"]), ("ota_1", True))


if __name__ == "__main__":
    unittest.main()
