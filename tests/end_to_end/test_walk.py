"""The walk of docs/walk.md: a box with a label, a phone, a board that comes online, and a new network for a group.

Two boards run the real firmware in the MicroPython VM; `make pictures` takes the pictures of the page anew.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests import chromium
from tests.end_to_end.boards import VirtualBoard
from tests.end_to_end.test_tour import DESK, PHONE, PICTURES, picture
from tests.running import Panal

pytestmark = pytest.mark.serial  # its boards live ten times as fast as we do

EMAIL, PASSWORD = "rosa@panal.example", "una clave larga 1"
OLD, NEW = {"ssid": "Casa Vargas", "password": "vieja 12345", "rssi": -48}, {"ssid": "Fibra", "password": "nueva 12345"}
AIR = [OLD, {**NEW, "rssi": -55}, {"ssid": "Vecinos", "password": "de otros 1", "rssi": -80}]
GROUP = "Wearables"
NAMES = ("Colgante de Rosa", "Pulsera de Tomás")


@pytest.fixture(scope="module")
def panal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panal]:
    with Panal(tmp_path_factory.mktemp("panal")) as running:
        running.user(EMAIL, password=PASSWORD, account="Casa Vargas")
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = chromium.start(playwright)
        yield browser
        browser.close()


@pytest.fixture
def rosa(browser: Browser, panal: Panal) -> Iterator[BrowserContext]:
    """The buyer at her computer, signed in."""
    with browser.new_context(base_url=panal.url, locale="en-US", viewport=DESK) as context:
        page = context.new_page()
        page.goto("/accounts/login/")
        page.fill("[name=login]", EMAIL)
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url(panal.url + "/")
        page.close()
        yield context


def test_from_the_box_to_a_new_network_for_a_group(
    panal: Panal, browser: Browser, rosa: BrowserContext, tmp_path: Path
) -> None:
    devices = minted_with_labels(panal, tmp_path)
    options = ("--fresh", "--pace", "4", "--radio", json.dumps(AIR))
    first, second = (VirtualBoard(panal, device, tmp_path / device["device_id"], *options) for device in devices)
    with first, second:
        for number, board in enumerate((first, second)):
            set_up_by_phone(browser, board, pictures=number == 0)
            claim(rosa, devices[number], NAMES[number], is_first=number == 0)
        put_them_into_a_group(rosa)
        for board in (first, second):
            board.wait_for(portal=None)  # what a set-up takes has come back
        change_the_network_of_the_group(rosa)


def minted_with_labels(panal: Panal, folder: Path) -> list[dict[str, Any]]:
    """Two devices for the shelf, and their labels: the first sheet's top is the picture."""
    labels = folder / "labels.pdf"
    options = ("--labels", str(labels), "--size", "99x57", "--language", "en", "--url", panal.url)
    devices = panal.mint("wearable-1", 2, *options)
    page = pypdfium2.PdfDocument(labels)[0].render(scale=1.5).to_pil()
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.crop((0, 0, page.width, page.height // 4)).save(PICTURES / "walk-label.png")
    return devices


def set_up_by_phone(browser: Browser, board: VirtualBoard, pictures: bool) -> None:
    """What the phone shows once it has joined the board's own network."""
    with browser.new_context(locale="en-US", viewport=PHONE) as phone:
        page = phone.new_page()
        page.goto(board.portal())
        expect(page.get_by_role("button", name="Casa Vargas")).to_be_visible()
        shoot(page, "walk-portal", pictures)
        page.get_by_role("button", name="Casa Vargas").click()
        page.locator("#password").fill(OLD["password"])
        page.locator(".go").click()
        expect(page.get_by_text("All set")).to_be_visible()
        shoot(page, "walk-portal-done", pictures)
    board.wait_for(link="up")


def claim(rosa: BrowserContext, device: dict[str, Any], name: str, is_first: bool) -> None:
    """Her phone's camera opens the address in the label's QR code; she names the device."""
    page = rosa.new_page()
    page.goto(f"/claim/{device['device_id']}#{device['claim_code']}")
    shoot(page, "walk-claim", is_first)
    page.get_by_role("button", name="Add the device").click()
    expect(page.get_by_text("It is yours now")).to_be_visible()
    page.fill("#settings [name=name]", name)
    page.locator("#settings").get_by_role("button", name="Save").first.click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    page.close()


def shoot(page: Page, name: str, wanted: bool) -> None:
    if wanted:
        picture(page, name)


def put_them_into_a_group(rosa: BrowserContext) -> None:
    page = rosa.new_page()
    page.goto("/groups/")
    page.get_by_label("Name").first.fill(GROUP)
    page.get_by_role("button", name="Create").click()
    page.goto("/devices/")
    expect(page.locator("tbody").get_by_text("Online", exact=True)).to_have_count(2)
    for name in NAMES:
        page.get_by_role("checkbox", name=name).check()
    page.locator("#bulk-group").select_option(label=GROUP)
    picture(page, "walk-devices")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("2 devices are in their new place.")).to_be_visible()
    page.close()


def change_the_network_of_the_group(rosa: BrowserContext) -> None:
    page = rosa.new_page()
    page.goto("/wifi/new/")
    page.get_by_label("A group").check()
    page.locator("[name=group]").select_option(label=f"{GROUP} (2)")
    page.fill("[name=ssid]", NEW["ssid"])
    page.fill("[name=password]", NEW["password"])
    page.get_by_role("button", name="Change network").click()
    page.wait_for_url("**/wifi/*-*/")
    picture(page, "walk-change")
    expect(page.locator(".wifi-rows").get_by_text("Changed", exact=True)).to_have_count(2, timeout=90_000)
    picture(page, "walk-changed")
    page.close()
