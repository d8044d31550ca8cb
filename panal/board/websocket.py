"""WebSocket, the client's half, as a machine: bytes and time go in, bytes and events come out.

Source: RFC 6455, numbers of sections in the comments. What a board needs and no more: no extensions, no subprotocols.
One Client is one connection; after CLOSED make a new one. `random(n)` gives n bytes that nobody can foresee.

What is sent is masked block by block while it leaves (`data_to_send`), so a frame of 300 KB costs a few KB of memory.
"""

import binascii
import hashlib

NEW = "new"  # nothing said yet
CONNECTING = "connecting"  # the request is on its way, its answer is not here yet
OPEN = "open"  # both may speak
CLOSING = "closing"  # our Close is on its way
CLOSED = "closed"  # for good; `reason` says why

TRANSITIONS = {
    (NEW, "connect"): CONNECTING,
    (CONNECTING, "accepted"): OPEN,
    (OPEN, "close"): CLOSING,
    (NEW, "closed"): CLOSED,
    (CONNECTING, "closed"): CLOSED,
    (OPEN, "closed"): CLOSED,
    (CLOSING, "closed"): CLOSED,
}

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # 1.3
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10  # 5.2
MAX_HEAD = 2048
MAX_CONTROL = 125  # 5.5
BLOCK = 1024
HANDSHAKE_MS = 20000
QUIET_MS = 30000  # our server pings after 10 s; who says nothing for so long is asked
PONG_MS = 10000


