"""What tests of pages inherit: who may do what, and that a page costs the same queries however much it shows."""

import re
from html.parser import HTMLParser

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from .cases import SIGN_IN, PermissionCases

LANGUAGES = ("es", "en")
VOID = {"meta", "link", "input", "img", "br", "hr"}


class PageCases(PermissionCases):
    """As REST, but by forms; who is not signed in is sent to the sign-in, and what is done answers with a redirect."""

    nobody = SIGN_IN

    def ask(self, client, things):
        filled = {key: self._value(value, things) for key, value in (self.body or {}).items()}
        return getattr(client, self.method)(self.path.format(**things), filled)


class FormCases(PageCases):
    method = "post"
    done = 302


def queries_of(client, path):
    """How many queries a page needs, once everything that is read once in a process has been read."""
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        response = client.get(path)
    assert response.status_code == 200
    return len(captured)


class Nesting(HTMLParser):
    """Finds elements that are not closed, or closed in the wrong order."""

    def __init__(self):
        super().__init__()
        self.open, self.wrong, self.ids = [], [], []

    def handle_starttag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def mistakes_in(html):
    """What a browser would repair in silence: bad nesting, the same id twice, fields without a label."""
    found = Nesting()
    found.feed(html)
    twice = sorted({id for id in found.ids if found.ids.count(id) > 1})
    return {name: value for name, value in (("wrong", found.wrong), ("open", found.open), ("twice", twice)) if value}


def text_of(response):
    html = re.sub(r"<(script|style)\b.*?</\1>", "", response.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.fixture
def in_language(client):
    def choose(language):
        client.cookies["django_language"] = language
        return client

    return choose
