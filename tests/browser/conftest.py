"""A real server, a real Chromium, a household of ten devices; every test fails on whatever the console complains of."""

import json
import urllib.request
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests import chromium
from tests.running import Panal

EMAIL, PASSWORD = "alice@panal.example", "una clave larga 1"
NAMES = ("Pulsera de Carmen", "Pulsera de Antonio")
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 860}


class Household:
    """The server, and what its devices say to it."""

    def __init__(self, panal: Panal) -> None:
        self.panal = panal
        self.url = panal.url
        self.devices = panal.mint("wearable-1", 10, "--account", "Casa")

    def say(self, number: int, path: str, **body: object) -> dict:
        """One message of a device over the HTTP API, as a board sends it."""
        device = self.devices[number]
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}",
            json.dumps({"deviceId": device["device_id"], **body}).encode(),
            {"Content-Type": "application/json", "X-Device-Id": device["device_id"], "X-Device-Key": device["token"]},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def heartbeat(self, number: int = 0, **more: object) -> None:
        self.say(number, "devices/heartbeat", **{"battery": 0.87, "rssi": -58, "fwVersion": "1.4.2", **more})

    def press(self, number: int = 0) -> None:
        self.say(number, "events/ingest", eventUid=str(uuid.uuid4()), eventType="EMERGENCY_BUTTON", occurredAt=None)

    def fall(self, number: int = 0) -> None:
        points = [{"seq": n, "tMs": (n - 100) * 20, "accX": 0.1, "accY": 0.1, "accZ": 1.0} for n in range(200)]
        uid = str(uuid.uuid4())
        self.say(number, "events/ingest", eventUid=uid, eventType="FALL", occurredAt=None)
        self.say(number, "events/samples", eventUid=uid, samples=points, units="g")

    def path(self, number: int = 0) -> str:
        return f"/devices/{self.devices[number]['device_id']}/"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Household]:
    """A module's own: which modules meet in one process is chance, and each leaves sectors, falls and people behind."""
    with Panal(tmp_path_factory.mktemp("panal"), PANAL_BENCH="1") as panal:
        panal.user(EMAIL, password=PASSWORD)
        household = Household(panal)
        household.heartbeat(0)
        household.fall(0)
        yield household


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ended with the module: there is room for one Playwright in a process, and other tests start theirs."""
    with sync_playwright() as playwright:
        browser = chromium.start(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def signed_in(home: Household, browser: Browser) -> dict:
    """The cookies of a person who has signed in: once for all tests of a module, by the form."""
    with browser.new_context(locale="en-US") as context:
        page = context.new_page()
        page.goto(home.url + "/accounts/login/")
        page.fill("[name=login]", EMAIL)
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url(home.url + "/")
        return context.storage_state()


class Tabs:
    """Opens pages as a signed-in person and keeps what their consoles said."""

    def __init__(self, browser: Browser, home: Household, state: dict | None) -> None:
        self.browser, self.home, self.state = browser, home, state
        self.contexts: list[BrowserContext] = []
        self.complaints: list[str] = []

    def open(self, path: str, *, viewport: dict = PHONE, scheme: str = "light", language: str = "en", **more) -> Page:
        options = {
            "viewport": viewport,
            "color_scheme": scheme,
            "locale": language,
            "storage_state": self.state,
            **more,
        }
        context = self.browser.new_context(base_url=self.home.url, **options)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: said.type in ("error", "warning") and self.complaints.append(said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(path)
        return page

    def close(self) -> None:
        for context in self.contexts:
            context.close()


@pytest.fixture
def tabs(browser: Browser, home: Household, signed_in: dict) -> Iterator[Tabs]:
    tabs = Tabs(browser, home, signed_in)
    yield tabs
    tabs.close()
    assert tabs.complaints == []


@pytest.fixture
def strangers_tabs(browser: Browser, home: Household) -> Iterator[Tabs]:
    """Nobody is signed in."""
    tabs = Tabs(browser, home, None)
    yield tabs
    tabs.close()
    assert tabs.complaints == []
