"""The portal's name server: every name is this board, so a phone's first question opens the set-up page (RFC 1035)."""

TTL_S = 5
HEADER = 12
MAX_BYTES = 288  # a name of 255, and what stands around it


def answer(question, address):
    """The answer to a question (bytes): `address` (4 bytes) for every A, nothing for other types; None for nonsense."""
    if not HEADER + 5 <= len(question) <= MAX_BYTES or question[2] & 0xF8 or question[4:6] != b"\0\1":
        return None  # an answer, another operation than a query, or not exactly one question
    end = _end_of_name(question)
    if end is None or end + 4 > len(question):
        return None
    is_address = question[end : end + 4] == b"\0\1\0\1"
    head = question[:2] + bytes((0x84 | question[2] & 1, 0)) + b"\0\1" + (b"\0\1" if is_address else b"\0\0") + bytes(4)
    record = b"\xc0\x0c\0\1\0\1" + TTL_S.to_bytes(4, "big") + b"\0\4" + address
    return head + question[HEADER : end + 4] + (record if is_address else b"")


def _end_of_name(question):
    at = HEADER
    while at < len(question):
        length = question[at]
        if not length:
            return at + 1
        if length > 63:  # a pointer has no place in a question
            return None
        at += length + 1
    return None
