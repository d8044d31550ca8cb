import unittest

from panal.protocol import topics


class TopicsTest(unittest.TestCase):
    def test_what_is_built_parses(self):
        self.assertEqual(topics.parse(topics.up("W-1", "event")), ("W-1", "up", "event"))
        self.assertEqual(topics.parse_subject(topics.down_subject("W-1", "command")), ("W-1", "down", "command"))

    def test_the_two_forms_stand_in_the_contract(self):
        self.assertEqual(topics.up("A", "hello"), "panal/A/up/hello")
        self.assertEqual(topics.up_subject("*", ">"), "panal.*.up.>")

    def test_strangers_are_none(self):
        for topic in (
            "",
            "panal",
            "panal/a/up",
            "panal/a/up/b/c",
            "iot/a/up/b",
            "panal//up/b",
            "panal/a b/up/c",
            "panal/a/x/c",
        ):
            self.assertEqual(topics.parse(topic), None, topic)

    def test_a_device_id_is_safe_in_a_topic(self):
        for good in ("A", "ESP32-0123456789AB", "x" * 32, "a_b-c"):
            self.assertTrue(topics.is_device_id(good), good)
        for bad in ("", "x" * 33, "a.b", "a/b", "a*", "a>", "ñ", "a b", "a\n", None, 1):
            self.assertFalse(topics.is_device_id(bad), bad)


if __name__ == "__main__":
    unittest.main()
