from datetime import timedelta

import pytest

from panal.cells.devices import recorder
from panal.cells.devices.messages import Answer, Heartbeat, Hello, LogLine, Reported, Sent, Telemetry
from panal.cells.devices.models import Command, TelemetryPoint, TelemetrySlot, Twin
from panal.cells.devices.models import LogLine as LogLineRow
from panal.control.instants import instant
from panal.control.store import DjangoStore
from panal.control.tests.cases import collected
from panal.gateway.store import Entry
from panal.protocol.errors import BadRequest, Forbidden, Unauthorized

NOW_MS = 1_790_000_000_000
UID = "0b8f3f1e-6f0e-4a61-9a3e-2f0f3f7a5a01"


def commit(kind, *messages):
    return DjangoStore().commit([Entry(f"devices.{kind}", message) for message in messages])


def hello(id, state=None):
    return Hello(id, "http", NOW_MS, "1.2", "wearable-1", "aabb", "10.0.0.5", "power", 7, "normal", state)


def heartbeat(id, **values):
    fields = dict.fromkeys(Heartbeat._fields) | {"device_id": id, "transport": "mqtt", "received_ms": NOW_MS}
    return Heartbeat(**(fields | values))


MESSAGES = {
    "hello": lambda id: hello(id, {"led": 1}),
    "heartbeat": lambda id: heartbeat(id, battery=0.5, rssi=-70),
    "telemetry": lambda id: Telemetry(id, NOW_MS, ((NOW_MS - 5, {"temperature_c": 21.5}),)),
    "log": lambda id: LogLine(id, NOW_MS, NOW_MS - 5, "info", "hello"),
    "reported": lambda id: Reported(id, NOW_MS, 0, {"led": True}),
    "sent": lambda id: Sent(id, UID, NOW_MS),
}


def snapshot():
    models = (TelemetryPoint, TelemetrySlot, LogLineRow, Twin, Command)
    return [list(model.objects.order_by("pk").values()) for model in models]


@pytest.mark.parametrize("kind", MESSAGES)
def test_the_same_message_twice_changes_nothing(device, kind):
    commit(kind, MESSAGES[kind](device.id))
    before = snapshot()
    commit(kind, MESSAGES[kind](device.id), MESSAGES[kind](device.id))
    assert snapshot() == before


@pytest.mark.parametrize("kind", sorted(set(MESSAGES) - {"sent"}))
def test_a_device_nobody_knows_is_refused_alone(device, kind):
    first, refused, last = commit(kind, *(MESSAGES[kind](id) for id in (device.id, "NOBODY22", device.id)))
    assert isinstance(refused, Unauthorized)
    assert not isinstance(first, Exception)
    assert not isinstance(last, Exception)


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_batch_of_many_takes_no_more_queries_than_one_of_few(account, actor, kind, django_assert_max_num_queries):
    from panal.cells.devices.actions import mint_devices

    ids = [m.device_id for m in mint_devices(model="wearable-1", count=60, account_id=account.pk, actor=actor)]
    with django_assert_max_num_queries(14):
        commit(kind, *(MESSAGES[kind](id) for id in ids for _ in range(3)))


def test_what_a_heartbeat_does_not_say_stays(device):
    commit("heartbeat", heartbeat(device.id, battery=0.25, rssi=-61, fw="1.0"))
    commit("heartbeat", heartbeat(device.id, uptime_s=9, received_ms=NOW_MS + 1))
    device.refresh_from_db()
    assert (device.battery_pct, device.rssi_dbm, device.fw, device.uptime_s) == (25.0, -61, "1.0", 9)
    assert device.last_seen_at == instant(NOW_MS + 1)


def test_a_heartbeat_is_told_what_waits(device, command):
    [told] = commit("heartbeat", heartbeat(device.id))
    assert told == {"pending": 1, "desired_version": 0, "heartbeat_s": 120}


def test_battery_and_signal_become_telemetry(device):
    commit("heartbeat", heartbeat(device.id, battery=0.25, rssi=-61))
    assert dict(TelemetryPoint.objects.values_list("name", "value")) == {"battery_pct": 25.0, "rssi_dbm": -61.0}


def test_the_first_word_activates_and_later_ones_keep_that_day(device):
    commit("hello", hello(device.id))
    commit("hello", hello(device.id)._replace(received_ms=NOW_MS + 5000))
    device.refresh_from_db()
    assert (device.state, device.activated_at) == ("activated", instant(NOW_MS))


def test_points_fall_into_their_slots(device):
    hour = NOW_MS - NOW_MS % 3_600_000
    values = ((hour, 4.0), (hour + 299_999, 2.0), (hour + 300_000, 9.0), (hour - 1, 7.0))
    commit("telemetry", Telemetry(device.id, NOW_MS, tuple((at, {"t": value}) for at, value in values)))
    fives = TelemetrySlot.objects.filter(width_s=300).order_by("at")
    assert [(s.at, s.count, s.minimum, s.mean, s.maximum) for s in fives] == [
        (instant(hour - 300_000), 1, 7, 7, 7),
        (instant(hour), 2, 2, 3, 4),
        (instant(hour + 300_000), 1, 9, 9, 9),
    ]
    assert [s.count for s in TelemetrySlot.objects.filter(width_s=3600).order_by("at")] == [1, 3]


