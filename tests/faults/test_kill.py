"""kill -9 of the server and of its broker in the middle of traffic: nothing acknowledged is lost or stored twice."""

import asyncio
import os
import random
import signal
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.faults.senders import HttpSender, MqttSender
from tests.running import UNLIMITED, Panal

DEVICES = 50
EVENTS_EACH = 100
KILLS = 10


@pytest.mark.timeout(600)
async def test_every_acknowledged_event_is_stored_once_though_server_and_broker_are_killed(tmp_path: Path) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(DEVICES + 4))  # or kills wait for MQTT senders
    with Panal(tmp_path / "data", **UNLIMITED) as panal:
        senders = _senders(panal)
        async with asyncio.TaskGroup() as group:
            for sender in senders:
                group.create_task(sender.run())
            for number in range(KILLS):
                await _wait_for_progress(senders, number)
                early = [uid for sender in senders for uid in sender.acknowledged]
                await asyncio.to_thread(_kill_server if number % 2 == 0 else _kill_broker, panal)
                assert set(early) <= set(_stored(panal))
        stored = Counter(_stored(panal))
        acknowledged = [uid for sender in senders for uid in sender.acknowledged]
    assert len(acknowledged) == DEVICES * EVENTS_EACH
    assert stored == Counter(acknowledged)
    assert sum(sender.attempts for sender in senders) > DEVICES * EVENTS_EACH, "no kill met an event on its way"


def _senders(panal: Panal) -> list[HttpSender | MqttSender]:
    kinds = ((HttpSender, panal.ports["http"]), (MqttSender, panal.ports["mqtt"]))
    devices = panal.mint(count=DEVICES)
    return [kinds[i % 2][0](device, kinds[i % 2][1], EVENTS_EACH) for i, device in enumerate(devices)]


async def _wait_for_progress(senders: list[HttpSender | MqttSender], kills: int) -> None:
    """Until a tenth more of all events has been acknowledged: so every kill falls into the middle of traffic."""
    goal = DEVICES * EVENTS_EACH * (kills + 0.5) / (KILLS + 1)
    while sum(len(sender.acknowledged) for sender in senders) < goal:  # noqa: ASYNC110  the senders know no tests
        await asyncio.sleep(0.01)
    await asyncio.sleep(random.random() * 0.05)


def _kill_server(panal: Panal) -> None:
    panal.kill()
    panal.start()


def _kill_broker(panal: Panal) -> None:
    assert panal.process
    brokers = [c for c in psutil.Process(panal.process.pid).children(recursive=True) if "nats-server" in c.name()]
    assert len(brokers) == 1
    os.kill(brokers[0].pid, signal.SIGKILL)


def _stored(panal: Panal) -> list[str]:
    return [str(uuid.UUID(str(uid))) for (uid,) in panal.rows("SELECT uid FROM care_event")]
