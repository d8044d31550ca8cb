"""Mail that somebody else can ask for leads to us and nowhere else."""

import pytest

from panal.settings import SettingsError, load

EVIL = {"host": "evil.example"}


@pytest.fixture(autouse=True)
def public(settings):
    settings.ALLOWED_HOSTS = ["*"]
    settings.PUBLIC_URL = "https://panal.example"


def test_a_reset_asked_for_with_another_host_leads_here(client, alice, mailoutbox):
    alice.set_password("una clave larga 1")
    alice.save()
    client.post("/accounts/password/reset/", {"email": alice.email}, headers=EVIL)
    [mail] = mailoutbox
    assert "https://panal.example/accounts/password/reset/key/" in mail.body
    assert "evil" not in mail.body + mail.subject


def test_nobody_is_mailed_who_has_no_sign_in(client, db, mailoutbox):
    answer = client.post("/accounts/password/reset/", {"email": "stranger@example.com"}, headers=EVIL)
    assert answer.status_code == 302
    assert mailoutbox == []


def test_mail_needs_an_address_for_its_links():
    mail = {"PANAL_EMAIL_URL": "smtp://u:p@mail.example"}
    with pytest.raises(SettingsError, match="PANAL_PUBLIC_URL"):
        load(mail)
    assert load({**mail, "PANAL_ALLOWED_HOSTS": "panal.example"}).email_url
    assert load({**mail, "PANAL_PUBLIC_URL": "https://panal.example"}).email_url
