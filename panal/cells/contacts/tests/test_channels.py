"""Channels: what is asked, what is kept, what providers are given and answer, and where nothing is sent."""

import logging

import pytest
from django.core import mail
from django.test import override_settings

from panal.cells.contacts import channels, push, walls
from panal.cells.contacts.channels import KINDS, Letter, checked, seal, send
from panal.cells.contacts.models import Channel
from panal.protocol.errors import BadRequest
from panal.settings import load
from tests.sinks import Webhook

LETTER = Letter("7f", "Fall: Rosa", "Fall: Rosa\nat noon", "http://panal/alerts/know/x/", True, {"alert": "a1"})
OPEN = override_settings(PANAL=load({"PANAL_ALERTS_PRIVATE": "1"}))
GOOD = {
    "email": {"address": "ana@example.com"},
    "telegram": {"token": "123456789:abcdefg_hijklmnopqrs", "chat": "123456789"},
    "whatsapp": {"token": "abc123abc123", "sender": "106540352242922", "to": "+34600111222"},
    "sms": {"sid": "AC" + "a" * 32, "token": "b" * 32, "sender": "+15551234567", "to": "+34600111222"},
    "ntfy": {"server": "", "topic": "rosas-alerts", "token": ""},
    "webhook": {"url": "https://hooks.example.com/x?key=s3cr3t", "authorization": ""},
    "apprise": {"url": "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"},
}


@pytest.fixture
def hook():
    with Webhook() as server:
        yield server


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "push"])
def test_what_a_form_asks_is_enough_to_send_with(kind):
    assert checked(kind, GOOD[kind]) == GOOD[kind]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "push"])
def test_sealed_fields_open_for_their_own_channel_only(kind):
    one, other = Channel(kind=kind), Channel(kind=kind)
    seal(one, GOOD[kind])
    assert channels.fields_of(kind, one.pk, one.secret_encrypted) == GOOD[kind]
    with pytest.raises(channels.vault.VaultError):
        channels.fields_of(kind, other.pk, one.secret_encrypted)
    shown = f"{one.provider} {one.hint} {one}"
    secrets = [GOOD[kind][field.name] for field in KINDS[kind].fields if field.is_secret]
    assert not any(secret and secret in shown for secret in secrets)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("email", {"address": "nobody"}),
        ("webhook", {"url": "ftp://x/", "authorization": ""}),
        ("webhook", {"url": "https://[bad", "authorization": ""}),
        ("telegram", {"token": "x", "chat": ""}),
        ("apprise", {"url": "nothing://x"}),
        ("apprise", {"url": "dbus://"}),
        ("apprise", {"url": "syslog://"}),
        ("apprise", {"url": "mqtt://localhost/topic"}),
        ("apprise", {"url": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#c?template=/etc/passwd"}),
        ("apprise", {"url": "json://localhost/?+template=x&:TEMPLATE=/etc/passwd"}),
        ("email", {"address": "a@example.com", "more": "x"}),
        ("push", {}),
        ("nothing", {}),
    ],
)
def test_what_cannot_be_used_is_refused(kind, fields):
    with pytest.raises(BadRequest):
        checked(kind, fields)


def test_mail_can_be_recognised_when_it_comes_twice():
    assert send("email", GOOD["email"], LETTER).is_sent
    [message] = mail.outbox
    assert message.to == ["ana@example.com"]
    assert message.extra_headers["Message-ID"] == "<7f@panal>"
    assert LETTER.link in message.body


def test_somebody_of_the_account_is_mailed_where_they_sign_in():
    assert send("email", {"own": True}, LETTER, "alice@example.com").is_sent
    assert mail.outbox[0].to == ["alice@example.com"]


@OPEN
def test_a_webhook_gets_a_document(hook):
    answer = send("webhook", {"url": hook.url, "authorization": "Bearer 1"}, LETTER)
    assert (answer.is_sent, answer.text) == (True, "HTTP 204")
    [(_, document)] = hook.taken
    assert document["alert"] == "a1"
    assert (document["title"], document["link"]) == (LETTER.title, LETTER.link)


