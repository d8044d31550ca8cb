from datetime import timedelta

import pytest

from panal.cells.care import queries
from panal.cells.devices.claims import move_device
from panal.control.tests.cases import PEOPLE, PermissionCases
from panal.protocol.errors import BadRequest, NotFound

BASE = "/api/v1/manage"


class TestReadAnEvent(PermissionCases):
    path = "/events/{event}"


class TestReadItsSamples(PermissionCases):
    path = "/events/{event}/samples"


class TestReadEvents(PermissionCases):
    path, may = "/events", set(PEOPLE)


def test_a_list_shows_what_is_asked_for(client, alice, event, device):
    client.force_login(alice)
    before = (event.received_at - timedelta(seconds=1)).isoformat().replace("+", "%2B")
    for query, count in (
        ("", 1),
        (f"?device={device.id}", 1),
        ("?device=OTHER", 0),
        ("?kind=FALL", 1),
        ("?kind=TILT", 0),
        (f"?since={before}", 1),
        (f"?until={before}", 0),
        (f"?account={device.account_id}", 1),
    ):
        assert client.get(f"{BASE}/events{query}").json()["count"] == count, query


def test_an_unknown_kind_is_refused_with_those_there_are(client, alice):
    client.force_login(alice)
    answer = client.get(f"{BASE}/events?kind=JUMP")
    assert answer.status_code == 400
    assert "FALL" in answer.json()["error"]["allowed"]


def test_samples_are_in_g_with_their_times(client, alice, event):
    client.force_login(alice)
    assert client.get(f"{BASE}/events/{event.id}/samples").json()["points"] == [[0, -20, 0.0, 0.0, 1.0]]


def test_an_event_stays_with_the_account_it_happened_in(alice, charlie, event, device, other_account, actor):
    move_device(device=device, account_id=other_account.pk, actor=actor)
    assert queries.event_for(alice, event.id) == event
    with pytest.raises(NotFound):
        queries.event_for(charlie, event.id)
    assert list(queries.events_for(alice)) == [event]
    assert not queries.events_for(charlie).exists()


def test_an_unknown_kind_has_no_query(alice):
    with pytest.raises(BadRequest):
        queries.events_for(alice, kind="JUMP")
