"""A device in its box, a phone, two people who want it, and a board that changes hands while it is connected."""

import json
import queue
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, expect, sync_playwright

from tests import chromium
from tests.end_to_end.boards import VirtualBoard
from tests.running import PATIENCE_S, Panal

PASSWORD = "una clave larga 1"
ALICE, CHARLIE = "alice@panal.example", "charlie@panal.example"


class Home(Panal):
    """The server, with two accounts that know nothing of each other."""

    def open(self) -> None:
        self.user(ALICE, account="Casa")
        self.user(CHARLIE, account="Taller")
        self.keys = {who: self.run("token", "create", who).strip() for who in (ALICE, CHARLIE)}
        self.accounts = {who: self.ask(who, "get", "accounts").json()["items"][0]["id"] for who in self.keys}

    def ask(self, who: str, method: str, path: str, **body: object) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.keys[who]}"}
        url = f"{self.url}/api/v1/manage/{path}"
        return requests.request(method, url, headers=headers, json=body or None, timeout=60)

    def claim(self, who: str, device: dict[str, Any]) -> int:
        said = {"device": device["device_id"], "code": device["claim_code"], "account": self.accounts[who]}
        return self.ask(who, "post", "claim", **said).status_code

    def signed_in(self, who: str) -> requests.Session:
        session = requests.Session()
        page = session.get(f"{self.url}/accounts/login/", timeout=60).text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token
        form = {"login": who, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
        session.post(f"{self.url}/accounts/login/", form, timeout=60).raise_for_status()
        return session


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with Home(tmp_path_factory.mktemp("panal")) as running:
        running.open()
        yield running


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = chromium.start(playwright)
        yield browser
        browser.close()


class Ear:
    """A live page of somebody: the topics it is told of about a device."""

    def __init__(self, session: requests.Session, url: str, device_id: str) -> None:
        self.heard: queue.Queue[str] = queue.Queue()
        self._stream = session.get(f"{url}/live?device={device_id}", stream=True, timeout=(5, 60))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            for line in self._stream.iter_lines(chunk_size=1):
                if line.startswith(b"event: "):
                    self.heard.put(line.removeprefix(b"event: ").decode())
        except (requests.RequestException, AttributeError, ValueError):
            return  # the test has ended

    def next(self, timeout_s: float = PATIENCE_S) -> str | None:
        try:
            return self.heard.get(timeout=timeout_s)
        except queue.Empty:
            return None


def test_a_phone_scans_signs_in_and_has_the_device(home: Home, browser: Browser) -> None:
    [device] = home.mint("wearable-1")
    id, code = device["device_id"], device["claim_code"]
    asked: list[str] = []
    with browser.new_context(locale="es-ES", viewport={"width": 390, "height": 844}, base_url=home.url) as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url + json.dumps(request.headers)))
        page.goto(f"/claim/{id}#{code}")
        assert page.evaluate("location.hash") == ""
        page.get_by_role("link", name="Iniciar sesión").click()
        page.fill("[name=login]", ALICE)
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        expect(page.get_by_label("Código de vinculación")).to_have_value(code)
        page.get_by_role("button", name="Añadir el dispositivo").click()
        expect(page.get_by_text("Ya es suyo")).to_be_visible()
        assert page.url == f"{home.url}/devices/{id}/#settings"
    assert asked and not [request for request in asked if code in request]
    assert code not in home.log.read_text()


def test_of_two_who_claim_at_once_one_wins(home: Home) -> None:
    for device in home.mint("wearable-1", 3):
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda who: home.claim(who, device), [ALICE, CHARLIE] * 2))  # noqa: B023
        assert sorted(answers) == [200, 400, 400, 400]
        winner = (ALICE, CHARLIE)[answers.index(200) % 2]
        owned = [who for who in (ALICE, CHARLIE) if home.ask(who, "get", f"devices/{device['device_id']}").ok]
        assert owned == [winner]
        for who in (ALICE, CHARLIE):  # nobody waits because of the others' luck: a claim of one's own forgives
            [own] = home.mint("wearable-1")
            assert home.claim(who, own) == 200


def test_a_connected_board_changes_hands_and_its_last_owner_hears_no_more(home: Home, tmp_path: Path) -> None:
    [device] = home.mint("wearable-1", 1, "--account", "Casa")
    id = device["device_id"]
    with VirtualBoard(home, device, tmp_path / "flash", "--transport", "mqtt") as board:
        board.wait_for(link="up")
        alices = Ear(home.signed_in(ALICE), home.url, id)
        code = home.ask(ALICE, "post", f"devices/{id}/hand-over").json()["claim_code"]
        assert "devices" in iter(alices.next, None)  # it has left; what it said before may have come first
        charlies = Ear(home.signed_in(CHARLIE), home.url, id)
        assert home.claim(CHARLIE, device | {"claim_code": code}) == 200
        while not alices.heard.empty():  # what was still hers
            alices.heard.get_nowait()
        board.press()
        told = {charlies.next(), charlies.next()}
        while "care" not in told:
            topic = charlies.next()
            assert topic, told
            told.add(topic)
        assert alices.next(timeout_s=1) is None
        assert home.ask(ALICE, "get", f"events?device={id}").json()["count"] == 0
        assert home.ask(CHARLIE, "get", f"events?device={id}").json()["count"] == 1
        assert home.ask(ALICE, "get", f"devices/{id}").status_code == 404