def test_slots_grow_from_batch_to_batch(device):
    at = NOW_MS - NOW_MS % 300_000
    for offset, value in ((0, 4.0), (10, 8.0), (20, 0.0), (10, 99.0)):  # the last is a repeat of an instant
        commit("telemetry", Telemetry(device.id, NOW_MS, ((at + offset, {"t": value}),)))
    slot = TelemetrySlot.objects.get(width_s=300)
    assert (slot.count, slot.minimum, slot.mean, slot.maximum) == (3, 0, 4, 8)


def test_a_clock_that_is_far_ahead_is_not_believed(device):
    commit("telemetry", Telemetry(device.id, NOW_MS, ((NOW_MS + 86_400_000, {"t": 1.0}),)))
    assert TelemetryPoint.objects.get().at == instant(NOW_MS)


def test_two_lines_that_differ_are_two(device):
    lines = [LogLine(device.id, NOW_MS, NOW_MS, level, "x" * 1000) for level in ("info", "error")]
    commit("log", *lines)
    assert LogLineRow.objects.count() == 2


def test_reports_are_merged_in_their_order(device):
    commit(
        "reported",
        Reported(device.id, NOW_MS, 0, {"a": {"x": 1, "y": 2}}),
        Reported(device.id, NOW_MS, 0, {"a": {"x": None}}),
    )
    assert Twin.objects.get().reported == {"a": {"y": 2}}


def test_a_report_answers_no_version_that_nobody_asked_for(device, actor):
    from panal.cells.devices.actions import set_desired

    set_desired(device=device, patch={"led": True}, actor=actor)
    commit("reported", Reported(device.id, NOW_MS, 99, {"led": True}))
    twin = Twin.objects.get()
    assert (twin.reported_version, twin.is_pending) == (1, False)


def test_a_report_leaves_what_we_want_alone(device, actor):
    from panal.cells.devices.actions import set_desired

    set_desired(device=device, patch={"led": True}, actor=actor)
    commit("reported", Reported(device.id, NOW_MS, 0, {"led": False}))
    assert Twin.objects.get().desired == {"led": True}


def test_a_report_that_grows_too_large_is_refused_and_changes_nothing(device):
    fine, refused = commit(
        "reported", Reported(device.id, NOW_MS, 0, {"a": 1}), Reported(device.id, NOW_MS, 0, {"b": "x" * 9000})
    )
    assert fine is None
    assert isinstance(refused, BadRequest)
    assert Twin.objects.get().reported == {"a": 1}


def test_a_command_is_sent_once_and_only_while_it_waits(device, command):
    with collected() as heard:
        commit("sent", Sent(device.id, str(command.id), NOW_MS), Sent(device.id, str(command.id), NOW_MS + 1))
    command.refresh_from_db()
    assert (command.status, command.sent_at) == ("sent", instant(NOW_MS))
    assert [event.name for event in heard] == ["command.sent"]


def test_another_device_does_not_mark_it_as_sent(device, other_device, command):
    commit("sent", Sent(other_device.id, str(command.id), NOW_MS))
    command.refresh_from_db()
    assert command.status == "queued"


def test_another_devices_answer_is_refused(device, other_device, command):
    [refused] = commit("answer", Answer(other_device.id, NOW_MS, str(command.id), "done", None, None, None))
    assert isinstance(refused, Forbidden)


def test_two_answers_in_one_batch_are_one_outcome(device, command):
    id = str(command.id)
    with collected() as heard:
        answers = commit(
            "answer",
            Answer(device.id, NOW_MS, id, "failed", None, "busy", "later"),
            Answer(device.id, NOW_MS, id, "done", None, None, None),
        )
    command.refresh_from_db()
    assert answers == [None, None]
    assert (command.status, command.error_code, command.finished_at) == ("failed", "busy", instant(NOW_MS))
    assert [(event.name, event.data["status"]) for event in heard] == [("command.finished", "failed")]


def test_an_answer_after_the_deadline_changes_no_outcome(device, command):
    from panal.cells.devices import api

    api.expire(command.expires_at + timedelta(seconds=1))
    commit("answer", Answer(device.id, NOW_MS, str(command.id), "done", None, None, None))
    command.refresh_from_db()
    assert command.status == "expired"


def test_retention_keeps_what_the_settings_say(device, settings):
    from panal.cells.devices.telemetry import prune

    day = timedelta(days=1)
    commit("telemetry", Telemetry(device.id, NOW_MS, ((NOW_MS, {"t": 1.0}),)))
    commit("log", LogLine(device.id, NOW_MS, NOW_MS, "info", "x"))
    now = instant(NOW_MS)
    assert prune(now + 6 * day) == 0
    assert prune(now + 8 * day) == 1
    assert prune(now + 31 * day) == 1
    assert prune(now + 91 * day) == 1
    assert TelemetrySlot.objects.get().width_s == 3600
    assert prune(now + 1826 * day) == 1


def test_a_burst_of_events_is_one_sign_of_life_a_second(device):
    begin = instant(NOW_MS)
    seen = []
    for after_s in (0, 0.5, 2):
        recorder.heard_from([device.pk], begin + timedelta(seconds=after_s))
        device.refresh_from_db()
        seen.append((device.last_seen_at - begin).total_seconds())
    assert seen == [0, 0, 2]
