"""What tests of pages and REST inherit: each person tries, and gets what their role allows.

A subclass says what is tried (`method`, `path`, `body`) and by whom it `may` be done; who only `sees` it is told 403,
and for everybody else it is not there.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction
from django.test import TestCase

from panal.control.events import set_publisher
from panal.gateway.store import DomainEvent

PEOPLE = ("alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada")
CUSTOMERS = {"alice", "bob", "carla", "vera"}
"""Everybody of the account; Charlie has another one."""
SEERS = CUSTOMERS | {"sam", "ada"}
"""Everybody who sees what is in the account."""


SIGN_IN = "/accounts/login/?next="


@contextmanager
def collected() -> Iterator[list[DomainEvent]]:
    """The events that are published inside the block; those of a test's own transaction too."""
    heard: list[DomainEvent] = []
    set_publisher(heard.extend)
    try:
        with TestCase.captureOnCommitCallbacks(execute=True):
            yield heard
    finally:
        set_publisher(None)


class PermissionCases:
    method = "get"
    path = ""
    """May hold {account}, {device}, {batch}, {sector}, {group}, {command}, {event}, {member}."""
    body: dict | None = None
    may: set[str] = SEERS
    sees: set[str] = SEERS
    done = 200
    nobody: int | str = 401
    """What who is not signed in is answered."""

    @pytest.mark.usefixtures("db")
    def test_each_person_may_do_what_their_role_allows(self, request, client, things):
        """What each does is undone before the next one tries: making the things costs more than trying them."""
        users = {who: request.getfixturevalue(who) for who in PEOPLE}
        answers = {who: self._try(client, things, user) for who, user in users.items()}
        assert answers == {who: self._expected(who) for who in PEOPLE}
        assert self._try(client, things) == self.nobody

    def _expected(self, who):
        return self.done if who in self.may else 403 if who in self.sees else 404

    def _try(self, client, things, user=None):
        """What is answered: the status, or of a redirect to the sign-in its address."""
        client.cookies.clear()
        with transaction.atomic():
            if user is not None:
                client.force_login(user)
            response = self.ask(client, things)
            transaction.set_rollback(True)
        location = response.get("Location", "")
        return SIGN_IN if location.startswith(SIGN_IN) else response.status_code

    def ask(self, client, things):
        path = "/api/v1/manage" + self.path.format(**things)
        ask = getattr(client, self.method)
        if self.method == "get":
            return ask(path)
        return ask(path, self._filled(things), "application/json")

    def _filled(self, things):
        """The body, where "{name}" stands for the id of that thing."""
        return json.dumps({key: self._value(value, things) for key, value in (self.body or {}).items()})

    def _value(self, value, things):
        if isinstance(value, str) and value.startswith("{"):
            return things[value[1:-1]]
        return [self._value(item, things) for item in value] if isinstance(value, list) else value
