"""Alerts through a real server: the mail that a fall sends, the link in it, and a kill -9 while somebody is told."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from panal.cells.contacts.recorder import LEASE
from tests.running import PATIENCE_S, Panal, until
from tests.sinks import MailServer, Webhook
from tests.visitor import Visitor, token_in

ALICE, PASSWORD = "alice@panal.example", "una clave larga 1"


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture(scope="module")
def hook() -> Iterator[Webhook]:
    with Webhook() as server:
        yield server


@pytest.fixture(scope="module")
def panal(tmp_path_factory: pytest.TempPathFactory, mail: MailServer) -> Iterator[Panal]:
    server = Panal(tmp_path_factory.mktemp("panal"), PANAL_EMAIL_URL=mail.url, PANAL_ALERTS_PRIVATE="1")
    server.environment["PANAL_PUBLIC_URL"] = f"http://127.0.0.1:{server.ports['http']}"
    with server as running:
        running.user(ALICE, password=PASSWORD)
        yield running


@pytest.fixture(scope="module")
def device(panal: Panal) -> dict[str, Any]:
    [minted] = panal.mint("wearable-1", 1, "--account", "Casa")
    return minted


@pytest.fixture
def alice(panal: Panal) -> Visitor:
    return Visitor(panal, ALICE, PASSWORD)


def fall(panal: Panal, device: dict[str, Any]) -> str:
    uid = str(uuid.uuid4())
    headers = {"X-Device-Id": device["device_id"], "X-Device-Key": device["token"]}
    body = {"eventUid": uid, "eventType": "FALL", "occurredAt": None}
    answer = requests.post(panal.url + "/api/v1/events/ingest", json=body, headers=headers, timeout=60)
    assert answer.status_code == 201, answer.text
    return uid


def state_of(panal: Panal) -> list[str]:
    return [row[0] for row in panal.rows("SELECT state FROM contacts_alert ORDER BY raised_at DESC")]


def test_a_fall_is_mailed_and_the_link_in_it_acknowledges_without_a_sign_in(
    panal: Panal, device: dict[str, Any], mail: MailServer
) -> None:
    fall(panal, device)
    told = until(lambda: next((one for one in mail.taken if one.to == ALICE), None))
    link = re.search(r"http://\S+/alerts/know/\S+", told.text)
    assert link, told.text
    stranger = requests.Session()
    page = stranger.get(link[0])
    assert page.ok
    assert state_of(panal)[0] == "open"
    assert stranger.post(link[0], {"csrfmiddlewaretoken": token_in(page.text)}).ok
    assert state_of(panal)[0] == "acknowledged"


def test_who_was_being_told_when_the_server_was_killed_is_told_after_it_is_back(
    panal: Panal, device: dict[str, Any], mail: MailServer, hook: Webhook, alice: Visitor
) -> None:
    contact = alice.post("/contacts/new/", name="Ana").url.rstrip("/").rsplit("/", 1)[1]
    assert hook.url not in alice.post(f"/contacts/{contact}/webhook/", url=hook.url).text
    policy = {"scope": "k.care.fall", "steps": "1", "s0-who": f"c.{contact}", "repeats": "0", "repeat_after_min": "5"}
    alice.post("/alerts/policies/new/", **policy)

    hook.hold()
    fall(panal, device)
    assert hook.waiting.wait(60)
    panal.kill()
    hook.let_go()
    before = len(hook.taken)
    panal.start()
    # with PostgreSQL there may be other replicas
    patience_s = PATIENCE_S + (LEASE.total_seconds() if panal.postgres else 0)
    until(lambda: len(hook.taken) > before, patience_s)
    first, again = hook.taken[before - 1][1], hook.taken[before][1]
    assert first["id"] == again["id"]  # who receives it can tell that it is the same
    until(lambda: panal.rows("SELECT 1 FROM contacts_notice WHERE state = 'sent' AND contact_name = 'Ana'"))
    states = {row[0] for row in panal.rows("SELECT state FROM contacts_delivery WHERE provider IN ('', '127.0.0.1')")}
    assert states == {"unknown", "sent"}
    assert len(hook.taken) == before + 1
