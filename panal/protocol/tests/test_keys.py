import binascii
import unittest

from panal.protocol import keys

TOKEN = "00" * 31 + "01"


class HmacTest(unittest.TestCase):
    def test_it_gives_the_answers_of_rfc_4231(self):
        cases = (
            (b"\x0b" * 20, b"Hi There", b"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                b"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                b"\xaa" * 131,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                b"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        )
        for key, message, expected in cases:
            self.assertEqual(binascii.hexlify(keys.hmac_sha256(key, message)), expected)


class DeriveTest(unittest.TestCase):
    def test_the_command_key_of_a_known_token_is_known(self):
        expected = "6f1058e61268cc2f578ea6c53d050e83a474c6dbafa76af4936be32d814c1f3f"
        self.assertEqual(keys.hex_of(keys.derive(TOKEN, "command")), expected)

    def test_every_label_gives_another_key(self):
        self.assertEqual(len({keys.derive(TOKEN, label) for label in keys.LABELS}), len(keys.LABELS))


class TokenTest(unittest.TestCase):
    def test_the_hash_is_of_the_text_and_not_of_the_bytes(self):
        expected = "c386d8e8d07342f2e39e189c8e6c57bb205bb373fe4e3a6f69404a8bb767b417"
        self.assertEqual(keys.hex_of(keys.token_hash(TOKEN)), expected)

    def test_sameness_needs_every_byte(self):
        self.assertTrue(keys.same(b"abc", b"abc"))
        self.assertFalse(keys.same(b"abc", b"abd"))
        self.assertFalse(keys.same(b"abc", b"abcd"))


if __name__ == "__main__":
    unittest.main()
