import asyncio
import unittest

from panal.board.tests import folder
from panal.cells.access import device, machine, rules
from panal.protocol import envelope, keys

TOKEN = "5a" * 32
KEY = keys.derive(TOKEN, "access")
UID = b"\x04\xa1\xb2\xc3"


class Clock:
    now = 0

    def monotonic_ms(self):
        return self.now

    def now_ms(self):
        return 1795000000000 + self.now

    def at_ms(self, ms):
        return 1795000000000 + ms


class Part:
    """A light, a lock, a contact, a sound: what was said to it, and what it shows."""

    def __init__(self):
        self.said = []
        self.shows = False
        self.is_present = True
        self.mapping = None

    def set(self, is_on):
        if not self.said or self.said[-1] != is_on:
            self.said.append(is_on)

    def is_closed(self):
        return self.shows

    def play(self, name):
        self.said.append(name)

    def work(self, now_ms=None):
        pass

    def start(self):
        self.said.append("start")


class Commands:
    order_id = "c1"

    def __init__(self):
        self.commands, self.settings, self.told = {}, {}, []

    def tell(self, name, value):
        self.told.append(value)


class Outbox:
    def __init__(self):
        self.events = []

    def raise_event(self, kind, data, monotonic_ms):
        self.events.append((kind, data))


class Link:
    def __init__(self):
        self.said, self.drops = [], 0

    def say(self, leaf, document):
        self.said.append((leaf, document))
        return True

    def say_on(self, topic, document):
        self.said.append((topic, document))

    def drop(self):
        self.drops += 1


class Store:
    def __init__(self):
        self.texts = {}

    def read(self, name):
        return self.texts.get(name)

    def write(self, name, text):
        self.texts[name] = text


class Supervisor:
    def watch(self, name, run, silent_ms=None):
        pass

    def alive(self, name):
        pass


class Hardware:
    def __init__(self):
        names = ("relay", "blue", "green", "red", "buzzer", "reed", "exit", "bolt", "reader", "lcd", "knob", "keypad")
        self.parts = {name: Part() for name in names}
        self.servo = Part()
        self.parts["servo"] = lambda: self.servo
        self.parts["reed"].shows = True


class Board:
    boot_count = 7

    def __init__(self, flash):
        self.flash = flash
        self.config = {"device_id": "DOOR1", "token": TOKEN, "transport": "mqtt"}
        self.hardware, self.clock, self.device = Hardware(), Clock(), Commands()
        self.outbox, self.link, self.storage, self.supervisor = Outbox(), Link(), Store(), Supervisor()
        self.log = folder.Silence()
        self.queue = self.log
        self.hear, self.topics = {}, {}


