"""A network changed from the panel, on the board's own firmware in the MicroPython VM: changed, or kept and why."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from panal.cells.wifi.messages import ssid_hash
from tests import chromium
from tests.end_to_end.boards import VirtualBoard
from tests.end_to_end.test_emergency import EMAIL, PASSWORD
from tests.running import PATIENCE_S, Panal, until

NEW, SECRET = "Casa Nueva", "correcta 12345"
HOME = {"ssid": "Panal", "password": "panal panal"}
OUTCOMES = [
    ({"password": SECRET}, "mqtt", ("changed", "")),
    ({"password": SECRET}, "http", ("changed", "")),
    ({"password": "another one 1"}, "mqtt", ("kept", "wrong_password")),
    ({"password": SECRET, "internet": False}, "mqtt", ("kept", "no_server")),
    ({"password": SECRET, "dhcp": False}, "http", ("kept", "no_address")),
]


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


@pytest.fixture(scope="module")
def page(browser: Browser, panal: Panal) -> Iterator[Page]:
    with browser.new_context(locale="en-US") as context:
        page = context.new_page()
        page.goto(panal.url + "/accounts/login/")
        page.fill("[name=login]", EMAIL)
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url(panal.url + "/")
        yield page


def begin(page: Page, panal: Panal) -> str:
    page.goto(panal.url + "/wifi/new/")
    page.get_by_label("Network name").fill(NEW)
    page.get_by_label("Password", exact=True).fill(SECRET)
    page.locator("form.columns button.wide").click()
    page.wait_for_url(re.compile(r"/wifi/[0-9a-f-]{36}/$"))
    return page.url.rstrip("/").rsplit("/", 1)[1]


def outcome(page: Page, panal: Panal, change: str, device_id: str) -> tuple[str, str]:
    items = page.request.get(f"{panal.url}/api/v1/manage/wifi/changes/{change}/devices?limit=500").json()["items"]
    return next((item["state"], item["reason"]) for item in items if item["device"] == device_id)


def wait_for_outcome(page: Page, panal: Panal, change: str, board: VirtualBoard) -> tuple[str, str]:
    deadline = time.monotonic() + PATIENCE_S
    while (found := outcome(page, panal, change, board.device["device_id"]))[0] in ("waiting", "trying"):
        assert time.monotonic() < deadline, board.said[-20:]
        page.wait_for_timeout(200)
    return found


@pytest.mark.parametrize(("there", "transport", "expected"), OUTCOMES)
def test_the_board_ends_online_and_the_panel_knows_how(
    panal: Panal, page: Page, tmp_path: Path, there: dict[str, object], transport: str, expected: tuple[str, str]
) -> None:
    [device] = panal.mint("wearable-1", 1, "--account", "Casa")
    air = json.dumps([HOME, {"ssid": NEW, **there}])
    pace = "1" if expected[0] == "changed" else "10"  # who is to succeed has all the time that a board gives it
    options = ("--pace", pace, "--radio", air, "--transport", transport)
    with VirtualBoard(panal, device, tmp_path / "flash", *options) as board:
        board.wait_for(link="up")
        change = begin(page, panal)
        assert wait_for_outcome(page, panal, change, board) == expected, board.said[-20:]
        board.wait_for(link="up")
        for path in board.folder.rglob("*"):
            with suppress(FileNotFoundError, IsADirectoryError):  # a draft that has its name by now
                content = path.read_bytes()
                assert SECRET.encode() not in content and NEW.encode() not in content, path


@pytest.mark.parametrize("transport", ["mqtt", "http"])
def test_a_power_cut_in_the_middle_of_a_change_leaves_the_old_network_and_is_told(
    panal: Panal, page: Page, tmp_path: Path, transport: str
) -> None:
    """SIGKILL while the board is on the new network and looks for the server there, which it would not find."""
    [device] = panal.mint("wearable-1", 1, "--account", "Casa")
    air = json.dumps([HOME, {"ssid": NEW, "password": SECRET, "internet": False}])
    with VirtualBoard(panal, device, tmp_path / "flash", "--radio", air, "--transport", transport) as board:
        board.wait_for(link="up")
        change = begin(page, panal)
        board.wait_for(wifi={"ssid_hash": ssid_hash(NEW)})
        until(lambda: outcome(page, panal, change, device["device_id"]) == ("trying", ""))
        board.cut_power()
        board.power_on()
        board.wait_for(wifi={"ssid_hash": ssid_hash(str(HOME["ssid"]))}, link="up")
        assert wait_for_outcome(page, panal, change, board) == ("kept", "power_cut"), board.said[-20:]
        page.goto(f"{panal.url}/wifi/{change}/")
        expect(page.get_by_text("It lost power while it tried.").first).to_be_visible()
