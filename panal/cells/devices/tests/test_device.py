import unittest

from panal.cells.devices import device, messages


class Wifi:
    def ip(self):
        return "10.0.0.7"

    def rssi(self):
        return -61


class Hardware:
    FIRMWARE = "1.2.3"
    MODE = "normal"
    wifi = Wifi()

    def hw_id(self):
        return "AABB"

    def battery(self):
        return 0.5

    def reset_cause(self):
        return "pwron_reset"


class SaidTest(unittest.TestCase):
    """What the board says is what the server reads."""

    def test_hello(self):
        said = device.hello(Hardware(), {"model": "wearable-1", "device_id": "A"}, 7)
        read = messages.parse_hello(said, "A", 0)
        self.assertEqual((read.fw, read.model, read.hw_id, read.ip), ("1.2.3", "wearable-1", "AABB", "10.0.0.7"))
        self.assertEqual((read.reset_cause, read.boot_count, read.mode), ("pwron_reset", 7, "normal"))

    def test_heartbeat_on_both_wires(self):
        said = device.heartbeat(Hardware(), {"device_id": "A"}, 90)
        for parse in (messages.parse_heartbeat, messages.parse_heartbeat_http):
            read = parse(said, "A", 0)
            self.assertEqual((read.battery, read.rssi, read.fw, read.uptime_s), (0.5, -61, "1.2.3", 90))
            self.assertEqual((read.ip, read.reset_cause), ("10.0.0.7", "pwron_reset"))


if __name__ == "__main__":
    unittest.main()
