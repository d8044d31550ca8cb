"""How frames travel: `Sender` cuts them on the board, `Assembly` puts them together on the server.

    way          up to      on the wire
    whole        10 KB      one binary message, a JPEG
    framed       30 KB      text frame_start, one binary message, text frame_end
    chunked      5 MiB      text img_start, binary messages in order, text img_end

`Commands` is what waits for a camera. Rules and figures: docs/wire/camera.md.
"""

from collections import namedtuple

from panal.protocol.errors import LocalProtocolError

from . import messages
from .messages import SPEED, STABILITY

MAX_FRAME = 5 * 1024 * 1024
ASSEMBLY_MS = 10_000
BROKEN_IN_A_ROW = 20
TAIL = 100  # the end of a JPEG may be followed by as much of the sensor's padding

POLICY = 1008
TOO_BIG = 1009

WHOLE_MOST = 10 * 1024
FRAMED_MOST = 30 * 1024

NONE = "none"  # nothing is on its way: a binary message is a whole JPEG
FILLING = "filling"  # a frame was announced and its bytes are coming
DROPPING = "dropping"  # the frame on its way is broken: what still comes of it is swallowed

# a frame that arrived whole; width and height are None where nobody announced them
Picture = namedtuple("Picture", "jpeg width height captured_at_ms")

STARTS = ("frame_start", "img_start")
ENDS = ("frame_end", "img_end")


def is_jpeg(data) -> bool:
    """Whether these bytes begin and end as a JPEG does; what lies between is the viewer's matter."""
    return bytes(data[:2]) == b"\xff\xd8" and bytes(data[-TAIL:]).rfind(b"\xff\xd9") >= 0


class Assembly:
    """Frames out of messages, one at a time; whatever a camera does, no more is kept than one frame of `max_bytes`."""

    def __init__(self, max_bytes=MAX_FRAME):
        self.state = NONE
        self.broken = {}  # rule → how often it was broken
        self.closing = None  # (code, reason) once this peer floods
        self._max_bytes = max_bytes
        self._in_a_row = 0
        self._events = []
        self._answers = []
        self._forget()

    def _forget(self):
        self.state = NONE
        self._start = None
        self._data = bytearray()
        self._left = 0
        self._until_ms = None

    def events(self):
        """Pictures, handed over once."""
        events, self._events = self._events, []
        return events

    def messages_to_send(self):
        answers, self._answers = self._answers, []
        return answers

    def next_deadline_ms(self):
        return self._until_ms

    def handle_deadline(self, now_ms):
        if self._until_ms is None or now_ms < self._until_ms:
            return
        if self.state == FILLING:
            self._break("too_slow")
            self._drop(self._left, now_ms)
        else:
            self._forget()

    # what the camera says

    def receive_text(self, message, now_ms):
        """A text of a frame; True when it was one of them, whatever became of it."""
        kind = message.get("type")
        if kind in STARTS:
            self._receive_start(message, now_ms)
        elif kind in ENDS:
            self._receive_end(message, now_ms)
        else:
            return False
        return True

    def _receive_start(self, message, now_ms):
        if self.state == FILLING:
            self._break("interrupted")
        self._forget()
        size = message.get("size")
        if not is_whole(size) or size <= 0:
            self._break("bad_start")
            self._drop(self._max_bytes, now_ms)
        elif size > self._max_bytes:
            self._break("too_big")
            self._drop(self._max_bytes, now_ms)
            self.closing = (TOO_BIG, "a frame has at most %d bytes" % self._max_bytes)
        else:
            self.state, self._start, self._data = FILLING, message, bytearray()
            self._left, self._until_ms = size, now_ms + ASSEMBLY_MS
            if message["type"] == "img_start":
                self._answers.append(messages.build_ack(now_ms))

    def _receive_end(self, message, now_ms):
        if self.state == FILLING:
            self._break("abandoned" if message.get("success") is False else "too_short")
        self._forget()  # after a whole or a dropped frame its end is only a formality

    def receive_binary(self, data, now_ms):
        self.handle_deadline(now_ms)
        if self.state == NONE:
            self._receive_whole(data)
        elif self.state == FILLING:
            self._receive_part(data, now_ms)
        else:
            self._swallow(len(data))

    def _receive_whole(self, data):
        if len(data) > self._max_bytes:
            self._break("too_big")
            self.closing = (TOO_BIG, "a frame has at most %d bytes" % self._max_bytes)
        elif is_jpeg(data):
            self._complete(bytes(data), {})
        else:
            self._break("no_jpeg")

    def _receive_part(self, data, now_ms):
        if len(data) > self._left:
            self._break("too_long")
            self._forget()
        elif not self._data and bytes(data[:1]) != b"\xff":
            self._break("no_jpeg")
            self._drop(self._left - len(data), now_ms)
        else:
            self._data.extend(data)
            self._left -= len(data)
            if not self._left:
                self._receive_last()

    def _receive_last(self):
        jpeg, start = bytes(self._data), self._start
        self._forget()
        if is_jpeg(jpeg):
            self._complete(jpeg, start)
        else:
            self._break("no_jpeg")

    def _swallow(self, size):
        self._left -= size
        if self._left <= 0:
            self._forget()

    def _drop(self, left, now_ms):
        """Swallow what is still to come of a broken frame: it must not count as one broken frame per chunk."""
        self._forget()
        if left > 0:
            self.state, self._left, self._until_ms = DROPPING, left, now_ms + ASSEMBLY_MS

    def _complete(self, jpeg, start):
        self._in_a_row = 0
        at_ms = start.get("captured_at_ms")
        at_ms = at_ms if is_whole(at_ms) and at_ms > 0 else None
        self._events.append(Picture(jpeg, _pixels(start.get("width")), _pixels(start.get("height")), at_ms))

    def receive_nonsense(self, rule):
        """A text that cannot be read, or a message that belongs to nothing: it counts like a broken frame."""
        self._break(rule)

    def _break(self, rule):
        self.broken[rule] = self.broken.get(rule, 0) + 1
        self._in_a_row += 1
        if self._in_a_row >= BROKEN_IN_A_ROW and self.closing is None:
            self.closing = (POLICY, "%d broken frames in a row" % BROKEN_IN_A_ROW)


