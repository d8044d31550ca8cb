"""Lights: firmware in the MicroPython VM, a real server, its pages, and the board's own page beside them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from panal.protocol import keys
from tests import chromium
from tests.end_to_end.boards import VirtualBoard
from tests.running import Panal, until

EMAIL, PASSWORD = "alice@panal.example", "una clave larga 1"


class LightsBoard(VirtualBoard):
    model = "lights-4"

    def throw(self, number: int) -> None:
        self.do("wall", number=number)

    def own_page(self) -> str:
        return str(until(lambda: self.last().get("local")))


@pytest.fixture
def panal(tmp_path: Path) -> Iterator[Panal]:
    with Panal(tmp_path / "panal") as running:
        running.user(EMAIL, password=PASSWORD)
        yield running


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = chromium.start(playwright)
        yield browser
        browser.close()


def sign_in(panal: Panal, page: Page) -> None:
    page.goto(panal.url + "/accounts/login/")
    page.fill("[name=login]", EMAIL)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(panal.url + "/")


def state(panal: Panal, device: dict[str, Any], channel: int) -> tuple[Any, ...]:
    """(is on, by whom) as the server knows a light."""
    query = "SELECT is_on, by FROM lights_light WHERE device_id = %s AND channel = %s"
    return next(iter(panal.rows(query, device["device_id"], channel)), ())


def test_wall_page_and_the_boards_own_page_work_the_same_lights(panal: Panal, browser: Browser, tmp_path: Path) -> None:
    device = panal.mint("lights-4", 1, "--account", "Casa")[0]
    with LightsBoard(panal, device, tmp_path / "flash") as board, browser.new_context(locale="en-US") as context:
        board.wait_for(link="up")
        until(lambda: state(panal, device, 4))
        page = context.new_page()
        sign_in(panal, page)
        light = panal.rows("SELECT id FROM lights_light WHERE channel = 2")[0][0]
        page.goto(f"{panal.url}/lights/{light}/")
        switch = page.locator(f"#switch-{light}")
        expect(switch).to_have_attribute("aria-checked", "false")

        board.throw(2)
        expect(switch).to_have_attribute("aria-checked", "true")
        board.wait_for(lamps=[0, 100, 0, 0])
        assert state(panal, device, 2) == (1, "wall")

        switch.click()
        board.wait_for(lamps=[0, 0, 0, 0])
        expect(switch).to_have_attribute("aria-checked", "false")
        until(lambda: state(panal, device, 2) == (0, "page"))

        own = context.new_page()
        own.goto(board.own_page())
        own.fill("#code", keys.local_code(device["token"]))
        own.click("#enter button")
        own.click("#l2")
        board.wait_for(lamps=[0, 100, 0, 0])
        expect(switch).to_have_attribute("aria-checked", "true")
        until(lambda: state(panal, device, 2) == (1, "local"))

        board.do("wifi", on=False)
        board.wait_for(link="down")
        switch.click()  # kept until the board returns
        until(lambda: panal.rows("SELECT 1 FROM lights_light WHERE id = %s AND wanted_at IS NOT NULL", light))
        board.throw(2)
        board.throw(3)
        board.wait_for(lamps=[0, 0, 100, 0])
        board.do("wifi", on=True)
        until(lambda: state(panal, device, 3) == (1, "wall"))
        until(lambda: state(panal, device, 2) == (0, "wall"))
        expect(switch).to_have_attribute("aria-checked", "false")
