import pytest
from django.utils.translation import override

from panal.cells.accounts import actions
from panal.cells.accounts.actor import person
from panal.cells.accounts.models import AuditEntry, MachineToken, Membership, Theme, User
from panal.cells.accounts.templatetags.accounts import word
from panal.control.tests.pages import FormCases, PageCases, queries_of, text_of
from panal.settings import Settings

EVERYBODY = {"alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada"}
MANAGERS = {"alice", "ada"}


class TestPeople(PageCases):
    path = "/people/"
    may = sees = EVERYBODY


class TestTokens(PageCases):
    path = "/tokens/"
    may = sees = EVERYBODY


class TestPersonalSettings(PageCases):
    path = "/me/"
    may = sees = EVERYBODY


class TestAllAccounts(PageCases):
    path = "/staff/accounts/"
    may = sees = {"sam", "fay", "ada"}


class TestChangeRole(FormCases):
    path = "/people/{member}/role/"
    body = {"role": "viewer"}
    may = MANAGERS


class TestRemove(FormCases):
    path = "/people/{member}/remove/"
    may = MANAGERS


class TestSwitch(FormCases):
    path = "/account/switch/"
    body = {"account": "{account}"}


@pytest.mark.parametrize("who", ["bob", "carla", "vera"])
@pytest.mark.parametrize("path", ["/audit/", "/audit.csv", "/account/"])
def test_only_who_manages_reads_the_audit_log_and_renames(client, request, who, path):
    client.force_login(request.getfixturevalue(who))
    assert client.get(path).status_code == 403


@pytest.mark.parametrize("who", ["bob", "carla", "vera"])
def test_only_an_owner_adds_people(client, request, who):
    client.force_login(request.getfixturevalue(who))
    response = client.post("/people/", {"email": "new@example.com", "role": "viewer"})
    assert response.status_code == 403
    assert not User.objects.filter(email="new@example.com").exists()


def test_a_new_person_gets_a_link_with_which_they_choose_a_password(client, alice, account):
    client.force_login(alice)
    response = client.post("/people/", {"email": "new@example.com", "role": "viewer"})
    assert Membership.objects.get(user__email="new@example.com", account=account).role == "viewer"
    link = response.context["link"]
    client.logout()
    page = client.get(link, follow=True)
    page = client.post(page.redirect_chain[-1][0], {"password1": "olivos-y-panal", "password2": "olivos-y-panal"})
    assert page.status_code == 302
    assert client.login(email="new@example.com", password="olivos-y-panal")


def test_somebody_who_has_a_password_gets_no_link(client, alice, charlie):
    charlie.set_password("olivos-y-panal")
    charlie.save()
    client.force_login(alice)
    response = client.post("/people/", {"email": charlie.email, "role": "viewer"})
    assert response.status_code == 302


def test_somebody_who_is_in_another_account_already_gets_no_link(client, alice, charlie):
    """Else an owner could add a new person of another account and take their sign-in."""
    charlie.set_unusable_password()
    charlie.save()
    client.force_login(alice)
    response = client.post("/people/", {"email": charlie.email, "role": "viewer"})
    assert response.status_code == 302


def test_the_last_owner_stays_and_is_told_why(client, alice, account):
    client.force_login(alice)
    membership = account.memberships.get(user=alice)
    response = client.post(
        f"/people/{membership.pk}/remove/",
        follow=True,
        headers={"accept-language": "en", "referer": "http://testserver/people/"},
    )
    assert "An account keeps at least one owner" in text_of(response)
    assert account.memberships.filter(user=alice).exists()


def test_a_token_is_shown_once(client, alice):
    client.force_login(alice)
    form = {"name": "Grafana", "scopes": ["read"], "days": "365"}
    made = client.post("/tokens/", form)
    assert made["Location"] == "/tokens/"  # reloading makes no second one
    kept = dict(client.session)
    page = client.get("/tokens/")
    shown = page.context["made"]
    assert shown.startswith("pnl_")
    assert "Grafana" in page.content.decode()
    assert shown not in str(kept)
    assert shown not in client.get("/tokens/").content.decode()


def test_a_token_of_somebody_else_cannot_be_revoked(client, alice, bob):
    made = actions.create_token(user=alice, name="Grafana", actor=person(alice))
    client.force_login(bob)
    assert client.post(f"/tokens/{made.token.pk}/revoke/").status_code == 404
    assert MachineToken.objects.get().revoked_at is None


def test_settings_are_kept(client, alice):
    client.force_login(alice)
    client.post("/me/", {"full_name": "Alicia", "language": "en", "time_zone": "Europe/Madrid", "theme": "dark"})
    alice.refresh_from_db()
    assert (alice.full_name, alice.language, alice.time_zone, alice.theme) == ("Alicia", "en", "Europe/Madrid", "dark")


