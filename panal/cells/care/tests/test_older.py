"""Wearables in the field, byte for byte as they speak (docs/wire/devices-http.md), from their text to the row."""

import json

import pytest

from panal.cells.care import messages
from panal.cells.care.models import Event, Samples
from panal.cells.contacts.models import Alert
from panal.control.instants import instant
from panal.control.store import DjangoStore
from panal.gateway import body
from panal.gateway.store import Entry

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000
UID = "0b8f3f1e-6f0e-4a61-9a3e-2f0f3f7a5a01"
FALL = (
    '{"deviceId":"WEAR2345","eventUid":"0B8F3F1E-6F0E-4A61-9A3E-2F0F3F7A5A01",'
    '"eventType":"FALL","occurredAt":"2026-09-21T16:13:17+02:00"}'
)
BUTTON = '{"deviceId":"WEAR2345", "eventUid":"0b8f3f1e-6f0e-4a61-9a3e-2f0f3f7a5a02", "eventType":"EMERGENCY_BUTTON", "occurredAt":null}'  # noqa: E501
TILT = '{"deviceId":"WEAR2345","eventUid":"0b8f3f1e-6f0e-4a61-9a3e-2f0f3f7a5a03","eventType":"TILT","occurredAt":"2026-09-21T14:13:17.250Z"}'  # noqa: E501


def tell(text, received_ms=NOW_MS):
    """As the gateway does it: text, document, message, ledger."""
    message = messages.parse_event_http(body.decode_object(text.encode(), 65536), "WEAR2345", received_ms)
    [answer] = DjangoStore().commit([Entry("care.event", message)])
    return answer


def send(text, received_ms=NOW_MS):
    message = messages.parse_samples(body.decode_object(text.encode(), 262144), "WEAR2345", received_ms)
    [answer] = DjangoStore().commit([Entry("care.samples", message)])
    return answer


def window(scale, units='"g"'):
    """200 samples at 50 Hz as sprintf writes them: two decimals; an impact, then lying still."""
    lines = [
        f'{{"seq":{n},"tMs":{20 * n - 2000},"accX":{0.04 * scale:.2f},'
        f'"accY":{(3.1 if n == 100 else 0.02) * scale:.2f},"accZ":{0.98 * scale:.2f}}}'
        for n in range(200)
    ]
    return f'{{"eventUid":"{UID}","deviceId":"WEAR2345","samples":[{",".join(lines)}],"units":{units}}}'


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize(
    ("text", "kind", "occurred_ms", "is_estimated"),
    [
        (FALL, "FALL", NOW_MS - 3000, False),
        (BUTTON, "EMERGENCY_BUTTON", NOW_MS, True),
        (TILT, "TILT", NOW_MS - 2750, False),
    ],
)
def test_each_kind_with_an_offset_without_a_time_and_with_milliseconds(text, kind, occurred_ms, is_estimated):
    tell(text)
    row = Event.objects.get()
    assert (row.kind, row.occurred_at, row.is_estimated) == (kind, instant(occurred_ms), is_estimated)
    assert row.uid == json.loads(text)["eventUid"].lower()


@pytest.mark.usefixtures("device")
def test_a_repeat_after_days_is_the_same_event_and_wakes_nobody_again():
    first = tell(FALL)
    again = tell(FALL, NOW_MS + 9 * DAY_MS)
    assert (again.event_id, again.duplicated) == (first.event_id, True)
    assert Event.objects.get().received_at == instant(NOW_MS)
    assert Alert.objects.count() == 1


@pytest.mark.usefixtures("device")
def test_an_event_that_waited_for_days_without_network_has_the_time_of_the_fall():
    tell(FALL, NOW_MS + 3 * DAY_MS)
    row = Event.objects.get()
    assert (row.occurred_at, row.is_estimated) == (instant(NOW_MS - 3000), False)
    assert Alert.objects.get().at == instant(NOW_MS - 3000)


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize(
    ("scale", "units", "converted"),
    [(1, '"g"', False), (9.80665, '"g"', True), (9.80665, '"m/s2"', False), (1, "null", False)],
)
def test_samples_are_kept_in_g_whatever_the_board_sends_and_calls_it(scale, units, converted):
    tell(FALL)
    assert send(window(scale, units)) is False
    assert send(window(scale, units), NOW_MS + DAY_MS) is True
    row = Samples.objects.get()
    assert (row.converted, len(row.points)) == (converted, 200)
    assert row.points[199][4] == pytest.approx(0.98, abs=0.01)
    assert max(point[3] for point in row.points) == pytest.approx(3.1, abs=0.01)
