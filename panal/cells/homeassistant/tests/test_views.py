"""The page of Home Assistant."""

import re

import pytest

from panal.cells.homeassistant import actions, queries
from panal.cells.homeassistant.models import Bridge
from panal.control.tests.pages import LANGUAGES, mistakes_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def bridge(account, actor):
    return actions.turn_on(account_id=account.pk, actor=actor).bridge


@pytest.mark.parametrize(
    ("who", "status"), [("alice", 200), ("bob", 403), ("carla", 403), ("vera", 403), ("charlie", 200)]
)
def test_it_is_for_owners(who, status, client, request, bridge):
    client.force_login(request.getfixturevalue(who))
    response = client.get("/homeassistant/")
    assert response.status_code == status
    if who == "charlie":
        assert bridge.user not in response.content.decode(), "his own account, and not Alice's"


@pytest.mark.parametrize("path", ["on", "off", "unlock"])
@pytest.mark.parametrize("who", ["bob", "carla", "vera"])
def test_nobody_else_changes_it(path, who, client, request, bridge):
    client.force_login(request.getfixturevalue(who))
    before = Bridge.objects.values().get()
    assert client.post(f"/homeassistant/{path}/").status_code == 403
    assert Bridge.objects.values().get() == before


def test_nobody_is_asked_who_they_are(client):
    assert client.get("/homeassistant/")["Location"].startswith("/accounts/login/")


def test_the_password_is_shown_once(client, alice, account):
    client.force_login(alice)
    shown = client.post("/homeassistant/on/").content.decode()
    password = re.search(r"<strong>[^<]*</strong><p><code>([-\w]+)</code>", shown)[1]
    assert queries.admit(f"home.{account.pk}", password) == "homeassistant"
    assert password not in client.get("/homeassistant/").content.decode()


def test_it_is_turned_off_and_doors_are_allowed(client, alice, bridge):
    client.force_login(alice)
    client.post("/homeassistant/unlock/", {"may_unlock": "1"})
    assert Bridge.objects.get().may_unlock
    client.post("/homeassistant/off/")
    assert not Bridge.objects.get().is_on
    assert client.post("/homeassistant/unlock/").status_code in (302, 404)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_html_is_whole(language, client, alice, bridge):
    client.force_login(alice)
    response = client.get("/homeassistant/", headers={"accept-language": language})
    assert not mistakes_in(response.content.decode())
