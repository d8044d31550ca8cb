"""The set-up page, driven by a real Chromium, of a board that runs in the MicroPython VM with simulated networks."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect, sync_playwright

from panal.virtual.runner import TIGHT_KB
from tests import chromium
from tests.end_to_end.boards import VirtualBoard
from tests.running import PATIENCE_S, Panal

SECRET = "correcta 12345"
AIR = [
    {"ssid": "Casa Vargas", "password": SECRET, "rssi": -48},
    {"ssid": "Sin direccion", "password": SECRET, "rssi": -60, "dhcp": False},
    {"ssid": "Sin internet", "password": SECRET, "rssi": -70, "internet": False},
    {"ssid": "Abierta", "rssi": -80},
    {"ssid": "Escondida", "password": SECRET, "hidden": True},
]
PROBES = (
    "/generate_204",
    "/hotspot-detect.html",
    "/connecttest.txt",
    "/ncsi.txt",
    "/success.txt?ipv4",
    "/canonical.html",
)


@pytest.fixture(scope="module")
def panal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panal]:
    with Panal(tmp_path_factory.mktemp("panal")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = chromium.start(playwright)
        yield browser
        browser.close()


@pytest.fixture
def board(panal: Panal, tmp_path: Path) -> Iterator[VirtualBoard]:
    [device] = panal.mint()
    options = ("--fresh", "--pace", "4", "--radio", json.dumps(AIR), "--heap", str(TIGHT_KB))
    with VirtualBoard(panal, device, tmp_path / "flash", *options) as board:
        yield board
        said = [line for line in board.said if "the set-up has left too little memory" not in str(line)]  # as is meant
        assert "memory" not in str(said).lower(), said[-20:]


def last(board: VirtualBoard, name: str, timeout_s: float = PATIENCE_S) -> Any:
    """What the board said last under this name, once it has."""
    with board._news:
        assert board._news.wait_for(lambda: board.last().get(name), timeout_s), f"no {name}: {board.said[-20:]}"
        return board.last()[name]


def opened(browser: Browser, board: VirtualBoard, locale: str) -> Page:
    context = browser.new_context(locale=locale, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page's own error: {error}"))
    page.goto(board.portal())
    return page


def type_network(page: Page, name: str, password: str) -> None:
    page.get_by_role("button", name=name).click()
    page.locator("#password").fill(password)
    page.locator(".go").click()


def test_a_customer_sets_the_board_up_in_spanish(
    panal: Panal, browser: Browser, board: VirtualBoard, tmp_path: Path
) -> None:
    page = opened(browser, board, "es-CR")
    expect(page.get_by_role("heading", name="Conectar al Wi-Fi")).to_be_visible()
    expect(page.locator("#list li")).to_have_count(5)  # four, and another one; the hidden one does not show
    assert page.locator("#list .net span").all_inner_texts()[:4] == [str(network["ssid"]) for network in AIR[:4]]
    assert page.evaluate("document.documentElement.lang") == "es"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=tmp_path / "portal-list-es.png")
    type_network(page, "Casa Vargas", "equivocada 1")
    expect(page.get_by_text("La contraseña no es correcta")).to_be_visible()
    page.screenshot(path=tmp_path / "portal-wrong-es.png")
    page.locator("#show").click()
    assert page.locator("#password").get_attribute("type") == "text"
    page.locator("#password").fill(SECRET)
    page.locator(".go").click()
    expect(page.get_by_text("Todo listo")).to_be_visible()
    page.screenshot(path=tmp_path / "portal-done-es.png")
    board.wait_for(link="up")
    board.wait_for(portal=None)
    for path in board.folder.rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):  # a draft that has its name by now
            content = path.read_bytes()
            assert SECRET.encode() not in content, path
            assert b"Casa Vargas" not in content, path


FAILURES = [
    ("Casa Vargas", "equivocada 1", "The password is not right", "La contraseña no es correcta"),
    ("Sin direccion", SECRET, "gives no address", "no da dirección"),
    ("Sin internet", SECRET, "The service is not reached", "No se llega al servicio"),
]


@pytest.mark.parametrize("locale", ["en-US", "es-CR"])
def test_every_failure_is_told_in_words_and_the_last_try_succeeds(
    browser: Browser, board: VirtualBoard, locale: str
) -> None:
    page = opened(browser, board, locale)
    for ssid, password, english, spanish in FAILURES:
        type_network(page, ssid, password)
        expect(page.get_by_text(english if locale == "en-US" else spanish)).to_be_visible()
        page.locator("#back").click()
    page.locator(".other").click()
    page.locator("#ssid").fill("Nadie")
    page.locator("#password").fill(SECRET)
    page.locator(".go").click()
    missing = "“Nadie” was not found" if locale == "en-US" else "No se encontró «Nadie»"
    expect(page.get_by_text(missing)).to_be_visible()
    page.locator("#ssid").fill("Escondida")
    page.locator("#password").fill("short")
    page.locator(".go").click()
    expect(page.locator("#wrong")).to_contain_text("8")
    page.locator("#password").fill(SECRET)
    page.locator(".go").click()
    expect(page.get_by_text("All set" if locale == "en-US" else "Todo listo")).to_be_visible()
    assert not any("started" in str(said.get("log")) for said in board.said[1:]), "it rebooted"


def test_the_probes_of_every_system_lead_to_the_page(board: VirtualBoard) -> None:
    portal = board.portal()
    for path in PROBES:
        answer = requests.get(portal.rstrip("/") + path, allow_redirects=False, timeout=60)
        assert (answer.status_code, answer.headers["Location"]) == (302, portal), path
    assert requests.get(portal, timeout=60).text.startswith("<!doctype html>")


def test_every_name_is_the_board(board: VirtualBoard) -> None:
    board.portal()  # once its page answers, so do names
    port = last(board, "dns")
    question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(PATIENCE_S)
        asking.sendto(question, ("127.0.0.1", port))
        assert asking.recv(512).endswith(bytes((192, 168, 4, 1)))


@pytest.mark.parametrize(
    "data", [b"", b"\r\n\r\n", b"GET", b'POST /join HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"ssid":1', bytes(5000)]
)
def test_nonsense_neither_reboots_nor_blocks_it(board: VirtualBoard, data: bytes) -> None:
    portal = board.portal()
    found = re.search(r":(\d+)/", portal)
    assert found
    with socket.create_connection(("127.0.0.1", int(found[1])), PATIENCE_S) as connection:
        connection.sendall(data)
    assert requests.get(portal + "state", timeout=60).json()["state"] == "idle"
