"""How a board speaks with the server about updates, and asks whether there is one at all.

That question comes daily and an update seldom, so what takes it (device.py) is not in memory for the question.
Artifacts and reports go over HTTP with the device's token, whatever the link is. Over TLS the link waits meanwhile: an
ESP32 has memory for one session.
"""

from panal.board import http
from panal.board.updates import EVERY_MS
from panal.protocol import backoff, topics


class Unanswered(Exception):
    """The server gave no answer that ends the matter. `retry_s`: when it wants to be asked again, or None."""

    def __init__(self, why, retry_s=None):
        super().__init__(str(why))
        self.retry_s = retry_s


async def look(board, updates):
    """Whether there is something: None, or after how many ms to ask again."""
    if board.hardware.boot() is None:  # with one partition and no folders for two there is no place for it
        return EVERY_MS
    server = Server(board, updates)
    try:
        status, _ = await server.ask("GET", path_of(board))
        return None if status == 200 else EVERY_MS
    except Unanswered as error:
        return server.wait_ms(error)
    finally:
        server.close()


def path_of(board):
    return topics.next_update_path(board.hardware.FIRMWARE, board.config["model"])


class Server:
    """The connection to the server, opened when it is first needed."""

    def __init__(self, board, updates):
        self._board = board
        self._updates = updates
        self._client = None

    async def ask(self, method, path, document=None):
        """(status, document) of the server's answer, be it a refusal. Raises Unanswered."""
        try:
            status, answer, retry_s = await self._open().request(method, topics.HTTP_PREFIXES[0] + path, document)
        except OSError as error:
            raise Unanswered(error)
        if status >= 500 or status in (401, 429):
            raise Unanswered("status %d" % status, retry_s)
        self._updates.failures = 0
        return status, answer

    async def fetch(self, path, offset, block):
        """(status, size, seconds or None) as http.Client.fetch. Raises Unanswered."""
        try:
            return await self._open().fetch(topics.HTTP_PREFIXES[0] + path, offset, block)
        except OSError as error:
            raise Unanswered(error)

    def wait_ms(self, unanswered):
        """Until it is asked again; longer each time."""
        self._board.log.info("update: waits: %s" % unanswered)
        waits = backoff.for_connections()
        waits.failures, self._updates.failures = self._updates.failures, self._updates.failures + 1
        return max(waits.next_ms(self._board.random()), 1000 * (unanswered.retry_s or 0))

    def close(self):
        if self._client is not None:
            self._client.close()
            self._client = None
        self._board.is_busy = False

    def _open(self):
        if self._client is None:
            board, config = self._board, self._board.config
            if board.server is None:
                raise OSError(1, "no TLS to a public address")
            if board.tls is not None:
                board.is_busy = True
                board.link.drop()
            headers = ("X-Device-Id: " + config["device_id"], "X-Device-Key: " + config["token"])
            self._client = http.Client(lambda: board.connect(board.server, board.tls), "%s:%d" % board.server, headers)
        return self._client
