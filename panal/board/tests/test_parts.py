import asyncio
import unittest

from panal.board import config
from panal.board.log import Log
from panal.board.storage import Storage
from panal.board.supervisor import Supervisor
from panal.board.tests import folder

GOOD = {"token": "0a" * 32, "server": "http://10.0.0.1:6971", "model": "wearable-1", "device_id": "A"}


class ConfigTest(unittest.TestCase):
    def parse(self, **changes):
        given = GOOD.copy()
        given.update(changes)
        return config.parse(given, b"\x01\x02\x03\x04\xab\xff")

    def test_what_is_missing_has_its_usual_value(self):
        values = self.parse()
        self.assertEqual((values["transport"], values["heartbeat_s"], values["plain_public"]), ("mqtt", 120, False))

    def test_without_an_id_the_mac_is_it(self):
        self.assertEqual(self.parse(device_id="")["device_id"], "ESP32-01020304ABFF")

    def test_bad_values_are_named(self):
        bad = {"token": "xy", "server": "10.0.0.1", "transport": "smoke", "heartbeat_s": 0, "device_id": "a/b"}
        for name, value in bad.items():
            try:
                self.parse(**{name: value})
                self.fail(name)
            except config.BadConfig as error:
                self.assertEqual(str(error), "config: bad " + name)

    def test_tls_needs_a_ca(self):
        with self.assertRaises(config.BadConfig):
            self.parse(server="https://10.0.0.1")
        self.parse(server="https://10.0.0.1", ca="ca.pem")


class Clock:
    def __init__(self):
        self.ms = 0

    def monotonic_ms(self):
        return self.ms

    def now_ms(self):
        return None


class Hardware:
    def __init__(self):
        self.fed = 0
        self.restarts = []

    def feed(self):
        self.fed += 1

    def restart(self, cause):
        self.restarts.append(cause)


class SupervisorTest(unittest.TestCase):
    def setUp(self):
        self.root = folder.fresh("supervisor")
        self.clock, self.hardware = Clock(), Hardware()
        self.log = Log(self.clock)
        self.supervisor = Supervisor(self.hardware, self.clock, self.log, Storage(self.root))

    def tearDown(self):
        folder.clear(self.root)

    def test_a_crash_that_there_is_no_memory_to_tell_of_is_a_restart(self):
        def full(message):
            raise MemoryError

        async def crash():
            raise ValueError

        async def live():
            running = asyncio.create_task(self.supervisor.run())
            await asyncio.sleep(0.05)
            running.cancel()

        self.log.error = full
        self.supervisor.watch("care", crash)
        asyncio.run(live())
        self.assertEqual(self.hardware.restarts, ["memory"])

    def test_the_watchdog_starves_while_a_task_hangs(self):
        self.supervisor.watch("care", None, 1000)
        self.assertEqual((self.supervisor.look(), self.hardware.fed), ([], 1))
        self.clock.ms = 1001
        self.assertEqual((self.supervisor.look(), self.hardware.fed), (["care"], 1))
        self.supervisor.alive("care")
        self.assertEqual((self.supervisor.look(), self.hardware.fed), ([], 2))

    def test_a_crash_is_told_after_the_restart(self):
        self.supervisor.crashed("care", ValueError("oops"))
        after = Supervisor(self.hardware, self.clock, self.log, Storage(self.root))
        after._tell_last_crash()
        self.assertIn("oops", self.log.lines()[-1]["message"])
        self.assertIn("before the restart", self.log.lines()[-1]["message"])

    def test_six_crashes_in_ten_minutes_restart_the_board(self):
        for minute in range(5):
            self.clock.ms = minute * 60000
            self.supervisor.crashed("care", ValueError())
        self.assertEqual(self.hardware.restarts, [])
        self.supervisor.crashed("care", ValueError())
        self.assertEqual(self.hardware.restarts, ["crashes"])

    def test_crashes_of_long_ago_are_forgiven(self):
        for hour in range(10):
            self.clock.ms = hour * 3600000
            self.supervisor.crashed("care", ValueError())
        self.assertEqual(self.hardware.restarts, [])

    def test_a_task_that_crashed_runs_again(self):
        runs = []

        async def crash():
            runs.append(1)
            raise ValueError

        async def run():
            keeping = asyncio.create_task(self.supervisor._keep("a", crash))
            await asyncio.sleep(0.05)
            keeping.cancel()

        asyncio.run(run())
        self.assertEqual(runs, [1])
        self.assertTrue(self.log.lines()[-1]["message"].startswith("crash: "))


class LogTest(unittest.TestCase):
    def test_it_keeps_the_last_lines_and_says_them_once_there_is_somebody(self):
        log, said = Log(Clock()), []
        for number in range(25):
            log.info("line %d" % number)
        log.debug("nobody asked")
        log.say = lambda leaf, line: said.append(line["message"]) or True
        log.flush()
        log.warning("now")
        self.assertEqual(said, ["line %d" % number for number in range(5, 25)] + ["now"])
        self.assertEqual(log.lines(), [])


if __name__ == "__main__":
    unittest.main()
