import time
from datetime import timedelta

import pytest
from django.db import connection

from panal.cells.care import queries
from panal.cells.care.actions import save_wearer
from panal.cells.care.models import Event
from panal.cells.devices.claims import move_device
from panal.control.tests.cases import PEOPLE, PermissionCases
from panal.control.tests.pages import queries_of
from panal.protocol import instants
from panal.protocol.errors import BadRequest, NotFound

BASE = "/api/v1/manage"
NOW_MS = 1_790_000_000_000
HANDLERS = {"alice", "bob", "carla", "ada"}
EDITORS = {"alice", "bob", "ada"}


class TestReadAnEvent(PermissionCases):
    path = "/events/{event}"


class TestReadItsSamples(PermissionCases):
    path = "/events/{event}/samples"


class TestReadEvents(PermissionCases):
    path, may = "/events", set(PEOPLE)


class TestReadItsHistory(PermissionCases):
    path = "/events/{event}/history"


class TestReview(PermissionCases):
    method, path, may, body = "post", "/events/{event}/review", HANDLERS, {"action": "dismiss"}


class TestAcknowledge(PermissionCases):
    method, path, may, body = "post", "/events/{event}/acknowledge", HANDLERS, {}


class TestReadWearers(PermissionCases):
    path, may = "/wearers", set(PEOPLE)


class TestReadAWearer(PermissionCases):
    path = "/wearers/{wearer}"


class TestReadWhatTheyWore(PermissionCases):
    path = "/wearers/{wearer}/devices"


class TestAddAWearer(PermissionCases):
    method, path, may, done = "post", "/wearers", EDITORS, 201
    body = {"account": "{account}", "name": "Pepe"}


class TestChangeAWearer(PermissionCases):
    method, path, may, body = "patch", "/wearers/{wearer}", EDITORS, {"position": "neck"}


class TestGiveADevice(PermissionCases):
    method, path, may, done = "post", "/wearers/{wearer}/devices", EDITORS, 409  # they wear it
    body = {"device": "{device}"}


class TestTakeADevice(PermissionCases):
    method, path, may, body = "post", "/wearings/{wearing}/end", EDITORS, {}


class TestDeleteAWearer(PermissionCases):
    method, path, may, done = "delete", "/wearers/{wearer}", {"alice", "ada"}, 204


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


@pytest.mark.parametrize("at_ms", [222_000_000_000_000, instants.LATEST_MS])
@pytest.mark.parametrize("zone", ["America/Costa_Rica", "Pacific/Auckland"])
def test_whatever_a_boards_clock_says_its_event_is_shown(client, alice, happens, at_ms, zone):
    alice.time_zone = zone
    alice.save()
    client.force_login(alice)
    made = happens(at_ms=at_ms)
    paths = (f"{BASE}/events", f"{BASE}/events/{made.pk}", f"{BASE}/alerts", f"/events/{made.pk}/", "/events/", "/")
    for path in paths:
        assert client.get(path).status_code == 200, path


def test_an_event_stays_with_the_account_it_happened_in(alice, charlie, event, device, other_account, actor):
    move_device(device=device, account_id=other_account.pk, actor=actor)
    assert queries.event_for(alice, event.id) == event
    with pytest.raises(NotFound):
        queries.event_for(charlie, event.id)
    assert list(queries.events_for(alice)) == [event]
    assert not queries.events_for(charlie).exists()


def test_the_events_of_everybody_come_newest_first(sam, happens):
    made = [_in_a_millisecond_of_its_own(happens, uid=f"u-{n}", received_ms=NOW_MS + n) for n in range(3)]
    assert [found.pk for found in queries.events_for(sam)] == made[::-1]
    assert [found.pk for found in queries.events_for(sam, state="open")] == made[::-1]


def _in_a_millisecond_of_its_own(happens, **about):
    began = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == began:
        pass
    return happens(**about).pk


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans by how many rows there are")
def test_nobody_sorts_a_million_events_to_show_the_newest(sam, alice, account, device):
    lists = [queries.events_for(sam), queries.events_for(sam, account=account.pk), queries.events_for(alice)]
    lists.append(queries.events_for(sam, device_id=device.pk))
    for found in lists:
        assert "care_event USING" in found[:50].explain()
        assert "USE TEMP B-TREE FOR ORDER BY" not in found[:50].explain()


def test_an_unknown_kind_has_no_query(alice):
    with pytest.raises(BadRequest):
        queries.events_for(alice, kind="JUMP")


def test_the_second_reviewer_is_told(client, alice, event):
    client.force_login(alice)
    path = f"{BASE}/events/{event.id}/review"
    first = client.post(path, {"action": "confirm", "seen": 0, "comment": "hip"}, "application/json").json()
    assert (first["state"], first["verdict"], first["revision"], first["comment"]) == ("confirmed", "fall", 1, "hip")
    second = client.post(path, {"action": "dismiss", "seen": 0}, "application/json")
    assert (second.status_code, second.json()["error"]["code"]) == (409, "reviewed_already")
    assert [line["action"] for line in client.get(f"{BASE}/events/{event.id}/history").json()] == ["confirm"]


def test_a_viewer_reads_nothing_private(client, vera, alice, carmen):
    for person, notes in ((vera, None), (alice, "Hears little")):
        client.force_login(person)
        assert client.get(f"{BASE}/wearers/{carmen.pk}").json()["notes"] == notes


def test_what_is_not_given_stays_and_a_year_can_be_forgotten(client, alice, carmen):
    client.force_login(alice)
    answer = client.patch(f"{BASE}/wearers/{carmen.pk}", {"birth_year": None}, "application/json").json()
    assert (answer["birth_year"], answer["name"], len(answer["caregivers"])) == (None, "Carmen", 1)


@pytest.mark.parametrize("path", ["/events?limit=100", "/wearers?limit=100"])
def test_a_list_asks_the_same_for_one_and_for_many(client, alice, carmen, worn, event, device, actor, path):
    client.force_login(alice)
    one = queries_of(client, BASE + path)
    for n in range(30):
        save_wearer(account_id=carmen.account_id, name=f"Wearer {n}", actor=actor)
    Event.objects.bulk_create(
        Event(uid=f"u-{n}", device=device, account=carmen.account, wearer=carmen, kind="FALL", is_estimated=False,
              occurred_at=event.received_at, received_at=event.received_at) for n in range(30)
    )  # fmt: skip
    assert queries_of(client, BASE + path) == one
