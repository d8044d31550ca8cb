"""Commands: signed, with a deadline, done at most once.

The mac is HMAC-SHA256 under the device's command key over `id|name|expires_at_ms|canonical(args)`
(docs/wire/mqtt.md). `Inbox` is the board's side: it decides what is carried out and repeats old answers.
"""

import json
from collections import namedtuple

from panal.protocol import keys
from panal.protocol.errors import BadRequest, LocalProtocolError

REMEMBERED = 32
MAX_RESULT = 256  # characters of canonical JSON: the board keeps 32 answers in memory and in flash
MAX_DEPTH = 8

# to be carried out now, once; then say answered(id, …)
Execute = namedtuple("Execute", "id name args expires_at_ms")


def canonical(args):
    """Compact JSON, keys sorted, ASCII only: the same text for the same arguments on both ends.

    Raises BadRequest for floats (a board's are single precision, so the two ends would print different digits: give
    whole numbers in a small enough unit) and for what JSON does not have.
    """
    return _canonical(args, MAX_DEPTH)


def _canonical(value, depth):
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int):
        return str(value)
    if depth and isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return "{" + ",".join(_quoted(key) + ":" + _canonical(value[key], depth - 1) for key in sorted(value)) + "}"
    if depth and isinstance(value, (list, tuple)):
        return "[" + ",".join(_canonical(item, depth - 1) for item in value) + "]"
    raise BadRequest("bad_args", "arguments are texts, whole numbers, true, false, null, lists and objects", "args")


def _quoted(text):
    return '"' + "".join(_letter(letter) for letter in text) + '"'


def _letter(letter):
    code = ord(letter)
    if letter in '"\\':
        return "\\" + letter
    if 32 <= code < 127:
        return letter
    if code > 0xFFFF:  # as JSON writes it: two halves of a surrogate pair, RFC 8259 section 7
        code -= 0x10000
        return "\\u%04x\\u%04x" % (0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF))
    return "\\u%04x" % code


def mac(key, id, name, expires_at_ms, args):
    """Hexadecimal mac of a command under `key` = keys.derive(token, "command")."""
    said = "|".join((id, name, str(expires_at_ms), canonical(args)))
    return keys.hex_of(keys.hmac_sha256(key, said.encode()))


class Inbox:
    """The board's side of commands.

    Every id moves once through STARTED (the answer is None) to ANSWERED; the driver saves `remembered()` after each
    of these steps, so that a command whose answer was lost in a power cut is not carried out a second time.
    """

    def __init__(self, key, clockless=(), remembered=()):
        """`clockless`: names that do no harm when late, so that a board without a clock obeys them too."""
        self._key = key
        self._clockless = clockless
        self._answers = []
        self._events = []
        self._messages = []
        for id, answer in remembered:
            # What was under way when the power went: nobody knows how far it came, so it is not tried again.
            self._answers.append((id, answer or _answer(id, "failed", None, "interrupted", "the board restarted")))

    def receive_command(self, document, now_ms):
        """From the server; `now_ms` is None while the board has no clock."""
        try:
            command, given = _parsed(document)
            expected = mac(self._key, command.id, command.name, command.expires_at_ms, command.args)
        except BadRequest:
            return  # without an id and a name there is nobody to answer
        refusal = self._refusal(command, keys.same(given.encode(), expected.encode()), now_ms)
        if refusal is not None:
            self._messages.append(_answer(command.id, "rejected", None, refusal, refusal))
        elif not self._knows(command.id):
            self._remember(command.id, None)
            self._events.append(command)
        elif self._recall(command.id) is not None:
            self._messages.append(self._recall(command.id))

    def _refusal(self, command, genuine, now_ms):
        if not genuine:
            return "bad_mac"
        if self._knows(command.id):
            return None
        if now_ms is None:
            return None if command.name in self._clockless else "no_clock"
        return "expired" if now_ms > command.expires_at_ms else None

    def answered(self, id, status, result=None, code=None, message=None):
        """We carried a command out: status "done", "failed" or "rejected"; at most 256 characters of result."""
        if not self._knows(id) or self._recall(id) is not None:
            raise LocalProtocolError("no such command under way: " + id)
        if result is not None and len(json.dumps(result)) > MAX_RESULT:
            status, result, code, message = "failed", None, "result_too_large", "done, but the result is too large"
        answer = _answer(id, status, result, code, message)
        self._answers = [(known, answer if known == id else old) for known, old in self._answers]
        self._messages.append(answer)

    def events(self):
        """Execute tuples; handed over once."""
        events, self._events = self._events, []
        return events

    def messages_to_send(self):
        """Answers `{"id","status","result","error"}`; handed over once."""
        messages, self._messages = self._messages, []
        return messages

    def is_remembered(self, answer):
        """Whether this answer, out of messages_to_send(), is to be saved; a refusal is not: its id stays free."""
        return any(known is answer for _, known in self._answers)

    def remembered(self):
        """What to save: a list of (id, answer or None), oldest first."""
        return self._answers

    def _knows(self, id):
        return any(known == id for known, _ in self._answers)

    def _recall(self, id):
        for known, answer in self._answers:
            if known == id:
                return answer
        return None

    def _remember(self, id, answer):
        self._answers = self._answers[-(REMEMBERED - 1) :] + [(id, answer)]  # noqa: RUF005  the dialect has no [*a]


def _parsed(document):
    id, name, args = document.get("id"), document.get("name"), document.get("args")
    expires_at_ms, given = document.get("expires_at_ms"), document.get("mac")
    if not (_is_word(id) and _is_word(name) and isinstance(given, str) and isinstance(args, dict)):
        raise BadRequest("bad_command")
    if expires_at_ms is True or not isinstance(expires_at_ms, int):
        raise BadRequest("bad_command")
    return Execute(id, name, args, expires_at_ms), given


def _is_word(text):
    return isinstance(text, str) and 0 < len(text) <= 64 and "|" not in text


def _answer(id, status, result, code, message):
    return {"id": id, "status": status, "result": result, "error": {"code": code, "message": message} if code else None}
