import pytest

from panal.cells.accounts.actions import create_token
from panal.cells.accounts.models import MachineToken
from panal.control.tests.cases import PEOPLE, SEERS, PermissionCases

BASE = "/api/v1/manage"
MANAGERS = {"alice", "ada"}


class TestReadAnAccount(PermissionCases):
    path = "/accounts/{account}"


class TestRenameAnAccount(PermissionCases):
    method, path, body, may = "patch", "/accounts/{account}", {"name": "Hogar"}, MANAGERS


class TestMakeAnAccount(PermissionCases):
    method, path, body, may, sees, done = "post", "/accounts", {"name": "Hogar"}, {"ada"}, set(PEOPLE), 201


class TestReadMembers(PermissionCases):
    path = "/accounts/{account}/members"


class TestAddAMember(PermissionCases):
    method, path, may, done = "post", "/accounts/{account}/members", MANAGERS, 201
    body = {"email": "new@example.com", "role": "viewer"}


class TestChangeARole(PermissionCases):
    method, path, body, may = "patch", "/members/{member}", {"role": "viewer"}, MANAGERS


class TestRemoveAMember(PermissionCases):
    method, path, may, done = "delete", "/members/{member}", MANAGERS, 204


class TestReadTheAuditLog(PermissionCases):
    path, may = "/audit?account={account}", MANAGERS


class TestReadOnesTokens(PermissionCases):
    path, may = "/tokens", set(PEOPLE)


class TestWhoAmI(PermissionCases):
    path, may = "/me", set(PEOPLE)


def test_the_member_to_change_is_seen_by_everybody_of_the_account():
    assert PermissionCases.sees == SEERS


def test_one_makes_and_revokes_a_token(client, alice):
    client.force_login(alice)
    made = client.post(f"{BASE}/tokens", {"name": "x", "scopes": ["read"]}, "application/json").json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    client.logout()
    assert client.get(f"{BASE}/me", headers=headers).json()["scopes"] == ["read"]
    client.force_login(alice)
    assert client.delete(f"{BASE}/tokens/{made['id']}").status_code == 204
    client.logout()
    assert client.get(f"{BASE}/me", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("own", "wanted", "status"),
    [(["read"], ["read"], 403), (["configure"], ["configure"], 201), (["configure"], ["operate"], 400)],
)
def test_a_program_gives_no_more_than_it_has(client, alice, actor, own, wanted, status):
    made = create_token(user=alice, name="x", scopes=own, actor=actor)
    headers = {"Authorization": f"Bearer {made.text}"}
    body = {"name": "y", "scopes": wanted}
    answer = client.post(f"{BASE}/tokens", body, content_type="application/json", headers=headers)
    assert answer.status_code == status
    assert MachineToken.objects.count() == (2 if status == 201 else 1)


def test_anothers_token_is_not_there(client, bob, alice, actor):
    made = create_token(user=alice, name="x", actor=actor)
    client.force_login(bob)
    assert client.delete(f"{BASE}/tokens/{made.token.pk}").status_code == 404


def test_the_last_owner_is_told_why(client, alice, account):
    client.force_login(alice)
    answer = client.delete(f"{BASE}/members/{account.memberships.get().pk}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "last_owner")
