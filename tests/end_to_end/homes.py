"""A Home Assistant for tests, as far as its documents say what its MQTT does: devices found, JSON lights, locks."""

import json
import re
import threading
from typing import Any

import paho.mqtt.client as paho

from tests.running import PATIENCE_S

CONFIG = re.compile(r"(?P<component>\w+)/(?:[a-zA-Z0-9_-]+/)?(?P<object>[a-zA-Z0-9_-]+)/config")
SHORT = {
    "dev": "device", "o": "origin", "cmps": "components", "ids": "identifiers", "mf": "manufacturer", "mdl": "model",
    "sw": "sw_version", "sn": "serial_number", "sa": "suggested_area", "p": "platform",
}  # fmt: skip
PLATFORMS = {
    "light": {"command_topic", "state_topic"},
    "lock": {"command_topic", "state_topic"},
    "binary_sensor": {"state_topic"},
    "sensor": {"state_topic"},
    "camera": {"topic"},
}


class Home:
    """`entities`: by unique_id, its configuration with `state` and `available` as they are now."""

    def __init__(self, port: int, user: str, password: str, prefix: str = "homeassistant") -> None:
        self.prefix = prefix
        self.entities: dict[str, dict[str, Any]] = {}
        self.devices: dict[str, dict[str, Any]] = {}
        self.refused: bool | None = None
        self.heard: list[str] = []
        self._of_config: dict[str, list[str]] = {}
        self._news = threading.Condition()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.username_pw_set(user, password)
        self.client.on_connect = self._on_connect
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port, keepalive=60)
        self.client.loop_start()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def __enter__(self) -> "Home":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _on_connect(self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._news:
            self.refused = bool(reason.is_failure)
            self._news.notify_all()
        if not self.refused:
            client.subscribe([(f"{self.prefix}/+/+/config", 0), (f"{self.prefix}/+/+/+/config", 0)])
            client.publish(f"{self.prefix}/status", "online")

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        with self._news:
            self.heard.append(message.topic)
            found = CONFIG.fullmatch(message.topic.removeprefix(self.prefix + "/"))
            if found:
                self._discover(message.topic, found["component"], message.payload)
            elif message.payload:
                self._follow(message.topic, message.payload)
            self._news.notify_all()

    def _discover(self, topic: str, component: str, payload: bytes) -> None:
        before = {unique_id: self.entities.pop(unique_id) for unique_id in self._of_config.pop(topic, [])}
        self.devices.pop(topic, None)
        if not payload:
            return
        assert component == "device", "we speak discovery by device"
        document = long(json.loads(payload))
        check(document)
        self.devices[topic] = document["device"]
        for part in document["components"].values():
            known = before.get(part["unique_id"], {})
            now = {name: known.get(name) for name in ("state", "available")}
            self.entities[part["unique_id"]] = {**now, **part}
            self._of_config.setdefault(topic, []).append(part["unique_id"])
            for name in ("state_topic", "availability_topic", "topic"):
                if name in part:
                    self.client.subscribe(part[name])

    def _follow(self, topic: str, payload: bytes) -> None:
        for entity in self.entities.values():
            if entity.get("availability_topic") == topic:
                entity["available"] = payload == b"online"
            if entity.get("state_topic") == topic:
                entity["state"] = json.loads(payload) if entity.get("schema") == "json" else payload.decode()

    def wait(self, condition: Any, within_s: float = PATIENCE_S) -> Any:
        with self._news:
            found = self._news.wait_for(condition, within_s)
        assert found, f"it did not come; there is {self.entities}"
        return found

    def turn(self, unique_id: str, **command: Any) -> None:
        self.client.publish(self.entities[unique_id]["command_topic"], json.dumps(command))


def long(document: Any) -> Any:
    """With the names in full, as Home Assistant replaces them."""
    full = {SHORT.get(name, name): value for name, value in document.items()}
    for name in ("device", "origin"):
        full[name] = {SHORT.get(key, key): value for key, value in full[name].items()}
    full["components"] = {
        key: {SHORT.get(name, name): value for name, value in part.items()} for key, part in full["components"].items()
    }
    return full


def check(document: dict[str, Any]) -> None:
    """What Home Assistant's documents require of a device's discovery."""
    assert document["device"].get("identifiers") or document["device"].get("connections"), "a device is told by these"
    assert document["origin"]["name"]
    assert document["components"]
    seen = set()
    for part in document["components"].values():
        assert PLATFORMS[part["platform"]] <= part.keys(), part
        assert part["unique_id"] not in seen
        seen.add(part["unique_id"])
        for name, value in part.items():
            if name.endswith("topic"):
                assert value and "#" not in value and "+" not in value, value
        assert part.get("entity_category") in (None, "diagnostic", "config")
        if part["platform"] == "light":
            assert part["schema"] == "json" and part["supported_color_modes"] in (["onoff"], ["brightness"])
            assert part.get("brightness", False) == (part["supported_color_modes"] == ["brightness"])