def is_whole(value) -> bool:
    return isinstance(value, int) and value is not True and value is not False


def _pixels(value):
    return value if is_whole(value) and 0 < value <= 65535 else None


# (a frame's most bytes, bytes of a chunk): larger chunks for larger frames, so that neither waits too long
LADDER = ((30, 1), (100, 2), (200, 6), (400, 12), (0, 24))
SLOWER = 1.25
FASTER = 0.9
STABILITY_PAUSE_MS = 8


def chunk_bytes(size, mode):
    """Bytes of a chunk of a frame of this size. In stability mode halfway down to the next smaller step."""
    below = 1
    for most, step in LADDER:
        if not most or size <= most * 1024:
            return step * 1024 if mode == SPEED else (step + below) * 512
        below = step
    raise LocalProtocolError("the ladder has a last step")


class Sender:
    """A board's half: when a frame is due, and in which pieces it goes.

    `due_ms` says when to capture; then `pieces(…)` gives texts (dicts) and binaries (views into the frame) in order,
    `pause_ms` is to be waited after each of them; at the end `sent(…)` or `lost()`.
    """

    def __init__(self, mode=SPEED, fps=20):
        self.frames = self.dropped = 0
        self.mode = mode
        self.is_idle = False
        self._fps = fps
        self._id = 0
        self._period_ms = self._goal_ms()
        self._began_ms = None
        self._health_ms = None

    def set_fps(self, fps):
        self._fps = fps
        self._period_ms = self._goal_ms()

    def set_mode(self, mode):
        if mode not in (SPEED, STABILITY):
            raise LocalProtocolError("no such mode")
        self.mode = mode

    def set_idle(self, is_idle):
        """Nobody looks: one frame in ten seconds; out of it the next frame is due at once."""
        if self.is_idle and not is_idle:
            self._began_ms = None
        self.is_idle = is_idle

    @property
    def pause_ms(self):
        return STABILITY_PAUSE_MS if self.mode == STABILITY else 0

    @property
    def fps_now(self):
        """Frames a second that the network carries at the moment; at most what is asked for."""
        return 1000 // self._period_ms

    def _goal_ms(self):
        return 1000 // self._fps

    def due_ms(self, now_ms):
        """The instant at which the next frame should be captured."""
        if self._began_ms is None:
            return now_ms
        return self._began_ms + (messages.IDLE_EVERY_MS if self.is_idle else self._period_ms)

    def pieces(self, jpeg, width, height, now_ms, captured_at_ms=None):
        """What to send for this frame, in order."""
        self._began_ms = now_ms
        self._id += 1
        size = len(jpeg)
        if size <= WHOLE_MOST and captured_at_ms is None:
            yield jpeg
        elif size <= FRAMED_MOST:
            yield messages.build_frame_start(self._id, size, captured_at_ms)
            yield jpeg
            yield messages.build_frame_end(self._id)
        else:
            yield from self._chunks(jpeg, width, height, captured_at_ms)

    def _chunks(self, jpeg, width, height, captured_at_ms):
        view, size, step = memoryview(jpeg), len(jpeg), chunk_bytes(len(jpeg), self.mode)
        yield messages.build_img_start(self._id, size, step, width, height, captured_at_ms)
        for start in range(0, size, step):
            yield view[start : start + step]
        yield messages.build_img_end(self._id, size)

    def sent(self, now_ms):
        """The frame is out. A network that needs longer than a period gets a longer one, and recovers step by step."""
        self.frames += 1
        took_ms, goal_ms = now_ms - self._began_ms, self._goal_ms()
        if took_ms > self._period_ms:
            self._period_ms = min(int(self._period_ms * SLOWER) + 1, messages.IDLE_EVERY_MS)
        elif took_ms * 2 < self._period_ms:
            self._period_ms = max(goal_ms, int(self._period_ms * FASTER))

    def lost(self):
        """A frame that could not be captured or sent."""
        self.dropped += 1

    def is_health_due(self, now_ms):
        """Every ten seconds, at once after a connection; True once for each."""
        if self._health_ms is not None and now_ms - self._health_ms < messages.HEALTH_EVERY_MS:
            return False
        self._health_ms = now_ms
        return True

    def connected(self):
        """A new connection: a frame and a health are due."""
        self._began_ms = self._health_ms = None


REBOOT_MS = 30_000


class Commands:
    """What waits for a camera: the newest value of each command, in order of priority; a reboot grows stale."""

    def __init__(self):
        self._waiting = {}
        self._count = 0

    def __len__(self):
        return len(self._waiting)

    def put(self, cmd, val, now_ms):
        if cmd not in messages.COMMANDS:
            raise LocalProtocolError("no such command: " + cmd)
        self._count += 1
        self._waiting[cmd] = (messages.priority(cmd), self._count, val, now_ms)

    def take(self, now_ms):
        """((cmd, val), …), the most urgent first; then nothing waits any more."""
        waiting, self._waiting = self._waiting, {}
        found = sorted([(urgency, count, cmd, val) for cmd, (urgency, count, val, at_ms) in waiting.items()
                        if cmd != "reboot" or now_ms - at_ms < REBOOT_MS])  # fmt: skip
        return [(cmd, val) for urgency, count, cmd, val in found]
