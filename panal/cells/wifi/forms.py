"""The form of a change: the network, typed once. A password never comes back to the page."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from panal.control.refusals import refusals_on

from .messages import check_network

QUIET = {"autocomplete": "off", "autocapitalize": "off", "autocorrect": "off", "spellcheck": "false"}


class NetworkForm(forms.Form):
    ssid = forms.CharField(label=_("Network name"), max_length=32, strip=False, widget=forms.TextInput(QUIET))
    password = forms.CharField(
        label=_("Password"),
        max_length=64,
        required=False,
        strip=False,
        widget=forms.PasswordInput({**QUIET, "autocomplete": "new-password", "data-reveal": ""}),
        help_text=_("8 to 63 characters. Empty for an open network."),
    )

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if "ssid" in found and "password" in found:
            with refusals_on(self):
                check_network(found["ssid"], found["password"])
        return found
