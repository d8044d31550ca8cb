"""The broker's process: started, found again, restarted, never left behind; and one that is not ours."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from panal.gateway.broker import (
    Broker,
    BrokerFailed,
    Listen,
    binary,
    configuration,
    new_access,
)
from panal.gateway.gateway import Gateway
from panal.settings import Settings

from .conftest import Board, settings_for, until
from .memory import MemoryStore

ANY = Listen("127.0.0.1", -1)


async def test_it_starts_on_free_ports_and_keeps_its_secrets(tmp_path: Path) -> None:
    broker = Broker(tmp_path, ANY)
    access = await broker.start()
    try:
        assert broker.listen.mqtt_port > 0
        assert access.url == f"nats://127.0.0.1:{broker.listen.nats_port}"
        assert (tmp_path / "nats.conf").stat().st_mode & 0o077 == 0
        assert broker.alive
    finally:
        await broker.stop()
    assert not broker.alive


async def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path: Path) -> None:
    first = Broker(tmp_path / "a", ANY)
    await first.start()
    try:
        with pytest.raises(BrokerFailed, match="address already in use"):
            await Broker(tmp_path / "b", first.listen._replace(nats_port=-1)).start()
    finally:
        await first.stop()


async def test_a_port_that_is_taken_while_it_was_away_is_tried_again(tmp_path: Path) -> None:
    broker = Broker(tmp_path, ANY)
    await broker.start()
    try:
        first = broker.process
        assert first
        first.kill()
        first.wait()
        with socket.create_server(("127.0.0.1", broker.listen.mqtt_port)):
            await until(lambda: broker.process is not first and not broker.alive)
        await until(lambda: broker.alive)
    finally:
        await broker.stop()


async def test_mqtt_over_websocket_is_open_when_it_is_wanted(tmp_path: Path) -> None:
    broker = Broker(tmp_path, ANY._replace(websocket_port=-1))
    await broker.start()
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", broker.listen.websocket_port)
        writer.close()
    finally:
        await broker.stop()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


SERVER = """
import asyncio, sys
from pathlib import Path
from panal.gateway.broker import Broker, Listen

async def main():
    broker = Broker(Path(sys.argv[1]), Listen("127.0.0.1", -1))
    await broker.start()
    print(broker.process.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_it_dies_with_a_server_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(SERVER), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: ASYNC220  nothing else runs here
        assert server.stdout
        pid = int(server.stdout.readline())
        assert alive(pid)
        server.kill()
    await until(lambda: not alive(pid))


async def test_a_broker_of_an_earlier_run_does_not_block_the_start(tmp_path: Path) -> None:
    first = Broker(tmp_path, ANY)
    await first.start()
    assert first.process and first._watcher
    first._watcher.cancel()  # an earlier run that is no more, but its broker is
    again = Broker(tmp_path, first.listen)
    await again.start()
    try:
        assert first.process.wait(60) is not None
        assert again.listen.mqtt_port == first.listen.mqtt_port
    finally:
        await again.stop()


async def test_another_process_with_that_pid_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "nats.pid").write_text(str(os.getpid()))
    broker = Broker(tmp_path, ANY)
    await broker.start()
    await broker.stop()


@pytest.fixture
def external(tmp_path: Path) -> Any:
    """A nats-server of somebody else, configured as our documentation says."""
    access = new_access()
    folder = tmp_path / "external"
    folder.mkdir()
    (folder / "nats.conf").write_text(configuration(access, ANY, folder))
    process = subprocess.Popen([binary(), "-c", str(folder / "nats.conf")])
    yield access, folder
    process.send_signal(signal.SIGTERM)
    process.wait(60)


def ports_of(folder: Path) -> dict[str, int]:
    found = {}
    for line in (folder / "nats.log").read_text().splitlines():
        if "Listening for" in line:
            found["mqtt" if "MQTT" in line else "nats"] = int(line.rsplit(":", 1)[1])
    return found


