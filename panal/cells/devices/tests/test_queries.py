from datetime import UTC, datetime, timedelta

import pytest

from panal.cells.accounts.api import EDIT, OPERATE
from panal.cells.devices import actions, queries
from panal.cells.devices.models import Device
from panal.cells.devices.telemetry import Point, store
from panal.protocol.errors import BadRequest, Forbidden, NotFound

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def test_a_strangers_device_is_not_there(charlie, device, command):
    for look in (
        lambda: queries.device_for(charlie, device.id),
        lambda: queries.twin_for(charlie, device.id),
        lambda: queries.telemetry_for(charlie, device.id),
        lambda: queries.log_for(charlie, device.id),
        lambda: queries.command_for(charlie, command.id),
        lambda: queries.chosen_for(charlie, [device.id]),
    ):
        with pytest.raises(NotFound):
            look()
    assert not queries.devices_for(charlie).exists()
    assert not queries.commands_for(charlie).exists()


def test_who_sees_and_may_not_is_told_so(vera, device):
    assert queries.device_for(vera, device.id) == device
    with pytest.raises(Forbidden):
        queries.device_for(vera, device.id, EDIT)
    with pytest.raises(Forbidden):
        queries.chosen_for(vera, [device.id], EDIT)
    assert not queries.devices_for(vera, OPERATE).exists()


def test_one_of_many_that_is_a_strangers_spoils_the_choice(alice, device, other_device):
    assert queries.chosen_for(alice, [device.id, device.id]) == [device]
    with pytest.raises(NotFound):
        queries.chosen_for(alice, [device.id, other_device.id])


def test_a_device_of_nobody_is_the_staffs(account, alice, sam, fay, ada, actor):
    [made] = actions.mint_devices(model="door-1", actor=actor)
    for user in (sam, fay, ada):
        assert queries.device_for(user, made.device_id)
    with pytest.raises(NotFound):
        queries.device_for(alice, made.device_id)
    with pytest.raises(NotFound):
        queries.device_for(fay, made.device_id, OPERATE)


@pytest.fixture
def fleet(account, sector, group, actor):
    ids = ("AAAA", "BBBB", "CCCC")
    for id, model in zip(ids, ("wearable-1", "door-1", "door-1"), strict=True):
        actions.mint_devices(model=model, device_id=id, account_id=account.pk, actor=actor)
    Device.objects.filter(id="AAAA").update(name="Pulsera", is_online=True, state="activated")
    Device.objects.filter(id="BBBB").update(name="Puerta", state="activated", sector=sector)
    group.devices.add("CCCC")
    return {"sector": sector.pk, "group": group.pk, "account": account.pk}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "AAAA BBBB CCCC"),
        ({"search": "puls"}, "AAAA"),
        ({"search": "bbb"}, "BBBB"),
        ({"search": "sal"}, "BBBB"),
        ({"search": "%"}, ""),
        ({"presence": "online"}, "AAAA"),
        ({"presence": "offline"}, "BBBB"),
        ({"presence": "never"}, "CCCC"),
        ({"model": "door-1"}, "BBBB CCCC"),
        ({"model": "door-1", "state": "minted"}, "CCCC"),
        ({"sector": "sector"}, "BBBB"),
        ({"group": "group"}, "CCCC"),
        ({"account": "account"}, "AAAA BBBB CCCC"),
    ],
)
def test_it_finds_what_is_asked_for(fleet, alice, filters, expected):
    filters = {name: fleet.get(value, value) for name, value in filters.items()}
    found = queries.filtered(queries.devices_for(alice), **filters)
    assert " ".join(sorted(found.values_list("id", flat=True))) == expected


def test_an_unknown_presence_is_refused(alice):
    with pytest.raises(BadRequest):
        queries.filtered(queries.devices_for(alice), presence="perhaps")


def test_the_fleet_at_a_glance(fleet, alice, other_device):
    counts = queries.counts_for(alice)
    assert (counts.total, counts.online, counts.offline, counts.never) == (3, 1, 1, 1)


def test_an_unknown_device_has_no_identity(db):
    assert queries.identity("NOBODY22") is None


def test_a_plot_shows_the_newest_where_there_is_too_much(alice, device):
    store([Point(device.id, "t", START + timedelta(seconds=i), float(i)) for i in range(20)])
    found = queries.telemetry_for(alice, device.id, since=START, limit=5)
    assert [reading.mean for reading in found] == [15.0, 16.0, 17.0, 18.0, 19.0]


def test_a_plot_shows_what_is_asked_for(alice, device):
    store([Point(device.id, name, START + timedelta(minutes=i), float(i)) for name in "ab" for i in range(9)])
    asked = {"since": START + timedelta(minutes=2), "until": START + timedelta(minutes=4), "names": ["a"]}
    assert [(r.name, r.mean) for r in queries.telemetry_for(alice, device.id, **asked)] == [("a", 2.0), ("a", 3.0)]
    assert queries.telemetry_names_for(alice, device.id) == ["a", "b"]


@pytest.mark.parametrize("count", [1, 40])
def test_a_list_with_its_places_takes_the_same_queries(account, alice, group, actor, count, django_assert_num_queries):
    minted = actions.mint_devices(model="door-1", count=count, account_id=account.pk, actor=actor)
    group.devices.set([secret.device_id for secret in minted])
    with django_assert_num_queries(3):  # roles, devices, groups
        found = list(queries.with_places(queries.devices_for(alice)))
        assert [[str(g) for g in d.groups.all()] + [d.twin.desired_version, str(d.account)] for d in found]


def test_what_the_board_does_not_report_yet_is_pending(alice, device, actor):
    actions.set_desired(device=device, patch={"led": True, "volume": 3}, actor=actor)
    assert queries.pending_for(alice, device.id) == ["led", "volume"]
