"""How people come in: a passkey in Chromium, an invitation by mail, and a link where no mail is set up."""

import email
import re
import threading
from collections.abc import Iterator
from email import policy

import pytest
from aiosmtpd.controller import Controller
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import chromium
from tests.running import PATIENCE_S, Panal, free_port

EMAIL, PASSWORD = "alice@panal.example", "una clave larga 1"
ADMIN = "ada@panal.example"
HOME = re.compile(r"://[^/]+/$")
LINK = re.compile(r"https?://\S+/accounts/password/reset/key/\S+")


class Postbox:
    """An SMTP server that keeps what comes."""

    def __init__(self) -> None:
        self.mails: list[email.message.EmailMessage] = []
        self._news = threading.Condition()
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port())

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        with self._news:
            self.mails.append(email.message_from_bytes(envelope.content, policy=policy.default))  # type: ignore
            self._news.notify_all()
        return "250 OK"

    def mail_to(self, address: str) -> email.message.EmailMessage:
        with self._news:
            assert self._news.wait_for(lambda: self._to(address), PATIENCE_S), self.mails
            return self._to(address)[-1]

    def _to(self, address: str) -> list[email.message.EmailMessage]:
        return [mail for mail in self.mails if address in str(mail["To"])]


@pytest.fixture(scope="module")
def postbox() -> Iterator[Postbox]:
    postbox = Postbox()
    postbox.controller.start()
    yield postbox
    postbox.controller.stop()


@pytest.fixture(scope="module")
def panal(tmp_path_factory: pytest.TempPathFactory, postbox: Postbox) -> Iterator[Panal]:
    """It sends mail, and people reach it as localhost: a passkey is bound to a name, never to a number."""
    panal = Panal(tmp_path_factory.mktemp("panal"))
    panal.environment["PANAL_PUBLIC_URL"] = f"http://localhost:{panal.ports['http']}"
    panal.environment["PANAL_EMAIL_URL"] = f"smtp://127.0.0.1:{postbox.controller.port}"
    with panal:
        panal.url = panal.environment["PANAL_PUBLIC_URL"]
        panal.user(EMAIL, password=PASSWORD)
        panal.run("user", "create", ADMIN, "--password", PASSWORD, "--role", "staff")
        yield panal


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = chromium.start(playwright)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, panal: Panal) -> Iterator[Page]:
    with browser.new_context(locale="en-US", base_url=panal.url) as context:
        yield context.new_page()


def sign_in(page: Page, address: str, password: str = PASSWORD) -> None:
    page.goto("/accounts/login/")
    page.fill("[name=login]", address)
    page.fill("[name=password]", password)
    page.press("[name=password]", "Enter")
    page.wait_for_url(HOME)


def choose_password(page: Page, link: str, password: str) -> None:
    page.goto(link)
    page.fill("[name=password1]", password)
    page.fill("[name=password2]", password)
    page.press("[name=password2]", "Enter")
    page.wait_for_url(re.compile("done"))


def test_a_passkey_is_added_and_opens_the_panel(page: Page, panal: Panal) -> None:
    panal.user("paula@panal.example", password=PASSWORD)
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    key = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    sign_in(page, "paula@panal.example")
    page.goto("/accounts/2fa/webauthn/add/")
    page.fill("[name=password]", PASSWORD)  # whoever finds an open panel adds no key of their own
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/accounts/2fa/webauthn/add/")
    page.fill("[name=name]", "My phone")
    page.check("[name=passwordless]")
    page.locator("#mfa_webauthn_add").click()
    page.wait_for_url(re.compile("/accounts/2fa/(?!webauthn/add)"))
    assert len(devtools.send("WebAuthn.getCredentials", {"authenticatorId": key})["credentials"]) == 1
    page.context.clear_cookies()
    page.goto("/accounts/login/")
    page.locator("#passkey_login").click()
    page.wait_for_url(HOME)
    assert page.request.get("/api/v1/manage/devices").status == 200


def test_an_invited_person_chooses_a_password_by_the_link_in_the_mail(
    page: Page, browser: Browser, panal: Panal, postbox: Postbox
) -> None:
    sign_in(page, EMAIL)
    page.goto("/people/")
    page.fill("[name=email]", "rosa@panal.example")
    page.locator("form:has([name=email]) button.wide").click()
    expect(page.get_by_text("rosa@panal.example is in the account now.")).to_be_visible()
    assert not LINK.search(page.content()), "with mail the link goes to nobody else"
    mail = postbox.mail_to("rosa@panal.example")
    found = LINK.search(mail.get_content())
    assert found and found[0].startswith(panal.url), mail
    with browser.new_context(locale="en-US", base_url=panal.url) as hers:
        guest = hers.new_page()
        choose_password(guest, found[0], "otra clave larga 2")
        sign_in(guest, "rosa@panal.example", "otra clave larga 2")
        assert guest.request.get("/api/v1/manage/devices").status == 200
        guest.goto(found[0])
        assert guest.locator("[name=password1]").count() == 0, "the link works once"