def test_times_are_shown_in_the_person_s_zone(client, alice, event):
    alice.time_zone, alice.language = "Asia/Tokyo", "en"
    alice.save()
    client.force_login(alice)
    from zoneinfo import ZoneInfo

    local = event.received_at.astimezone(ZoneInfo("Asia/Tokyo"))
    assert f"{local:%m/%d/%Y %H:%M:%S}" in text_of(client.get(f"/events/{event.pk}/"))


def test_the_csv_holds_what_the_page_shows_and_no_formula(client, alice, account):
    actions.rename_account(account=account, name="=SUM(A1)", actor=person(alice, "192.0.2.1"))
    client.force_login(alice)
    text = b"".join(client.get("/audit.csv?q=renamed").streaming_content).decode()
    assert "account.renamed" in text
    assert "192.0.2.1" in text
    assert ",=SUM" not in text


def test_the_audit_log_is_searched(client, alice, account):
    actions.rename_account(account=account, name="Casa nueva", actor=person(alice))
    actions.create_token(user=alice, name="Grafana", actor=person(alice))
    client.force_login(alice)
    assert len(client.get("/audit/?q=nueva+alice").context["entries"]) == 1
    assert len(client.get("/audit/?kind=account").context["entries"]) == 1
    assert len(client.get("/audit/?q=nobody").context["entries"]) == 0


def test_a_light_in_the_audit_log_is_no_bright_theme_in_spanish(client, alice):
    with override("es"):
        assert (word("light"), str(Theme.LIGHT.label)) == ("Luz", "Claro")


def test_a_person_of_several_accounts_switches(client, alice, other_account):
    Membership.objects.create(user=alice, account=other_account, role="viewer")
    client.force_login(alice)
    assert client.get("/").context["account"].name == "Casa"
    client.post("/account/switch/", {"account": other_account.pk})
    assert client.get("/").context["account"] == other_account
    assert client.get("/audit/").status_code == 403


def test_a_person_without_an_account_is_told_what_to_do(client, db):
    client.force_login(User.objects.create(email="lonely@example.com", language="en"))
    assert "Ask an owner" in text_of(client.get("/people/"))
    assert client.get("/").status_code == 200


def test_an_administrator_creates_an_account_with_its_owner(client, ada, sam):
    form = {"name": "Nueva", "owner_email": "duena@example.com"}
    client.force_login(sam)
    assert client.post("/staff/accounts/", form).status_code == 403
    client.force_login(ada)
    client.post("/staff/accounts/", form)
    assert Membership.objects.get(account__name="Nueva").role == "owner"


@pytest.mark.parametrize(("path", "make"), [("/people/", "members"), ("/audit/", "entries"), ("/tokens/", "tokens")])
def test_a_page_asks_the_same_for_one_and_for_a_thousand(client, alice, account, path, make):
    client.force_login(alice)
    MAKE[make](alice, account, 1)
    one = queries_of(client, path)
    MAKE[make](alice, account, 1000)
    assert queries_of(client, path) <= one + 1  # the pager counts


def _members(alice, account, count):
    people = User.objects.bulk_create(
        User(email=f"p{count}-{n}@example.com", full_name=f"Person {n}") for n in range(count)
    )
    Membership.objects.bulk_create(Membership(user=user, account=account, role="viewer") for user in people)


def _entries(alice, account, count):
    entry = {"actor": person(alice), "verb": "account.renamed", "subject": account, "account_id": account.pk}
    AuditEntry.objects.bulk_create(actions.audit_entry(**entry) for _ in range(count))


def _tokens(alice, account, count):
    MachineToken.objects.bulk_create(
        MachineToken(user=alice, name=f"t{n}", sha256=f"{count}-{n}".encode(), scopes=["read"]) for n in range(count)
    )


MAKE = {"members": _members, "entries": _entries, "tokens": _tokens}


def test_the_owner_of_a_new_account_gets_a_link_or_a_mail_but_never_both(client, ada, settings, mailoutbox):
    client.force_login(ada)
    settings.PUBLIC_URL = "https://panal.example"
    shown = client.post("/staff/accounts/", {"name": "Norte", "owner_email": "nora@example.com"})
    link = shown.context["link"]
    assert "/accounts/password/reset/key/" in link and link in shown.content.decode() and mailoutbox == []
    client.logout()
    assert client.get(link, follow=True).context["form"].fields.keys() == {"password1", "password2"}
    client.force_login(ada)
    settings.PANAL = Settings({**settings.PANAL.values, "email_url": "smtp://mail.example"})
    response = client.post("/staff/accounts/", {"name": "Sur", "owner_email": "sara@example.com"})
    [mail] = mailoutbox
    assert response.status_code == 302 and mail.to == ["sara@example.com"] and "/reset/key/" in mail.body
