"""Commands on a board, from the first that comes until the last of them is answered.

They are rare, so what they need is in memory only while one is there; what must be known of them later is on flash.
"""

import asyncio
import json

from panal.protocol import command, keys

CLOCKLESS = ("ping", "identify")
FOLDER = "commands"
DRAFT = FOLDER + "/draft"
SLOTS = 32  # as many commands as are remembered


class Orders:
    def __init__(self, board, device):
        self._board = board
        self._device = device
        self._memory = Memory(board.storage)
        key = keys.derive(board.config["token"], "command")
        self._inbox = command.Inbox(key, CLOCKLESS, self._memory.load())
        self._executing = 0

    def is_over(self):
        return not self._executing

    def receive_command(self, document):
        self._inbox.receive_command(document, self._board.clock.now_ms())
        for order in self._inbox.events():
            self._memory.save(order.id, None)
            self._executing += 1
            asyncio.create_task(self._execute(order))  # noqa: RUF006  the loop holds it until it is done
        self._say_answers()

    async def _execute(self, order):
        self._inbox.answered(order.id, *await self._done(order))
        self._executing -= 1
        self._say_answers()
        self._device.look_at_orders()

    async def _done(self, order):
        """Status, result, error code, error message, as many of them as there are."""
        device = self._device
        if order.name not in device.commands:
            return "rejected", None, "unknown_command", order.name
        try:
            device.order_id = order.id  # for those who look before they wait
            done = await device.commands[order.name](order.args)
            return done if isinstance(done, tuple) else ("done", done)
        except ValueError as error:
            return "rejected", None, "bad_args", str(error)
        except Exception as error:
            return "failed", None, "failed", repr(error)[:80]

    def _say_answers(self):
        for answer in self._inbox.messages_to_send():
            if self._inbox.is_remembered(answer):
                self._memory.save(answer["id"], answer)
            self._device.say_answer(answer)


class Memory:
    """The inbox's memory on flash: one small file for each command, in a ring of as many as are remembered."""

    def __init__(self, storage):
        self._storage = storage
        self._slots = {}  # id -> slot
        self._next = 0
        storage.folder(FOLDER)

    def load(self):
        """[(id, answer or None)], oldest first."""
        found = []
        for name in self._storage.names(FOLDER):
            text = self._storage.read_one(FOLDER + "/" + name) if name.isdigit() else None
            if text is not None:
                found.append(json.loads(text))  # [number, id, answer]
        found.sort(key=lambda entry: entry[0])
        for number, id, _ in found:
            self._slots[id] = number
            self._next = number + 1
        return [(id, answer) for _, id, answer in found]

    def save(self, id, answer):
        if id not in self._slots:
            self._slots[id] = self._next
            self._next += 1
        number = self._slots[id]
        self._storage.write_one(DRAFT, json.dumps([number, id, answer]))
        self._storage.rename(DRAFT, "%s/%02d" % (FOLDER, number % SLOTS))
        for old in [known for known, at in self._slots.items() if at <= number - SLOTS]:
            del self._slots[old]
