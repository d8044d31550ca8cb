"""Two servers on one PostgreSQL and one NATS that is somebody else's: they are one, also while one of them dies."""

import asyncio
import os
import secrets
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
import requests

from panal.gateway.broker import binary, new_access
from tests.end_to_end.boards import VirtualBoard
from tests.faults.senders import HttpSender, MqttSender
from tests.running import PATIENCE_S, TEST_POSTGRES, UNLIMITED, Panal, drop_postgres, free_port, new_postgres, until

pytestmark = pytest.mark.skipif(not os.environ.get(TEST_POSTGRES), reason="several servers need PostgreSQL")

CONF = Path(__file__).parents[2] / "deploy" / "nats" / "cluster.conf"
MEMBERS = ("one", "two", "three")
DEVICES = 10
EVENTS_EACH = 40
KILLS = 6


class Ports(NamedTuple):
    nats: int
    mqtt: int
    route: int


class Cluster:
    """Three NATS servers with the file that we give to operators, only its ports and its folder are others."""

    def __init__(self, folder: Path) -> None:
        access = new_access()
        self.folder = folder
        self.ports = [Ports(free_port(), free_port(), free_port()) for _ in MEMBERS]
        routes = ",".join(f"nats://route:route-word@127.0.0.1:{ports.route}" for ports in self.ports)
        self.words = {
            "NATS_ISSUER": access.issuer,
            "NATS_PASSWORD": "p" + access.password,
            "NATS_SYS_PASSWORD": "p" + access.sys_password,
            "NATS_ROUTE_PASSWORD": "route-word",
            "NATS_ROUTES": f"[{routes}]",
        }
        self.environment = {
            "PANAL_NATS_URL": ",".join(f"nats://127.0.0.1:{ports.nats}" for ports in self.ports),
            "PANAL_NATS_PASSWORD": self.words["NATS_PASSWORD"],
            "PANAL_NATS_SYS_PASSWORD": self.words["NATS_SYS_PASSWORD"],
            "PANAL_NATS_ISSUER_SEED": access.issuer_seed.decode(),
        }
        self.processes = [self._start(number) for number in range(len(MEMBERS))]

    def _start(self, number: int) -> "subprocess.Popen[bytes]":
        ports, folder = self.ports[number], self.folder / MEMBERS[number]
        folder.mkdir(parents=True, exist_ok=True)
        text = CONF.read_text().replace("/var/lib/nats", str(folder))
        for usual, port in (("4222", ports.nats), ("1883", ports.mqtt), ("6222", ports.route)):
            assert f'"0.0.0.0:{usual}"' in text
            text = text.replace(f"0.0.0.0:{usual}", f"127.0.0.1:{port}")
        (folder / "nats.conf").write_text(text)
        environment = {**os.environ, **self.words, "NATS_NAME": MEMBERS[number]}
        with (folder / "nats.log").open("ab") as log:
            return subprocess.Popen([binary(), "-c", folder / "nats.conf"], env=environment, stderr=log)

    def kill(self, number: int) -> None:
        """kill -9, and it comes back."""
        self.processes[number].kill()
        self.processes[number].wait()
        self.processes[number] = self._start(number)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    found = Cluster(tmp_path / "nats")
    yield found
    found.stop()


@pytest.fixture
def replicas(cluster: Cluster, tmp_path: Path) -> Iterator[list[Panal]]:
    """As docs/operator.md says: they share the database, the broker and the keys, and nothing else."""
    database = new_postgres(is_copy=True)
    with ExitStack() as stack:
        stack.callback(drop_postgres, database)
        shared = {
            **UNLIMITED,
            **cluster.environment,
            "DATABASE_URL": database,
            "PANAL_SECRET_KEY": secrets.token_hex(32),
            "PANAL_VAULT_KEY": secrets.token_hex(32),
        }
        found = [stack.enter_context(Panal(tmp_path / name, **shared)) for name in ("a", "b")]
        for panal, ports in zip(found, cluster.ports, strict=False):
            panal.ports["mqtt"] = ports.mqtt
        yield found


