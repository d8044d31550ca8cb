"""A life in which nothing is done but an update: what stands in the place of link and device, and who may end it."""

import asyncio

LOOK_S = 0.02
LISTEN_S = 60


class Link:
    is_up = False

    def say(self, leaf, document):
        return False

    def drop(self):
        pass


class Device:
    """Takes what others add and tell, for nobody."""

    def __init__(self):
        self.commands = {}
        self.settings = {}

    def tell(self, name, value, whole=None):
        pass


def listener(board):
    """run() for the supervisor: who presses what cannot wait gets the whole board back; first the event is kept."""
    from panal.board import outbox, queue  # now, while there is room

    parts, calls = board.hardware.parts, board.hardware.CALLS
    events = queue.Queue(board.storage, board.log) if any(calls.values()) else None

    async def run():
        while True:
            for name, kind in calls.items():
                if _is_pressed(parts[name]):
                    board.log.info("update: put off for the %s" % name)
                    if kind is not None:
                        at_ms = board.clock.at_ms(board.clock.monotonic_ms())
                        events.add({"uid": outbox.new_uid(at_ms), "kind": kind, "at_ms": at_ms, "data": {}})
                    board.hardware.restart("pressed")
                    return
            await asyncio.sleep(LOOK_S)

    return run


async def listen(board):
    """Until nobody has been at it for a minute: take firmware from near by."""
    from panal.board import local, visitor

    async def take(request, visit, reader):
        await local.take_firmware(board, request, visit, reader)

    async def serve(reader, writer):
        await visitor.converse(reader, writer, _refuse, board.log, (local.PUSH, take))

    server = await asyncio.start_server(serve, *board.hardware.PORTAL[:2])
    board.log.info("update: a push is expected")
    left_s = LISTEN_S
    while left_s:
        await asyncio.sleep(1)
        left_s = LISTEN_S if board.updates.is_busy else left_s - 1
    server.close()


async def _refuse(request, visit):
    await visit.send("503 Service Unavailable", "text/plain", b"Update")


def _is_pressed(part):
    if hasattr(part, "edges"):
        return any(is_down for is_down, _ in part.edges())
    return part.is_closed()
