"""From an event's POST until a mail server and a webhook of this machine have it, and until the alert of a forced door
has its row: idle, and while boards send more telemetry than can be stored."""

import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil

from benchmarks.report import Figure, under
from tests.running import UNLIMITED, Panal, until
from tests.sinks import MailServer, Webhook
from tests.visitor import Visitor

GOAL_S = 1.0
EVERY_S = 0.1
LEAST = 30
"""Notices of one round, however slow the machine is."""
FLOODERS = 2
ALICE, PASSWORD = "alice@panal.example", "una clave larga 1"


def handed_over(seconds: float) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, MailServer() as mail, Webhook() as hook:
        panal = Panal(Path(folder), PANAL_EMAIL_URL=mail.url, PANAL_ALERTS_PRIVATE="1", **UNLIMITED)
        panal.environment["PANAL_PUBLIC_URL"] = f"http://127.0.0.1:{panal.ports['http']}"
        with panal:
            panal.user(ALICE, password=PASSWORD)
            [device] = panal.mint("wearable-1", 1, "--account", "Casa")
            [door] = panal.mint("door-1", 1, "--account", "Casa")
            _tell_by_mail_and_webhook(panal, hook)
            _told(panal, device, mail, hook)  # what is read once is read
            calm = _round(panal, device, mail, hook, seconds)
            calm_door = _forced(panal, door, 0)
            with _flood(panal) as sent:
                begun, before = time.perf_counter(), _stored(panal)
                busy = _round(panal, device, mail, hook, seconds)
                took, stored = time.perf_counter() - begun, _stored(panal) - before
                busy_door = _forced(panal, door, LEAST)
    flood = f"telemetry: {sum(sent) / took:.0f}/s sent, {stored / took:.0f}/s stored"
    names, door_names = ("event to mail server", "event to webhook"), ("forced door to alert row",)
    return [
        *_figures(names, "at rest", calm, ""),
        *_figures(door_names, "at rest", calm_door, ""),
        *_figures(names, "under telemetry", busy, flood),
        *_figures(door_names, "under telemetry", busy_door, flood),
    ]


def _tell_by_mail_and_webhook(panal: Panal, hook: Webhook) -> None:
    alice = Visitor(panal, ALICE, PASSWORD)
    contact = alice.post("/contacts/new/", name="Ana").url.rstrip("/").rsplit("/", 1)[1]
    alice.post(f"/contacts/{contact}/webhook/", url=hook.url)
    steps = {"steps": "2", "s0-who": "r.owner", "s1-after_min": "0", "s1-who": f"c.{contact}"}
    alice.post("/alerts/policies/new/", scope="k.care.button", repeats="0", repeat_after_min="5", **steps)


def _round(panal: Panal, device: Any, mail: MailServer, hook: Webhook, seconds: float) -> list[tuple[float, float]]:
    pulse, found, end = threading.Event(), [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(found) < LEAST:
        found.append(_told(panal, device, mail, hook))
        pulse.wait(EVERY_S)
    return found


def _told(panal: Panal, device: Any, mail: MailServer, hook: Webhook) -> tuple[float, float]:
    """Seconds from before the POST until the mail server, and the webhook, had it."""
    mails, hooks, begun = len(mail.taken), len(hook.taken), time.perf_counter()
    _post(panal, device, "EMERGENCY_BUTTON")
    until(lambda: len(mail.taken) > mails and len(hook.taken) > hooks, 30)
    return mail.taken[mails].at - begun, hook.taken[hooks][0] - begun


def _post(panal: Panal, device: Any, kind: str, **more: Any) -> None:
    body = {"eventUid": str(uuid.uuid4()), "eventType": kind, "occurredAt": None, **more}
    headers = {"X-Device-Id": device["device_id"], "X-Device-Key": device["token"], "Content-Type": "application/json"}
    request = urllib.request.Request(panal.url + "/api/v1/events/ingest", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 201


def _forced(panal: Panal, door: Any, first: int) -> list[tuple[float]]:
    """Seconds from before the POST until its answer, which comes after the event and its alert have been committed."""
    pulse, found = threading.Event(), []
    for seq in range(first + 1, first + LEAST + 1):
        before, begun = panal.count("contacts_alert", door["device_id"]), time.perf_counter()
        data = {
            "seq": seq,
            "boot": 1,
            "door_status": "open",
            "access_method": "door",
            "reason": "forced",
            "lock": "locked",
        }
        _post(panal, door, "door.alarm", data=data)
        found.append((time.perf_counter() - begun,))
        assert panal.count("contacts_alert", door["device_id"]) > before, "its row is there when it is accepted"
        pulse.wait(EVERY_S)
    return found


def _figures(names: tuple[str, ...], when: str, rounds: list[Any], flood: str) -> list[Figure]:
    figures = []
    for name, column in zip(names, zip(*rounds, strict=True), strict=True):
        cuts = quantiles(column, n=100, method="inclusive")
        detail = f"p50 {cuts[49] * 1000:.0f} ms, longest {max(column) * 1000:.0f} ms of {len(column)}"
        what = f"{name}, p99, {when}"
        figures.append(under(what, cuts[98], GOAL_S, "s", "; ".join(part for part in (detail, flood) if part)))
    return figures


@contextmanager
def _flood(panal: Panal) -> Iterator[list[int]]:
    """Boards that send telemetry as fast as they can; how many messages each has sent, once they are stopped."""
    sent: list[int] = []
    command = [sys.executable, "-m", "benchmarks.flood", str(panal.ports["mqtt"])]
    devices = panal.mint("door-1", FLOODERS, "--account", "Casa")
    boards = [
        subprocess.Popen(
            [*command, d["device_id"], d["token"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for d in devices
    ]
    try:
        for board in boards:
            psutil.Process(board.pid).nice(10)  # they stand for other machines: what they cost is not ours
            assert board.stdout
            board.stdout.readline()
        yield sent
    finally:
        for board in boards:
            said, _ = board.communicate("stop\n", timeout=60)
            sent.append(int(said.split()[-1]))


def _stored(panal: Panal) -> int:
    """Messages that the ledger has committed."""
    with urllib.request.urlopen(panal.url + "/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return int(float(next(line for line in lines if line.startswith("panal_ledger_messages_total")).split()[1]))
