import sys
import unittest

from panal.protocol import codec
from panal.protocol.errors import BadRequest, TooLarge


def code_of(data, **bounds):
    try:
        codec.decode(data, **bounds)
    except BadRequest as error:
        return error.code
    return None


class DecodeTest(unittest.TestCase):
    def test_it_takes_what_boards_say(self):
        self.assertEqual(codec.decode(b'{"a":[1,2.5,null,true,"\xc3\xb1"]}'), {"a": [1, 2.5, None, True, "ñ"]})
        self.assertEqual(codec.decode(bytearray(b"[]")), [])

    def test_it_refuses_bad_text(self):
        self.assertEqual(code_of(b'"\xff"'), "not_utf8")
        self.assertEqual(code_of(b'{"a":"x\\u0000y"}'), "bad_text")

    def test_it_refuses_what_is_not_json(self):
        for data in (b"", b"nul", b"{'a':1}", b"x"):
            self.assertEqual(code_of(data), "not_json", data)

    def test_the_server_refuses_what_a_board_would_let_pass(self):
        if sys.implementation.name != "micropython":  # whose parser forgives a missing comma or bracket
            for data in (b"{", b"[1 2]", b'{"a"}', b"[1,]"):
                self.assertEqual(code_of(data), "not_json", data)

    def test_it_refuses_numbers_without_a_meaning(self):
        for data in (b"NaN", b"Infinity", b"-Infinity"):
            self.assertTrue(code_of(b'{"a":' + data + b"}") in ("bad_number", "not_json"), data)
        for data in (b"1e999", b"-1e999", b"9223372036854775808", b"-9223372036854775809"):
            self.assertEqual(code_of(b"[" + data + b"]"), "bad_number", data)
        self.assertEqual(codec.decode(b"[9223372036854775807,-9223372036854775808]"), [(1 << 63) - 1, -(1 << 63)])

    def test_it_counts_the_depth(self):
        self.assertEqual(code_of(b"[" * 8 + b"]" * 8), None)
        self.assertEqual(code_of(b"[" * 9 + b"]" * 9), "too_deep")
        self.assertEqual(code_of(b'{"a":' * 9 + b"1" + b"}" * 9), "too_deep")

    def test_an_abyss_is_only_a_bad_request(self):
        self.assertTrue(code_of(b"[" * 20000) in ("not_json", "too_deep"))

    def test_it_counts_the_bytes(self):
        with self.assertRaises(TooLarge):
            codec.decode(b'"' + b"x" * 100 + b'"', max_bytes=100)

    def test_an_object_is_asked_for(self):
        with self.assertRaises(BadRequest):
            codec.decode_object(b"[]")


class EncodeTest(unittest.TestCase):
    def test_it_is_compact_and_reads_back(self):
        data = codec.encode({"a": [1, None, "ñ"]})
        self.assertFalse(b" " in data)
        self.assertEqual(codec.decode(data), {"a": [1, None, "ñ"]})


if __name__ == "__main__":
    unittest.main()