@OPEN
def test_apprise_delivers_and_says_what_it_heard(hook):
    url = hook.url.replace("http://", "json://")
    assert send("apprise", {"url": url}, LETTER).is_sent
    assert "at noon" in hook.taken[0][1]["message"]
    away = send("apprise", {"url": "json://127.0.0.1:1/s3cr3tpath"}, LETTER)
    assert not away.is_sent
    assert away.text


@OPEN
def test_nothing_of_a_secret_is_answered_or_logged(caplog):
    caplog.set_level(logging.DEBUG)
    for kind in ("webhook", "ntfy"):
        fields = {"url": "http://127.0.0.1:1/s3cr3tpath", "authorization": "s3cr3tauth"}
        if kind == "ntfy":
            fields = {"server": "http://127.0.0.1:1", "topic": "s3cr3ttopic", "token": "tk_s3cr3ttoken"}
        answer = send(kind, fields, LETTER)
        assert not answer.is_sent
        assert "s3cr3t" not in answer.text
    assert "s3cr3t" not in caplog.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("kind", ["webhook", "ntfy", "apprise", "push"])
def test_a_private_address_is_not_reached_where_the_operator_has_not_allowed_it(kind, host, hook):
    base = hook.url.replace("127.0.0.1", host)
    fields = {
        "webhook": {"url": base, "authorization": ""},
        "ntfy": {"server": base.removesuffix("/hook"), "topic": "t", "token": ""},
        "apprise": {"url": base.replace("http://", "json://")},
        "push": subscription(base),
    }[kind]
    assert not send(kind, fields, LETTER).is_sent
    assert hook.taken == []


def test_our_own_mail_server_may_stand_on_this_machine():
    assert send("email", GOOD["email"], LETTER).is_sent


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "192.168.1.1", "127.8.8.8", "169.254.169.254", "::1", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1",
     "2002:7f00:1::", "64:ff9b::7f00:1", "0.0.0.0", "224.0.0.1", "100.64.0.1", "nonsense", ""],
)  # fmt: skip
def test_these_are_no_addresses_of_the_internet(address):
    assert not walls.is_public(address)


@pytest.mark.parametrize("address", ["9.9.9.9", "2620:fe::fe", "64:ff9b::808:808"])
def test_these_are(address):
    assert walls.is_public(address)


# web push


def subscription(endpoint):
    """A browser's, with keys that are on the curve (of RFC 8291, appendix A)."""
    return {
        "endpoint": endpoint,
        "keys": {
            "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        },
    }


@OPEN
def test_a_push_is_sealed_for_the_browser_and_signed_by_us(monkeypatch):
    sent = {}

    class Answer:
        status_code = 201
        reason = text = ""
        headers = {}

    def post(endpoint, **more):
        sent.update(more, endpoint=endpoint)
        return Answer()

    monkeypatch.setattr("requests.post", post)
    answer = send("push", subscription("https://push.example.com/1"), LETTER)
    assert (answer.is_sent, answer.text) == (True, "HTTP 201")
    headers = {name.lower(): value for name, value in sent["headers"].items()}
    assert headers["authorization"].startswith("vapid t=")
    assert headers["urgency"] == "high"
    assert b"Rosa" not in sent["data"]


@OPEN
def test_a_subscription_that_is_no_more_is_dead(monkeypatch):
    class Answer:
        status_code = 410
        reason = text = "Gone"
        headers = {}

    monkeypatch.setattr("requests.post", lambda *args, **more: Answer())
    answer = send("push", subscription("https://push.example.com/1"), LETTER)
    assert (answer.is_sent, answer.is_dead) == (False, True)


def test_the_key_stays_the_same_for_as_long_as_the_vaults_does(settings):
    first = push.public_key()
    assert push.public_key() == first
    settings.VAULT_KEY = "another"
    assert push.public_key() != first
