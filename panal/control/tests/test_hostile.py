"""What somebody types to break a page: refused in words, on both databases, and never our mistake (500)."""

import pytest

from panal.cells.devices.models import Command

NUL = "%00"
UNREADABLE = [
    "[" * 2000,
    '{"a":' * 500 + "1" + "}" * 500,
    '{"a":' + "9" * 5000 + "}",
    '{"\\ud800": 1}',
    '{"a": 1e999}',
    "{",
]


@pytest.mark.parametrize(
    "path", [f"/events/?q={NUL}", f"/audit/?q={NUL}", f"/audit/?kind={NUL}x", f"/audit.csv?q={NUL}", f"/devices/{NUL}/"]
)
def test_nul_in_an_address_is_refused(client, alice, account, path):
    client.force_login(alice)
    assert client.get(path).status_code == 400


def test_nul_in_a_form_is_refused(client, alice, device):
    client.force_login(alice)
    assert client.post("/devices/bulk/", {"device": "\0", "sector": "none"}).status_code == 400


@pytest.mark.parametrize("text", UNREADABLE)
@pytest.mark.parametrize(("path", "field"), [("commands", "args"), ("desired", "others")])
def test_values_that_cannot_be_read_are_said_at_their_field(client, alice, device, path, field, text):
    client.force_login(alice)
    response = client.post(f"/devices/{device.id}/{path}/", {"name": "ping", field: text})
    assert response.status_code == 200
    assert text[:40].replace('"', "&quot;") in response.content.decode()
    assert not Command.objects.exists()


def test_an_account_s_number_that_is_too_long_chooses_none(client, alice):
    client.force_login(alice)
    assert client.post("/account/switch/", {"account": "9" * 5000}).status_code == 302
