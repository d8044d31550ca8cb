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
GOOD = "abejas y miel"


@pytest.fixture
def panal(monkeypatch):
    """Runs a command on the test's own database."""

    def run(subject, *words):
        module = import_module(f"panal.cli.{subject}")
        monkeypatch.setattr(module, "django_with", lambda **_: None)
        return CliRunner().invoke(module.app, words)

    return run


def test_an_owner_comes_with_their_account(panal):
    done = panal("user", "create", "rosa@example.com", "--password", GOOD, "--role", "owner", "--account", "Casa")
    assert done.exit_code == 0, done.output
    membership = Membership.objects.get()
    assert (membership.user.email, membership.role, membership.account.name) == ("rosa@example.com", "owner", "Casa")
    assert membership.user.check_password(GOOD)


@pytest.mark.parametrize("role", ["member", "caregiver", "viewer"])
def test_others_join_an_account_that_is_there(panal, account, role):
    done = panal("user", "create", "rosa@example.com", "--password", GOOD, "--role", role, "--account", "Casa")
    assert (done.exit_code, done.output) == (0, f"rosa@example.com may sign in as {role} of Casa.\n")
    assert Membership.objects.get().role == role
    assert Account.objects.count() == 1


def test_staff_has_no_account(panal):
    done = panal("user", "create", "ada@example.com", "--password", GOOD, "--role", "staff")
    assert (done.exit_code, done.output) == (0, "ada@example.com may sign in as staff (admin) of every account.\n")
    assert User.objects.get().is_admin


@pytest.mark.parametrize("password", ["x", "password1", "rosa@example.com"])
def test_a_password_that_the_pages_would_not_take_is_warned_of(panal, password):
    done = panal("user", "create", "rosa@example.com", "--password", password, "--account", "Casa")
    assert (done.exit_code, "weak password" in done.stderr) == (0, True)


def test_staff_belongs_to_no_account_and_is_not_said_to(panal, account):
    done = panal("user", "create", "sam@example.com", "--password", GOOD, "--role", "staff", "--account", "Casa")
    assert (done.exit_code, done.output) == (0, "sam@example.com may sign in as staff (admin) of every account.\n")
    assert not Membership.objects.filter(user__email="sam@example.com").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--role", "owner", "--account", "Casa", "--staff-role", "support"), "no --staff-role"),
    ],
)
def test_what_contradicts_itself_makes_nobody(panal, account, words, sentence):
    done = panal("user", "create", "rosa@example.com", "--password", GOOD, *words)
    assert (done.exit_code, sentence in done.output) == (2, True), done.output
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--role", "staff"), "exists already, as a customer"),
        (("--account", "Casa", "--name", "Alicia"), "leave --name out"),
        (("--account", "Casa", "--password", GOOD), "leave --password out"),
    ],
)
def test_what_is_not_done_to_somebody_known_is_not_said(panal, alice, account, words, sentence):
    before = (alice.staff_role, alice.full_name, Membership.objects.count())
    done = panal("user", "create", alice.email, *words)
    assert (done.exit_code, sentence in done.output) == (1, True), done.output
    alice.refresh_from_db()
    assert (alice.staff_role, alice.full_name, Membership.objects.count()) == before


def test_somebody_known_joins_another_account(panal, alice, account):
    second = Account.objects.create(name="Huerto")
    done = panal("user", "create", alice.email, "--role", "viewer", "--account", f"#{second.pk}")
    assert (done.exit_code, done.output) == (0, f"{alice.email} may sign in as viewer of Huerto.\n")


def test_who_is_deactivated_may_not_sign_in_and_joins_nothing(panal, alice):
    User.objects.filter(pk=alice.pk).update(is_active=False)
    done = panal("user", "create", alice.email, "--account", "Huerto")
    assert (done.exit_code, "is deactivated" in done.output) == (1, True)
    assert not Account.objects.filter(name="Huerto").exists()


def test_who_joins_nothing_is_told_what_to_do_and_nothing_is_left_behind(panal):
    done = panal("user", "create", "rosa@example.com", "--password", GOOD, "--role", "viewer", "--account", "Caza")
    assert done.exit_code == 1
    assert "No account is called Caza" in done.output
    assert not User.objects.exists()


def test_a_customer_without_an_account_is_a_mistake_of_the_command(panal):
    done = panal("user", "create", "rosa@example.com", "--password", GOOD)
    assert (done.exit_code, "--account NAME" in done.output) == (2, True)


def test_two_accounts_of_one_name_are_told_apart_by_number(panal, account):
    second = Account.objects.create(name="Casa")
    done = panal("device", "mint", "--model", "door-1", "--account", "Casa")
    assert (done.exit_code, f"'#{second.pk}'" in done.output) == (1, True)
    assert panal("device", "mint", "--model", "door-1", "--account", f"#{second.pk}").exit_code == 0
    assert Device.objects.get().account == second


@pytest.mark.parametrize("number", ["999999", "²"])
def test_an_account_that_has_no_such_number_is_not_to_be_made_by_it(panal, account, number):
    done = panal("device", "mint", "--model", "door-1", "--account", f"#{number}")
    assert (done.exit_code, done.output) == (1, f"panal: No account has the number {number}.\n")


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


def test_a_table_has_a_line_for_each_device(panal):
    done = panal("device", "mint", "--model", "wearable-1", "--count", "3")
    lines = done.stdout.splitlines()[3:]
    assert {line.split()[0] for line in lines} == set(Device.objects.values_list("id", flat=True))
    assert {len(line.split()) for line in lines} == {4}


def test_more_than_a_screen_keeps_go_to_a_file_or_are_not_made(panal, tmp_path):
    done = panal("device", "mint", "--model", "wearable-1", "--count", "501")
    assert (done.exit_code, "--secrets FILE" in done.output) == (2, True)
    assert not Device.objects.exists()
    path = tmp_path / "secrets.json"
    assert panal("device", "mint", "--model", "wearable-1", "--count", "501", "--secrets", str(path)).exit_code == 0
    assert len(json.loads(path.read_text())) == Device.objects.count() == 501


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
