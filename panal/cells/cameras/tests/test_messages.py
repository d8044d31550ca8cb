import unittest

from panal.cells.cameras import messages
from panal.protocol.errors import BadRequest


class RegisterTest(unittest.TestCase):
    def test_a_camera_says_who_it_is(self):
        found = messages.parse_register(messages.build_register("CAM", "ab"))
        self.assertEqual((found.kind, found.device_id, found.token), ("camera", "CAM", "ab"))

    def test_an_older_board_says_only_that_it_is_a_camera(self):
        found = messages.parse_register({"type": "register", "device": "camera"})
        self.assertEqual((found.device_id, found.token), ("", ""))

    def test_a_viewer_may_name_its_camera(self):
        found = messages.parse_register({"device": "browser", "token": "t", "camera": "CAM"})
        self.assertEqual((found.kind, found.camera), ("browser", "CAM"))

    def test_it_refuses_whatever_else_wants_to_register(self):
        for body in ({}, {"device": "toaster"}, {"device": 1}, {"device": "camera", "device_id": "../x"}):
            with self.assertRaises(BadRequest):
                messages.parse_register(body)


class CommandTest(unittest.TestCase):
    def test_values_come_as_texts_or_numbers(self):
        for value in (7, "7", " 7 "):
            self.assertEqual(messages.parse_command({"cmd": "resolution", "val": value}).val, "7")
        self.assertEqual(messages.parse_command({"cmd": "hmirror", "val": True}).val, "1")
        self.assertEqual(messages.parse_command({"cmd": "brightness", "val": "-2"}).val, "-2")

    def test_it_knows_the_bounds_of_each(self):
        for cmd in messages.COMMANDS:
            bounds = messages.COMMANDS[cmd]
            if bounds:
                for value in bounds:
                    self.assertEqual(messages.parse_command({"cmd": cmd, "val": value}).val, str(value))
                for value in (bounds[0] - 1, bounds[1] + 1, "x", None, [], 1 << 40):
                    with self.assertRaises(BadRequest):
                        messages.parse_command({"cmd": cmd, "val": value})

    def test_a_reboot_has_no_value(self):
        self.assertEqual(messages.parse_command({"cmd": "reboot", "val": "now"}).val, "")

    def test_it_refuses_what_no_camera_knows(self):
        for cmd in ("explode", "", None, 3):
            with self.assertRaises(BadRequest):
                messages.parse_command({"cmd": cmd, "val": "1"})

    def test_a_reboot_comes_first_and_a_picture_control_last(self):
        found = [messages.priority(cmd) for cmd in ("reboot", "fps", "brightness")]
        self.assertEqual(found, [messages.AT_ONCE, messages.SOON, messages.LATER])


class FactsTest(unittest.TestCase):
    def test_what_a_camera_tells_of_itself_is_kept_without_its_type(self):
        health = messages.build_health(5, 1, 90000, 40000, -60, 11_105_000, "10.0.0.9", "OV2640", 7, 12)
        found = messages.parse_facts(health)
        self.assertEqual((found["frames"], found["uptime"], "type" in found), (5, "3h 5m 5s", False))

    def test_what_is_long_nested_or_too_much_is_left_out(self):
        self.assertEqual(messages.parse_facts({"a": "x" * 600, "b": [1], "c": {}, "d": None, "x" * 40: 1}), {})
        self.assertEqual(len(messages.parse_facts({str(n): n for n in range(100)})), messages.MAX_FACTS)

    def test_a_response_is_a_text_whatever_it_was(self):
        found = messages.parse_response({"cmd": "fps", "status": "ok", "value": 15})
        self.assertEqual((found.cmd, found.status, found.value), ("fps", "ok", "15"))
        found = messages.parse_response({"cmd": "fps", "status": "no idea", "value": {}})
        self.assertEqual((found.status, found.value), ("error", ""))


if __name__ == "__main__":
    unittest.main()
