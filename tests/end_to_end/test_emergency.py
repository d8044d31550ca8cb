"""Panal's main job: a wearable's firmware in the MicroPython VM, and a person who sees its emergency in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import chromium
from tests.end_to_end.boards import VirtualBoard
from tests.running import Panal

EMAIL, PASSWORD = "alice@panal.example", "una clave larga 1"


@pytest.fixture(scope="module")
def panal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panal]:
    with Panal(tmp_path_factory.mktemp("panal")) as running:
        running.user(EMAIL, password=PASSWORD)
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = chromium.start(playwright)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, panal: Panal) -> Iterator[Page]:
    with browser.new_context(locale="en-US", viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto(panal.url + "/accounts/login/")
        page.fill("[name=login]", EMAIL)
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url(panal.url + "/")
        yield page


@pytest.mark.parametrize("transport", ["mqtt", "http"])
def test_a_person_sees_the_wearable_come_online_and_its_button_without_a_reload(
    panal: Panal, page: Page, tmp_path: Path, transport: str
) -> None:
    [device] = panal.mint("wearable-1", 1, "--account", "Casa")
    page.goto(f"{panal.url}/devices/{device['device_id']}/")
    page.evaluate("window.stillTheSamePage = true")
    expect(page.get_by_text("Offline").first).to_be_visible()
    with VirtualBoard(panal, device, tmp_path / "flash", "--transport", transport) as board:
        expect(page.get_by_text("Online").first).to_be_visible()
        board.press()
        expect(page.get_by_text("Emergency button").first).to_be_visible()
        board.wait_for(queue=0)
    assert page.evaluate("window.stillTheSamePage")


def test_a_press_survives_a_power_cut_while_the_network_is_down(panal: Panal, page: Page, tmp_path: Path) -> None:
    [device] = panal.mint("wearable-1", 1, "--account", "Casa")
    page.goto(f"{panal.url}/devices/{device['device_id']}/")
    with VirtualBoard(panal, device, tmp_path / "flash") as board:
        board.wait_for(link="up")
        board.do("wifi", on=False)
        board.wait_for(link="down")
        board.press()
        board.wait_for(queue=1)
        board.cut_power()
        expect(page.get_by_text("Emergency button")).to_have_count(0)
        board.power_on()
        board.wait_for(queue=0, link="up")
        expect(page.get_by_text("Emergency button").first).to_be_visible()
