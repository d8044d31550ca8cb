import json

import pytest

from panal.cells.devices.models import Command, Device
from panal.cells.wifi.models import DeviceChange
from panal.control.tests.cases import CUSTOMERS, PermissionCases

from .conftest import PASSWORD, SSID

NETWORK = {"ssid": SSID, "password": PASSWORD}
OPERATORS = {"alice", "bob", "sam", "ada"}
ROOT = "/api/v1/manage/wifi/changes"


@pytest.fixture
def things(wifi_things):
    Device.objects.update(state="activated")
    Device.objects.filter(pk=wifi_things["device"]).update(sector=wifi_things["sector"])
    return wifi_things


class TestChanges(PermissionCases):
    path = "/wifi/changes"
    may = sees = CUSTOMERS | {"charlie", "sam", "fay", "ada"}


class TestChange(PermissionCases):
    path = "/wifi/changes/{change}"


class TestRows(PermissionCases):
    path = "/wifi/changes/{change}/devices"


class TestBegin(PermissionCases):
    method, path, done = "post", "/wifi/changes", 201
    body = {"devices": ["{device}"], **NETWORK}
    may = OPERATORS


class TestBeginWithASector(TestBegin):
    body = {"sector": "{sector}", **NETWORK}


class TestBeginWithAll(TestBegin):
    body = {"account": "{account}", **NETWORK}


class TestRetry(PermissionCases):
    method, path, done, body = "post", "/wifi/changes/{change}/retry", 201, NETWORK
    may = OPERATORS

    def ask(self, client, things):
        DeviceChange.objects.update(state="silent", ended_at="2026-01-01T00:00:00Z")
        return super().ask(client, things)


class TestCancel(PermissionCases):
    method, path = "post", "/wifi/changes/{change}/cancel"
    may = OPERATORS


def post(client, path="", **body):
    return client.post(ROOT + path, json.dumps(body), "application/json")


def test_a_change_tells_how_many_are_how_far(client, alice, change):
    one, two, *_rest = change.rows.all()
    DeviceChange.objects.filter(pk=one.pk).update(state="kept", reason="not_found", ended_at=change.created_at)
    DeviceChange.objects.filter(pk=two.pk).update(state="trying")
    client.force_login(alice)
    found = client.get(f"{ROOT}/{change.pk}").json()
    assert found["devices"] == {"waiting": 3, "trying": 1, "changed": 0, "kept": 1, "silent": 0, "cancelled": 0}
    assert found["is_open"]
    rows = client.get(f"{ROOT}/{change.pk}/devices?state=kept").json()
    assert [(row["device"], row["reason"]) for row in rows["items"]] == [(one.device_id, "not_found")]


def test_a_retry_is_a_change_of_its_own_for_those_that_failed(client, alice, change):
    one, two, *_rest = change.rows.all()
    DeviceChange.objects.filter(pk=one.pk).update(state="kept", reason="not_found", ended_at=change.created_at)
    DeviceChange.objects.filter(pk=two.pk).update(state="silent", ended_at=change.created_at)
    client.force_login(alice)
    made = post(client, f"/{change.pk}/retry", **NETWORK).json()
    assert (made["choice"], made["retry_of"], made["devices"]["waiting"]) == ("failed", str(change.pk), 2)
    rows = client.get(f"{ROOT}/{made['id']}/devices").json()["items"]
    assert {row["device"] for row in rows} == {one.device_id, two.device_id}
    assert client.get(f"{ROOT}/{change.pk}").json()["devices"]["kept"] == 1


def test_no_answer_holds_the_network(client, alice, account, fleet):
    client.force_login(alice)
    made = post(client, account=account.pk, **NETWORK)
    answers = [made, client.get(ROOT), client.get(f"{ROOT}/{made.json()['id']}/devices")]
    device = made.json()
    assert device["devices"]["waiting"] == 5
    for response in answers:
        assert SSID not in response.content.decode()
        assert PASSWORD not in response.content.decode()


@pytest.mark.parametrize("body", [{}, {"devices": ["A2"], "sector": 1}, {"account": 1, "group": 1}])
def test_exactly_one_choice_is_made(client, alice, account, body):
    client.force_login(alice)
    response = post(client, **body, **NETWORK)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "bad_choice")


@pytest.mark.parametrize(("field", "value"), [("ssid", ""), ("ssid", "ñ" * 32), ("password", "corta")])
def test_a_network_that_cannot_be_is_refused_without_repeating_it(client, alice, account, fleet, field, value):
    client.force_login(alice)
    response = post(client, **{"account": account.pk, **NETWORK, field: value})
    assert response.status_code == 400
    assert response.json()["error"]["field"] == field
    assert not value or value not in response.content.decode()
    assert not Command.objects.exists()


def test_a_stranger_s_device_among_one_s_own_stops_everything(client, alice, fleet, other_device):
    client.force_login(alice)
    assert post(client, devices=[*fleet, other_device.pk], **NETWORK).status_code == 404
    assert not Command.objects.exists()


def test_staff_changes_one_account_at_a_time(client, ada, fleet, other_device):
    client.force_login(ada)
    response = post(client, devices=[*fleet, other_device.pk], **NETWORK)
    assert response.json()["error"]["code"] == "several_accounts"


def test_a_sector_takes_those_inside_it_along(client, alice, account, actor, sector, fleet):
    from panal.cells.devices.actions import create_sector

    inner = create_sector(account_id=account.pk, name="Rincón", parent=sector, actor=actor)
    one, two, *_rest = sorted(fleet)
    Device.objects.filter(pk=one).update(sector=sector)
    Device.objects.filter(pk=two).update(sector=inner)
    client.force_login(alice)
    made = post(client, sector=sector.pk, **NETWORK).json()
    assert (made["place"], made["devices"]["waiting"]) == ("Salón", 2)