def external_settings(external: Any, tmp_path: Path) -> tuple[dict[str, int], Settings]:
    """(its ports, the settings of a server that uses it)"""
    access, folder = external
    ports = ports_of(folder)
    return ports, settings_for(
        tmp_path,
        PANAL_NATS_URL=f"nats://127.0.0.1:{ports['nats']}",
        PANAL_NATS_USER=access.user,
        PANAL_NATS_PASSWORD=access.password,
        PANAL_NATS_SYS_USER=access.sys_user,
        PANAL_NATS_SYS_PASSWORD=access.sys_password,
        PANAL_NATS_ISSUER_SEED=access.issuer_seed.decode(),
    )


async def is_ready(external: Any) -> None:
    log = external[1] / "nats.log"
    await until(lambda: log.exists() and "Server is ready" in log.read_text())


async def test_an_external_broker_does_the_same(external: Any, tmp_path: Path) -> None:
    await is_ready(external)
    (ports, settings), store = external_settings(external, tmp_path), MemoryStore()
    replicas = [Gateway(settings, store), Gateway(settings, store)]
    for replica in replicas:
        await replica.start()
    token = store.add("A")
    board = await asyncio.to_thread(Board, "A", token, ports["mqtt"])
    try:
        await until(lambda: board.subscribed and all(replica.is_connected("A") for replica in replicas))
        uid = "3f1c2c52-9d6d-4a39-8f6e-0f9d6f1f2a3b"
        board.say("event", {"uid": uid, "kind": "FALL", "at_ms": None, "data": {}})
        await until(lambda: board.of("accepted"))
        assert board.of("accepted") == [{"uid": uid}]
        taken = sum(replica.mqtt_counts["event", "ok"] for replica in replicas)
        assert taken == 1
    finally:
        board.close()
        for replica in replicas:
            await replica.stop()


async def test_a_revoked_board_does_not_outlast_its_permit_though_nobody_can_throw_it_out(
    external: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when our link to somebody else's broker is down: no kick reaches it, and the broker asks again by itself."""
    monkeypatch.setattr("panal.gateway.gateway.PERMIT_S", 2)
    monkeypatch.setattr("panal.gateway.identity.KEEP_S", 0.1)
    await is_ready(external)
    (ports, settings), store = external_settings(external, tmp_path), MemoryStore()
    gateway = Gateway(settings, store)
    await gateway.start()
    old = store.add("A")
    boards = [await asyncio.to_thread(Board, "A", old, ports["mqtt"])]
    try:
        await until(lambda: gateway.is_connected("A"))
        boards[0].client.reconnect_delay_set(60, 60)
        store.add("A", token="f" * 64)
        await until(boards[0].gone.is_set)
        boards += [await asyncio.to_thread(Board, "A", token, ports["mqtt"]) for token in (old, "f" * 64)]
        await until(lambda: [board.connected for board in boards[1:]] == [False, True])
    finally:
        for board in boards:
            board.close()
        await gateway.stop()


async def test_an_external_broker_that_is_away_does_not_keep_http_from_working(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("panal.gateway.gateway.CONNECT_S", 0.2)
    seed = new_access().issuer_seed.decode()
    settings = settings_for(tmp_path, PANAL_NATS_URL="nats://127.0.0.1:1", PANAL_NATS_ISSUER_SEED=seed)
    gateway = Gateway(settings, MemoryStore())
    await gateway.start()
    assert await gateway.health() == {"broker": False, "ledger": True, "database": True, "disk": True}
    await gateway.stop()


async def test_an_external_broker_needs_an_issuer(tmp_path: Path) -> None:
    gateway = Gateway(settings_for(tmp_path, PANAL_NATS_URL="nats://127.0.0.1:1"), MemoryStore())
    with pytest.raises(BrokerFailed, match="PANAL_NATS_ISSUER_SEED"):
        await gateway.start()
