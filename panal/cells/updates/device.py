"""Does what the machine says, with the flash, the boot pointer and the server; lives while an update goes on."""

import asyncio
import json

import panal
from panal.board import slots
from panal.board.updates import EVERY_MS, FILE
from panal.cells.updates import asking, machine, messages, trust
from panal.protocol import topics
from panal.protocol.errors import BadRequest

GOODBYE_S = 1
ENOSPC = 28


async def run(board, updates):
    """Until nothing is left to do now: after how many ms to look again. Raises MemoryError."""
    boot = board.hardware.boot()
    if boot is None:
        return EVERY_MS
    driver = Driver(board, updates, boot)
    try:
        return await driver.run()
    except MemoryError:
        raise
    except Exception as error:  # whatever it is, the board does its work
        board.log.error("update: %r" % error)
        return EVERY_MS // 24
    finally:
        driver.close()


class Driver:
    def __init__(self, board, updates, boot):
        self._board = board
        self._boot = boot
        self._opened = None
        self._server = asking.Server(board, updates)
        self._block = None
        model, version = board.config["model"], board.hardware.FIRMWARE
        self.machine = machine.Machine(self._record(), boot, model, version, panal.SECURITY_VERSION)

    async def run(self):
        made = self.machine
        if made.is_over():
            made.ask()
        while True:
            for event in made.events():
                await getattr(self, event[0])(*event[1:])
            if made.is_over():
                break
        return made.wait_ms if made.state == machine.WAITING else EVERY_MS

    def _record(self):
        """What the last life kept of an update, or None."""
        try:
            found = json.loads(self._board.storage.read(FILE) or "null")
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def close(self):
        self._server.close()

    def _slot(self):
        """The slot that does not run, brought into memory when it is first needed."""
        if self._opened is None:
            self._opened = self._boot.open(self._board.storage)
        return self._opened

    # the flash

    async def save(self):
        self._board.storage.write(FILE, json.dumps(self.machine.record))

    async def check(self, manifest):
        self.machine.receive_checked(trust.distrust(manifest, self._board.flash))

    async def open(self, manifest):
        self._try(lambda: self.machine.receive_position(self._slot().open(manifest)))

    def _try(self, act):
        try:
            act()
        except slots.Bad as error:
            self.machine.receive_refusal(str(error))
        except OSError as error:
            self._board.log.error("update: flash: %s" % error)
            self.machine.receive_refusal("no_room" if error.errno == ENOSPC else "flash_failed")

    async def verify(self, manifest):
        self._board.log.info("update: checking %s" % manifest.version)
        self.machine.receive_verified(
            trust.distrust(manifest, self._board.flash) or await self._slot().verify(manifest)
        )

    async def clear(self):
        self._slot().clear()

    async def switch(self, slot):
        self._boot.begin(slot)

    async def restart(self):
        self.close()
        await asyncio.sleep(GOODBYE_S)
        self._board.hardware.restart("update")

    # the server

    async def ask(self):
        found = await self._ask("GET", asking.path_of(self._board))
        if found is None:
            return
        status, document = found
        if status != 200 or not isinstance(document, dict):
            self.machine.receive_offer(None, None)
            return
        try:
            offer = messages.parse_offer(document)
        except BadRequest as error:
            self._board.log.error("update: %s" % error.message)
            self._refuse(document.get("id"))
        else:
            self.machine.receive_offer(offer, self._board.clock.now_ms())

    def _refuse(self, id):
        if isinstance(id, str) and 0 < len(id) <= 36 and "/" not in id:
            self.machine.receive_bad_offer(id)
        else:
            self.machine.receive_offer(None, None)

    async def fetch(self, sha256, offset, length):
        if self._block is None:
            self._block = memoryview(bytearray(messages.BLOCK_BYTES))
        block = self._block[:length]
        try:
            status, size, retry_s = await self._server.fetch(topics.artifact_path(sha256), offset, block)
        except asking.Unanswered as error:
            self._wait(error)
            return
        if status == 206 and size:
            self._try(lambda: self.machine.receive_written(self._slot().write(block[:size])))
        elif status == 416:
            self.machine.receive_refusal("bad_artifact")
        else:
            self._wait(asking.Unanswered("status %d" % status, retry_s))

    async def tell(self, id, progress):
        self._board.log.info("update: %s %s" % (progress["state"], progress["percent"] or ""))
        await self._ask("POST", topics.progress_path(id), progress, False)

    async def report(self, id, progress):
        self._board.log.info("update: %s %s" % (progress["state"], progress["reason"]))
        if await self._ask("POST", topics.progress_path(id), progress) is not None:
            self.machine.receive_reported()

    async def _ask(self, method, path, document=None, is_needed=True):
        """(status, document) of the server's answer, be it a refusal; None when none came, which the machine knows."""
        try:
            return await self._server.ask(method, path, document)
        except asking.Unanswered as error:
            if is_needed:
                self._wait(error)
            return None

    def _wait(self, unanswered):
        self.machine.receive_failure(self._server.wait_ms(unanswered))
