"""The mailbox of a bench: with no mail server set, mail is kept in the data folder and read on a page of the bench."""

import email
from collections.abc import Sequence
from email.policy import default
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

KEPT = 200


class Letter(NamedTuple):
    name: str
    at: str
    to: str
    subject: str
    text: str


class Mailbox(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[Any]) -> int:
        folder = _folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            name = f"{timezone.now():%Y%m%dT%H%M%S%f}-{uuid4().hex[:6]}"
            draft = folder / f".{name}"
            draft.write_bytes(message.message().as_bytes())
            draft.rename(folder / f"{name}.eml")
        for old in sorted(folder.glob("*.eml"))[:-KEPT]:
            old.unlink(missing_ok=True)
        return len(email_messages)


def _folder() -> Path:
    return Path(settings.PANAL.data) / "mailbox"


def letters(most: int = 50) -> list[Letter]:
    """The newest first."""
    return [_read(path) for path in sorted(_folder().glob("*.eml"), reverse=True)[:most]]


def _read(path: Path) -> Letter:
    message: Any = email.message_from_bytes(path.read_bytes(), policy=default)
    body = message.get_body(("plain", "html"))
    text = body.get_content() if body else ""
    return Letter(path.stem, str(message["Date"]), str(message["To"]), str(message["Subject"]), text)
