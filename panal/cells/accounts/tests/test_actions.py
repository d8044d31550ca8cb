from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth import authenticate
from django.db import connection
from django.utils import timezone

from panal.cells.accounts import actions, queries
from panal.cells.accounts.models import Account, AuditEntry, MachineToken, Membership, User
from panal.control.tests.cases import collected
from panal.protocol.errors import BadRequest, Conflict


def membership(user):
    return Membership.objects.select_related("user", "account").get(user=user)


def test_a_person_signs_in_with_email_and_password(db, actor):
    actions.create_user(email=" Rosa@Example.com ", password="abejas y miel", actor=actor)
    user = authenticate(None, email="ROSA@example.com", password="abejas y miel")
    assert user.email == "rosa@example.com"
    assert user.password.startswith("argon2$")
    assert authenticate(None, email="rosa@example.com", password="wrong") is None


def test_a_person_without_a_password_cannot_sign_in_yet(db, actor):
    user = actions.create_user(email="rosa@example.com", actor=actor)
    assert not user.has_usable_password()


def test_an_email_is_taken_once_whatever_its_case(alice, actor):
    with pytest.raises(Conflict, match="email_taken"):
        actions.create_user(email="ALICE@example.com", actor=actor)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"email": "rosa"}, "bad_email"),
        ({"email": ""}, "bad_email"),
        ({"email": "a@b.co", "full_name": "x" * 121}, "bad_full_name"),
        ({"email": "a@b.co", "staff_role": "king"}, "bad_staff_role"),
    ],
)
def test_nonsense_makes_no_person(db, actor, values, code):
    with pytest.raises(BadRequest) as refused:
        actions.create_user(actor=actor, **values)
    assert refused.value.code == code
    assert not User.objects.exists()


def test_who_joins_an_account_gets_a_sign_in(account, actor):
    with collected() as heard:
        joined = actions.add_member(account=account, email="new@example.com", role="viewer", actor=actor)
    assert queries.may(joined.user, account.pk, "see")
    assert [(event.name, event.account_id) for event in heard] == [("account.changed", account.pk)]


def test_nobody_joins_twice(account, bob, actor):
    with pytest.raises(Conflict, match="already_member"):
        actions.add_member(account=account, email=bob.email, role="viewer", actor=actor)


def test_the_last_owner_neither_leaves_nor_steps_down(alice, bob, actor):
    for change in (
        lambda: actions.remove_member(membership=membership(alice), actor=actor),
        lambda: actions.change_role(membership=membership(alice), role="viewer", actor=actor),
    ):
        with pytest.raises(Conflict, match="last_owner"):
            change()
    actions.change_role(membership=membership(bob), role="owner", actor=actor)
    actions.remove_member(membership=membership(alice), actor=actor)
    assert membership(bob).role == "owner"


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_once_leave_one_behind(alice, bob, actor):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite in memory has one connection, and its writers always go one after the other")
    actions.change_role(membership=membership(bob), role="owner", actor=actor)

    def leave(user):
        try:
            actions.remove_member(membership=membership(user), actor=actor)
        except Conflict:
            return 0
        finally:
            connection.close()
        return 1

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(leave, (alice, bob))) == 1
    assert Membership.objects.filter(role="owner").count() == 1


def test_the_last_administrator_stays(ada, actor):
    for change in (
        lambda: actions.change_staff_role(user=ada, staff_role="", actor=actor),
        lambda: actions.deactivate_user(user=ada, actor=actor),
    ):
        with pytest.raises(Conflict, match="last_admin"):
            change()


def test_a_person_chooses_how_panal_speaks_to_them(alice, actor):
    actions.change_person(user=alice, language="en", theme="dark", time_zone="Europe/Madrid", actor=actor)
    entry = AuditEntry.objects.first()
    assert (entry.before["language"], entry.after["language"]) == ("", "en")


@pytest.mark.parametrize(
    "values", [{"language": "xx"}, {"theme": "pink"}, {"email": "x@y.co"}, {"staff_role": "admin"}]
)
def test_a_person_changes_nothing_else(alice, actor, values):
    with pytest.raises(BadRequest):
        actions.change_person(user=alice, actor=actor, **values)
    alice.refresh_from_db()
    assert (alice.email, alice.staff_role, alice.language, alice.theme) == ("alice@example.com", "", "", "")


def test_a_token_is_shown_once_and_kept_as_a_hash(alice, actor):
    made = actions.create_token(user=alice, name="Grafana", scopes=["read"], actor=actor)
    assert made.text.startswith("pnl_")
    stored = repr(list(MachineToken.objects.values())) + repr(list(AuditEntry.objects.values()))
    assert made.text not in stored
    found = queries.live_token(made.text, timezone.now())
    assert (found.user, found.user.token_scopes) == (alice, {"read"})


def test_a_token_ends_when_it_should(alice, actor):
    now = timezone.now()
    expiring = actions.create_token(user=alice, name="a", days=1, actor=actor)
    forever = actions.create_token(user=alice, name="b", days=None, actor=actor)
    assert queries.live_token(expiring.text, now + timedelta(hours=23))
    assert queries.live_token(expiring.text, now + timedelta(hours=25)) is None
    assert queries.live_token(forever.text, now + timedelta(days=9000))
    actions.revoke_token(token=forever.token, actor=actor)
    actions.revoke_token(token=forever.token, actor=actor)
    assert queries.live_token(forever.text, now) is None
    assert AuditEntry.objects.filter(verb="token.revoked").count() == 1


def test_a_token_dies_with_its_person(alice, ada, actor):
    made = actions.create_token(user=alice, name="a", actor=actor)
    actions.deactivate_user(user=alice, actor=actor)
    assert queries.live_token(made.text, timezone.now()) is None


@pytest.mark.parametrize("values", [{"scopes": []}, {"scopes": ["all"]}, {"days": 0}, {"days": 4000}, {"name": ""}])
def test_nonsense_makes_no_token(alice, actor, values):
    with pytest.raises(BadRequest):
        actions.create_token(**({"user": alice, "name": "x", "actor": actor} | values))
    assert not MachineToken.objects.exists()


def test_its_last_use_is_noted_to_the_minute(alice, actor, django_assert_num_queries):
    token = actions.create_token(user=alice, name="x", actor=actor).token
    now = timezone.now()
    actions.note_token_use(token=token, now=now)
    token.refresh_from_db()
    with django_assert_num_queries(0):
        actions.note_token_use(token=token, now=now + timedelta(seconds=59))
    with django_assert_num_queries(1):
        actions.note_token_use(token=token, now=now + timedelta(seconds=61))


def test_an_account_has_its_first_owner(db, actor):
    rosa = actions.create_user(email="rosa@example.com", actor=actor)
    account = actions.create_account(name="Casa Rosa", owner=rosa, actor=actor)
    assert membership(rosa).role == "owner"
    actions.rename_account(account=account, name="Casa", actor=actor)
    assert Account.objects.get().name == "Casa"
    verbs = list(AuditEntry.objects.filter(account=account).order_by("id").values_list("verb", flat=True))
    assert verbs == ["account.created", "member.added", "account.renamed"]


def test_the_audit_log_says_from_where(account, actor):
    actions.rename_account(account=account, name="B", actor=actor)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.address, entry.before, entry.after) == (
        "a test",
        "192.0.2.7",
        {"name": "Casa"},
        {"name": "B"},
    )
