"""Firmware that somebody near by pushes, in the form that older boards took: a file in a field.

The file is a release file (panal/cells/updates/messages.py), from whoever shows the board's token, and is used if it is
signed. What it holds has a trial like every new version, and goes back by itself if it does not reach the server.
"""

import asyncio
import gc
import json

import panal
from panal.board import slots
from panal.board.memory import forget
from panal.board.updates import FILE
from panal.cells.updates import messages
from panal.protocol import codec
from panal.protocol.errors import BadRequest

PUSH_S = 300
RESTART_S = 1
READ_BYTES = 512
MAX_HEAD = 1024  # of the field
MAX_BOUNDARY = 70  # RFC 2046, section 5.1.1
FIELD = b'name="firmware"'
DONE, FAILED = b"Update Success! Rebooting...", b"Update Failed"


async def take(board, request, visit, reader):
    """Answers what older boards answered; why it failed is in the log."""
    updates = board.updates
    if updates.is_busy:
        reason = "another update goes on"
    else:
        updates.is_busy = True
        try:
            reason = await asyncio.wait_for(_take(board, request, reader), PUSH_S)
        except asyncio.TimeoutError:  # noqa: UP041  a class of its own on MicroPython
            reason = "no end after %d s" % PUSH_S
        except (BadRequest, slots.Bad, OSError, ValueError, MemoryError) as error:
            reason = str(error)
        finally:
            updates.is_busy = False
    if reason:
        board.log.warning("update: pushed: " + reason)
        await visit.send("500 Internal Server Error", "text/plain", FAILED)
        return
    await visit.send("200 OK", "text/plain", DONE)
    await asyncio.sleep(RESTART_S)
    board.hardware.restart("update")


async def _take(board, request, reader):
    """ "" once a whole and signed version lies in the other slot and is the next to start; else why not."""
    boot = board.hardware.boot()
    if boot is None or boot.is_counted and boot.is_trial:
        return "no free slot"
    form = Form(request, reader)
    await form.open()
    manifest = messages.parse_manifest(codec.decode_object(await form.until(b"\n", messages.MAX_MANIFEST_BYTES)))
    record = json.loads(board.storage.read(FILE) or "{}")
    floor = max(panal.SECURITY_VERSION, record.get("floor", 0))
    reason = _judge(board, boot, manifest, floor)
    if reason:
        return reason
    slot = boot.open(board.storage)
    record["stage"] = ""  # what a rollout has begun there is gone
    board.storage.write(FILE, json.dumps(record))
    slot.open(manifest)
    slot.clear()
    await _write(slot, form, manifest)
    reason = await slot.verify(manifest)
    if not reason:
        record.update({"stage": "trial", "slot": boot.other, "offer": None, "why": "", "end": None})
        board.storage.write(FILE, json.dumps(record))
        boot.begin(boot.other)
        board.log.info("update: pushed is " + manifest.version)
    return reason


def _judge(board, boot, manifest, floor):
    from panal.cells.updates import trust

    gc.collect()
    reason = trust.refusal(manifest, board.config["model"], boot.kinds, floor) or trust.distrust(manifest, board.flash)
    forget("panal.cells.updates.trust")
    return reason


async def _write(slot, form, manifest):
    """To a partition whole blocks: it takes nothing else."""
    block, left = bytearray(messages.BLOCK_BYTES if manifest.kind == messages.IMAGE else READ_BYTES), manifest.size
    while left:
        size = min(left, len(block))
        await form.fill(memoryview(block)[:size])
        slot.write(memoryview(block)[:size])
        left -= size
    await form.close()


class Form:
    """The one file of a multipart/form-data body (RFC 7578), as it comes. Raises slots.Bad."""

    def __init__(self, request, reader):
        kind, _, boundary = request.header("content-type").partition("boundary=")
        self._mark = b"--" + boundary.split(";")[0].strip('"').encode()
        length = request.header("content-length")
        if not kind.startswith("multipart/form-data") or not 2 < len(self._mark) <= MAX_BOUNDARY + 2:
            raise slots.Bad("no form with a file")
        if not length.isdigit() or len(length) > 8:
            raise slots.Bad("no Content-Length")
        self._reader = reader
        self._data = request.body
        self._left = int(length) - len(self._data)

    async def open(self):
        head = await self.until(b"\r\n\r\n", MAX_HEAD)
        if not head.startswith(self._mark) or FIELD not in head:
            raise slots.Bad("the first field is not firmware")

    async def until(self, end, most):
        """What comes before `end`, which is taken too."""
        while end not in self._data:
            if len(self._data) > most:
                raise slots.Bad("bad_artifact")
            await self._read()
        found, _, self._data = self._data.partition(end)
        return found

    async def fill(self, block):
        """`block`, a memoryview, to its end."""
        at = 0
        while at < len(block):
            if not self._data:
                await self._read()
            part = self._data[: len(block) - at]
            block[at : at + len(part)] = part
            self._data = self._data[len(part) :]
            at += len(part)

    async def close(self):
        if await self.until(self._mark, len(self._mark) + 4) != b"\r\n":
            raise slots.Bad("bad_artifact")

    async def _read(self):
        data = await self._reader.read(min(READ_BYTES, max(self._left, 0))) if self._left > 0 else b""
        if not data:
            raise slots.Bad("it ended early")
        self._left -= len(data)
        self._data += data
