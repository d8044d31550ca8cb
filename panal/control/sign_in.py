"""How allauth behaves here: nobody signs up alone, and second factors' secrets lie in the vault."""

from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest

from panal.control import vault

CONTEXT = "mfa"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """An owner adds people, or the operator does: a person without an account would see an empty panel."""
        return False

    def get_reset_password_from_key_url(self, key: str) -> str:
        """By our own public address: whoever asks for a mail to somebody else chooses the Host header."""
        found = str(super().get_reset_password_from_key_url(key))
        return settings.PUBLIC_URL + urlsplit(found).path if settings.PUBLIC_URL else found

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Mail names this product, not the host that a request claims."""
        site = SimpleNamespace(name="Panal", domain=urlsplit(settings.PUBLIC_URL).netloc or "Panal")
        super().send_mail(template_prefix, email, {"current_site": site, **context})


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    def encrypt(self, text: str) -> str:
        return vault.seal(text, CONTEXT).hex()

    def decrypt(self, encrypted_text: str) -> str:
        return vault.unseal(bytes.fromhex(encrypted_text), CONTEXT)
