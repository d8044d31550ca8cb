"""Conversations on the stream, as files that people read: what a camera says, and what the server makes of it.

camera {…}            a text
camera N of M         the next N bytes of a JPEG of M bytes; `camera N zeros`
server {…}            what is answered, at least these fields
frame N               a whole frame of N bytes came of it
broken RULE N         that rule was broken so often by now
closed CODE           the connection is closed; `again` begins a new one
quiet                 nothing else came of anything
+Ns                   time goes by
"""

import json
from pathlib import Path
from typing import Any

import pytest

from panal.cells.cameras.machine import Assembly

from .streams import picture

FILES = sorted((Path(__file__).parent / "conversations").glob("*.txt"))


class Conversation:
    def __init__(self) -> None:
        self.now_ms = 0
        self.again()

    def again(self) -> None:
        self.assembly = Assembly()
        self.frames: list[int] = []
        self.answers: list[dict[str, Any]] = []
        self._at = 0

    def say(self, line: str) -> None:
        if line.startswith("+"):
            self.now_ms += int(line[1:-1]) * 1000
            self.assembly.handle_deadline(self.now_ms)
            return
        word, _, rest = line.partition(" ")
        getattr(self, word)(*([rest] if rest else []))

    def camera(self, said: str) -> None:
        if said.startswith("{"):
            self.assembly.receive_text(json.loads(said), self.now_ms)
            self._at = 0 if "_start" in said else self._at
        else:
            self.assembly.receive_binary(self._bytes(*said.split()), self.now_ms)
        self.frames += [len(picture.jpeg) for picture in self.assembly.events()]
        self.answers += self.assembly.messages_to_send()

    def _bytes(self, count: str, kind: str, whole: str = "0") -> bytes:
        if kind == "zeros":
            return bytes(int(count))
        begin, self._at = self._at, (self._at + int(count)) % int(whole)
        return picture(int(whole))[begin : begin + int(count)]

    def twenty(self, line: str) -> None:
        for _ in range(20):
            self.say(line)

    def server(self, expected: str) -> None:
        answer = self.answers.pop(0)
        assert json.loads(expected).items() <= answer.items()

    def frame(self, size: str) -> None:
        assert self.frames.pop(0) == int(size)

    def broken(self, said: str) -> None:
        rule, count = said.split()
        assert self.assembly.broken.get(rule) == int(count), self.assembly.broken

    def closed(self, code: str) -> None:
        assert self.assembly.closing
        assert self.assembly.closing[0] == int(code)

    def quiet(self) -> None:
        assert (self.frames, self.answers, self.assembly.closing) == ([], [], None)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_goes_as_it_is_written(file: Path) -> None:
    conversation = Conversation()
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if line and not line.startswith("#"):
            try:
                conversation.say(line)
            except (AssertionError, IndexError) as error:
                raise AssertionError(f"{file.name}:{number}: {line}") from error
