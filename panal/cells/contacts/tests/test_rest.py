import pytest

from panal.cells.contacts import actions
from panal.cells.contacts.models import Alert, Channel, Policy
from panal.control.tests.cases import PEOPLE, PermissionCases

from .conftest import NOON, Sender, raised

BASE = "/api/v1/manage"
EDITORS = {"alice", "bob", "ada"}
HANDLERS = {"alice", "bob", "carla", "ada"}


@pytest.fixture
def things(things, account, contact, actor):
    raised(account)
    Sender().turn(NOON)
    team = actions.save_team(account_id=account.pk, name="Family", contacts=[contact], actor=actor)
    policy = actions.save_policy(
        account_id=account.pk, kind="care.fall", steps=[{"contacts": [contact.pk]}], actor=actor
    )
    return {
        **things,
        "alert": str(Alert.objects.get(uid="u1").pk),
        "contact": contact.pk,
        "channel": str(contact.channels.first().pk),
        "team": team.pk,
        "policy": policy.pk,
    }


class TestAlerts(PermissionCases):
    path, may = "/alerts", set(PEOPLE)


class TestAlert(PermissionCases):
    path = "/alerts/{alert}"


class TestDeliveries(PermissionCases):
    path = "/alerts/{alert}/deliveries"


class TestAcknowledge(PermissionCases):
    method, path, may = "post", "/alerts/{alert}/acknowledge", HANDLERS


class TestClear(PermissionCases):
    method, path, may, body = "post", "/alerts/{alert}/clear", HANDLERS, {"reason": "The cat"}


class TestComment(PermissionCases):
    method, path, may, done, body = "post", "/alerts/{alert}/comments", HANDLERS, 201, {"text": "On my way"}


class TestContacts(PermissionCases):
    path, may = "/contacts", set(PEOPLE)


class TestContact(PermissionCases):
    path = "/contacts/{contact}"


class TestCreateContact(PermissionCases):
    method, path, may, done = "post", "/contacts", EDITORS, 201
    body = {"account": "{account}", "name": "Eva"}


class TestChangeContact(PermissionCases):
    method, path, may, body = "put", "/contacts/{contact}", EDITORS, {"name": "Eva"}


class TestDeleteContact(PermissionCases):
    method, path, may, done = "delete", "/contacts/{contact}", EDITORS, 204


class TestAddChannel(PermissionCases):
    method, path, may, done = "post", "/contacts/{contact}/channels", EDITORS, 201

    def ask(self, client, things):
        body = {"kind": "email", "fields": {"address": "eva@example.com"}}
        return client.post(f"{BASE}/contacts/{things['contact']}/channels", body, "application/json")


class TestChangeChannel(PermissionCases):
    method, path, may = "patch", "/channels/{channel}", EDITORS


class TestDeleteChannel(PermissionCases):
    method, path, may, done = "delete", "/channels/{channel}", EDITORS, 204


class TestTestChannel(PermissionCases):
    method, path, may = "post", "/channels/{channel}/test", EDITORS


class TestTeams(PermissionCases):
    path, may = "/contact-teams", set(PEOPLE)


class TestCreateTeam(PermissionCases):
    method, path, may, done = "post", "/contact-teams", EDITORS, 201
    body = {"account": "{account}", "name": "Neighbours"}


class TestChangeTeam(PermissionCases):
    method, path, may, body = "put", "/contact-teams/{team}", EDITORS, {"name": "Neighbours"}


class TestDeleteTeam(PermissionCases):
    method, path, may, done = "delete", "/contact-teams/{team}", EDITORS, 204


class TestPolicies(PermissionCases):
    path, may = "/alert-policies", set(PEOPLE)


class TestSavePolicy(PermissionCases):
    method, path, may = "put", "/alert-policies", EDITORS

    def ask(self, client, things):
        body = {"account": things["account"], "urgency": "notice", "steps": [{"roles": ["owner"]}]}
        return client.put(f"{BASE}/alert-policies", body, "application/json")


class TestDeletePolicy(PermissionCases):
    method, path, may, done = "delete", "/alert-policies/{policy}", EDITORS, 204


def test_every_attempt_is_told_with_the_providers_answer(client, alice, things):
    client.force_login(alice)
    [item] = client.get(f"{BASE}/alerts/{things['alert']}/deliveries?limit=1").json()["items"]
    assert (item["purpose"], item["state"], item["answer"]) == ("alarm", "sent", "HTTP 1")


def test_a_team_takes_nobody_of_another_account(client, alice, charlie, things, other_account):
    client.force_login(alice)
    other = actions.own_contact(account_id=other_account.pk, user=charlie)
    body = {"name": "Family", "contacts": [other.pk]}
    assert client.put(f"{BASE}/contact-teams/{things['team']}", body, "application/json").status_code == 404


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [{"after_s": 0}],
        [{"contacts": [999_999]}],
        [{"teams": [999_999]}],
        [{"roles": ["nobody"]}],
        [{"roles": ["owner"], "after_s": -1}],
        [{"roles": ["owner"]}] * 11,
    ],
)
def test_a_policy_that_tells_nobody_known_is_refused(client, alice, things, steps):
    client.force_login(alice)
    body = {"account": things["account"], "steps": steps}
    assert client.put(f"{BASE}/alert-policies", body, "application/json").status_code == 400
    assert Policy.objects.count() == 1


def test_what_a_channel_was_made_with_is_not_answered(client, alice, things):
    client.force_login(alice)
    body = {"kind": "webhook", "fields": {"url": "https://hooks.example.com/s3cr3t", "authorization": "s3cr3t"}}
    answer = client.post(f"{BASE}/contacts/{things['contact']}/channels", body, "application/json")
    assert answer.status_code == 201
    assert "s3cr3t" not in answer.content.decode()
    assert "s3cr3t" not in client.get(f"{BASE}/contacts").content.decode()
    assert Channel.objects.get(pk=answer.json()["id"]).provider == "hooks.example.com"
