"""What every operation of the REST shares: who is calling, how errors look, and that bad input is never a 500."""

import json
from contextlib import closing

import pytest
from django.test import Client

from panal.cells.accounts.actions import create_token
from panal.control import rest

BASE = "/api/v1/manage"


@pytest.fixture
def program(alice, actor):
    """Alice's program: a client whose requests carry a machine token with all scopes."""
    made = create_token(user=alice, name="test", scopes=["read", "operate", "configure"], actor=actor)
    return Client(headers={"Authorization": f"Bearer {made.text}"}, raise_request_exception=False)


def refused(response, status, code):
    body = response.json()
    assert (response.status_code, body["ok"], body["error"]["code"]) == (status, False, code), body
    return body["error"]


def test_a_program_reads_with_its_token(program, device):
    answer = program.get(f"{BASE}/devices").json()
    assert answer["count"] == 1
    assert answer["items"][0]["id"] == device.id


@pytest.mark.django_db
def test_nobody_is_401_with_a_challenge(client):
    response = client.get(f"{BASE}/devices")
    refused(response, 401, "who_are_you")
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.django_db
def test_a_change_by_nobody_is_401_too(client):
    refused(client.post(f"{BASE}/sectors", "{}", "application/json"), 401, "who_are_you")


@pytest.mark.parametrize("header", ["Bearer pnl_wrong", "Bearer x", "Bearer ", "Basic YTpi", "nonsense"])
@pytest.mark.django_db
def test_a_wrong_token_is_401(header):
    refused(Client(headers={"Authorization": header}).get(f"{BASE}/me"), 401, "who_are_you")


def test_a_person_reads_with_their_session(client, alice):
    client.force_login(alice)
    assert client.get(f"{BASE}/me").json()["email"] == "alice@example.com"


def test_a_session_without_the_csrf_token_changes_nothing(alice, account):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    body = json.dumps({"account": account.pk, "name": "Patio"})
    refused(browser.post(f"{BASE}/sectors", body, "application/json"), 403, "bad_csrf")
    assert account.sectors.count() == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "missing_field"),
        (b"{", "not_json"),
        (b"\xff", "not_utf8"),
        (b"[]", "bad_field"),
        (b"null", "bad_field"),
        (b'{"account": 1}', "missing_field"),
        (b'{"account": NaN, "name": "x"}', "bad_number"),
        (b'{"account": 1e400, "name": "x"}', "bad_number"),
        (b'{"account": 99999999999999999999, "name": "x"}', "bad_number"),
        (b'{"account": 1, "name": "a\\u0000b"}', "bad_text"),
        (b'{"account": 1, "name": "\\ud800"}', "bad_text"),
        (b'{"account": 1, "name": "x", "colour": "red"}', "bad_field"),
        (b"[" * 5000, "not_json"),
        (b"[" * 50 + b"]" * 50, "too_deep"),
    ],
)
def test_a_bad_body_is_400_and_says_why(program, body, code):
    refused(program.post(f"{BASE}/sectors", body, "application/json"), 400, code)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        "offset=-1",
        "offset=99999999999999999999999",
        "account=99999999999999999999999",
        "search=%00",
        "presence=perhaps",
        "%00=1",
    ],
)
def test_a_bad_query_is_400(program, query):
    response = program.get(f"{BASE}/devices?{query}")
    assert (response.status_code, response.json()["ok"]) == (400, False)


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01", "x"])
def test_an_instant_that_nobody_can_hold_is_400(program, device, since):
    response = program.get(f"{BASE}/devices/{device.id}/telemetry", {"since": since})
    refused(response, 400, "bad_field")


@pytest.mark.parametrize("path", ["/api/v1/manage/nothing", "/api/nothing", "/api/v1/manage/devices/A/nothing"])
def test_a_path_that_is_not_there_is_json_too(program, path):
    refused(program.get(path), 404, "not_found")


@pytest.mark.parametrize("path", ["/api/nothing", "/api/v1/events/ingest/", "/api/v1//events/ingest", "/api/health"])
def test_what_is_sent_to_a_path_that_is_not_there_is_refused_in_json(path):
    client = Client(enforce_csrf_checks=True)
    refused(client.post(path, "{}", content_type="application/json"), 404, "not_found")


def test_a_body_over_the_limit_is_413(program):
    for size in (70_000, 2_000_000):
        response = program.post(f"{BASE}/sectors", b'"' + b"x" * size + b'"', "application/json")
        refused(response, 413, "too_large")


def test_too_many_requests_are_429(program, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(rest.OFTEN, "per_minute", 2)
    monkeypatch.setattr(rest.OFTEN, "clock", lambda: now[0])
    assert [program.get(f"{BASE}/me").status_code for _ in range(3)] == [200, 200, 429]
    response = program.get(f"{BASE}/me")
    refused(response, 429, "too_often")
    assert response["Retry-After"] == "60"
    now[0] = 61.0
    assert program.get(f"{BASE}/me").status_code == 200


@pytest.mark.django_db
def test_the_documents_are_open_and_served_from_here(client):
    assert client.get("/api/openapi.json").json()["openapi"].startswith("3.")
    page = client.get("/api/docs").content.decode()
    assert "swagger-ui" in page
    assert "//cdn" not in page
    with closing(client.get("/static/ninja/swagger-ui-bundle.js")) as bundle:
        assert bundle.status_code == 200
