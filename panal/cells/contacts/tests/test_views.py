import pytest
from django.core import mail

from panal.cells.contacts import actions
from panal.cells.contacts.models import Alert, Channel, Contact, Inquiry, Notice, Policy
from panal.cells.contacts.words import ticket
from panal.control.tests.pages import LANGUAGES, FormCases, PageCases, mistakes_in, queries_of, text_of

from .conftest import NOON, Sender, raised

EVERYBODY = {"alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada"}
SEERS = {"alice", "bob", "carla", "vera", "sam", "ada"}
EDITORS = {"alice", "bob", "ada"}
HANDLERS = {"alice", "bob", "carla", "ada"}
ENGLISH = {"accept-language": "en"}


@pytest.fixture
def things(things, account, contact, actor):
    raised(account)
    Sender().turn(NOON)
    team = actions.save_team(account_id=account.pk, name="Family", contacts=[contact], actor=actor)
    steps = [{"contacts": [contact.pk]}, {"after_s": 120, "teams": [team.pk], "roles": ["owner"]}]
    policy = actions.save_policy(account_id=account.pk, kind="care.fall", steps=steps, repeats=2, actor=actor)
    inquiry = Inquiry.objects.create(
        name="Eva", email="eva@example.com", subject="Price", text="How much?", consented_at=NOON, created_at=NOON
    )
    return {
        **things,
        "alert": str(Alert.objects.get(uid="u1").pk),
        "contact": contact.pk,
        "channel": str(contact.channels.first().pk),
        "team": team.pk,
        "policy": policy.pk,
        "inquiry": inquiry.pk,
    }


class TestAlerts(PageCases):
    path, may, sees = "/alerts/", EVERYBODY, EVERYBODY


class TestAlert(PageCases):
    path, may, sees = "/alerts/{alert}/", SEERS, SEERS


class TestAcknowledge(FormCases):
    path, may, sees = "/alerts/{alert}/acknowledge/", HANDLERS, SEERS


class TestClear(FormCases):
    path, may, sees, body = "/alerts/{alert}/clear/", HANDLERS, SEERS, {"reason": "It was the cat"}


class TestComment(FormCases):
    path, may, sees, body = "/alerts/{alert}/comment/", HANDLERS, SEERS, {"text": "On my way"}


class TestContacts(PageCases):
    path, may, sees = "/contacts/", EVERYBODY, EVERYBODY


class TestContact(PageCases):
    path, may, sees = "/contacts/{contact}/", SEERS, SEERS


class TestChangeContact(FormCases):
    path, may, sees, body = "/contacts/{contact}/", EDITORS, SEERS, {"name": "Ana María"}


class TestDeleteContact(FormCases):
    path, may, sees = "/contacts/{contact}/delete/", EDITORS, SEERS


class TestChannelForm(PageCases):
    path, may, sees = "/contacts/{contact}/telegram/", EDITORS, SEERS


class TestAddChannel(FormCases):
    path, may, sees, body = "/contacts/{contact}/email/", EDITORS, SEERS, {"address": "other@example.com"}


class TestTestChannel(FormCases):
    path, may, sees = "/channels/{channel}/test/", EDITORS, SEERS


class TestChangeChannel(FormCases):
    path, may, sees, body = "/channels/{channel}/change/", EDITORS, SEERS, {"on": "0"}


class TestDeleteChannel(FormCases):
    path, may, sees = "/channels/{channel}/delete/", EDITORS, SEERS


class TestTeam(PageCases):
    path, may, sees = "/contacts/teams/{team}/", EDITORS, SEERS


class TestChangeTeam(FormCases):
    path, may, sees, body = "/contacts/teams/{team}/", EDITORS, SEERS, {"name": "Neighbours"}


class TestDeleteTeam(FormCases):
    path, may, sees = "/contacts/teams/{team}/delete/", EDITORS, SEERS


class TestPolicies(PageCases):
    path, may, sees = "/alerts/policies/", EVERYBODY, EVERYBODY


class TestPolicy(PageCases):
    path, may, sees = "/alerts/policies/{policy}/", EDITORS, SEERS


class TestChangePolicy(FormCases):
    path, may, sees = "/alerts/policies/{policy}/", EDITORS, SEERS
    body = {"steps": "1", "s0-who": "r.owner", "repeats": "1", "repeat_after_min": "5"}


class TestDeletePolicy(FormCases):
    path, may, sees = "/alerts/policies/{policy}/delete/", EDITORS, SEERS


STAFF = {"sam", "ada"}


class TestInbox(PageCases):
    path, may, sees = "/inbox/", STAFF, STAFF


class TestInquiry(PageCases):
    path, may, sees = "/inbox/{inquiry}/", STAFF, STAFF


class TestAnswerInquiry(FormCases):
    path, may, sees, body = "/inbox/{inquiry}/", STAFF, STAFF, {"text": "Nothing"}


class TestSortInquiry(FormCases):
    path, may, sees, body = "/inbox/{inquiry}/sort/", STAFF, STAFF, {"state": "closed"}


