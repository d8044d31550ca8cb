"""A real `panal serve` on free ports and a folder of its own, ended by whoever started it: for tests and benchmarks."""

import atexit
import fcntl
import json
import os
import random
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

READY = re.compile(r"ready at (?P<url>\S+) \(MQTT (?P<mqtt>\d+), streams (?P<stream>\d+)\)")
START_S = 180
PATIENCE_S = 60.0
"""How long a test waits for what must come: a busy machine is no fault. What must be quick is measured elsewhere."""
UNLIMITED = {"PANAL_RATE_DEVICE_PER_MIN": "10000000", "PANAL_RATE_ADDRESS_PER_MIN": "100000000"}
"""Settings for one machine that is many boards."""
PORTS = 2000
"""For each process of a run of tests."""
SQLITE = "panal.sqlite3"
TEST_POSTGRES = "TEST_POSTGRES_URL"  # set by panal/control/testing.py, and by nobody who has a database to lose
TEST_SHARED = "TEST_SHARED_FOLDER"  # of all processes of a run of tests; set there too


class Panal:
    """`with Panal(folder) as panal:` starts it; `kill()` is kill -9; `start()` takes up the same folder and ports.

    Its database is a SQLite in the folder or, when the tests run on PostgreSQL, one of its own on their server. That of
    `serve` is a copy of one that has been migrated once for all; `demo` migrates its own, as a user's first start does.
    """

    def __init__(self, folder: Path, command: str = "serve", **environment: str) -> None:
        self.folder = Path(folder)
        self.command = command
        self.is_copy = command == "serve" and "DATABASE_URL" not in environment
        self.postgres = "" if "DATABASE_URL" in environment else new_postgres(self.is_copy)
        if self.postgres:
            environment["DATABASE_URL"] = self.postgres
        self.environment = {
            **clean_environment(),
            "PANAL_DATA": str(self.folder),
            "PANAL_HOST": "127.0.0.1",
            **environment,
        }
        self.ports = {name: free_port() for name in ("http", "stream", "mqtt")}
        self.url = ""
        self.process: subprocess.Popen[str] | None = None
        self.log = self.folder / "server.log"

    def __enter__(self) -> "Panal":
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.is_copy and not self.postgres:
            shutil.copyfile(migrated(""), self.folder / SQLITE)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self.postgres:
            drop_postgres(self.postgres)

    def start(self) -> None:
        options = [f"--{name}-port={port}" for name, port in self.ports.items()]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "panal", self.command, *options],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        found = self._wait_until_ready()
        self.url = found["url"].replace("localhost", "127.0.0.1")
        self.ports = {
            "http": int(self.url.rsplit(":", 1)[1]),
            "stream": int(found["stream"]),
            "mqtt": int(found["mqtt"]),
        }

    def _wait_until_ready(self) -> dict[str, str]:
        assert self.process and self.process.stdout
        patience = threading.Timer(START_S, self.process.kill)
        patience.start()
        try:
            for line in self.process.stdout:
                if found := READY.search(line):
                    return found.groupdict()
        finally:
            patience.cancel()
        self.stop()
        raise RuntimeError(f"panal {self.command} did not start:\n{self.log.read_text()[-4000:]}")

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._forget()

    def kill(self) -> None:
        """kill -9, as a power cut would."""
        assert self.process
        self.process.kill()
        self.process.wait()
        self._forget()

    def _forget(self) -> None:
        if self.process and self.process.stdout:
            self.process.stdout.close()
        self.process = None

    def run(self, *arguments: str) -> str:
        """A `panal` command on this folder; its output."""
        done = subprocess.run(
            [sys.executable, "-m", "panal", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def mint(self, model: str = "wearable-1", count: int = 1, *more: str) -> list[dict[str, Any]]:
        return json.loads(self.run("device", "mint", "--model", model, "--count", str(count), "--json", *more))

    def count(self, table: str, device_id: str) -> int:
        """Rows of a device in a table of this server."""
        return int(self.rows(f"SELECT count(*) FROM {table} WHERE device_id = %s", device_id)[0][0])

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What a query with %s for its parameters finds in this server's database."""
        if self.postgres:
            with psycopg.connect(self.postgres) as postgres:
                return postgres.execute(query.encode(), parameters or None).fetchall()
        with closing(sqlite3.connect(self.folder / SQLITE)) as sqlite:
            return sqlite.execute(query.replace("%s", "?"), parameters).fetchall()

    def user(self, email: str, role: str = "owner", account: str = "Casa", password: str = "una clave larga 1") -> None:
        self.run("user", "create", email, "--password", password, "--role", role, "--account", account)


def until(
    condition: Callable[[], Any], within_s: float = PATIENCE_S, why: Callable[[], str] = lambda: "it did not come"
) -> Any:
    """Wait for what another process does and nothing of ours is told of; what `condition` then says.

    `why`: what helps to understand that it did not come.
    """
    pulse, begun = threading.Event(), time.monotonic()
    while not (found := condition()):
        assert time.monotonic() - begun < within_s, why()
        pulse.wait(0.05)
    return found


def free_port() -> int:
    """A port that nobody listens on, below those that Linux gives to clients: a server that is killed gets it again.

    No process of a run of tests gives one that another gives, and none gives one twice in a short time: whoever asked
    may open it only seconds later.
    """
    while True:
        port = next(_ports())
        with socket.socket() as trial, suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port


@cache
def _ports() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = range(10_000 + PORTS * (worker % 11), 10_000 + PORTS * (worker % 11 + 1))
    begin = random.randrange(PORTS)
    return cycle([*own[begin:], *own[:begin]])


def new_postgres(is_copy: bool = False) -> str:
    """A new database on the server that panal/control/testing.py started; "" when the tests run on SQLite."""
    server = os.environ.get(TEST_POSTGRES, "")
    if not server:
        return ""
    name = "panal_" + secrets.token_hex(6)
    template = f" TEMPLATE {migrated(server)}" if is_copy else ""
    with psycopg.connect(server, autocommit=True) as postgres:
        postgres.execute(f"CREATE DATABASE {name}{template}".encode())
    return urlsplit(server)._replace(path="/" + name).geturl()


@cache
def migrated(server: str) -> str:
    """A database in which nothing is but what migrations make: a SQLite's path, or a name on a PostgreSQL server.

    All processes of a run of tests have the same one: who wants it first makes it, and the others wait.
    """
    folder = Path(os.environ.get(TEST_SHARED) or _own_folder())
    known = folder / "migrated.txt"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not known.exists():
            known.write_text(_migrate(server, folder))
    return known.read_text()


def _own_folder() -> str:
    folder = tempfile.mkdtemp(prefix="panal-migrated-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _migrate(server: str, folder: Path) -> str:
    url = new_postgres() if server else ""
    subprocess.run(
        [sys.executable, "-c", "from panal.cli.start import django_with; django_with()"],
        env={**clean_environment(), "PANAL_DATA": str(folder), **({"DATABASE_URL": url} if url else {})},
        check=True,
    )
    return urlsplit(url).path[1:] if url else str(folder / SQLITE)


def drop_postgres(url: str) -> None:
    with psycopg.connect(os.environ[TEST_POSTGRES], autocommit=True) as postgres:
        postgres.execute(f"DROP DATABASE {urlsplit(url).path[1:]} WITH (FORCE)".encode())


def clean_environment() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if not name.startswith("PANAL_") and name != "DATABASE_URL"
    }