class Client:
    def __init__(self, host, path, random, max_message=8192, headers=None):
        """`headers`: lines for the request. Who gives some, be it an empty tuple, has messages that are too large read
        past, with an event ("skipped", bytes): it is told them again, and their end would be that of every connection.
        """
        self.state = NEW
        self.reason = None
        self.code = None  # the peer's, of its Close
        self._host = host
        self._path = path
        self._random = random
        self._max_message = max_message
        self._headers = headers
        self._to_skip = 0
        self._buffer = b""
        self._message = None  # [opcode, bytes so far] of a message in fragments
        self._out = []  # (opcode or None for bytes as they are, payload)
        self._events = []
        self._key = None
        self._heard_ms = 0
        self._asked_ms = None

    # what we say

    def connect(self, now_ms):
        self._move("connect")
        self._key = binascii.b2a_base64(self._random(16)).strip()
        head = "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" % (self._path, self._host)
        head = head.encode() + b"Sec-WebSocket-Key: " + self._key + b"\r\nSec-WebSocket-Version: 13\r\n"
        head += "".join([line + "\r\n" for line in self._headers or ()]).encode() + b"\r\n"
        self._out.append((None, head))
        self._heard_ms = now_ms

    def send_text(self, text):
        self._need_open()
        self._out.append((TEXT, text.encode()))

    def send_binary(self, data):
        """`data` may be a memoryview; it must stay as it is until data_to_send has handed it over."""
        self._need_open()
        self._out.append((BINARY, data))

    def close(self, code=1000):
        if self.state == OPEN:
            self._out.append((CLOSE, code.to_bytes(2, "big")))
            self._move("close")
        else:
            self._close("we said goodbye")

    # what the peer says

    def receive_data(self, data, now_ms):
        """Bytes from the connection, in any portions."""
        if self.state == CLOSED:
            return
        self._heard_ms = now_ms
        self._asked_ms = None
        if self._to_skip:
            skipped = min(self._to_skip, len(data))
            self._to_skip -= skipped
            data = data[skipped:]
        self._buffer += data
        if self.state == CONNECTING and not self._take_head():
            return
        while self._buffer and self.state != CLOSED and self._take_frame():
            pass

    def connection_lost(self):
        self._close("connection lost")

    # time

    def next_deadline_ms(self):
        """When `handle_deadline` wants to be called; None when there is nothing to wait for."""
        if self.state == CONNECTING:
            return self._heard_ms + HANDSHAKE_MS
        if self.state not in (OPEN, CLOSING):
            return None
        return self._heard_ms + QUIET_MS if self._asked_ms is None else self._asked_ms + PONG_MS

    def handle_deadline(self, now_ms):
        deadline_ms = self.next_deadline_ms()
        if deadline_ms is None or now_ms < deadline_ms:
            return
        if self.state != OPEN or self._asked_ms is not None:
            self._close("the server is silent")
        else:
            self._out.append((PING, b""))
            self._asked_ms = now_ms

    # out

    def events(self):
        """("open",) · ("text", str) · ("binary", bytes) · ("skipped", number of bytes) · ("closed", reason)"""
        events, self._events = self._events, []
        return events

    def has_data(self):
        return bool(self._out)

    def waiting(self):
        """How many messages have not left yet."""
        return len(self._out)

    def data_to_send(self):
        """Byte strings for the connection, in order, made one by one as they are asked for."""
        while self._out:
            opcode, payload = self._out.pop(0)
            if opcode is None:
                yield payload
            else:
                yield from self._frame(opcode, payload)

    # inside

    def _move(self, event):
        try:
            self.state = TRANSITIONS[self.state, event]
        except KeyError:
            self._misuse("%s while %s" % (event, self.state))

    def _need_open(self):
        if self.state != OPEN:
            self._misuse("not open but " + self.state)

    def _misuse(self, text):
        from panal.protocol.errors import LocalProtocolError

        raise LocalProtocolError(text)

    def _close(self, reason):
        if self.state != CLOSED:
            self._move("closed")
            self.reason = reason
            self._buffer = b""
            self._out = []
            self._events.append(("closed", reason))

    def _frame(self, opcode, payload):
        """One frame, never in fragments, in blocks; 5.2 and 5.3."""
        length = len(payload)
        mask = self._random(4)
        head = head_of(opcode, length) + mask
        if not length:
            yield head
        view = memoryview(payload)
        whole = int.from_bytes(mask * (BLOCK // 4), "little")
        for begin in range(0, length, BLOCK):
            part = view[begin : begin + BLOCK]
            yield head + _masked(part, whole)
            head = b""

    def _take_head(self):
        """Take the server's answer to our request off the buffer, 4.1; False when it is not whole or not a yes."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                self._close("no answer of a WebSocket server")
            return False
        lines = self._buffer[:end].split(b"\r\n")
        self._buffer = self._buffer[end + 4 :]
        accept = b""
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"sec-websocket-accept":
                accept = value.strip()
        status = lines[0].split(b" ")[1:2]
        digest = hashlib.sha1(self._key + GUID).digest()  # noqa: S324  RFC 6455 asks for it
        if status != [b"101"] or accept != binascii.b2a_base64(digest).strip():
            self._close("refused: status %s" % (status[0][:3].decode() if status else "none"))
            return False
        self._move("accepted")
        self._events.append(("open",))
        return True

    def _take_frame(self):
        """Take one frame off the buffer; False when it is not whole yet."""
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        length = buffer[1] & 127
        begin = 2
        if length > 125:
            begin = 4 if length == 126 else 10
            if len(buffer) < begin:
                return False
            length = int.from_bytes(buffer[2:begin], "big")
        if length > self._max_message and self._may_skip(buffer[0]) and not buffer[1] & 0x80:
            return self._skip(begin + length)
        if not self._is_allowed(buffer[0], buffer[1], length):
            return False
        if len(buffer) < begin + length:
            return False
        self._buffer = buffer[begin + length :]
        self._receive_frame(buffer[0] & 0x80, buffer[0] & 15, buffer[begin : begin + length])
        return True

    def _may_skip(self, first):
        return self._headers is not None and self._message is None and first in (0x80 | TEXT, 0x80 | BINARY)

    def _skip(self, length):
        self._events.append(("skipped", length))
        self._to_skip = max(0, length - len(self._buffer))
        self._buffer = self._buffer[length:]
        return bool(self._buffer)

    def _is_allowed(self, first, second, length):
        """Whether such a frame may come, told from its head: nothing is kept of one that may not."""
        opcode, is_last = first & 15, first & 0x80
        if first & 0x70 or second & 0x80 or opcode not in (0, TEXT, BINARY, CLOSE, PING, PONG):
            return self._fail(1002)  # extensions that nobody agreed on, a masked frame (5.1), or unknown
        if opcode >= CLOSE:
            return self._fail(1002) if length > MAX_CONTROL or not is_last else True
        if (opcode == 0) == (self._message is None):
            return self._fail(1002)  # 5.4: a continuation of nothing, or a message inside another
        if length + (len(self._message[1]) if self._message else 0) > self._max_message:
            return self._fail(1009)
        return True

    def _fail(self, code):
        """7.1.7; without waiting for the answer, for the peer is in disorder."""
        self._close("the server broke the protocol: %d" % code)
        self._out = [(CLOSE, code.to_bytes(2, "big"))]
        return False

    def _receive_frame(self, is_last, opcode, payload):
        if opcode == PING:
            if self.state == OPEN:
                self._out.append((PONG, payload))
        elif opcode == CLOSE:
            self._receive_close(payload)
        elif opcode != PONG:
            self._message = self._message or [opcode, b""]
            self._message[1] += payload
            if is_last:
                self._receive_message()

    def _receive_close(self, payload):
        self.code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
        goodbye = [(CLOSE, payload[:2])] if self.state == OPEN else []
        self._close("closed by the server: %d" % self.code)
        self._out = goodbye

    def _receive_message(self):
        opcode, payload = self._message
        self._message = None
        if opcode == BINARY:
            self._events.append(("binary", payload))
            return
        try:
            self._events.append(("text", payload.decode()))
        except UnicodeError:
            self._fail(1007)


def head_of(opcode, length):
    """What stands before the mask, 5.2."""
    if length < 126:
        return bytes((0x80 | opcode, 0x80 | length))
    if length < 0x10000:
        return bytes((0x80 | opcode, 0xFE)) + length.to_bytes(2, "big")
    return bytes((0x80 | opcode, 0xFF)) + length.to_bytes(8, "big")


def _masked(part, whole):
    """XOR of a block and the mask by large numbers: twenty times as fast as a loop on a board."""
    length = len(part)
    mask = whole if length == BLOCK else whole & ((1 << 8 * length) - 1)
    return (int.from_bytes(part, "little") ^ mask).to_bytes(length, "little")