PATHS = (
    "/alerts/", "/alerts/?q=nothing", "/alerts/{alert}/", "/alerts/policies/", "/alerts/policies/new/",
    "/alerts/policies/{policy}/", "/contacts/", "/contacts/new/", "/contacts/{contact}/", "/contacts/?q=nothing",
    "/contacts/{contact}/?confirm=delete", "/contacts/{contact}/whatsapp/", "/contacts/teams/new/",
    "/contacts/teams/{team}/", "/contact/", "/contact/thanks/", "/",
)  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", PATHS)
def test_every_page_is_well_formed_in_both_languages(path, language, client, things, alice):
    client.force_login(alice)
    client.cookies["django_language"] = language
    response = client.get(path.format(**things))
    assert response.status_code == 200
    assert mistakes_in(response.content.decode()) == {}


@pytest.mark.parametrize("path", ["/alerts/", "/contacts/", "/"])
def test_a_page_costs_the_same_queries_with_many_as_with_few(path, client, things, account, alice):
    client.force_login(alice)
    few = queries_of(client, path)
    for number in range(2, 40):
        raised(account, number=number)
        Contact.objects.create(account=account, name=f"Contact {number}")
    assert queries_of(client, path) <= few


def test_the_list_shows_the_open_ones_first_and_counts_them_in_the_navigation(client, account, alice, bob):
    client.force_login(alice)
    raised(account, number=1, name="First")
    raised(account, number=2, name="Second")
    actions.acknowledge_alert(alert=Alert.objects.get(uid="u2"), actor=actions.Actor("bob"))
    text = text_of(client.get("/alerts/", headers=ENGLISH))
    assert text.index("First") < text.index("Second")
    assert "Alerts 1" in text


# the link in a message


@pytest.fixture
def link(things, contact):
    return f"/alerts/know/{ticket(things['alert'], contact.pk)}/"


def test_looking_at_the_link_acknowledges_nothing(client, link):
    for _ in range(3):
        assert "do you take care of it" in text_of(client.get(link, headers=ENGLISH))
        client.head(link)
    assert Alert.objects.get(uid="u1").is_open


def test_the_button_behind_the_link_acknowledges_in_the_name_of_the_contact(client, link):
    assert client.post(link, follow=True).status_code == 200
    found = Alert.objects.get(uid="u1")
    assert (found.state, found.acknowledged_by) == ("acknowledged", "Ana")
    assert "Ana knows" in text_of(client.get(link, headers=ENGLISH))


def test_the_link_is_for_this_alert_and_this_contact_only(client, things, contact, other_account):
    raised(other_account, number=9)
    other = Alert.objects.get(uid="u9")
    assert client.get(f"/alerts/know/{ticket(str(other.pk), contact.pk)}/").status_code == 404
    good = ticket(things["alert"], contact.pk)
    for bad in (good[:-1] + "x", "x", good.replace(":", "."), f"{good}:{good}"):
        assert client.post(f"/alerts/know/{bad}/").status_code == 404
    assert Alert.objects.get(uid="u1").is_open


def test_an_old_link_opens_nothing(client, things, contact, time_machine):
    time_machine.move_to("2026-11-01")
    old = ticket(things["alert"], contact.pk)
    time_machine.move_to("2026-11-16")
    assert client.get(f"/alerts/know/{old}/").status_code == 404


def test_the_page_behind_the_link_shows_nothing_else_of_the_account(client, link):
    html = client.get(link).content.decode()
    assert "/devices/" not in html
    assert client.get("/alerts/").status_code == 302


# channels


def test_what_a_channel_is_told_is_never_shown_again(client, things, contact, alice):
    client.force_login(alice)
    fields = {"token": "123456789:topsecrettokenoftelegram", "chat": "987654321", "label": "Phone"}
    assert client.post(f"/contacts/{contact.pk}/telegram/", fields).status_code == 302
    channel = Channel.objects.get(kind="telegram")
    assert b"topsecret" not in bytes(channel.secret_encrypted)
    for path in (f"/contacts/{contact.pk}/", "/contacts/", "/audit/", f"/api/v1/manage/contacts/{contact.pk}"):
        assert "topsecret" not in client.get(path).content.decode()


def test_a_form_that_is_refused_does_not_give_the_secret_back(client, things, contact, alice):
    client.force_login(alice)
    response = client.post(f"/contacts/{contact.pk}/telegram/", {"token": "topsecret", "chat": ""})
    assert response.status_code == 200
    assert "topsecret" not in response.content.decode()


def test_the_test_button_says_what_the_provider_said(client, things, contact, alice):
    client.force_login(alice)
    channel = contact.channels.get(kind="email")
    response = client.post(f"/channels/{channel.pk}/test/", follow=True, headers=ENGLISH)
    assert "took it" in text_of(response)
    assert mail.outbox[-1].to == ["ana@example.com"]