class AccessTest(unittest.TestCase):
    def setUp(self):
        self.root = folder.fresh("access")
        self.board = Board(self.root)
        self.parts = self.board.hardware.parts
        self.access = device.make(self.board)

    def tearDown(self):
        folder.clear(self.root)

    def let(self, ms):
        until_ms = self.board.clock.now + ms
        while self.board.clock.now < until_ms:
            self.board.clock.now += 20
            self.access.look(self.board.clock.now)

    def obey(self, **settings):
        return self.board.device.settings["access"](settings)

    def card(self, uid=UID):
        self.access._uid = uid
        now_ms = self.board.clock.now
        self.access.door.receive_card(keys.hex_of(rules.card_hash(KEY, uid)), now_ms)
        self.let(20)

    def take(self, entries, version=1):
        page = {"version": version, "after": 0, "zone": [], "schedules": [], "entries": entries, "next": None}
        asyncio.run(self.access._take(page))

    def reasons(self):
        return [data.get("reason") for kind, data in self.board.outbox.events]

    def test_nothing_moves_before_the_reed_is_known(self):
        self.obey(lock="servo")
        self.let(20)
        self.assertEqual((self.board.hardware.servo.said, self.parts["relay"].said), ([], []))
        self.let(60)
        self.assertEqual((self.board.hardware.servo.said, self.parts["relay"].said), ([False], []))

    def test_the_start_is_logged_with_its_number(self):
        self.let(100)
        self.assertEqual(self.board.outbox.events[0][1]["boot"], 7)
        self.assertEqual(self.reasons(), ["boot"])

    def test_a_card_on_the_list_moves_lock_and_light(self):
        self.take([[keys.hex_of(rules.card_hash(KEY, UID)), 12, 0, 0, 0, False]])
        self.let(100)
        self.card()
        self.assertEqual((self.parts["relay"].said, self.parts["green"].said), ([False, True], [False, True]))
        self.assertEqual(self.parts["buzzer"].said, ["short", "double"])
        self.assertEqual(self.board.outbox.events[-1][1]["person"], 12)

    def test_a_list_that_cannot_be_read_lets_nobody_in(self):
        self.take([[keys.hex_of(rules.card_hash(KEY, UID)), 12, 0, 0, 0, False]])
        with open(self.root + "/access", "wb") as file:
            file.write(b"")
        self.let(100)
        self.card()
        self.assertEqual(self.reasons()[-1], "list_unreadable")
        self.assertEqual(self.parts["relay"].said, [False])

    def test_no_uid_and_no_combination_is_ever_said_or_written(self):
        self.take([[keys.hex_of(rules.card_hash(KEY, UID)), 12, 0, 0, 0, False]])
        self.obey(combination=keys.hex_of(rules.code_hash(KEY, (7, 7, 7))))
        self.let(100)
        self.card()
        said = repr(self.board.outbox.events) + repr(self.board.device.told) + repr(self.board.log.lines)
        self.assertFalse("04a1b2c3" in said or "04A1B2C3" in said or "7, 7, 7" in said)
        with open(self.root + "/access", "rb") as file:
            self.assertFalse(UID in file.read())

    def test_what_is_desired_is_obeyed_and_told_and_the_rest_passed_over(self):
        self.let(100)
        given = self.obey(mode="AND", held_ms=5, no_such=1, unlock_max_ms=3000, list_version=4, combination="zz")
        self.assertEqual(given, {"mode": "AND", "unlock_max_ms": 3000})
        self.let(20)
        told = self.board.device.told[-1]
        self.assertEqual((told["mode"], told["unlock_max_ms"], told["list_version"]), ("AND", 3000, 0))

    def test_the_state_is_told_once_for_each_change(self):
        self.let(100)
        count = len(self.board.device.told)
        self.let(1000)
        self.assertEqual(len(self.board.device.told), count)
        self.parts["reed"].shows = False
        self.let(100)
        self.assertEqual(self.board.device.told[-1]["alarms"], ["forced"])
        self.assertEqual(self.board.device.told[-1]["door"], "open")

    def test_a_pause_is_kept_on_flash(self):
        self.obey(fail_limit=1)
        self.let(100)
        self.card()
        self.assertEqual(self.board.storage.texts["pauses"], "1")
        again = device.make(self.board)
        self.assertIsNotNone(again.door.paused_until_ms)

    def test_a_flash_that_cannot_be_written_does_not_stop_the_door(self):
        def fail(*rest):
            raise OSError(28)

        self.let(100)
        self.board.outbox.raise_event = self.board.storage.write = fail
        self.obey(fail_limit=1)
        self.card()
        self.assertIsNotNone(self.access.door.paused_until_ms)
        asyncio.run(self.board.device.commands["door.unlock"]({"reason": ""}))
        self.assertEqual(self.parts["relay"].said, [False, True])
        self.assertIn("log: cannot be written", self.board.log.lines)

    def test_the_panel_is_answered_how_the_door_stands(self):
        self.let(100)
        done = asyncio.run(self.board.device.commands["door.unlock"]({"reason": "x"}))
        self.assertEqual(done, {"lock": "unlocked", "door": "close"})
        self.assertEqual(self.board.outbox.events[-1][1]["command"], "c1")

    def test_arguments_are_checked(self):
        for name, args in (
            ("door.unlock", {"reason": "x" * 121}),
            ("door.unlock", {"reason": 1}),
            ("door.enroll", {}),
            ("door.enroll", {"seconds": True}),
            ("door.enroll", {"seconds": 4}),
        ):
            try:
                asyncio.run(self.board.device.commands[name](args))
                self.fail("taken")
            except ValueError:
                pass

    def test_a_new_card_is_sealed_for_the_server(self):
        self.let(100)

        async def enroll():
            waiting = asyncio.create_task(self.board.device.commands["door.enroll"]({"seconds": 20}))
            await asyncio.sleep(0)
            self.card()
            found.append(await waiting)

        found = []
        asyncio.run(enroll())
        self.assertEqual(found[0]["card"], keys.hex_of(rules.card_hash(KEY, UID)))
        opened = envelope.open(
            keys.derive(TOKEN, "access-encrypt"), keys.derive(TOKEN, "access-mac"), found[0]["sealed"]
        )
        self.assertEqual(opened, UID)

    def test_older_topics_only_when_they_are_wanted(self):
        self.let(100)
        self.assertEqual(self.board.topics, {})
        self.obey(legacy_topics=True)
        self.assertEqual(self.board.link.drops, 1)
        self.board.topics["iot/commands"]({"action": "close"})
        self.board.topics["iot/commands"]({"open": False})
        self.assertFalse(self.access.door.is_released)
        self.board.topics["iot/commands"]({"x": 1})
        self.assertTrue(self.access.door.is_released)
        self.assertEqual(self.board.link.said[-1][1]["access_method"], "remote")
        self.obey()
        self.assertEqual((self.board.topics, self.board.link.drops), ({}, 2))

    def test_how_long_the_door_waited_is_counted(self):
        for late_ms in (20, 20, 40, 80, 200, 900):
            self.access._measure(self.board.clock.now)
            self.board.clock.now += late_ms
        self.access._measure(self.board.clock.now)
        self.assertEqual((self.access.latency, self.access.worst_ms), ([2, 1, 1, 1, 1], 900))
        self.board.clock.now += device.REPORT_MS
        self.access._measure(self.board.clock.now)
        self.assertIn("loop: [2, 1, 1, 1, 2], worst 600000 ms", self.board.log.lines)

    def test_every_setting_of_the_machine_may_be_wanted(self):
        self.assertEqual(self.obey(**machine.defaults()), machine.defaults())


if __name__ == "__main__":
    unittest.main()
