"""Who is near by: the board's own page and the older local API, over its own network, with or without a server.

Only the listening is always in memory; what a visit needs (panal/board/local_api.py) comes and goes with it.
docs/boards/lights-4.md says who may do what.
"""

import asyncio
import gc

from panal.board.memory import forget, has_room

LOOK_S = 1
AT_ONCE = 3  # a phone asks several things together; each costs memory
MODULES = ("panal.board.local_api", "panal.board.visitor", "panal.board.push", "panal.protocol.keys")
PUSH_BYTES = 40 * 1024  # what taking firmware needs
PUSH = b"POST /django_update_firmware "


class Local:
    PATHS = ("/local", "/local/state", "/local/enter", "/local/light", "/control_led", "/variable")

    def __init__(self, board, lights):
        """`lights`: show() what there is, switch(number, is_on, level, for_s), which raises ValueError."""
        self.board = board
        self.lights = lights
        self.interval_s = 10  # how often an older server means to ask
        self.failures = 0  # wrong codes one after the other
        self.closed_until_ms = 0  # nobody's code is looked at
        self._busy = 0
        board.local = self

    async def run(self):
        """For ever: while there is a network, and its port is not that of the set-up page."""
        host, port = self.board.hardware.PORTAL[:2]
        while True:
            if self._may_listen():
                server = await asyncio.start_server(self._serve, host, port)
                try:
                    while self._may_listen():
                        await asyncio.sleep(LOOK_S)
                finally:
                    server.close()
                    await server.wait_closed()
            await asyncio.sleep(LOOK_S)

    def _may_listen(self):
        return self.board.hardware.wifi.is_up() and not self.board.wifi.is_open

    async def _serve(self, reader, writer):
        self._busy += 1
        try:
            if self._busy > AT_ONCE:
                writer.close()
            else:
                from panal.board import visitor

                stream = (PUSH, self._take_firmware)
                await visitor.converse(reader, writer, self.answer, self.board.log, stream)
        finally:
            self._busy -= 1
            if not self._busy:
                for module in MODULES:
                    forget(module)
                gc.collect()

    async def answer(self, request, visit):
        from panal.board import local_api

        await local_api.answer(self, request, visit)

    async def _take_firmware(self, request, visit, reader):
        await take_firmware(self.board, request, visit, reader)


async def take_firmware(board, request, visit, reader):
    """From whoever shows the token. Where there is no room for it, in a life that has: they are told to come again."""
    from panal.board import visitor

    pointer = board.hardware.pointer
    # What is on trial must not be restarted for this, which would count against it: push refuses.
    is_on_trial = pointer is not None and pointer.trial
    if not visitor.has_token(request, board.config["token"]):
        await visit.send_unauthorized()
    elif board.is_quiet or is_on_trial or has_room(PUSH_BYTES):
        from panal.board import push

        await push.take(board, request, visit, reader)
    else:
        await visit.send("500 Internal Server Error", "text/plain", b"Update Failed", "Retry-After: 5\r\n")
        await visitor.ignore(reader)
        from panal.board import turns

        board.storage.write(turns.PUSHED, "1")
        turns.make_quiet(board, turns.count_of(board.storage))
