"""A Home Assistant that is told nothing but host, user and password finds a light and switches it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.end_to_end.boards import VirtualBoard
from tests.end_to_end.homes import Home
from tests.running import Panal

EMAIL, PASSWORD = "alice@panal.example", "una clave larga 1"


class Lights(VirtualBoard):
    model = "lights-4"


@pytest.fixture(scope="module")
def panal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Panal]:
    with Panal(tmp_path_factory.mktemp("panal")) as running:
        running.user(EMAIL, password=PASSWORD)
        yield running


@pytest.fixture
def person(panal: Panal) -> Iterator[requests.Session]:
    with requests.Session() as session:
        post(session, panal.url + "/accounts/login/", login=EMAIL, password=PASSWORD)
        yield session


def post(session: requests.Session, url: str, page: str = "", **fields: str) -> requests.Response:
    session.get(page or url, timeout=60)
    answer = session.post(url, {**fields, "csrfmiddlewaretoken": session.cookies["panal_csrf"]}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer


def test_it_finds_a_light_switches_it_and_forgets_it(panal: Panal, person: requests.Session, tmp_path: Path) -> None:
    [device] = panal.mint("lights-4", 1, "--account", "Casa")
    page = panal.url + "/homeassistant/"
    shown = post(person, page + "on/", page).text
    user = re.search(r"home\.\d+", shown)[0]
    password = re.search(r"<strong>[^<]*</strong><p><code>([-\w]+)</code>", shown)[1]
    assert password not in person.get(page, timeout=60).text, "it is shown once"
    light = f"panal_{device['device_id']}_light_1"
    with Lights(panal, device, tmp_path / "flash") as board, Home(panal.ports["mqtt"], user, password) as home:
        board.wait_for(link="up")
        home.wait(lambda: home.entities.get(light, {}).get("state"))
        home.wait(lambda: home.entities[light]["available"])
        assert home.entities[light]["state"]["state"] == "OFF"
        home.turn(light, state="ON")
        home.wait(lambda: home.entities[light]["state"]["state"] == "ON")
        home.turn(light, state="OFF")
        home.wait(lambda: home.entities[light]["state"]["state"] == "OFF")
        board.cut_power()
        home.wait(lambda: home.entities[light]["available"] is False)
        with Home(panal.ports["mqtt"], user, password) as later:
            later.wait(lambda: later.entities.get(light, {}).get("state"))
        post(person, page + "off/", page)
        home.wait(lambda: not home.entities)
    with Home(panal.ports["mqtt"], user, password) as home:
        home.wait(lambda: home.refused)
