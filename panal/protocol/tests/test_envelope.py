import binascii
import unittest

from panal.protocol import envelope, keys
from panal.protocol.errors import BadRequest

TOKEN = "00" * 31 + "01"
ENCRYPT, MAC = keys.derive(TOKEN, "wifi-encrypt"), keys.derive(TOKEN, "wifi-mac")
IV = bytes(range(16))
PLAIN = b'{"ssid":"Casa","password":"correcta 1","rev":7}'
KNOWN = (
    "AQABAgMEBQYHCAkKCwwNDg+0CbTkT2RuJU7AcDhsUhn15ZuvhEWwC1IHhTMnkwo9pCCimKkxrz9wJ6//5UmlzUXy"
    "AIIQmnrzdxUb/4z2XIZW6Sx9H+Yx8BUBVdR4yVEJZA=="
)


class EnvelopeTest(unittest.TestCase):
    def refuse(self, text):
        with self.assertRaises(BadRequest) as raised:
            envelope.open(ENCRYPT, MAC, text)
        self.assertEqual(raised.exception.code, "bad_envelope")

    def test_aes_gives_the_answer_of_nist_sp_800_38a(self):
        # F.2.5, CBC-AES256.Encrypt, first block.
        key = binascii.unhexlify("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
        block = binascii.unhexlify("6bc1bee22e409f96e93d7e117393172a")
        expected = "f58c4c04d6e5f1ba779eabfb5f7bfbd6"
        self.assertEqual(keys.hex_of(envelope.aes(key, 2, IV).encrypt(block)), expected)

    def test_a_known_envelope_is_known(self):
        self.assertEqual(envelope.seal(ENCRYPT, MAC, PLAIN, IV), KNOWN)
        self.assertEqual(envelope.open(ENCRYPT, MAC, KNOWN), PLAIN)

    def test_it_holds_every_length(self):
        for length in (0, 1, 15, 16, 17, 200):
            plain = bytes((length,)) * length
            self.assertEqual(envelope.open(ENCRYPT, MAC, envelope.seal(ENCRYPT, MAC, plain, IV)), plain)

    def test_every_flipped_bit_is_refused(self):
        data = binascii.a2b_base64(KNOWN)
        for index in range(len(data)):
            for bit in (1, 0x10, 0x80):
                wrong = data[:index] + bytes((data[index] ^ bit,)) + data[index + 1 :]
                self.refuse(binascii.b2a_base64(wrong)[:-1].decode())

    def test_every_change_of_its_text_is_refused(self):
        for index in range(len(KNOWN)):
            for letter in ("A", "\n", "é"):
                if KNOWN[index] != letter:
                    self.refuse(KNOWN[:index] + letter + KNOWN[index + 1 :])
            self.refuse(KNOWN[:index])
            self.refuse(KNOWN[:index] + " " + KNOWN[index:])
        self.refuse(KNOWN + "=")

    def test_other_keys_open_nothing(self):
        for encrypt, mac in ((ENCRYPT, ENCRYPT), (MAC, ENCRYPT)):
            with self.assertRaises(BadRequest):
                envelope.open(encrypt, mac, KNOWN)

    def test_what_is_no_text_is_refused(self):
        for wrong in ("", "=", "A" * 5000, "\ud83d\ude00"):
            self.refuse(wrong)

    def test_a_wrong_padding_under_a_right_mac_is_refused(self):
        for last in (0, 17, 3):
            body = b"\x01" + IV + envelope.aes(ENCRYPT, 2, IV).encrypt(bytes(15) + bytes((last,)))
            self.refuse(binascii.b2a_base64(body + keys.hmac_sha256(MAC, body))[:-1].decode())


if __name__ == "__main__":
    unittest.main()
