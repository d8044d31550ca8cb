"""Who is online, whatever the order in which the news arrives."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panal.cells.devices import api, presence
from panal.cells.devices.messages import Heartbeat, Hello, Presence
from panal.control.instants import instant, milliseconds
from panal.control.store import DjangoStore
from panal.control.tests.cases import collected
from panal.gateway.store import Entry

NOW_MS = 1_790_000_000_000
NEVER = presence.Link(False, "", None, "")


def said(session, online, at_ms=NOW_MS, id="WEAR2345"):
    return Presence(id, session, online, at_ms, "")


def commit(*messages):
    return DjangoStore().commit([Entry("devices.presence", message) for message in messages])


def heartbeat(device, transport="http", at_ms=NOW_MS):
    beat = Heartbeat(device.id, transport, at_ms, None, None, None, None, None, None, None, None, None)
    return DjangoStore().commit([Entry("devices.heartbeat", beat)])


def is_online(device):
    device.refresh_from_db()
    return device.is_online


def test_a_late_goodbye_of_an_old_session_changes_nothing():
    link = NEVER
    for message in (said("s:1", True, 1000), said("s:2", True, 2000), said("s:1", False, 3000)):
        link = presence.after(link, message)
    assert (link.is_online, link.session) == (True, "s:2")


def test_a_late_welcome_of_an_old_session_changes_nothing():
    link = NEVER
    for message in (said("s:2", True, 2000), said("s:1", True, 1000), said("s:2", False, 3000)):
        link = presence.after(link, message)
    assert link.is_online is False


def test_a_clock_that_is_set_back_by_an_hour_does_not_make_boards_offline():
    hour = 3_600_000
    link = presence.after(NEVER, said("s:1", True, NOW_MS + hour))
    link = presence.after(link, said("s:1", False, NOW_MS))
    link = presence.after(link, said("s:2", True, NOW_MS + 1000))
    assert (link.is_online, link.session) == (True, "s:2")


def test_a_clock_that_is_set_back_does_not_keep_a_lost_board_online(device):
    commit(said("s:1", True, NOW_MS + 3_600_000))
    api.reconcile({}, instant(NOW_MS))
    assert not is_online(device)


@pytest.mark.parametrize(
    "news",
    list(permutations([said("s:1", True, 1000), said("s:1", False, 1900), said("s:2", True, 2000)])),
)
def test_a_takeover_ends_online_in_every_order(news):
    link = NEVER
    for message in news:
        link = presence.after(link, message)
    assert (link.is_online, link.session) == (True, "s:2")


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans(), st.integers(0, 50)), max_size=20))
def test_whatever_is_said_online_means_that_there_is_a_session(news):
    link = NEVER
    for number, online, at_ms in news:
        link = presence.after(link, said(f"s:{number}", online, at_ms))
        assert link.is_online == bool(link.session)


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans(), st.integers(0, 50)), max_size=20))
def test_the_same_news_twice_changes_nothing(news):
    link = NEVER
    for number, online, at_ms in news:
        link = presence.after(link, said(f"s:{number}", online, at_ms))
        assert presence.after(link, said(f"s:{number}", online, at_ms)).is_online == link.is_online


def test_it_is_told_once_that_a_device_came_and_went(device):
    with collected() as heard:
        commit(said("s:1", True, NOW_MS))
        commit(said("s:1", True, NOW_MS))
        commit(said("s:2", True, NOW_MS + 1), said("s:1", False, NOW_MS + 2))
        commit(said("s:2", False, NOW_MS + 3))
    assert [event.name for event in heard] == ["device.came_online", "device.went_offline"]
    assert not is_online(device)


def test_a_device_that_speaks_http_is_online_until_it_falls_silent(device, settings):
    heartbeat(device)
    assert is_online(device)
    interval = timedelta(seconds=settings.PANAL.heartbeat_s)
    with collected() as heard:
        api.expire(instant(NOW_MS) + 2.4 * interval)
        assert is_online(device)
        api.expire(instant(NOW_MS) + 2.6 * interval)
    assert not is_online(device)
    assert [event.name for event in heard] == ["device.went_offline"]


def test_its_own_interval_counts(device):
    type(device).objects.update(heartbeat_s=10)
    heartbeat(device)
    api.expire(instant(NOW_MS) + timedelta(seconds=24))
    assert is_online(device)
    api.expire(instant(NOW_MS) + timedelta(seconds=26))
    assert not is_online(device)


def test_a_word_over_http_leaves_a_session_alone(device):
    commit(said("s:1", True))
    heartbeat(device, "http", NOW_MS + 1)
    device.refresh_from_db()
    assert (device.session, device.transport) == ("s:1", "mqtt")
    api.expire(instant(NOW_MS) + timedelta(days=1))
    assert is_online(device)


def test_a_hello_over_mqtt_waits_for_the_broker(device):
    hello = Hello(device.id, "mqtt", NOW_MS, None, None, None, None, None, None, None, None)
    DjangoStore().commit([Entry("devices.hello", hello)])
    assert not is_online(device)
    commit(said("s:1", True, NOW_MS + 5))
    assert is_online(device)


def reconcile(sessions, at_ms):
    DjangoStore().reconcile("s", sessions, at_ms)


def test_the_brokers_list_puts_presence_right(device, other_device):
    commit(said("s:1", True, NOW_MS - 9000))
    with collected() as heard:
        reconcile({other_device.id: "s:7"}, NOW_MS)
    assert not is_online(device)
    assert is_online(other_device)
    assert {(e.name, e.device_id) for e in heard} == {
        ("device.went_offline", device.id),
        ("device.came_online", other_device.id),
    }


def test_the_brokers_list_twice_changes_nothing(device):
    reconcile({device.id: "s:1"}, NOW_MS)
    with collected() as heard:
        reconcile({device.id: "s:1"}, NOW_MS + 60_000)
    assert heard == []


def test_who_came_after_the_list_was_asked_for_stays(device):
    commit(said("s:9", True, NOW_MS + 1))
    reconcile({}, NOW_MS)
    assert is_online(device)


def test_who_left_after_the_list_was_asked_for_stays_away(device):
    commit(said("s:9", True, NOW_MS - 5))
    commit(said("s:9", False, NOW_MS + 1))
    reconcile({device.id: "s:9"}, NOW_MS)
    assert not is_online(device)


def test_the_list_does_not_touch_devices_that_speak_http(device):
    heartbeat(device)
    reconcile({}, NOW_MS + 1)
    assert is_online(device)


def test_a_list_of_many_takes_few_queries(account, actor, django_assert_max_num_queries):
    from panal.cells.devices.actions import mint_devices

    ids = [m.device_id for m in mint_devices(model="wearable-1", count=600, account_id=account.pk, actor=actor)]
    with django_assert_max_num_queries(8):
        reconcile({id: f"s:{n}" for n, id in enumerate(ids)}, NOW_MS)


def test_instants_come_back_as_they_went():
    at = datetime(2026, 11, 21, 1, 2, 3, 456_000, tzinfo=UTC)
    assert instant(milliseconds(at)) == at