def rows(panal: Panal, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(panal.environment["DATABASE_URL"]) as postgres:
        return postgres.execute(query.encode()).fetchall()


@pytest.mark.timeout(600)
async def test_every_acknowledged_event_is_stored_once_though_one_after_the_other_is_killed(
    replicas: list[Panal], cluster: Cluster
) -> None:
    ways = [(HttpSender, panal.ports["http"]) for panal in replicas]
    ways += [(MqttSender, ports.mqtt) for ports in cluster.ports]
    devices = replicas[0].mint(count=DEVICES)
    senders = [ways[n % len(ways)][0](device, ways[n % len(ways)][1], EVENTS_EACH) for n, device in enumerate(devices)]
    victims = [*(partial(_kill, panal) for panal in replicas), partial(cluster.kill, 0)]
    async with asyncio.TaskGroup() as group:
        for sender in senders:
            group.create_task(sender.run())
        for number in range(KILLS):
            goal = DEVICES * EVENTS_EACH * (number + 0.5) / (KILLS + 1)
            while sum(len(sender.acknowledged) for sender in senders) < goal:  # noqa: ASYNC110  they know no tests
                await asyncio.sleep(0.01)
            await asyncio.to_thread(victims[number % len(victims)])
    acknowledged = Counter(uid for sender in senders for uid in sender.acknowledged)
    stored = Counter(str(uuid.UUID(str(uid))) for (uid,) in rows(replicas[0], "SELECT uid FROM care_event"))
    assert stored == acknowledged
    assert len(acknowledged) == DEVICES * EVENTS_EACH


def _kill(panal: Panal) -> None:
    mqtt = panal.ports["mqtt"]
    panal.kill()
    panal.start()
    panal.ports["mqtt"] = mqtt


def test_a_board_is_everybodys_whichever_server_somebody_asks(replicas: list[Panal], tmp_path: Path) -> None:
    first, second = replicas
    first.user("alice@panal.example")
    token = first.run("token", "create", "alice@panal.example").strip()
    [device] = first.mint("wearable-1", 1, "--account", "Casa")
    manage = f"/api/v1/manage/devices/{device['device_id']}"
    headers = {"Authorization": f"Bearer {token}"}
    with VirtualBoard(first, device, tmp_path / "flash", "--vm", "cpython") as board:
        board.wait_for(link="up")
        for panal in replicas:
            until(lambda panal=panal: requests.get(panal.url + manage, headers=headers, timeout=30).json()["is_online"])
        asked = requests.post(
            second.url + manage + "/commands", json={"name": "identify", "args": {}}, headers=headers, timeout=30
        )
        assert asked.status_code == 201, asked.text
        path = f"/api/v1/manage/commands/{asked.json()['id']}"
        until(lambda: requests.get(first.url + path, headers=headers, timeout=30).json()["status"] == "done")
        with ExitStack() as listening:
            pages = [listening.enter_context(_live(panal, headers)) for panal in replicas]
            board.press()
            for page in pages:
                assert _hears(page, b"event: care")
        second.kill()
        board.press()
        until(lambda: rows(first, "SELECT kind FROM care_event") == 2 * [("EMERGENCY_BUTTON",)])
        second.start()
        until(lambda: requests.get(second.url + manage, headers=headers, timeout=30).json()["is_online"])


def _live(panal: Panal, headers: dict[str, str]) -> requests.Response:
    since = {"since": str(time.time_ns() // 1_000_000)}
    return requests.get(panal.url + "/live", since, headers=headers, stream=True, timeout=PATIENCE_S)


def _hears(page: requests.Response, wanted: bytes) -> bool:
    """Whether this line comes; a stream without news says something every 15 s."""
    end = time.monotonic() + PATIENCE_S
    return any(line == wanted for line in takewhile(lambda _: time.monotonic() < end, page.iter_lines(1)))
