"""The bench card of a camera: what lies around it, and not what a wearable has."""

import pytest
from django.test import override_settings

from panal.cells.devices.actions import mint_devices
from panal.control import bench
from panal.control.tests.pages import mistakes_in
from panal.settings import load


class Hub:
    def __init__(self):
        self.told = []

    def send(self, device_id, message):
        self.told.append((device_id, message))
        return True

    def states(self):
        state = {"power": True, "wifi": True, "led": "steady", "queue": 0, "link": "up", "battery": 0.5}
        camera = {"has_camera": True, "stream": "up", "flash": 9, "covered": True, "night": False}
        return {"CAMA2345": {**state, **camera, "model": "camera-1"}}


@pytest.fixture
def hub(account, actor):
    mint_devices(model="camera-1", device_id="CAMA2345", account_id=account.pk, actor=actor)
    hub = Hub()
    bench.set_hub(hub)
    with override_settings(PANAL=load({"PANAL_BENCH": "1"})):
        yield hub
    bench.set_hub(None)


@pytest.mark.parametrize("language", ["es", "en"])
def test_its_card_shows_the_stream_and_no_emergency(client, alice, hub, language):
    client.force_login(alice)
    client.cookies["django_language"] = language
    html = client.get("/bench/").content.decode()
    assert mistakes_in(html) == {}
    assert 'id="walk-CAMA2345"' in html
    assert {"es": "Destapar la lente", "en": "Uncover the lens"}[language] in html
    assert 'id="press-CAMA2345"' not in html
    assert 'id="battery-CAMA2345"' not in html


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"what": "walk", "on": "1"}, {"walk": True}),
        ({"what": "covered", "on": "0"}, {"covered": False}),
        ({"what": "night", "on": "1"}, {"night": True}),
    ],
)
def test_what_is_done_around_it_reaches_the_hub(client, alice, hub, form, message):
    client.force_login(alice)
    assert client.post("/bench/CAMA2345/", {"do": "camera", **form}).status_code == 302
    assert hub.told == [("CAMA2345", {"do": "camera", **message})]


def test_what_nobody_can_do_to_a_camera_is_refused(client, alice, hub):
    client.force_login(alice)
    client.post("/bench/CAMA2345/", {"do": "camera", "what": "steal", "on": "1"})
    assert hub.told == []