def test_tests_are_counted(client, things, contact, alice):
    client.force_login(alice)
    channel = contact.channels.get(kind="email")
    for _ in range(12):
        client.post(f"/channels/{channel.pk}/test/")
    assert Notice.objects.filter(purpose="test").count() == actions.TESTS_PER_MIN


def test_everybody_may_change_how_they_are_told_themselves(client, account, vera):
    client.force_login(vera)
    assert client.post("/contacts/me/").status_code == 302
    own = Contact.objects.get(user=vera)
    assert client.post(f"/contacts/{own.pk}/ntfy/", {"topic": "vera-topic"}).status_code == 302
    assert own.channels.count() == 2


def test_a_stranger_is_nobody_of_this_account(client, account, charlie, sam):
    client.force_login(sam)
    assert client.post("/contacts/me/").status_code == 404


SUBSCRIPTION = {"endpoint": "https://push.example.com/1", "keys": {"p256dh": "BPx", "auth": "c2Vj"}}


def test_a_phone_subscribes_and_goes_again(client, account, alice):
    client.force_login(alice)
    body = {"subscription": SUBSCRIPTION, "label": "Pixel"}
    for _ in range(2):
        assert client.post("/alerts/push/", body, "application/json").status_code == 204
    channel = Channel.objects.get(kind="push")
    assert (channel.contact.user, channel.place, channel.provider) == (alice, 0, "push.example.com")
    assert client.delete("/alerts/push/", body, "application/json").status_code == 204
    assert not Channel.objects.filter(kind="push").exists()


@pytest.mark.parametrize("body", ["", "{}", '{"subscription": 1}', '{"subscription": {"endpoint": "ftp://x"}}', "[]"])
def test_what_is_no_subscription_is_refused(body, client, alice):
    client.force_login(alice)
    assert client.post("/alerts/push/", body, "application/json").status_code == 400


def test_the_worker_stands_at_the_root(client):
    response = client.get("/worker.js")
    assert response["Content-Type"] == "text/javascript"
    assert b"showNotification" in response.content


# policies


def test_a_policy_is_made_by_the_form(client, account, contact, alice):
    client.force_login(alice)
    form = {"scope": "u.urgent", "steps": "3", "s0-who": ["r.owner", f"c.{contact.pk}"], "s1-after_min": "5",
            "s1-who": "r.member", "repeats": "2", "repeat_after_min": "15"}  # fmt: skip
    assert client.post("/alerts/policies/new/", form).status_code == 302
    found = Policy.objects.get()
    assert (found.urgency, found.repeats, found.repeat_after_s) == ("urgent", 2, 900)
    assert [(s["after_s"], s["roles"], s["contacts"]) for s in found.steps] == [
        (0, ["owner"], [contact.pk]), (300, ["member"], []),
    ]  # fmt: skip


# the public form


GOOD = {"name": "Eva", "email": "eva@example.com", "subject": "Price", "text": "How much?", "consent": "on"}


def opened(client, time_machine, seconds=10):
    time_machine.move_to("2026-11-21T10:00:00Z", tick=False)
    html = client.get("/contact/").content.decode()
    time_machine.shift(seconds)
    return {"opened": html.split('name="opened" value="')[1].split('"')[0]}


@pytest.mark.django_db
def test_somebody_writes_and_staff_answers_by_mail(client, sam, time_machine):
    assert client.post("/contact/", {**GOOD, **opened(client, time_machine)}).status_code == 302
    found = Inquiry.objects.get()
    assert found.state == "new"
    client.force_login(sam)
    client.post(f"/inbox/{found.pk}/", {"text": "It is free."})
    assert (mail.outbox[-1].to, mail.outbox[-1].subject) == (["eva@example.com"], "Re: Price")
    client.post(f"/inbox/{found.pk}/", {"text": "Nice person", "note": "1"})
    assert len(mail.outbox) == 1
    found.refresh_from_db()
    assert (found.state, found.replies.count()) == ("answered", 2)


@pytest.mark.django_db
@pytest.mark.parametrize("case", ["trap", "hurried", "forged"])
def test_machines_get_the_same_answer_and_land_in_spam(case, client, time_machine):
    more = opened(client, time_machine, 1 if case == "hurried" else 10)
    more |= {"trap": {"website": "http://buy"}, "forged": {"opened": "123"}}.get(case, {})
    assert client.post("/contact/", {**GOOD, **more}).status_code == 302
    assert Inquiry.objects.get().state == "spam"


@pytest.mark.django_db
def test_without_consent_nothing_is_kept(client, time_machine):
    response = client.post("/contact/", {**GOOD, "consent": "", **opened(client, time_machine)})
    assert response.status_code == 200
    assert not Inquiry.objects.exists()


@pytest.mark.django_db
def test_one_address_writes_five_times_an_hour(client, time_machine):
    more = opened(client, time_machine)
    answers = [client.post("/contact/", {**GOOD, **more}).status_code for _ in range(6)]
    assert answers == [302] * 5 + [429]
    time_machine.shift(3601)
    assert client.post("/contact/", {**GOOD, **more}).status_code == 302
