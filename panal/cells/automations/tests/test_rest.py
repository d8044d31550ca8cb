"""REST of automations."""

import pytest

from panal.cells.automations.models import Automation
from panal.control.tests.cases import SEERS, PermissionCases

from .conftest import OFF


@pytest.fixture
def things(make, account, lamp):
    return {"automation": make().pk, "account": account.pk, "lamp": lamp.pk}


class TestList(PermissionCases):
    path = "/automations"
    may = sees = {"alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada"}


class TestOne(PermissionCases):
    path = "/automations/{automation}"


class TestDryRun(PermissionCases):
    path = "/automations/{automation}/dry-run"


class TestRuns(PermissionCases):
    path = "/automations/{automation}/runs"


class TestTurn(PermissionCases):
    method, path, body = "post", "/automations/{automation}/turn", {"is_on": False}
    may, sees = {"alice", "bob", "ada"}, SEERS


class TestRun(PermissionCases):
    method, path, done = "post", "/automations/{automation}/run", 202
    may, sees = {"alice", "bob", "sam", "ada"}, SEERS


class TestDelete(PermissionCases):
    method, path, done = "delete", "/automations/{automation}", 204
    may, sees = {"alice", "bob", "ada"}, SEERS


def test_one_is_created_and_changed(client, alice, things):
    client.force_login(alice)
    said = {"account": things["account"], "name": "x", "when": OFF, "actions": [{"kind": "alert", "text": "y"}]}
    made = client.post("/api/v1/manage/automations", said, "application/json").json()
    assert made["actions"] == [{"kind": "alert", "text": "y"}]
    changed = {"name": "z", "when": OFF, "actions": [{"kind": "webhook", "url": "https://example.com/secret"}]}
    answer = client.put(f"/api/v1/manage/automations/{made['id']}", changed, "application/json")
    assert answer.json()["actions"] == [{"kind": "webhook", "host": "example.com"}]


def test_another_account_s_light_is_not_there(client, charlie, other_account, things):
    client.force_login(charlie)
    action = {"kind": "light", "light_id": things["lamp"], "is_on": True}
    said = {"account": other_account.pk, "name": "x", "when": OFF, "actions": [action]}
    answer = client.post("/api/v1/manage/automations", said, "application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_light_id")
    assert Automation.objects.count() == 1
