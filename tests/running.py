"""A real `panal serve` on free ports and a folder of its own, ended by whoever started it: for tests and benchmarks."""

import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

READY = re.compile(r"ready at (?P<url>\S+) \(MQTT (?P<mqtt>\d+), streams (?P<stream>\d+)\)")
START_S = 40


class Panal:
    """`with Panal(folder) as panal:` starts it; `kill()` is kill -9; `start()` takes up the same folder and ports."""

    def __init__(self, folder: Path, command: str = "serve", **environment: str) -> None:
        self.folder = Path(folder)
        self.command = command
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
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

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
            self.process.wait(20)
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
        """Rows of a device in a table of this server's SQLite."""
        with closing(sqlite3.connect(self.folder / "panal.sqlite3")) as database:
            rows = database.execute(f"SELECT count(*) FROM {table} WHERE device_id = ?", (device_id,))
            return int(rows.fetchone()[0])

    def user(self, email: str, role: str = "owner", account: str = "Casa", password: str = "una clave larga 1") -> None:
        self.run("user", "create", email, "--password", password, "--role", role, "--account", account)


def free_port() -> int:
    """A port that nobody listens on, below those that Linux gives to clients: a server that is killed gets it again."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as trial, suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port


def clean_environment() -> dict[str, str]:
    return {
        name: value for name, value in os.environ.items() if not name.startswith("PANAL_") and name != "DATABASE_URL"
    }
