"""MQTT, MQTT over WebSocket and streams under TLS, with a board that pins the private authority."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from picows import WSListener, ws_connect

from panal import certificates
from panal.gateway.gateway import Gateway

from .conftest import settings_for, until
from .memory import MemoryStore


@pytest.fixture
def files(tmp_path: Path) -> certificates.Files:
    certificates.ensure(tmp_path / "tls", ["localhost", "127.0.0.1"], datetime.now(UTC))
    return certificates.files_in(tmp_path / "tls")


@pytest.fixture
async def secure(files: certificates.Files, tmp_path: Path, store: MemoryStore) -> AsyncIterator[Gateway]:
    settings = settings_for(tmp_path, PANAL_TLS_CERT=str(files.certificate), PANAL_TLS_KEY=str(files.key))
    gateway = Gateway(settings, store)
    await gateway.start()
    yield gateway
    await gateway.stop()


async def connected(port: int, token: str, authority: Path) -> bool:
    """Whether a board that trusts this authority and has this token gets in."""
    answers: list[bool] = []
    board = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="A")
    board.username_pw_set("A", token)
    board.tls_set(str(authority))
    board.on_connect = lambda c, u, flags, reason, p: answers.append(not reason.is_failure)
    await asyncio.to_thread(board.connect, "127.0.0.1", port)
    board.loop_start()
    await until(lambda: answers)
    board.disconnect()
    board.loop_stop()
    return answers[0]


async def test_mqtt_under_tls(secure: Gateway, store: MemoryStore, files: certificates.Files) -> None:
    token = store.add("A")
    assert await connected(secure.ports.mqtt, token, files.authority)
    assert not await connected(secure.ports.mqtt, "guess", files.authority)


async def test_a_board_that_pins_another_authority_does_not_talk_to_us(secure: Gateway, tmp_path: Path) -> None:
    certificates.ensure(tmp_path / "other", ["localhost"], datetime.now(UTC))
    context = ssl.create_default_context(cafile=str(certificates.files_in(tmp_path / "other").authority))
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection("127.0.0.1", secure.ports.mqtt, ssl=context)


async def test_streams_under_tls(secure: Gateway, files: certificates.Files) -> None:
    context = ssl.create_default_context(cafile=str(files.authority))
    secure.streams.serve("/here", lambda request: WSListener())
    transport, _ = await ws_connect(WSListener, f"wss://127.0.0.1:{secure.ports.stream}/here", ssl_context=context)
    assert transport.is_secure
    transport.disconnect()
    await transport.wait_disconnected()
