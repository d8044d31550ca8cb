"""Devices that insist: each sends its events one after another and sends again until the server's word has come."""

import asyncio
import json
import threading
import uuid
from typing import Any

import paho.mqtt.client as mqtt

RETRY_S = 0.5
ANSWER_S = 5


class HttpSender:
    """Sends over HTTP; `acknowledged` holds each uid once a 2xx came for it."""

    def __init__(self, device: dict[str, Any], port: int, events: int) -> None:
        self.device, self.port = device, port
        self.waiting = [str(uuid.uuid4()) for _ in range(events)]
        self.acknowledged: list[str] = []
        self.attempts = 0

    async def run(self) -> None:
        while self.waiting:
            if await self._send(self.waiting[0]):
                self.acknowledged.append(self.waiting.pop(0))
            else:
                await asyncio.sleep(RETRY_S)

    async def _send(self, uid: str) -> bool:
        self.attempts += 1
        try:
            return await asyncio.wait_for(self._exchange(uid), ANSWER_S)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            return False

    async def _exchange(self, uid: str) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(self._request(uid))
            status = int((await reader.readuntil(b"\r\n"))[9:12])
            assert status in (200, 201, 503), status
            return status != 503
        finally:
            writer.close()

    def _request(self, uid: str) -> bytes:
        body = json.dumps(
            {"deviceId": self.device["device_id"], "eventUid": uid, "eventType": "EMERGENCY_BUTTON", "occurredAt": None}
        ).encode()
        return (
            f"POST /api/events/ingest HTTP/1.1\r\nHost: panal\r\nX-Device-Key: {self.device['token']}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        ).encode() + body


class MqttSender:
    """Sends over MQTT; `acknowledged` holds each uid once `accepted` came for it."""

    def __init__(self, device: dict[str, Any], port: int, events: int) -> None:
        self.device, self.port = device, port
        self.waiting = [str(uuid.uuid4()) for _ in range(events)]
        self.acknowledged: list[str] = []
        self.attempts = 0
        self._accepted = threading.Event()
        self._stopped = False
        self._client = self._new_client()

    def _new_client(self) -> mqtt.Client:
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=self.device["device_id"])
        client.username_pw_set(self.device["device_id"], self.device["token"])
        client.reconnect_delay_set(1, 1)
        client.on_connect = lambda c, *_: c.subscribe(f"panal/{self.device['device_id']}/down/#", 1)
        client.on_message = self._on_message
        return client

    def _on_message(self, client: mqtt.Client, data: object, message: mqtt.MQTTMessage) -> None:
        if not message.topic.endswith("/down/accepted"):
            return
        uid = json.loads(message.payload)["uid"]
        if self.waiting and uid == self.waiting[0]:
            self.acknowledged.append(self.waiting.pop(0))
            self._accepted.set()

    async def run(self) -> None:
        try:
            await asyncio.to_thread(self._run)
        finally:
            self._stopped = True  # a thread cannot be cancelled, and the end of the loop waits for it

    def _run(self) -> None:
        self._client.connect_async("127.0.0.1", self.port, keepalive=20)
        self._client.loop_start()
        while self.waiting and not self._stopped:
            self._accepted.clear()
            self._send(self.waiting[0])
            self._accepted.wait(RETRY_S * 2)
        self._client.disconnect()
        self._client.loop_stop()

    def _send(self, uid: str) -> None:
        if self._client.is_connected():
            self.attempts += 1
            body = json.dumps({"uid": uid, "kind": "EMERGENCY_BUTTON", "at_ms": None, "data": {}})
            self._client.publish(f"panal/{self.device['device_id']}/up/event", body, qos=1)
