"""From an event's POST to the moment a provider has its notice: a mail server and a webhook on this machine, idle and
while boards send more telemetry than can be stored."""

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
from tests.running import Panal, until
from tests.sinks import MailServer, Webhook
from tests.visitor import Visitor

GOAL_S = 1.0
EVERY_S = 0.1
LEAST = 30
"""Notices of one round, however slow the machine is."""
FLOODERS = 2
ALICE, PASSWORD = "alice@panal.example", "una clave larga 1"
UNLIMITED = {"PANAL_RATE_DEVICE_PER_MIN": "10000000", "PANAL_RATE_ADDRESS_PER_MIN": "100000000"}


def handed_over(seconds: float) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, MailServer() as mail, Webhook() as hook:
        panal = Panal(Path(folder), PANAL_EMAIL_URL=mail.url, PANAL_ALERTS_PRIVATE="1", **UNLIMITED)
        panal.environment["PANAL_PUBLIC_URL"] = f"http://127.0.0.1:{panal.ports['http']}"
        with panal:
            panal.user(ALICE, password=PASSWORD)
            [device] = panal.mint("wearable-1", 1, "--account", "Casa")
            _tell_by_mail_and_webhook(panal, hook)
            _told(panal, device, mail, hook)  # what is read once is read
            calm = _round(panal, device, mail, hook, seconds)
            with _flood(panal) as sent:
                begun, before = time.perf_counter(), _stored(panal)
                busy = _round(panal, device, mail, hook, seconds)
                took, stored = time.perf_counter() - begun, _stored(panal) - before
    flood = f"telemetry: {sum(sent) / took:.0f}/s sent, {stored / took:.0f}/s stored"
    return [*_figures("at rest", calm, ""), *_figures("under telemetry", busy, flood)]


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
    body = {"eventUid": str(uuid.uuid4()), "eventType": "EMERGENCY_BUTTON", "occurredAt": None}
    headers = {"X-Device-Id": device["device_id"], "X-Device-Key": device["token"], "Content-Type": "application/json"}
    request = urllib.request.Request(panal.url + "/api/v1/events/ingest", json.dumps(body).encode(), headers)
    mails, hooks, begun = len(mail.taken), len(hook.taken), time.perf_counter()
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 201
    until(lambda: len(mail.taken) > mails and len(hook.taken) > hooks, 30)
    return mail.taken[mails].at - begun, hook.taken[hooks][0] - begun


def _figures(when: str, rounds: list[tuple[float, float]], flood: str) -> list[Figure]:
    figures = []
    for name, column in zip(("mail server", "webhook"), zip(*rounds, strict=True), strict=True):
        cuts = quantiles(column, n=100, method="inclusive")
        detail = f"p50 {cuts[49] * 1000:.0f} ms, longest {max(column) * 1000:.0f} ms of {len(column)}"
        what = f"event to {name}, p99, {when}"
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
