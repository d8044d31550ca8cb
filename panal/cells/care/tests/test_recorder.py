import pytest

from panal.cells.care.messages import Event, Recorded, Samples
from panal.cells.care.models import Event as EventRow
from panal.cells.care.models import Samples as SamplesRow
from panal.cells.devices.actions import mint_devices, revoke_device
from panal.control.instants import instant
from panal.control.store import DjangoStore
from panal.control.tests.cases import collected
from panal.gateway.store import Entry
from panal.protocol.errors import Conflict, Forbidden, NotFound, Unauthorized

NOW_MS = 1_790_000_000_000
UID, OTHER_UID = "0b8f3f1e-6f0e-4a61-9a3e-2f0f3f7a5a01", "0b8f3f1e-6f0e-4a61-9a3e-2f0f3f7a5a02"
POINTS = ((0, -20, 0.1, 0.0, 1.0), (1, 0, 0.2, 0.0, 2.5))


def fall(id, uid=UID, **values):
    return Event(id, NOW_MS, uid, "FALL", NOW_MS - 3000, {}, None)._replace(**values)


def samples(id, uid=UID, points=POINTS):
    return Samples(id, NOW_MS, uid, points, False)


def commit(*messages):
    kinds = {Event: "care.event", Samples: "care.samples"}
    return DjangoStore().commit([Entry(kinds[type(message)], message) for message in messages])


def test_an_event_keeps_whose_it_was_and_when(device):
    [recorded] = commit(fall(device.id, data={"cancelled": True}))
    row = EventRow.objects.get()
    assert recorded == Recorded(str(row.id), False)
    assert (row.device_id, row.account_id, row.uid, row.kind) == (device.id, device.account_id, UID, "FALL")
    assert (row.occurred_at, row.received_at) == (instant(NOW_MS - 3000), instant(NOW_MS))
    assert (row.is_estimated, row.data) == (False, {"cancelled": True})


@pytest.mark.parametrize(
    ("at_ms", "occurred_ms", "is_estimated"),
    [
        (None, NOW_MS, True),
        (NOW_MS + 600_000, NOW_MS + 600_000, False),
        (NOW_MS + 600_001, NOW_MS + 600_001, True),
        (0, 0, False),
        (253_402_300_799_999, 253_402_300_799_999, True),
    ],
)
def test_an_instant_that_cannot_be_trusted_is_marked(device, at_ms, occurred_ms, is_estimated):
    commit(fall(device.id, at_ms=at_ms))
    row = EventRow.objects.get()
    assert (row.occurred_at, row.is_estimated) == (instant(occurred_ms), is_estimated)


def test_a_repeat_gets_the_same_id_and_is_marked(device):
    [first] = commit(fall(device.id))
    again = commit(fall(device.id), fall(device.id))
    assert again == [Recorded(first.event_id, True)] * 2
    assert EventRow.objects.count() == 1


def test_a_repeat_in_the_same_batch_is_one_event(device):
    first, second = commit(fall(device.id), fall(device.id))
    assert (first.duplicated, second.duplicated, first.event_id) == (False, True, second.event_id)


def test_a_uid_of_another_device_is_taken(device, other_device):
    commit(fall(device.id))
    [refused] = commit(fall(other_device.id))
    assert isinstance(refused, Conflict)
    assert EventRow.objects.get().device_id == device.id


def test_two_devices_with_one_uid_in_one_batch_are_one_event(device, other_device):
    first, refused = commit(fall(device.id), fall(other_device.id))
    assert first.duplicated is False
    assert isinstance(refused, Conflict)


def test_a_device_that_is_gone_is_refused_alone(device, other_device, actor):
    revoke_device(device=other_device, actor=actor)
    recorded, refused, unknown = commit(fall(device.id), fall(other_device.id, OTHER_UID), fall("NOBODY22", OTHER_UID))
    assert recorded.duplicated is False
    assert isinstance(refused, Unauthorized)
    assert isinstance(unknown, Unauthorized)


def test_an_event_is_a_sign_of_life(device):
    commit(fall(device.id))
    device.refresh_from_db()
    assert (device.state, device.is_online, device.transport) == ("activated", True, "http")
    assert device.last_seen_at is not None


def test_one_announcement_for_each_device_with_all_its_events(device, other_device):
    with collected() as heard:
        commit(fall(device.id), fall(device.id, OTHER_UID, kind="TILT"), fall(other_device.id, "u3"), fall(device.id))
    raised = {event.device_id: event for event in heard if event.name == "care.event_raised"}
    assert raised[device.id].data["kinds"] == ["FALL", "TILT"]
    assert len(raised[device.id].data["ids"]) == 2
    assert raised[other_device.id].account_id == other_device.account_id


def test_a_repeat_is_not_announced(device):
    commit(fall(device.id))
    with collected() as heard:
        commit(fall(device.id))
    assert [event for event in heard if event.topic == "care"] == []


def test_samples_come_with_the_event_or_after_it_and_are_kept_once(device):
    commit(fall(device.id, samples=samples(device.id)))
    assert SamplesRow.objects.get().points == [list(point) for point in POINTS]
    assert commit(samples(device.id, points=POINTS[:1])) == [True]
    assert len(SamplesRow.objects.get().points) == 2


def test_samples_after_the_event_even_in_the_same_batch(device):
    answers = commit(samples(device.id), fall(device.id), samples(device.id))
    assert [answers[0], answers[2]] == [False, True]
    assert SamplesRow.objects.count() == 1


def test_samples_of_no_event_and_of_anothers_are_refused(device, other_device):
    commit(fall(device.id))
    unknown, anothers = commit(samples(device.id, OTHER_UID), samples(other_device.id))
    assert isinstance(unknown, NotFound)
    assert isinstance(anothers, Forbidden)
    assert not SamplesRow.objects.exists()


@pytest.mark.parametrize("count", [3, 200])
def test_a_batch_takes_the_same_queries_however_large_it_is(account, actor, count, django_assert_num_queries):
    ids = [m.device_id for m in mint_devices(model="wearable-1", count=count, account_id=account.pk, actor=actor)]
    commit(*(fall(id, f"first-{id}") for id in ids))
    repeats = [fall(id, f"first-{id}") for id in ids]
    fresh = [fall(id, f"second-{id}", samples=samples(id, f"second-{id}")) for id in ids]
    # savepoint, devices, sign of life, who wears them, events, samples, alerts, their outbox, release
    with django_assert_num_queries(9):
        assert [answer.duplicated for answer in commit(*repeats, *fresh)] == [True] * count + [False] * count
