"""A database that is full: whoever writes is told to come again, nothing is half stored, and who reads reads on."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from panal.cells.accounts.actions import create_token
from panal.cells.accounts.models import AuditEntry, MachineToken
from panal.cells.devices.models import Group
from panal.control.store import DjangoStore
from panal.control.tests.test_store import event
from panal.protocol.errors import Unavailable

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("sqlite" not in settings.DATABASES["default"]["ENGINE"], reason="the bound is SQLite's own"),
]


@pytest.fixture
def full(device, alice):
    """No page more than there is, and none of them free."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA page_count")
        [pages] = cursor.fetchone()
        cursor.execute(f"PRAGMA max_page_count={pages}")
        yield
        cursor.execute("PRAGMA max_page_count=1073741823")


HUGE = {"note": "x" * 60_000}


def test_an_event_is_stored_whole_or_refused_and_taken_when_there_is_room(full, device):
    with pytest.raises(Unavailable):
        DjangoStore().commit([event(device.id, data=HUGE)])
    connection.cursor().execute("PRAGMA max_page_count=1073741823")
    [recorded] = DjangoStore().commit([event(device.id, data=HUGE)])
    assert recorded.duplicated is False


def test_a_program_is_told_to_come_again(full, client, alice, account):
    client.force_login(alice)
    statuses = set()
    for number in range(120):
        answer = client.post(
            "/api/v1/manage/groups", {"account": account.pk, "name": f"{number} " + "x" * 70}, "application/json"
        )
        statuses.add(answer.status_code)
    assert statuses <= {201, 503}
    assert 503 in statuses
    assert answer.json()["error"]["code"] == "database"
    assert AuditEntry.objects.filter(verb="group.created").count() == Group.objects.count()


def test_a_page_is_told_to_come_again(full, client, alice, account):
    client.force_login(alice)
    statuses = {client.post("/groups/", {"name": f"{number} " + "x" * 70}).status_code for number in range(120)}
    assert statuses == {302, 503}


def test_a_program_that_reads_needs_no_room(client, alice, account, actor, monkeypatch):
    made = create_token(user=alice, name="report", actor=actor)
    MachineToken.objects.update(last_used_at=timezone.now() - timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only=ON")
    try:
        answer = client.get("/api/v1/manage/devices", headers={"Authorization": f"Bearer {made.text}"})
    finally:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA query_only=OFF")
    assert answer.status_code == 200
