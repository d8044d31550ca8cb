import unittest

from panal.board import dns

HEAD = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
NAME = b"\x07example\x03com\x00"
ADDRESS = bytes((192, 168, 4, 1))


class AnswerTest(unittest.TestCase):
    def test_every_name_is_this_board(self):
        answer = dns.answer(HEAD + NAME + b"\0\1\0\1", ADDRESS)
        self.assertEqual(answer[:4], b"\x12\x34\x85\x00")
        self.assertEqual(answer[4:12], b"\0\1\0\1\0\0\0\0")
        self.assertTrue(answer.endswith(NAME + b"\0\1\0\1" + b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4" + ADDRESS))

    def test_other_types_have_no_answer_but_a_good_one(self):
        answer = dns.answer(HEAD + NAME + b"\0\x1c\0\1", ADDRESS)
        self.assertEqual(answer, b"\x12\x34\x85\x00\0\1\0\0\0\0\0\0" + NAME + b"\0\x1c\0\1")

    def test_nonsense_is_passed_over(self):
        whole = HEAD + NAME + b"\0\1\0\1"
        for length in range(len(whole)):
            self.assertIsNone(dns.answer(whole[:length], ADDRESS))
        self.assertIsNone(dns.answer(HEAD + b"\xc0\x0c" + b"\0\1\0\1\0\0", ADDRESS))
        self.assertIsNone(dns.answer(b"\x12\x34\x81\x00" + whole[4:], ADDRESS))
        self.assertIsNone(dns.answer(whole + bytes(300), ADDRESS))


if __name__ == "__main__":
    unittest.main()
