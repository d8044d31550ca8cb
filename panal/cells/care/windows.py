"""The acceleration around falls, on flash until the server has it. A board loads this while there is some."""

import binascii

from panal.cells.care.detector import FS_HZ

FOLDER = "samples"
DRAFT = FOLDER + "/draft"
MOST_WINDOWS = 4
AGAIN_MS = 15000
TRIES = 5
BETTER_MS = 5000
PART = 25  # samples; three bytes are four letters, so that pieces of base64 join


class Windows:
    """They go after their events."""

    def __init__(self, board):
        self._board = board
        self._uids = [name for name in board.storage.names(FOLDER) if name != "draft"]
        self._said_ms = None
        self._kept_ms = -BETTER_MS
        self._tries = 0
        board.storage.folder(FOLDER)
        board.hear["samples"] = self._hear
        if board.config["transport"] == "http":
            from panal.board import link_http

            link_http.SAYING["samples"] = _request

    def keep(self, uid, ring, now_ms):
        """What the detector has of the fall that it just found; a better one for the same fall may follow."""
        self._board.storage.write_parts(DRAFT, lambda: _parts(ring))
        self._board.storage.rename(DRAFT, _file(uid))
        if uid not in self._uids:
            self._uids.append(uid)
        self._kept_ms = now_ms
        while len(self._uids) > MOST_WINDOWS:
            self._forget()

    def work(self, now_ms):
        """Say the oldest whose event the server has; to be called now and then. False when there are none any more."""
        if not self._uids:
            self._close()
            return False
        is_time = self._said_ms is None or now_ms - self._said_ms >= AGAIN_MS
        is_time = is_time and now_ms - self._kept_ms >= BETTER_MS
        if is_time and self._board.link.is_up and not self._board.outbox.is_waiting(self._uids[0]):
            self._say(now_ms)
        return True

    def _say(self, now_ms):
        self._said_ms = now_ms
        self._tries += 1
        try:
            self._say_first()
        except MemoryError:
            self._board.log.warning("samples wait: no room")

    def _say_first(self):
        text = self._board.storage.read_one(_file(self._uids[0]))
        if text is None or self._tries > TRIES:
            self._forget()
            return
        before, _, counts = text.partition(" ")
        del text
        said = {"uid": self._uids[0], "before": int(before), "rate_hz": FS_HZ, "counts": counts}
        if not self._board.link.say("samples", said):
            self._tries -= 1

    def _hear(self, document):
        """The server has them, or never wants them."""
        if self._uids and (document or {}).get("uid", self._uids[0]) == self._uids[0]:
            self._forget()

    def _close(self):
        """Nothing may hold on to this module."""
        self._board.hear.pop("samples", None)
        if self._board.config["transport"] == "http":
            from panal.board import link_http

            link_http.SAYING.pop("samples", None)

    def _forget(self):
        self._board.storage.remove(_file(self._uids.pop(0)))
        self._said_ms, self._tries = None, 0


def _parts(ring):
    """How many samples come before the impact, and base64, in pieces: a board may have no 1600 bytes in a row."""
    yield "%d " % ring.before()
    first = 0
    while part := ring.part(first, PART):
        yield binascii.b2a_base64(part).decode().strip()
        first += PART


def _file(uid):
    return FOLDER + "/" + uid


def _request(device_id, document):
    body = {"deviceId": device_id, "eventUid": document["uid"], "before": document["before"]}
    body.update({"rateHz": document["rate_hz"], "counts": document["counts"]})
    return "POST", "events/samples", body
