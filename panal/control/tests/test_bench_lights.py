"""The bench card of a board of lights: its lamps, how bright they are, and a switch at the wall for each."""

from pathlib import Path

import pytest
from django.test import override_settings

from panal.cells.devices.actions import mint_devices
from panal.cells.lights.models import Light
from panal.control import bench
from panal.control.tests.pages import mistakes_in, text_of
from panal.settings import load
from panal.virtual.hub import Board, Child

ENGLISH = {"accept-language": "en"}


class Hub:
    def __init__(self):
        self.told = []
        self.child = Child(Board("LAMPS234", "0" * 64, "lights-4", None), Path("nowhere"), lambda board: None)

    def send(self, device_id, message):
        self.told.append(message)
        self.child.do(message)
        return True

    def states(self):
        return {"LAMPS234": self.child.state()}

    def hear(self, line):
        self.child._hear(line)


@pytest.fixture
def hub(account, actor):
    mint_devices(model="lights-4", device_id="LAMPS234", account_id=account.pk, actor=actor)
    Light.objects.create(device_id="LAMPS234", channel=2, account_id=account.pk, name="Kitchen lamp")
    hub = Hub()
    bench.set_hub(hub)
    with override_settings(PANAL=load({"PANAL_BENCH": "1"})):
        yield hub
    bench.set_hub(None)


def do(client, **form):
    return client.post("/bench/LAMPS234/", form)


@pytest.mark.parametrize("language", ["es", "en"])
def test_its_card_has_four_switches_and_no_emergency_button(client, alice, hub, language):
    client.force_login(alice)
    client.cookies["django_language"] = language
    html = client.get("/bench/").content.decode()
    assert mistakes_in(html) == {}
    for number in range(1, 5):
        assert f'id="wall-{number}-LAMPS234"' in html
        assert f'id="hold-{number}-LAMPS234"' in html
    assert 'id="press-LAMPS234"' not in html
    assert "Kitchen lamp" in html


def test_lamps_show_how_bright_they_are_and_are_dark_without_power(client, alice, hub):
    client.force_login(alice)
    hub.hear(b'{"lamps": [0, 35, 100, 0]}')
    text = text_of(client.get("/bench/?part=screen&board=LAMPS234", headers=ENGLISH))
    assert "Kitchen lamp 35 %" in text
    assert text.count("Off") == 2
    do(client, do="power", on="0")
    assert text_of(client.get("/bench/?part=screen&board=LAMPS234", headers=ENGLISH)).count("Off") == 4


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"number": "2"}, {"do": "wall", "number": 2}),
        ({"number": "2", "ms": "900"}, {"do": "wall", "number": 2, "ms": 900}),
        ({"number": "99"}, {"do": "wall", "number": 8}),
    ],
)
def test_what_people_do_at_the_wall_reaches_the_board(client, alice, hub, form, message):
    client.force_login(alice)
    assert do(client, do="wall", **form).status_code == 302
    assert hub.told == [message]


def test_nonsense_does_not(client, alice, hub):
    client.force_login(alice)
    do(client, do="wall", number="x")
    assert hub.told == []


def test_switches_stay_as_they_are_when_the_power_goes(client, alice, hub):
    hub.hear(b'{"walls": [false, true, false, false]}')
    assert hub.child._command("http://x", "x:1", "")[-2:] == ["--walls", "0100"]


def test_a_stranger_sees_no_lamps(client, charlie, hub):
    client.force_login(charlie)
    hub.hear(b'{"lamps": [0, 35, 100, 0]}')
    assert b"35 %" not in client.get("/bench/?part=screen&board=LAMPS234").content
