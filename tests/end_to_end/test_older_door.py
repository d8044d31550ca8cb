"""An older access controller, as in the field, at a real server: its words are events, and it opens from the panel."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
import requests

from tests.running import Panal

EMAIL, DOOR = "alice@panal.example", "PUERTA01"


class Controller:
    """Connects without a user name, publishes on one topic and obeys the other, as the firmware in the field does."""

    def __init__(self, port: int) -> None:
        self.heard: list[Any] = []
        self.ready = threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="ESP32_Access")
        self.client.on_connect = lambda client, *_: client.subscribe("iot/commands", 1)
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_message = self._obey
        self.client.connect("127.0.0.1", port, keepalive=20)
        self.client.loop_start()
        assert self.ready.wait(60)
        self.say({"device": "ESP32_Access", "uptime_sec": 3, "ssid": "Casa"})

    def say(self, document: dict[str, Any]) -> None:
        self.client.publish("iot/telemetry", json.dumps(document), 1)

    def tell(self, door: str, method: str, granted: bool, timestamp: str = "") -> None:
        said = {"device_id": "esp32", "door_status": door, "access_method": method, "access_granted": granted}
        self.say({**said, "timestamp": timestamp})

    def _obey(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        said = json.loads(message.payload)
        self.heard.append(said)
        if said.get("action", "open") == "open":
            self.tell("close", "remote", True)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Api(requests.Session):
    def __init__(self, base: str, token: str) -> None:
        super().__init__()
        self.base = base
        self.headers["Authorization"] = f"Bearer {token}"

    def request(self, method: Any, path: Any, *args: Any, **options: Any) -> requests.Response:
        return super().request(method, self.base + path, *args, timeout=60, **options)


@pytest.fixture
def panal(tmp_path: Path) -> Iterator[Panal]:
    with Panal(tmp_path, PANAL_LEGACY_ACCESS=DOOR) as running:
        running.user(EMAIL)
        running.mint("door-1", 1, "--account", "Casa", "--id", DOOR)
        yield running


def until(ask: Any, wanted: Any) -> Any:
    """Ask the server until it answers what is wanted: it says when by its own clock, not by ours."""
    for _ in range(1200):
        found = ask()
        if wanted(found):
            return found
        threading.Event().wait(0.05)
    raise AssertionError(found)


def test_it_is_online_its_words_are_events_and_it_opens_from_the_panel(panal: Panal) -> None:
    token = json.loads(panal.run("token", "create", EMAIL, "--json"))["token"]
    with Api(panal.url + "/api/v1/manage", token) as api:
        controller = Controller(panal.ports["mqtt"])
        until(lambda: api.get(f"/doors/{DOOR}").json(), lambda door: door["presence"] == "online")
        controller.tell("close", "rfid", True, "2026-11-20T08:15:00")
        controller.tell("open", "door", False)
        controller.tell("close", "password", False)

        events = until(lambda: api.get(f"/doors/{DOOR}/events").json()["items"], lambda items: len(items) == 3)
        assert [(e["kind"], e["method"], e["granted"], e["door"]) for e in reversed(events)] == [
            ("door.attempt", "rfid", True, "close"),
            ("door.moved", "door", None, "open"),
            ("door.attempt", "password", False, "close"),
        ]
        assert events[2]["at"].startswith("2026-11-20T08:15:00")
        assert events[0]["is_estimated"]
        assert api.get(f"/doors/{DOOR}").json()["door"] == "close"

        asked = api.post(f"/doors/{DOOR}/unlock", json={"reason": "El cartero"}).json()
        done = until(lambda: api.get(f"/commands/{asked['id']}").json(), lambda command: command["status"] == "done")
        assert done["result"] == {"door": "close"}
        assert controller.heard == [{"action": "open"}]

        controller.close()
        until(lambda: api.get(f"/doors/{DOOR}").json(), lambda door: door["presence"] == "offline")
        refused = api.post(f"/doors/{DOOR}/unlock", json={"reason": "El cartero"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "door_offline")
