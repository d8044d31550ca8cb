import json
import unittest

from panal.cells.updates import messages
from panal.cells.updates.tests import releases
from panal.protocol.errors import BadRequest

MANIFEST, ARTIFACT = releases.app()


def document(**changes):
    found = messages.manifest_document(MANIFEST)
    found.update(changes)
    return found


class SignatureTest(unittest.TestCase):
    def test_what_the_operator_signed_is_good(self):
        self.assertTrue(messages.is_signed(MANIFEST, releases.MODULUS))

    def test_no_fact_can_be_changed(self):
        changes = {"version": "1.2.1", "security_version": 2, "board": "lights-5", "kind": "image", "size": 9}
        changes.update({"sha256": "0" * 64, "files_size": 20, "files_sha256": "0" * 64})
        for name, value in changes.items():
            changed = releases.change(MANIFEST, **{name: value})
            self.assertFalse(messages.is_signed(changed, releases.MODULUS), name)

    def test_no_bit_of_the_signature_can_be_flipped(self):
        for at in (0, 200, 511):
            letters = list(MANIFEST.signature)
            letters[at] = "A" if letters[at] != "A" else "B"
            changed = releases.change(MANIFEST, signature="".join(letters))
            self.assertFalse(messages.is_signed(changed, releases.MODULUS), at)

    def test_another_key_signed_something_else(self):
        other = bytearray(releases.MODULUS)
        other[100] ^= 1
        self.assertFalse(messages.is_signed(MANIFEST, bytes(other)))
        self.assertFalse(messages.is_signed(MANIFEST, b""))

    def test_a_signature_as_large_as_the_modulus_is_none(self):
        changed = releases.change(MANIFEST, signature="/" * 512)
        self.assertFalse(messages.is_signed(changed, releases.MODULUS))

    def test_two_manifests_never_say_the_same(self):
        """Every fact stands in a line of its own, and none may hold a line's end or a space."""
        for version in ("1 2", "1\n2", ""):
            with self.assertRaises(BadRequest):
                messages.parse_manifest(document(version=version))


class ManifestTest(unittest.TestCase):
    def test_it_comes_back_as_it_went(self):
        text = json.dumps(messages.manifest_document(MANIFEST))
        self.assertEqual(messages.parse_manifest(json.loads(text)), MANIFEST)

    def test_an_image_has_no_table(self):
        image, _ = releases.image(is_signed=False)
        self.assertEqual(messages.parse_manifest(messages.manifest_document(image)), image)

    def test_every_bound_is_checked(self):
        wrong = {
            "version": (None, 1, "a" * 33, "1/2"),
            "board": ("", "ñ"),
            "kind": ("apps", None),
            "size": (0, -1, True, "5", 1 << 40),
            "sha256": ("", "A" * 64, "0" * 63, None),
            "files_size": (0, 1 << 20, len(ARTIFACT) + 1, None),
            "files_sha256": ("", None),
            "security_version": (-1, 1 << 30, None, 1.5),
            "signature": ("", "A" * 511, None, 5),
        }
        for name, values in wrong.items():
            for value in values:
                with self.assertRaises(BadRequest):
                    messages.parse_manifest(document(**{name: value}))


class TableTest(unittest.TestCase):
    def test_it_comes_back_as_it_went(self):
        files = messages.parse_table(ARTIFACT[: MANIFEST.files_size])
        self.assertEqual([file.path for file in files], ["panal/a.mpy", "panal/b/c.mpy"])
        self.assertEqual(sum(file.size for file in files), len(ARTIFACT) - MANIFEST.files_size)

    def test_no_path_leads_out_of_the_slot(self):
        for path in ("../a", "/a", "a//b", "a/../b", "a/.b", "", "a b", "a\\b", "ñ", "a" * 101):
            with self.assertRaises(BadRequest):
                messages.parse_line(path + " 1 " + "0" * 64)

    def test_nonsense_is_no_table(self):
        line = "a 1 " + "0" * 64 + "\n"
        good = messages.TABLE_HEAD + line + "\n"
        self.assertEqual(len(messages.parse_table(good.encode())), 1)
        for text in (
            "",
            "x\n\n",
            good[:-1],
            messages.TABLE_HEAD + line + line + "\n",
            good.replace(" 1 ", " x "),
            good.replace(" 1 ", " 0 "),
        ):
            with self.assertRaises(BadRequest):
                messages.parse_table(text.encode())
        with self.assertRaises(BadRequest):
            messages.parse_table(b"\xff" + good.encode())


class ReleaseTest(unittest.TestCase):
    def test_a_release_file_is_its_manifest_and_the_artifact(self):
        data = messages.build_release(MANIFEST, ARTIFACT)
        manifest, begin = messages.parse_release(data)
        self.assertEqual((manifest, data[begin:]), (MANIFEST, ARTIFACT))

    def test_anything_else_is_none(self):
        for data in (b"", b"{}\n", b"[]\n", b"\xe9 firmware without a line end" * 200):
            with self.assertRaises(BadRequest):
                messages.parse_release(data)


class SaidTest(unittest.TestCase):
    def test_an_offer_comes_back_as_it_went(self):
        said = messages.build_offer("0c7e-1", MANIFEST, 1700000000000, 2)
        self.assertEqual(messages.parse_offer(json.loads(json.dumps(said))), ("0c7e-1", MANIFEST, 1700000000000, 2))

    def test_an_older_server_names_no_attempt(self):
        offer = messages.parse_offer({"id": "a", "manifest": document()})
        self.assertEqual((offer.attempt, offer.not_before_ms), (1, None))

    def test_wrong_offers_are_refused(self):
        good = messages.build_offer("a", MANIFEST)
        for name, value in (("id", "a/b"), ("id", None), ("not_before_ms", -1), ("attempt", 0), ("manifest", "x")):
            wrong = good.copy()
            wrong[name] = value
            with self.assertRaises(BadRequest):
                messages.parse_offer(wrong)

    def test_progress_comes_back_as_it_went(self):
        for said in ((messages.DOWNLOADING, 40, ""), (messages.ROLLED_BACK, None, "no_server")):
            self.assertEqual(messages.parse_progress(messages.build_progress(*said)), said)

    def test_wrong_progress_is_refused(self):
        for said in (("flying", None, ""), ("downloading", 101, ""), ("refused", None, "a b"), ("refused", None, 5)):
            with self.assertRaises(BadRequest):
                messages.parse_progress(messages.build_progress(*said))


if __name__ == "__main__":
    unittest.main()
