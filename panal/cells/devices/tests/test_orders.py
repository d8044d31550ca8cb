import asyncio
import unittest

from panal.board.storage import Storage
from panal.board.tests import folder
from panal.cells.devices import orders
from panal.protocol import command, keys

TOKEN = "5a" * 32
NOW_MS = 1_700_000_000_000


class Clock:
    def now_ms(self):
        return NOW_MS


class Board:
    def __init__(self, root):
        self.storage = Storage(root)
        self.config = {"token": TOKEN}
        self.clock = Clock()


class Device:
    """Hears the answers; `is_over` once it may forget the orders."""

    def __init__(self):
        self.commands = {"ping": self.ping, "refuse": self.refuse, "break": self.break_down, "change": self.change}
        self.order_id = ""
        self.answers = []
        self.seen = []

    async def ping(self, args):
        self.seen.append(self.order_id)
        return {"uptime_s": 1}

    async def refuse(self, args):
        raise ValueError("too bright")

    async def break_down(self, args):
        raise RuntimeError("lamp gone")

    async def change(self, args):
        return "failed", {"state": "kept"}, "no_server"

    def say_answer(self, answer):
        self.answers.append((answer["id"], answer["status"]))

    def look_at_orders(self):
        self.is_over = self.orders.is_over()


def order(id, name):
    expires_at_ms = NOW_MS + 1000
    mac = command.mac(keys.derive(TOKEN, "command"), id, name, expires_at_ms, {})
    return {"id": id, "name": name, "args": {}, "expires_at_ms": expires_at_ms, "mac": mac}


class OrdersTest(unittest.TestCase):
    def setUp(self):
        self.root = folder.fresh("orders")
        self.device = Device()

    def tearDown(self):
        folder.clear(self.root)

    def receive(self, *documents):
        """What a life of the board makes of these commands."""

        async def live():
            self.device.orders = orders.Orders(Board(self.root), self.device)
            for document in documents:
                self.device.orders.receive_command(document)
            await asyncio.sleep(0.05)

        asyncio.run(live())

    def test_each_is_done_once_however_often_it_comes(self):
        self.receive(order("c1", "ping"), order("c1", "ping"))
        self.assertEqual((self.device.seen, self.device.answers), (["c1"], [("c1", "done")]))
        self.receive(order("c1", "ping"))  # after a restart
        self.assertEqual((self.device.seen, self.device.answers), (["c1"], [("c1", "done")] * 2))

    def test_each_has_an_outcome_of_its_own(self):
        self.receive(*(order(name, name) for name in ("ping", "refuse", "break", "change", "fly")))
        self.assertEqual(
            sorted(self.device.answers),
            [("break", "failed"), ("change", "failed"), ("fly", "rejected"), ("ping", "done"), ("refuse", "rejected")],
        )

    def test_they_are_over_when_the_last_is_answered(self):
        self.receive(order("c1", "ping"), order("c2", "refuse"))
        self.assertTrue(self.device.is_over)

    def test_a_stranger_s_command_is_not_begun(self):
        self.receive(dict(order("c1", "ping"), mac="00" * 32))
        self.assertEqual((self.device.seen, self.device.answers), ([], [("c1", "rejected")]))
        self.assertTrue(self.device.orders.is_over())


class MemoryTest(unittest.TestCase):
    def setUp(self):
        self.root = folder.fresh("memory")

    def tearDown(self):
        folder.clear(self.root)

    def memory(self):
        memory = orders.Memory(Storage(self.root))
        return memory, memory.load()

    def test_commands_outlive_a_restart_in_their_order(self):
        memory, _ = self.memory()
        memory.save("a", None)
        memory.save("b", None)
        memory.save("a", {"id": "a", "status": "done"})
        self.assertEqual(self.memory()[1], [("a", {"id": "a", "status": "done"}), ("b", None)])

    def test_it_keeps_the_last_32_over_restarts(self):
        for number in range(50):
            memory, _ = self.memory()
            memory.save(f"c{number}", None)
        self.assertEqual([id for id, _ in self.memory()[1]], [f"c{number}" for number in range(18, 50)])


if __name__ == "__main__":
    unittest.main()
