"""A light on the page is as its board says, a moment after it says so; a click waits for that."""

import json
import re
import time
import urllib.request

import pytest
from playwright.sync_api import expect

WORDS = """light => { document.body.dataset.words = '';
    new MutationObserver(() => { document.body.dataset.words += light.textContent; }).observe(
        light, {subtree: true, childList: true, characterData: true, attributes: true}); }"""
"""What stands on a light from now on: a click is pending for ten seconds at most, and we may look later than that."""


def said(page, word):
    expect(page.locator("body")).to_have_attribute("data-words", re.compile(word))


class Board:
    """A board of lights that speaks over HTTP."""

    def __init__(self, home):
        [self.device] = home.panal.mint("lights-4", 1, "--account", "Casa")
        self.url = f"{home.url}/api/v1/devices"
        self.rows = home.panal.rows
        self.ask("POST", "register", {"deviceId": self.device["device_id"], "fwVersion": "1.0.0"})
        self.report({str(n): self.light(False, by="power") for n in (1, 2)})

    @staticmethod
    def light(on, by="wall", **more):
        at_ms = int(time.time() * 1000)
        return {"on": on, "level": 100, "by": by, "at_ms": at_ms, "until_ms": None, "set_at_ms": 0, **more}

    def ask(self, method, leaf, body=None):
        headers = {"X-Device-Id": self.device["device_id"], "X-Device-Key": self.device["token"]}
        headers["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{leaf}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def report(self, lights, version=0):
        self.ask("PUT", f"{self.device['device_id']}/reported", {"version": version, "state": {"lights": lights}})

    def switch(self, channel):
        """Where its switch is on pages."""
        query = "SELECT id FROM lights_light WHERE device_id = %s AND channel = %s"
        return f"#switch-{self.rows(query, self.device['device_id'], channel)[0][0]}"

    def obey(self):
        desired = self.ask("GET", f"{self.device['device_id']}/desired")
        wish = desired["state"]["lights"]["1"]
        done = self.light(wish["on"], "page", at_ms=wish["set_at_ms"], set_at_ms=wish["set_at_ms"])
        self.report({"1": done}, desired["version"])


@pytest.fixture
def board(home):
    return Board(home)


def test_the_wall_and_a_click_are_on_the_page(tabs, board):
    page = tabs.open("/lights/")
    page.evaluate("window.stillTheSamePage = true")
    first, second = page.locator(board.switch(1)), page.locator(board.switch(2))
    expect(second).to_have_attribute("aria-checked", "false")
    board.report({"2": board.light(True)})
    expect(second).to_have_attribute("aria-checked", "true")
    first.evaluate(WORDS)
    first.click()
    said(page, "Switching on…")
    board.obey()
    expect(first.locator(".light-word")).to_have_text("On")
    assert page.evaluate("window.stillTheSamePage")


def test_a_click_is_sent_while_its_part_is_being_fetched(tabs, board):
    """A busy server answers late: what is clicked meanwhile must not wait for that, nor be lost by it."""
    page = tabs.open("/lights/")
    first, second = page.locator(board.switch(1)), page.locator(board.switch(2))
    expect(first).to_have_attribute("aria-checked", "false")
    held = []
    page.route("**/*part=rooms*", lambda route: held.append(route), times=1)
    with page.expect_request("**/*part=rooms*"):
        board.report({"2": board.light(True)})
    with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        first.click()
    assert answered.value.status == 204
    held[0].continue_()
    expect(second).to_have_attribute("aria-checked", "true")
    board.obey()
    expect(first).to_have_attribute("aria-checked", "true")


def test_what_a_hand_or_the_keyboard_is_on_stays_the_same_element(tabs, board):
    """Its part comes anew: a click must end where it began, and whoever goes by keyboard keeps the place."""
    page = tabs.open("/lights/")
    first, second = page.locator(board.switch(1)), page.locator(board.switch(2))
    expect(first).to_have_attribute("aria-checked", "false")
    first.focus()
    kept = first.element_handle()
    board.report({"2": board.light(True)})
    expect(second).to_have_attribute("aria-checked", "true")
    expect(first).to_be_focused()
    assert kept.evaluate("element => element.isConnected")
    kept.evaluate(WORDS)
    page.keyboard.press("Space")
    said(page, "Switching on…")
    assert kept.evaluate("element => element.isConnected")
    board.obey()
