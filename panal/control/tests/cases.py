"""What tests of pages and REST inherit: each person tries, and gets what their role allows.

A subclass says what is tried (`method`, `path`, `body`) and by whom it `may` be done; who only `sees` it is told 403,
and for everybody else it is not there.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.test import TestCase

from panal.control.events import set_publisher
from panal.gateway.store import DomainEvent

PEOPLE = ("alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada")
CUSTOMERS = {"alice", "bob", "carla", "vera"}
"""Everybody of the account; Charlie has another one."""
SEERS = CUSTOMERS | {"sam", "ada"}
"""Everybody who sees what is in the account."""


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

    @pytest.mark.parametrize("who", PEOPLE)
    def test_each_person_may_do_what_their_role_allows(self, who, request, client, things):
        client.force_login(request.getfixturevalue(who))
        response = self.ask(client, things)
        expected = self.done if who in self.may else 403 if who in self.sees else 404
        assert response.status_code == expected, response.content

    @pytest.mark.usefixtures("db")
    def test_nobody_is_asked_who_they_are(self, client, things):
        assert self.ask(client, things).status_code == 401

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
