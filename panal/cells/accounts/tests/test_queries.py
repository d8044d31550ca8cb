import pytest

from panal.cells.accounts import actions, queries
from panal.cells.accounts.roles import CAPABILITIES, EDIT, HANDLE, MANAGE, MINT, OPERATE, SEE
from panal.protocol.errors import Forbidden, NotFound

MAY = {
    "alice": {SEE, HANDLE, OPERATE, EDIT, MANAGE},
    "bob": {SEE, HANDLE, OPERATE, EDIT},
    "carla": {SEE, HANDLE},
    "vera": {SEE},
    "charlie": set(),
    "sam": {SEE, OPERATE},
    "fay": {MINT},
    "ada": CAPABILITIES,
}


@pytest.mark.parametrize("who", MAY)
def test_each_role_has_its_rights_and_no_more(who, request, account):
    user = request.getfixturevalue(who)
    assert {right for right in CAPABILITIES if queries.may(user, account.pk, right)} == MAY[who]


@pytest.mark.parametrize("who", MAY)
def test_who_is_deactivated_has_no_rights(who, request, account):
    user = request.getfixturevalue(who)
    user.is_active = False
    assert not any(queries.may(user, account.pk, right) for right in CAPABILITIES)


@pytest.mark.parametrize(
    ("scopes", "rights"),
    [
        (set(), set()),
        ({"read"}, {SEE}),
        ({"operate"}, {SEE, HANDLE, OPERATE}),
        ({"configure"}, {SEE, EDIT, MANAGE}),
        ({"read", "operate", "configure"}, MAY["alice"]),
        ({"everything"}, set()),
    ],
)
def test_a_token_narrows_what_its_person_may(alice, account, scopes, rights):
    alice.token_scopes = frozenset(scopes)
    assert {right for right in CAPABILITIES if queries.may(alice, account.pk, right)} == rights


def test_a_token_never_widens_it(vera, account):
    vera.token_scopes = frozenset({"read", "operate", "configure"})
    assert {right for right in CAPABILITIES if queries.may(vera, account.pk, right)} == {SEE}


def test_a_stranger_finds_nothing(charlie, account, bob):
    for look in (
        lambda: queries.account_for(charlie, account.pk),
        lambda: queries.members_for(charlie, account),
        lambda: queries.membership_for(charlie, account.memberships.get().pk),
        lambda: queries.audit_for(charlie, account),
        lambda: queries.people_for(charlie),
        lambda: queries.account_for(charlie, 10**9),
    ):
        with pytest.raises(NotFound):
            look()
    assert [found.name for found in queries.accounts_for(charlie)] == ["Charlie's"]


def test_who_sees_and_may_not_is_told_so(bob, account):
    with pytest.raises(Forbidden):
        queries.account_for(bob, account.pk, MANAGE)
    with pytest.raises(Forbidden):
        queries.audit_for(bob, account)


def test_an_owner_reads_the_audit_log_of_their_accounts_only(alice, charlie, account, other_account, actor):
    actions.rename_account(account=account, name="A", actor=actor)
    actions.rename_account(account=other_account, name="B", actor=actor)
    assert [entry.after["name"] for entry in queries.audit_for(alice)] == ["A"]
    assert [entry.after["name"] for entry in queries.audit_for(charlie)] == ["B"]


def test_ones_tokens_are_ones_own(alice, bob, actor):
    made = actions.create_token(user=alice, name="x", actor=actor).token
    assert queries.token_for(alice, made.pk) == made
    with pytest.raises(NotFound):
        queries.token_for(bob, made.pk)


def test_rights_are_read_once(bob, account, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert [queries.may(bob, account.pk, right) for right in (SEE, EDIT, MANAGE)] == [True, True, False]
