"""5,000 virtual devices on MQTT at once: all online, none falsely offline, and what each costs in memory."""

import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.idle import memory_mb
from benchmarks.report import Figure
from tests.running import UNLIMITED, Panal

DEVICES = 5000
CONNECT_S = 180
WATCH_S = 90
"""Three heartbeats of 30 s, and three times what the broker waits for a silent device."""


def connected(seconds: float) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, Panal(Path(folder), PANAL_HEARTBEAT_S="30", **UNLIMITED) as panal:
        devices = Path(folder) / "devices.json"
        devices.write_text(json.dumps(panal.mint("wearable-1", DEVICES)))
        before = memory_mb(panal)
        fleet = _fleet(panal, devices)
        try:
            took = _wait_until_online(panal)
            lowest, after = _watch(panal), memory_mb(panal)
        finally:
            fleet.send_signal(signal.SIGINT)
            said = fleet.communicate(timeout=60)[0].strip().splitlines()
        return [
            Figure(
                "Virtual devices online at once", lowest, "", f"{DEVICES}", lowest == DEVICES, f"all after {took:.0f} s"
            ),
            Figure(
                "Memory per connected device", (after - before) * 1000 / DEVICES, "kB", "-", None, f"{after:.0f} MB"
            ),
            Figure("Fleet's own word", 0, "", "-", None, said[-1] if said else "silent"),
        ]


def _fleet(panal: Panal, devices: Path) -> subprocess.Popen[str]:
    options = ["--count", str(DEVICES), "--devices", str(devices), "--server", panal.url]
    mqtt = f"127.0.0.1:{panal.ports['mqtt']}"
    command = [sys.executable, "-m", "panal", "virtual", "fleet", *options, "--mqtt", mqtt]
    return subprocess.Popen(
        command, env=panal.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def _wait_until_online(panal: Panal) -> float:
    begin = time.monotonic()
    while _online(panal) < DEVICES and time.monotonic() < begin + CONNECT_S:
        time.sleep(1)
    return time.monotonic() - begin


def _watch(panal: Panal) -> int:
    """The lowest number of devices that were online at any second."""
    lowest = _online(panal)
    for _ in range(WATCH_S):
        time.sleep(1)
        lowest = min(lowest, _online(panal))
    return lowest


def _online(panal: Panal) -> int:
    with sqlite3.connect(panal.folder / "panal.sqlite3") as database:
        return int(database.execute("SELECT count(*) FROM devices_device WHERE is_online").fetchone()[0])
