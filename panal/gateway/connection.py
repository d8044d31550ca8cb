"""Our connection to NATS: nats-py, with a short way for the one subscription on which everything comes in."""

import asyncio
import logging
from collections.abc import Callable

from nats.aio.client import Client
from nats.aio.msg import Msg

logger = logging.getLogger(__name__)

AT_ONCE = 32
"""Messages in one turn of the loop: a reader whose buffer is never empty would keep everybody else waiting."""

Take = Callable[[str, bytes], None]


class Connection(Client):
    def __init__(self) -> None:
        super().__init__()
        self._takers: dict[int, Take] = {}
        self._in_turn = 0

    async def hear(self, subject: str, queue: str, take: Take) -> None:
        """Call `take(subject, data)` from the reader itself: no task, no queue, no headers, which are half the cost.

        What `take` does not want to hold it must drop: nothing waits between it and the socket.
        """

        async def receive(message: Msg) -> None:
            take(message.subject, message.data)

        subscription = await self.subscribe(subject, queue, cb=receive)
        self._takers[subscription._id] = take

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        take = self._takers.get(sid)
        if take is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        try:
            take(subject.decode(), data)
        except Exception:  # one message never stops the reader
            logger.exception("a message on %r", subject)
        self._in_turn += 1
        if self._in_turn >= AT_ONCE:
            self._in_turn = 0
            await asyncio.sleep(0)
