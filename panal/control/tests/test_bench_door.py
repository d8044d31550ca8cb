"""The bench card of a door: its display, LEDs, lock and sounds, a reader, a knob, a door to open."""

import re
from pathlib import Path

import pytest
from django.test import override_settings

from panal.cells.devices.actions import mint_devices
from panal.control import bench
from panal.control.tests.pages import mistakes_in, text_of
from panal.settings import load
from panal.virtual.hub import Board, Child

ENGLISH = {"accept-language": "en"}


class Hub:
    def __init__(self):
        self.told = []
        self.child = Child(Board("DOORA234", "0" * 64, "door-1", None), Path("nowhere"), lambda board: None)

    def send(self, device_id, message):
        self.told.append(message)
        self.child.do(message)
        return True

    def states(self):
        return {"DOORA234": self.child.state()}

    def hear(self, line):
        self.child._hear(line)


@pytest.fixture
def hub(account, actor):
    mint_devices(model="door-1", device_id="DOORA234", account_id=account.pk, actor=actor)
    hub = Hub()
    bench.set_hub(hub)
    with override_settings(PANAL=load({"PANAL_BENCH": "1"})):
        yield hub
    bench.set_hub(None)


def do(client, **form):
    return client.post("/bench/DOORA234/", form)


@pytest.mark.parametrize("language", ["es", "en"])
def test_its_card_is_a_door_and_no_wearable(client, alice, hub, language):
    client.force_login(alice)
    client.cookies["django_language"] = language
    html = client.get("/bench/").content.decode()
    assert mistakes_in(html) == {}
    for id in ("knob-DOORA234", "door-DOORA234", "exit-DOORA234", "card-04A1B2C3-DOORA234", "power-DOORA234"):
        assert f'id="{id}"' in html
    assert 'id="press-DOORA234"' not in html
    assert 'id="battery-DOORA234"' not in html


def test_what_the_board_shows_is_seen_alone_while_somebody_turns_the_knob(client, alice, hub):
    client.force_login(alice)
    hub.hear(b'{"lcd": ["ACCESS GRANTED!", "WELCOME HOME"]}')
    hub.hear(b'{"leds": {"blue": true, "green": true, "red": false}}')
    hub.hear(b'{"lock": "unlocked"}')
    hub.hear(b'{"sound": "double"}')
    hub.hear(b'{"sound": "double"}')
    html = client.get("/bench/?part=screen&board=DOORA234", headers=ENGLISH).content.decode()
    assert "ACCESS GRANTED!\nWELCOME HOME" in html
    assert len(re.findall("bench-led [a-z-]+ is-on", html)) == 2
    assert 'data-sound="double" data-sounds="2"' in html
    assert "Unlocked" in html
    assert "<form" not in html


def test_a_stranger_sees_no_screen(client, charlie, hub):
    client.force_login(charlie)
    hub.hear(b'{"lcd": ["SECRET", ""]}')
    for board in ("DOORA234", "", "nobody"):
        assert b"SECRET" not in client.get(f"/bench/?part=screen&board={board}").content


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"do": "card", "uid": "04A1B2C3"}, {"do": "card", "uid": "04A1B2C3"}),
        ({"do": "knob", "digit": "3"}, {"do": "knob", "value": 1228}),
        ({"do": "knob", "digit": "99"}, {"do": "knob", "value": 4095}),
        ({"do": "door", "on": "1"}, {"do": "door", "open": True}),
        ({"do": "exit"}, {"do": "exit"}),
    ],
)
def test_what_people_do_reaches_the_board(client, alice, hub, form, message):
    client.force_login(alice)
    assert do(client, **form).status_code == 302
    assert hub.told == [message]


@pytest.mark.parametrize(
    "form", [{"do": "card", "uid": "00"}, {"do": "card"}, {"do": "knob", "digit": "x"}, {"do": "bolt"}]
)
def test_what_nobody_can_do_is_refused(client, alice, hub, form):
    client.force_login(alice)
    do(client, **form)
    assert hub.told == []


def test_door_and_knob_stay_as_they_are_when_the_power_goes(client, alice, hub):
    client.force_login(alice)
    do(client, do="door", on="1")
    do(client, do="knob", digit="10")
    hub.hear(b'{"lcd": ["WELCOME, INPUT", "PASSWORD OR RFID"]}')
    do(client, do="power", on="0")
    command = hub.child._command("http://x", "x:1", "")
    assert command[-3:] == ["--knob", "4095", "--door-open"]
    text = text_of(client.get("/bench/?part=screen&board=DOORA234", headers=ENGLISH))
    assert "WELCOME" not in text
    assert "Locked" in text
    assert "Open" in text
