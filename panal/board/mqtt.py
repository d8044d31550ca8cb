"""MQTT 3.1.1, the client's half, as a machine: bytes and time go in, bytes and events come out.

Source: OASIS "MQTT Version 3.1.1", numbers of sections in the comments. What a board needs and no more: clean sessions,
QoS 0 and 1 in both directions, no retained messages, no will (the broker's own presence events are better).
One Client is one connection; after CLOSED make a new one.
"""

NEW = "new"  # nothing said yet
CONNECTING = "connecting"  # CONNECT is on its way, CONNACK is not here yet
CONNECTED = "connected"  # CONNACK said yes
CLOSED = "closed"  # for good; `reason` says why

TRANSITIONS = {
    (NEW, "connect"): CONNECTING,
    (CONNECTING, "accepted"): CONNECTED,
    (CONNECTING, "closed"): CLOSED,
    (CONNECTED, "closed"): CLOSED,
    (NEW, "closed"): CLOSED,
}

REFUSALS = {
    1: "bad protocol version",
    2: "bad client id",
    3: "server unavailable",
    4: "bad user or password",
    5: "not authorised",
}

CONNACK_MS = 30000  # thousands of boards come back at once after an outage, and each is asked for
PINGRESP_MS = 10000
LONG = 1024  # bytes of a payload
HEADROOM_MS = 2000  # ping this long before the keep-alive is over


