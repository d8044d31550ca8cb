"""The mailbox of a bench: what is sent without a mail server can be read there, and only there."""

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.test import override_settings

from panal.control.mailbox import letters
from panal.control.tests.pages import text_of
from panal.settings import load

BACKEND = "panal.control.mailbox.Mailbox"


@pytest.fixture
def bench(tmp_path):
    with override_settings(PANAL=load({"PANAL_BENCH": "1", "PANAL_DATA": str(tmp_path)}), EMAIL_BACKEND=BACKEND):
        yield tmp_path


def test_a_mail_is_read_on_the_bench_with_its_links(bench, client, alice):
    EmailMessage("Caída: Rosa", "Look at http://localhost/alerts/know/x/\n<b>", to=["alice@example.com"]).send()
    assert [letter.subject for letter in letters()] == ["Caída: Rosa"]
    client.force_login(alice)
    response = client.get("/bench/mail/")
    assert "Caída: Rosa" in text_of(response)
    html = response.content.decode()
    assert 'href="http://localhost/alerts/know/x/"' in html
    assert "<b>" not in html


def test_without_a_bench_or_with_a_mail_server_there_is_no_mailbox(client, alice, tmp_path):
    client.force_login(alice)
    assert client.get("/bench/mail/").status_code == 404
    given = {"PANAL_BENCH": "1", "PANAL_EMAIL_URL": "smtp://localhost", "PANAL_PUBLIC_URL": "http://localhost"}
    with override_settings(PANAL=load(given)):
        assert client.get("/bench/mail/").status_code == 404


def test_nobody_else_on_the_machine_reads_it(bench):
    EmailMessage("Secret", "x", to=["a@example.com"]).send()
    assert (bench / "mailbox").stat().st_mode & 0o077 == 0
    assert mail.outbox == []
