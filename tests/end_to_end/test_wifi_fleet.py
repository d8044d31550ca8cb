"""Two hundred boards of one account change their network in one action; one in ten meets something that is wrong."""

import asyncio
import json
import random
import re
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from panal.protocol import command, envelope, keys
from panal.virtual import fleet
from tests import chromium
from tests.running import PATIENCE_S, Panal

EMAIL, PASSWORD = "alice@panal.example", "una clave larga 1"
SSID, WIFI_PASSWORD = "Red Nueva del Taller", "clave del taller 2026"
ENGLISH = {"Accept-Language": "en"}
BOARDS = 200
WRONG = ("wrong_password", "not_found", "no_address", "no_server")
"""Five boards each: one in ten."""


class Board(fleet.Wearable):
    """A wearable of the fleet that changes its network: away for a moment, back on one of the two networks."""

    outcome = ""
    """Why it keeps its old network; empty: it changes."""
    manner = 0
    """0: as it should be. 1: says everything twice. 2: answers before it reports."""
    order: Any = None
    network: dict[str, Any] | None = None

    def _command(self, document: dict[str, Any]) -> None:
        self.inbox = self.inbox or command.Inbox(keys.derive(self.config["token"], "command"))
        self.inbox.receive_command(document, time.time_ns() // 1_000_000)
        for order in self.inbox.events():
            self._try(order)
        self._answers()

    def _try(self, order: Any) -> None:
        token = self.config["token"]
        sealed = order.args["envelope"]
        plain = envelope.open(keys.derive(token, "wifi-encrypt"), keys.derive(token, "wifi-mac"), sealed)
        self.order, self.network = order, json.loads(plain)
        self._report("trying")
        asyncio.get_running_loop().call_later(random.uniform(0.1, 1.5), self._leave)

    def _leave(self) -> None:
        """The radio goes over to the other network: the connection is gone without a goodbye."""
        if self.transport is not None:
            self.transport.abort()

    def on_subscribed(self, event: tuple[Any, ...]) -> None:
        super().on_subscribed(event)
        if self.order is not None:
            order, self.order = self.order, None
            self._tell(order)

    def _tell(self, order: Any) -> None:
        assert self.inbox and self.network
        state = "kept" if self.outcome else "changed"
        result = {"state": state, "rev": self.network["rev"]}
        status, code = ("failed", self.outcome) if self.outcome else ("done", None)
        self.inbox.answered(order.id, status, result, code, self.outcome or None)
        steps = [lambda: self._report(state, self.outcome), self._answers]
        for step in reversed(steps) if self.manner == 2 else steps:
            step()
        if self.manner == 1:
            self._report("trying")
            self._report(state, self.outcome)

    def _answers(self) -> None:
        assert self.inbox
        for answer in self.inbox.messages_to_send():
            for _ in range(2 if self.manner == 1 else 1):
                self._say("answer", answer, 1)

    def _report(self, state: str, reason: str = "") -> None:
        assert self.network
        said = {"rev": self.network["rev"], "state": state, "reason": reason, "ssid_hash": "0" * 8}
        self._say("reported", {"version": 0, "state": {"wifi": said}}, 1)


class Crowd:
    """The boards in a loop of their own thread, beside the browser."""

    def __init__(self, boards: list[dict[str, Any]], port: int) -> None:
        self.statistics = fleet.Statistics(len(boards))
        self.minted, self.port = boards, port
        self.boards: list[Board] = []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> "Crowd":
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self._connect(), self.loop).result(60)
        return self

    async def _connect(self) -> None:
        target = fleet.Target("127.0.0.1", self.port, None, 60, 0)
        self.boards = [Board(one["device_id"], one["token"], target, self.statistics) for one in self.minted]
        for number, board in enumerate(self.boards):
            board.outcome = WRONG[number // 10 % 4] if number % 10 == 0 else ""
            board.manner = number % 3
        await fleet._ramp(self.boards, 400)
        while self.statistics.connected < len(self.boards):  # noqa: ASYNC110  the fleet counts, it does not signal
            await asyncio.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(PATIENCE_S)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE_S)
        self.loop.close()

    async def _end(self) -> None:
        for board in self.boards:
            board.end()
        await asyncio.sleep(0.3)


@pytest.fixture(scope="module")
def panal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panal]:
    with Panal(tmp_path_factory.mktemp("panal")) as running:
        running.user(EMAIL, password=PASSWORD)
        yield running


@pytest.fixture
def page(panal: Panal) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = chromium.start(playwright)
        page = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 900}).new_page()
        page.goto(panal.url + "/accounts/login/")
        page.fill("[name=login]", EMAIL)
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url(panal.url + "/")
        yield page
        browser.close()


def by_http(
    panal: Panal, board: dict[str, Any], path: str, body: dict[str, Any] | None = None, method: str = ""
) -> Any:
    headers = {"X-Device-Id": board["device_id"], "X-Device-Key": board["token"], "Content-Type": "application/json"}
    data = json.dumps({"deviceId": board["device_id"], **body}).encode() if body is not None else None
    request = urllib.request.Request(f"{panal.url}/api/v1/{path}", data, headers, method=method or None)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def begin(page: Page, panal: Panal) -> str:
    """By the form, as a person does it; the change's id."""
    page.goto(panal.url + "/wifi/new/")
    page.get_by_label("Network name").fill(SSID)
    page.get_by_label("Password", exact=True).fill(WIFI_PASSWORD)
    page.locator("form.columns button.wide").click()
    page.wait_for_url(re.compile(r"/wifi/[0-9a-f-]{36}/$"))
    return page.url.rstrip("/").rsplit("/", 1)[1]