class Client:
    def __init__(self, client_id, user, password, keep_alive_s=20, max_packet=8192):
        self.state = NEW
        self.reason = None
        self._login = (client_id, user, password)
        self._keep_alive_s = keep_alive_s
        self._max_packet = max_packet
        self._buffer = b""
        self._to_skip = 0
        self._packet_id = 0
        self._said_ms = self._heard_ms = 0
        self._pinged_ms = None
        self._unacknowledged = set()
        self._out = []
        self._events = []

    # what we say

    def connect(self, now_ms):
        self._move("connect")
        client_id, user, password = self._login
        head = b"\x00\x04MQTT\x04\xc2" + self._keep_alive_s.to_bytes(2, "big")  # 3.1.2: user, password, clean session
        self._send(0x10, head + _text(client_id) + _text(user) + _text(password), now_ms)
        self._heard_ms = now_ms

    def subscribe(self, topic, now_ms, qos=0):
        """Ask for a topic; the event ("subscribed", packet id, granted QoS or 128 for a refusal) answers.

        QoS 0 is meant: what our server says reaches the broker over NATS and would arrive as QoS 0 anyway, while a
        subscription with QoS 1 costs the broker two JetStream consumers for each board (1,000 are its limit).
        """
        self._need_connection()
        packet_id = self._next_id()
        self._send(0x82, packet_id.to_bytes(2, "big") + _text(topic) + bytes((qos,)), now_ms)
        return packet_id

    def publish(self, topic, payload, qos, now_ms):
        """Say `payload` (bytes); with QoS 1 the event ("published", packet id) follows. Returns the packet id, or 0."""
        self._need_connection()
        if not qos:
            self._send(0x30, _text(topic), now_ms, payload)
            return 0
        packet_id = self._next_id()
        self._unacknowledged.add(packet_id)
        self._send(0x32, _text(topic) + packet_id.to_bytes(2, "big"), now_ms, payload)
        return packet_id

    def disconnect(self, now_ms):
        if self.state == CONNECTED:
            self._send(0xE0, b"", now_ms)
        self._close("we said goodbye")

    # what the peer says

    def receive_data(self, data, now_ms):
        """Bytes from the connection, in any portions."""
        if self.state == CLOSED:
            return
        self._heard_ms = now_ms
        if self._to_skip:
            skipped = min(self._to_skip, len(data))
            self._to_skip -= skipped
            data = data[skipped:]
        self._buffer += data
        while self._buffer and self.state != CLOSED and self._take_packet(now_ms):
            pass

    def connection_lost(self):
        self._close("connection lost")

    # time

    def next_deadline_ms(self):
        """When `handle_deadline` wants to be called; None when there is nothing to wait for."""
        if self.state == CONNECTING:
            return self._said_ms + CONNACK_MS
        if self.state != CONNECTED:
            return None
        if self._pinged_ms is not None:
            return self._pinged_ms + PINGRESP_MS
        # Counting what was heard too finds a dead peer even while we say much ourselves.
        return min(self._said_ms, self._heard_ms) + self._keep_alive_s * 1000 - HEADROOM_MS

    def handle_deadline(self, now_ms):
        deadline_ms = self.next_deadline_ms()
        if deadline_ms is None or now_ms < deadline_ms:
            return
        if self.state == CONNECTING or self._pinged_ms is not None:
            self._close("the broker is silent")
        else:
            self._send(0xC0, b"", now_ms)
            self._pinged_ms = now_ms

    # out

    def events(self):
        """("connected",) · ("subscribed", id, qos) · ("message", topic, bytes) · ("published", id) · ("skipped", bytes)
        · ("closed", reason)
        """
        events, self._events = self._events, []
        return events

    def data_to_send(self):
        """Byte strings for the connection, in order."""
        out, self._out = self._out, []
        return out

    def unacknowledged(self):
        """How many QoS 1 messages wait for the broker's word."""
        return len(self._unacknowledged)

    # inside

    def _move(self, event):
        try:
            self.state = TRANSITIONS[self.state, event]
        except KeyError:
            from panal.protocol.errors import LocalProtocolError

            raise LocalProtocolError("%s while %s" % (event, self.state))

    def _need_connection(self):
        if self.state != CONNECTED:
            from panal.protocol.errors import LocalProtocolError

            raise LocalProtocolError("not connected but " + self.state)

    def _close(self, reason):
        if self.state != CLOSED:
            self._move("closed")
            self.reason = reason
            self._buffer = b""
            self._events.append(("closed", reason))

    def _next_id(self):
        self._packet_id = self._packet_id % 0xFFFF + 1
        return self._packet_id

    def _send(self, first, head, now_ms, payload=b""):
        """In one piece, which is one segment; there may be no room for a second copy of what is long."""
        head = bytes((first,)) + _length(len(head) + len(payload)) + head
        self._out += [head + payload] if len(payload) < LONG else [head, payload]
        self._said_ms = now_ms

    def _take_packet(self, now_ms):
        """Take one packet off the buffer; False when it is not whole yet."""
        begin, length = _remaining_length(self._buffer)
        if begin is None:
            if length:  # a fifth length byte, 2.2.3
                self._close("malformed length")
            return False
        if length > self._max_packet:
            return self._skip(begin + length)
        if len(self._buffer) < begin + length:
            return False
        first, body = self._buffer[0], self._buffer[begin : begin + length]
        self._buffer = self._buffer[begin + length :]
        self._receive_packet(first >> 4, first & 15, body, now_ms)
        return True

    def _skip(self, length):
        """A packet larger than our memory is read past; it must not end the connection, or it would end every one."""
        self._events.append(("skipped", length))
        self._to_skip = max(0, length - len(self._buffer))
        self._buffer = self._buffer[length:]
        return bool(self._buffer)

    def _receive_packet(self, kind, flags, body, now_ms):
        if self.state == CONNECTING:
            self._receive_connack(kind, body)
        elif kind == 3:
            self._receive_publish(flags, body, now_ms)
        elif kind == 4 and len(body) == 2:
            packet_id = int.from_bytes(body, "big")
            self._unacknowledged.discard(packet_id)
            self._events.append(("published", packet_id))
        elif kind == 9 and len(body) == 3:
            self._events.append(("subscribed", int.from_bytes(body[:2], "big"), body[2]))
        elif kind == 13:
            self._pinged_ms = None
        else:
            self._close("unexpected packet %d" % kind)

    def _receive_connack(self, kind, body):
        if kind != 2 or len(body) != 2:
            self._close("no CONNACK")
        elif body[1]:
            self._close(REFUSALS.get(body[1], "refused"))
        else:
            self._move("accepted")
            self._events.append(("connected",))

    def _receive_publish(self, flags, body, now_ms):
        qos = flags >> 1 & 3
        end = 2 + int.from_bytes(body[:2], "big")
        begin = end + (2 if qos else 0)
        if qos > 1 or len(body) < begin:  # we never ask for QoS 2
            self._close("malformed PUBLISH")
            return
        try:
            topic = body[2:end].decode()
        except UnicodeError:
            self._close("malformed topic")
            return
        if qos:
            self._send(0x40, body[end:begin], now_ms)
        self._events.append(("message", topic, body[begin:]))


def _text(text):
    data = text.encode()
    return len(data).to_bytes(2, "big") + data


def _length(length):
    """Remaining length, 2.2.3: seven bits a byte, the lowest first."""
    data = b""
    while True:
        length, digit = length >> 7, length & 127
        data += bytes((digit | 128 if length else digit,))
        if not length:
            return data


def _remaining_length(buffer):
    """(index where the body begins, its length); (None, 0): more bytes are needed, (None, 1): it is malformed."""
    length = 0
    for index in range(1, min(len(buffer), 5)):
        length |= (buffer[index] & 127) << 7 * (index - 1)
        if buffer[index] < 128:
            return index + 1, length
    return None, 1 if len(buffer) >= 5 else 0
