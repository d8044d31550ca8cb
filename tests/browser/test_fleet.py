"""The fleet under a hand and under a keyboard, and a change of network that is watched."""

import json
import re
import urllib.request

import pytest
from playwright.sync_api import expect

from .conftest import DESK

TALL = {"width": 1280, "height": 2600}
"""No scrolling while something is dragged."""


@pytest.fixture
def sector(tabs, home):
    """A sector that no other test knows, made by the form; its name."""
    page = tabs.open("/sectors/", viewport=DESK)
    name = f"Patio {len(page.locator('#list li').all())}"
    page.get_by_label("Name", exact=True).first.fill(name)
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#list").get_by_text(name)).to_be_visible()
    return name


def place(page, name):
    return page.locator("[data-place]", has=page.get_by_role("heading", name=name, exact=True))


def test_a_device_is_dragged_to_its_sector(tabs, home, sector):
    page = tabs.open("/fleet/", viewport=TALL)
    id = home.devices[8]["device_id"]
    page.locator("li[draggable]", has_text=id).drag_to(place(page, sector).locator("summary"))
    expect(page.get_by_text("1 device is in its new place.")).to_be_visible()
    expect(place(page, sector).get_by_role("link", name=id)).to_be_visible()


def test_the_keyboard_does_the_same(tabs, home, sector):
    page = tabs.open("/fleet/", viewport=DESK)
    id = home.devices[9]["device_id"]
    page.get_by_label(f"Select {id}").focus()
    page.keyboard.press("Space")
    page.get_by_label("Sector", exact=True).select_option(label=sector)
    page.get_by_role("button", name="Apply").press("Enter")
    expect(place(page, sector).get_by_role("link", name=id)).to_be_visible()


def test_what_is_folded_stays_folded(tabs, home, sector):
    page = tabs.open("/fleet/", viewport=DESK)
    place(page, sector).locator("summary").click()
    page.reload()
    expect(place(page, sector)).not_to_have_attribute("open", "")
    home.heartbeat(7, battery=0.5)
    page.evaluate("window.htmx.trigger(document.body, 'panal:fresh')")
    expect(place(page, sector)).not_to_have_attribute("open", "")


def test_a_change_of_network_is_typed_once_and_watched(tabs, home):
    home.heartbeat(3)
    device = home.devices[3]
    page = tabs.open(f"/wifi/new/?device={device['device_id']}")
    page.get_by_label("Network name").fill("Red de la prueba")
    password = page.get_by_label("Password", exact=True)
    password.fill("clave de la prueba")
    page.get_by_role("button", name="Show the password").click()
    expect(password).to_have_attribute("type", "text")
    page.locator("form.columns button.wide").click()
    page.wait_for_url(re.compile("/wifi/[0-9a-f-]{36}/$"))
    page.evaluate("window.stillTheSamePage = true")
    expect(page.locator("#rows").get_by_text("Waiting")).to_be_visible()
    answer(home, device)
    expect(page.locator("#rows").get_by_text("The password is wrong.")).to_be_visible()
    expect(page.get_by_role("link", name="Try again with 1")).to_be_visible()
    assert page.evaluate("window.stillTheSamePage")


def answer(home, device):
    """The board tries and comes back to its old network."""
    headers = {"X-Device-Id": device["device_id"], "X-Device-Key": device["token"]}
    request = urllib.request.Request(f"{home.url}/api/v1/devices/{device['device_id']}/commands", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as found:
        orders = [order for order in json.load(found) if order["name"] == "wifi.change"]
    for order in orders:
        home.say(3, f"commands/{order['id']}/answer", status="failed", error={"code": "wrong_password", "message": ""})
