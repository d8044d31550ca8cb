import threading

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from panal.cells.accounts.actions import create_token
from panal.cells.care.messages import Event, Recorded
from panal.cells.devices.actions import queue_command, revoke_device, set_desired
from panal.cells.devices.messages import Answer, Heartbeat, Hello, LogLine
from panal.control.store import DjangoStore
from panal.control.tests.cases import collected
from panal.gateway.store import Entry, Store
from panal.protocol import command, keys
from panal.protocol.errors import BadRequest, NotFound, Unauthorized, Unavailable

NOW_MS = 1_790_000_000_000
UID = "0b8f3f1e-6f0e-4a61-9a3e-2f0f3f7a5a01"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def store() -> Store:
    return DjangoStore()


def hello(device_id, transport="mqtt"):
    return Entry(
        "devices.hello",
        Hello(device_id, transport, NOW_MS, "1.0", "wearable-1", "a1", "10.0.0.9", "power", 3, "normal", None),
    )


def heartbeat(device_id, transport="mqtt", battery=0.5):
    return Entry(
        "devices.heartbeat",
        Heartbeat(device_id, transport, NOW_MS, None, battery, -60, None, 50_000, 9, None, None, None),
    )


def event(device_id, uid=UID, data=None):
    return Entry("care.event", Event(device_id, NOW_MS, uid, "FALL", NOW_MS - 5000, data or {}, None))


def test_it_tells_a_device_who_it_is(store, device, alice, actor):
    set_desired(device=device, patch={"led": True}, actor=actor)
    [told] = store.commit([hello(device.id)])
    assert told == {
        "name": "",
        "account": "Casa",
        "heartbeat_s": 120,
        "desired": {"led": True},
        "desired_version": 1,
    }
    device.refresh_from_db()
    assert (device.state, device.fw, device.boot_count) == ("activated", "1.0", 3)
    assert store.identity(device.id).active


def test_one_group_of_many_kinds_is_answered_in_its_own_order(store, device):
    beat, recorded, told = store.commit([heartbeat(device.id), event(device.id), hello(device.id)])
    assert beat["pending"] == 0
    assert recorded.duplicated is False
    assert told["account"] == "Casa"


def test_the_same_group_twice_changes_nothing(store, device):
    group = [event(device.id), heartbeat(device.id)]
    first = store.commit(group)
    second = store.commit(group)
    assert second[0] == Recorded(first[0].event_id, True)
    assert device.care_events.count() == 1


def test_a_device_nobody_knows_is_refused_and_others_are_not(store, device):
    refused, recorded = store.commit([event("NOBODY99"), event(device.id)])
    assert isinstance(refused, Unauthorized)
    assert recorded.duplicated is False


def test_one_poisonous_message_takes_no_other_down(store, device):
    poison = event(device.id, "u" * 5, {1: object()})
    good = event(device.id, UID)
    refused, recorded = store.commit([poison, good])
    assert isinstance(refused, Unavailable)
    assert recorded.duplicated is False
    assert list(device.care_events.values_list("uid", flat=True)) == [UID]


def test_what_no_database_takes_is_refused_for_good(store, device):
    from panal.cells.devices.messages import Reported

    entry = Entry("devices.reported", Reported(device.id, -(10**30), 0, {"a": 1}))
    [refused] = store.commit([entry])
    assert isinstance(refused, BadRequest)


def test_events_are_published_once_after_the_commit(store, device):
    store.commit([hello(device.id)])
    with collected() as heard:
        store.commit([event(device.id), heartbeat(device.id)])
    assert [e.name for e in heard] == ["device.updated", "alert.raised", "care.event_raised"]
    assert heard[2].data["kinds"] == ["FALL"]
    assert {e.account_id for e in heard} == {device.account_id}


def test_an_open_command_carries_the_mac_that_the_board_computes(store, device, minted, actor):
    queue_command(device=device, name="identify", args={"seconds": 3}, actor=actor)
    [open_command] = store.open_commands(device.id, NOW_MS)
    key = keys.derive(minted.token, "command")
    expected = command.mac(key, open_command.id, "identify", open_command.expires_at_ms, {"seconds": 3})
    assert open_command.mac == expected


def test_an_answer_is_taken_once(store, device, actor):
    queued = queue_command(device=device, name="identify", actor=actor)
    done = Entry("devices.answer", Answer(device.id, NOW_MS, str(queued.id), "done", {"ok": 1}, None, None))
    late = Entry("devices.answer", Answer(device.id, NOW_MS, str(queued.id), "failed", None, "x", "y"))
    assert store.commit([done]) == [None]
    assert store.commit([late]) == [None]
    queued.refresh_from_db()
    assert (queued.status, queued.result, queued.error_code) == ("done", {"ok": 1}, "")


def test_an_answer_to_no_command_is_refused(store, device):
    entry = Entry("devices.answer", Answer(device.id, NOW_MS, UID, "done", None, None, None))
    [refused] = store.commit([entry])
    assert isinstance(refused, NotFound)


def test_a_revoked_device_is_treated_as_unknown(store, device, actor):
    revoke_device(device=device, actor=actor)
    assert not store.identity(device.id).active
    assert isinstance(store.commit([heartbeat(device.id)])[0], Unauthorized)


def test_it_knows_who_holds_a_session_cookie(store, alice, account):
    browser = Client()
    browser.force_login(alice)
    cookie = f"panal_session={browser.cookies['panal_session'].value}; other=1"
    assert store.viewer(cookie) == (alice.pk, frozenset({account.pk}))


def test_staff_hears_of_every_account(store, sam):
    browser = Client()
    browser.force_login(sam)
    assert store.viewer(f"panal_session={browser.cookies['panal_session'].value}").account_ids is None


def test_it_knows_whose_token_a_program_shows(store, alice, account, actor):
    made = create_token(user=alice, name="gate", scopes=["read"], actor=actor)
    assert store.viewer("", f"Bearer {made.text}") == (alice.pk, frozenset({account.pk}))
    assert store.viewer("", f"Bearer {made.text}x") is None


@pytest.mark.parametrize("cookie", ["", "panal_session=", "panal_session=nonsense", "panal_session=a;b;;;=", "\0=\0"])
def test_nobody_holds_a_cookie_that_is_not_ours(store, cookie):
    assert store.viewer(cookie) is None


def test_a_person_who_was_deactivated_is_nobody(store, alice):
    browser = Client()
    browser.force_login(alice)
    cookie = f"panal_session={browser.cookies['panal_session'].value}"
    type(alice).objects.update(is_active=False)
    assert store.viewer(cookie) is None


@pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="SQLite has one writer at a time")
def test_two_replicas_that_hear_of_the_same_devices_do_not_end_each_other(store, device, other_device):
    """Each kind locks the devices it is about: without one order for the whole group, replicas would wait in a ring."""
    refused = []

    def replica(first, second):
        for number in range(60):
            line = LogLine(second, NOW_MS, NOW_MS, "info", f"{first} {number}")
            try:
                store.commit([heartbeat(first), Entry("devices.log", line)])
            except Unavailable as error:
                refused.append(error)
        connection.close()

    ids = [(device.id, other_device.id), (other_device.id, device.id)]
    threads = [threading.Thread(target=replica, args=pair) for pair in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not refused


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connection that could be cut")
def test_a_connection_that_is_cut_is_made_anew(store, device):
    store.commit([hello(device.id)])
    _cut()
    with pytest.raises(Unavailable):
        store.commit([hello(device.id)])
    assert store.commit([hello(device.id)])[0]["account"] == "Casa"


def _cut():
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
    other.close()
