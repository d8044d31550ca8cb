"""`panal user|device|token`: what they make, what they print, and what they say when they cannot."""

import json
from importlib import import_module

import pytest
from typer.testing import CliRunner

from panal.cells.accounts.models import Account, Membership, User
from panal.cells.accounts.queries import live_token
from panal.cells.devices.models import Device
from panal.protocol import keys

pytestmark = pytest.mark.django_db


@pytest.fixture
def panal(monkeypatch):
    """Runs a command on the test's own database."""

    def run(subject, *words):
        module = import_module(f"panal.cli.{subject}")
        monkeypatch.setattr(module, "django_with", lambda **_: None)
        return CliRunner().invoke(module.app, words)

    return run


def test_an_owner_comes_with_their_account(panal):
    done = panal("user", "create", "rosa@example.com", "--password", "miel", "--role", "owner", "--account", "Casa")
    assert done.exit_code == 0, done.output
    membership = Membership.objects.get()
    assert (membership.user.email, membership.role, membership.account.name) == ("rosa@example.com", "owner", "Casa")
    assert membership.user.check_password("miel")


@pytest.mark.parametrize("role", ["member", "caregiver", "viewer"])
def test_others_join_an_account_that_is_there(panal, account, role):
    assert (
        panal("user", "create", "rosa@example.com", "--password", "x", "--role", role, "--account", "Casa").exit_code
        == 0
    )
    assert Membership.objects.get().role == role
    assert Account.objects.count() == 1


def test_staff_has_no_account(panal):
    assert panal("user", "create", "ada@example.com", "--password", "x", "--role", "staff").exit_code == 0
    assert User.objects.get().is_admin


def test_who_joins_nothing_is_told_what_to_do_and_nothing_is_left_behind(panal):
    done = panal("user", "create", "rosa@example.com", "--password", "x", "--role", "viewer", "--account", "Caza")
    assert done.exit_code == 1
    assert "No account is called Caza" in done.output
    assert not User.objects.exists()


def test_a_customer_without_an_account_is_a_mistake_of_the_command(panal):
    done = panal("user", "create", "rosa@example.com", "--password", "x")
    assert (done.exit_code, "--account NAME" in done.output) == (2, True)


def test_two_accounts_of_one_name_are_told_apart_by_number(panal, account):
    second = Account.objects.create(name="Casa")
    done = panal("device", "mint", "--model", "door-1", "--account", "Casa")
    assert (done.exit_code, f"'#{second.pk}'" in done.output) == (1, True)
    assert panal("device", "mint", "--model", "door-1", "--account", f"#{second.pk}").exit_code == 0
    assert Device.objects.get().account == second


def test_minted_devices_are_a_json_list_with_their_secrets(panal, account):
    done = panal("device", "mint", "--model", "wearable-1", "--count", "3", "--account", "Casa", "--json")
    minted = json.loads(done.stdout)
    assert [sorted(secret) for secret in minted] == [["ap_password", "claim_code", "device_id", "token"]] * 3
    for secret in minted:
        device = Device.objects.get(id=secret["device_id"])
        assert (device.account, device.model_code) == (account, "wearable-1")
        assert bytes(device.token_sha256) == keys.token_hash(secret["token"])


def test_a_table_never_cuts_a_token(panal):
    done = panal("device", "mint", "--model", "wearable-1", "--id", "WEAR2345")
    token = next(word for word in done.output.split() if len(word) == 64)
    assert bytes(Device.objects.get().token_sha256) == keys.token_hash(token)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--model", "toaster-9"], "not one of wearable-1, camera-1, camera-2, door-1, lights-4"),
        (["--model", "door-1", "--id", "a b"], "1 to 32 letters"),
        (["--model", "door-1", "--count", "0"], "1 to 100000"),
    ],
)
def test_nonsense_is_refused_with_a_sentence(panal, words, sentence):
    done = panal("device", "mint", *words)
    assert (done.exit_code, sentence in done.output) == (1, True)
    assert not Device.objects.exists()


def test_an_id_is_minted_once(panal, device):
    done = panal("device", "mint", "--model", "door-1", "--id", device.id)
    assert (done.exit_code, "exists already" in done.output) == (1, True)


def test_a_token_opens_the_rest(panal, alice, client):
    document = json.loads(panal("token", "create", alice.email, "--json").stdout)
    headers = {"Authorization": f"Bearer {document['token']}"}
    assert client.get("/api/v1/manage/me", headers=headers).json()["email"] == alice.email
    assert document["scopes"] == ["read", "operate", "configure"]


def test_a_token_is_as_narrow_as_asked(panal, alice):
    from django.utils import timezone

    done = panal("token", "create", alice.email, "--scopes", "read", "--days", "0")
    token = live_token(done.stdout.split()[0], timezone.now())
    assert (token.scopes, token.expires_at) == (["read"], None)


def test_a_token_for_nobody_says_how_to_make_somebody(panal):
    done = panal("token", "create", "rosa@example.com")
    assert (done.exit_code, "panal user create rosa@example.com" in done.output) == (1, True)
