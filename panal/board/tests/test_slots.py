import asyncio
import os
import unittest

from panal.board import folder_slot, slots
from panal.board.tests import folder
from panal.cells.updates.tests import releases

MANIFEST, ARTIFACT = releases.app(is_signed=False)


class FolderTest(unittest.TestCase):
    def setUp(self):
        self.root = folder.fresh("slots")
        self.path = self.root + "/slot_b"

    def tearDown(self):
        folder.clear(self.root)

    def slot(self):
        return folder_slot.Folder(self.path)

    def load(self, artifact=ARTIFACT, manifest=MANIFEST, step=500):
        slot = self.slot()
        at = slot.open(manifest)
        while at < len(artifact):
            at = slot.write(artifact[at : at + step])
        return asyncio.run(slot.verify(manifest))

    def content(self, name):
        with open(self.path + "/" + name, "rb") as file:
            return file.read()

    def test_the_files_lie_there_whatever_the_size_of_the_portions(self):
        for step in (1, 7, 500, 4096):
            self.slot().clear()
            self.assertEqual(self.load(step=step), "")
            for path, content in releases.FILES:
                self.assertEqual(self.content(path), content)

    def test_a_download_goes_on_wherever_it_ended(self):
        for end in range(0, len(ARTIFACT), 97):
            slot = self.slot()
            slot.clear()
            slot.open(MANIFEST)
            slot.write(ARTIFACT[:end])
            again = self.slot().open(MANIFEST)
            # what there is of a table that is not whole is not worth asking about
            self.assertEqual(again, end if end >= MANIFEST.files_size else 0)
            self.assertEqual(self.load(), "", end)

    def test_what_another_release_left_is_gone(self):
        self.load()
        manifest, artifact = releases.app(files=(("panal/d.mpy", b"delta" * 50),), is_signed=False)
        self.assertEqual(self.load(artifact, manifest), "")
        self.assertEqual(sorted(os.listdir(self.path + "/panal")), ["d.mpy"])

    def test_every_flipped_bit_is_found(self):
        for at in range(0, len(ARTIFACT), 131):
            self.slot().clear()
            wrong = bytearray(ARTIFACT)
            wrong[at] ^= 1
            try:
                found = self.load(bytes(wrong))
            except slots.Bad as error:
                found = str(error)
            self.assertIn(found, ("bad_files", "bad_artifact"), at)

    def test_what_changes_on_flash_is_found(self):
        self.load()
        with open(self.path + "/panal/a.mpy", "ab") as file:
            file.write(b"x")
        slot = self.slot()
        self.assertEqual(asyncio.run(slot_verify(slot)), "bad_artifact")

    def test_a_truncated_artifact_is_found(self):
        slot = self.slot()
        slot.open(MANIFEST)
        slot.write(ARTIFACT[:-1])
        self.assertEqual(asyncio.run(slot.verify(MANIFEST)), "bad_artifact")

    def test_more_than_the_table_says_is_refused(self):
        slot = self.slot()
        slot.open(MANIFEST)
        with self.assertRaises(slots.Bad):
            slot.write(ARTIFACT + b"x")

    def test_a_table_that_leads_out_of_the_slot_is_refused_before_a_file_is_written(self):
        manifest, artifact = releases.app(files=(("../evil", b"evil"),), is_signed=False)
        slot = self.slot()
        slot.open(manifest)
        with self.assertRaises(slots.Bad):
            slot.write(artifact)
        self.assertEqual(sorted(os.listdir(self.root)), ["slot_b"])

    def test_a_full_flash_is_said_before_a_file_is_written(self):
        class Full:
            def __getattr__(self, name):
                return getattr(os, name)

            def statvfs(self, path):
                return (4096, 4096, 100, 8, 8)

        slot = folder_slot.Folder(self.path, Full())
        slot.open(MANIFEST)
        with self.assertRaises(slots.Bad) as raised:
            slot.write(ARTIFACT)
        self.assertEqual(str(raised.exception), "no_room")


async def slot_verify(slot):
    return await slot.verify(MANIFEST)


if __name__ == "__main__":
    unittest.main()
