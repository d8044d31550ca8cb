"""A door's firmware in the MicroPython VM, its people, and somebody who looks after it in a browser."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import chromium
from tests.end_to_end.boards import VirtualBoard
from tests.running import Panal, until

EMAIL, PASSWORD = "alice@panal.example", "una clave larga 1"
CARD, STRANGE = "04A1B2C3D4E5F6", "DEADBEEF"
TRIES = 12


class Controller(VirtualBoard):
    model = "door-1"

    def hold(self, uid: str) -> None:
        self.do("card", uid=uid)

    def come_in(self, uid: str) -> None:
        """With a card of the door's list, and at once: it is unlocked for ten seconds, whatever else is slow.

        Held again and again, as people do: a reader takes a card for the one that was there a moment ago.
        """
        for _ in range(TRIES):
            self.hold(uid)
            with suppress(AssertionError):
                self.wait_for(5, lock="unlocked")
                break
        self.go_through()

    def go_through(self) -> None:
        self.wait_for(lock="unlocked")
        for is_open in (True, False):
            moves = self.moves()
            self.do("door", open=is_open)
            until(lambda moves=moves: self.moves() > moves)  # before that its reed has seen nothing
        self.wait_for(door="close", lock="locked")

    def moves(self) -> int:
        return sum("event door.moved" in str(said.get("log")) for said in list(self.said))


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


def let_in(panal: Panal, page: Page, name: str) -> None:
    """A new person who comes in at every door."""
    page.goto(f"{panal.url}/doors/people/new/")
    page.fill("[name=name]", name)
    page.select_option("[name=g0-place]", "all")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def open_from_afar(panal: Panal, page: Page, door_id: str, reason: str) -> None:
    page.goto(f"{panal.url}/doors/{door_id}/")
    page.get_by_role("link", name="Open it").click()
    page.fill("#unlock_reason", reason)
    page.get_by_role("button", name="Open it").click()


def test_a_person_is_let_in_seen_and_the_door_is_opened_from_afar(panal: Panal, page: Page, tmp_path: Path) -> None:
    [device] = panal.mint("door-1", 1, "--account", "Casa")
    door_id = device["device_id"]
    with Controller(panal, device, tmp_path / "flash", "--transport", "mqtt") as board:
        board.wait_for(link="up", lock="locked")
        page.goto(f"{panal.url}/doors/{door_id}/")
        expect(page.locator("#state .door-state")).to_have_text("Locked")

        # a card is held to the reader to be added: the page says so without a reload
        let_in(panal, page, "Rosa")
        page.get_by_role("button", name="Hold the card to the reader").click()
        expect(page.get_by_text("Hold the card to the reader now")).to_be_visible()
        board.wait_for(lcd=["HOLD A NEW CARD", "TO THE READER"])  # and so does the door, which has heard of it later
        board.hold(CARD)
        expect(page.locator(".door-enrolment.is-added")).to_be_visible()

        # the same card is now in the door's own list, and lets her in
        page.goto(f"{panal.url}/doors/{door_id}/settings/")
        expect(page.get_by_text("1 card or code in its list")).to_be_visible()
        page.goto(f"{panal.url}/doors/{door_id}/")
        board.come_in(CARD)
        expect(page.get_by_text("Came in · Rosa").first).to_be_visible()
        board.hold(STRANGE)
        expect(page.get_by_text("Nobody here has this card").first).to_be_visible()

        open_from_afar(panal, page, door_id, "El cartero")
        board.go_through()  # at once; what the page says of it stays
        expect(page.get_by_text("The door answered: open")).to_be_visible()
        expect(page.locator("#events").get_by_text("El cartero").first).to_be_visible()

        # opened while locked: it is on the overview until somebody says that they know
        page.goto(panal.url)
        board.do("door", open=True)
        alarm = page.locator("#doors").get_by_text("Opened by force")
        expect(alarm).to_be_visible()
        page.locator("#doors").get_by_role("button", name="I know").click()
        expect(alarm).to_be_hidden()
        board.do("door", open=False)


def test_a_door_lets_in_whom_it_knows_while_the_network_is_away_and_tells_it_later(
    panal: Panal, page: Page, tmp_path: Path
) -> None:
    """Over HTTP, as boards behind strict firewalls: the list and the events go the other way."""
    [device] = panal.mint("door-1", 1, "--account", "Casa")
    door_id = device["device_id"]
    let_in(panal, page, "Tomás")
    page.get_by_text("Add a card by its number").click()
    page.fill("#card_number", "04:11:22:33")
    page.locator("form", has=page.locator("#card_number")).get_by_role("button", name="Add").click()
    expect(page.get_by_text("Card ·")).to_be_visible()
    with Controller(panal, device, tmp_path / "flash", "--transport", "http") as board:
        board.wait_for(link="up", lock="locked")
        page.goto(f"{panal.url}/doors/{door_id}/settings/")
        expect(
            page.get_by_text("1 card or code in its list").or_(page.get_by_text("2 cards and codes"))
        ).to_be_visible()
        board.do("wifi", on=False)
        board.wait_for(link="down")
        board.come_in("04112233")
        board.cut_power()
        board.power_on()
        board.wait_for(link="up", queue=0)
        page.goto(f"{panal.url}/doors/{door_id}/")
        expect(page.get_by_text("Came in · Tomás")).to_have_count(1)
        assert "never came" not in page.content()