def outcomes_in_rest(page: Page, panal: Panal, change: str) -> dict[str, tuple[str, str]]:
    address = f"{panal.url}/api/v1/manage/wifi/changes/{change}/devices?limit=500"
    items = page.request.get(address).json()["items"]
    return {item["device"]: (item["state"], item["reason"]) for item in items}


def outcomes_on_pages(page: Page, panal: Panal, change: str) -> dict[str, str]:
    """Every row of every page, as a person reads it."""
    found: dict[str, str] = {}
    for number in range(1, 6):
        html = page.request.get(f"{panal.url}/wifi/{change}/?part=rows&page={number}", headers=ENGLISH).text()
        for row in html.split("<li>")[1:]:
            name, badge = re.search(r">([A-Z2-9]{8})</a>", row), re.search(r"</svg>([^<]+)</span>", row)
            assert name and badge, row
            found[name[1]] = badge[1].strip()
    return found


TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


def everything_written(panal: Panal) -> Iterator[tuple[Path, bytes]]:
    for path in panal.folder.rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):  # the server lives on, and gives drafts their names
            yield path, path.read_bytes()
    for (table,) in panal.rows(TABLES) if panal.postgres else ():
        yield Path(table), str(panal.rows(f"SELECT t::text FROM {table} t")).encode()


WORDS = {"changed": "Changed", "kept": "Kept the old network", "cancelled": "Cancelled"}


@pytest.mark.serial
def test_every_outcome_of_two_hundred_boards_is_right(panal: Panal, page: Page) -> None:
    boards = panal.mint("wearable-1", BOARDS + 4, "--account", "Casa")
    *online, by_long_poll, away_1, away_2, away_3 = boards
    for board in (by_long_poll, away_1, away_2, away_3):
        by_http(panal, board, "devices/register", {"fwVersion": "1.0.0"})
    with Crowd(online, panal.ports["mqtt"]) as crowd:
        expect_online(page, panal, BOARDS + 4)
        began = time.monotonic()
        change = begin(page, panal)
        page.evaluate("window.stillTheSamePage = true")
        answer_by_long_poll(panal, by_long_poll)
        expect(page.get_by_text(f"{BOARDS + 1} of {BOARDS + 4}").first).to_be_visible()
        took_s = time.monotonic() - began
        assert {json.dumps(board.network and board.network["ssid"]) for board in crowd.boards} == {json.dumps(SSID)}
        page.get_by_role("button", name="Cancel 3 that wait").click()
        expect(page.get_by_text("20 devices did not change").first).to_be_visible()
        assert page.evaluate("window.stillTheSamePage")
        expected = {board.config["device_id"]: ("kept" if board.outcome else "changed", board.outcome)
                    for board in crowd.boards}  # fmt: skip
    expected |= {by_long_poll["device_id"]: ("changed", "")}
    expected |= {board["device_id"]: ("cancelled", "") for board in (away_1, away_2, away_3)}
    assert outcomes_in_rest(page, panal, change) == expected
    assert outcomes_on_pages(page, panal, change) == {id: WORDS[state] for id, (state, _reason) in expected.items()}
    assert sum(state == "kept" for state, _reason in expected.values()) == BOARDS // 10
    assert_nothing_is_written(panal)
    print(f"{BOARDS} boards changed in {took_s:.1f} s")  # noqa: T201
    assert took_s < 40


def expect_online(page: Page, panal: Panal, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = page.request.get(f"{panal.url}/api/v1/manage/devices?limit=1&state=activated").json()["count"]
        if found == count:
            return
        page.wait_for_timeout(200)
    raise AssertionError(f"only {found} of {count} came online")


def answer_by_long_poll(panal: Panal, board: dict[str, Any]) -> None:
    """A board that speaks HTTP only."""
    [order] = by_http(panal, board, f"devices/{board['device_id']}/commands?waitS=20")
    token = board["token"]
    sealed = order["args"]["envelope"]
    plain = json.loads(envelope.open(keys.derive(token, "wifi-encrypt"), keys.derive(token, "wifi-mac"), sealed))
    assert (plain["ssid"], plain["password"]) == (SSID, WIFI_PASSWORD)
    said = {"wifi": {"rev": plain["rev"], "state": "trying", "reason": ""}}
    by_http(panal, board, f"devices/{board['device_id']}/reported", {"version": 0, "state": said}, "PUT")
    result = {"state": "changed", "rev": plain["rev"]}
    by_http(panal, board, f"commands/{order['id']}/answer", {"status": "done", "result": result})


def assert_nothing_is_written(panal: Panal) -> None:
    """Neither the database, nor the broker's store, nor a log holds the network; and no envelope is left."""
    for path, data in everything_written(panal):
        assert SSID.encode() not in data, path
        assert WIFI_PASSWORD.encode() not in data, path
    sealed = "SELECT count(*) FROM devices_command WHERE name = 'wifi.change' AND CAST(args AS TEXT) LIKE %s"
    assert panal.rows(sealed, "%envelope%") == [(0,)]
