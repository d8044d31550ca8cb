"""Who is at Home Assistant, as which user, below which topics; and what it may ask for."""

import pytest

from panal.cells.devices.models import Command as DeviceCommand
from panal.cells.devices.models import Device
from panal.cells.homeassistant import actions, queries
from panal.cells.homeassistant.discovery import Command
from panal.cells.homeassistant.models import Bridge
from panal.cells.lights.models import Light
from panal.protocol.errors import Forbidden, NotFound

pytestmark = pytest.mark.django_db


@pytest.fixture
def bridge(account, actor):
    return actions.turn_on(account_id=account.pk, actor=actor).bridge


def mint(model, account, actor, device_id):
    from panal.cells.devices.actions import mint_devices

    mint_devices(model=model, device_id=device_id, account_id=account.pk, actor=actor)
    Device.objects.filter(pk=device_id).update(state="activated", is_online=True, session="x:1", transport="mqtt")
    return Device.objects.get(pk=device_id)


@pytest.fixture
def light(account, actor):
    return Light.objects.create(
        device=mint("lights-4", account, actor, "HOME2345"), channel=1, account=account, dims=True
    )


@pytest.fixture
def door(account, actor):
    return mint("door-1", account, actor, "DOOR2345")


def test_the_password_is_good_for_its_own_topics_and_kept_as_a_hash(account, actor):
    made = actions.turn_on(account_id=account.pk, actor=actor)
    assert queries.admit(made.bridge.user, made.password) == "homeassistant"
    assert made.password.encode() not in bytes(made.bridge.password_sha256)
    for user, password in ((made.bridge.user, ""), (made.bridge.user, "x"), ("home.", "x"), ("home.0x1", made.password),
                           ("home.99999999999999999999", made.password)):  # fmt: skip
        assert queries.admit(user, password) == ""


def test_a_new_password_ends_the_old_one(account, actor):
    old = actions.turn_on(account_id=account.pk, actor=actor)
    new = actions.turn_on(account_id=account.pk, actor=actor)
    assert queries.admit(new.bridge.user, old.password) == ""
    assert queries.admit(new.bridge.user, new.password) == "homeassistant"


def test_only_one_account_has_the_usual_prefix(bridge, other_account, actor):
    other = actions.turn_on(account_id=other_account.pk, actor=actor)
    assert other.bridge.prefix == f"homeassistant-{other_account.pk}"
    assert queries.admit(other.bridge.user, other.password) == other.bridge.prefix


def test_turned_off_nobody_is_let_in_and_what_was_told_is_still_known_until_it_is_forgotten(account, actor):
    made = actions.turn_on(account_id=account.pk, actor=actor)
    actions.note_told(account.pk, ["WEAR2345"])
    made.bridge.refresh_from_db()
    actions.turn_off(bridge=made.bridge, actor=actor)
    assert queries.admit(made.bridge.user, made.password) == ""
    assert queries.things(account.pk) == []
    assert [home.told for home in queries.homes()] == [["WEAR2345"]]
    actions.note_told(account.pk, [])
    assert not Bridge.objects.exists(), "the prefix is free again"


def test_an_account_shows_its_own_things_only(bridge, light, door, device, other_device):
    found = {thing.device_id: thing for thing in queries.things(bridge.account_id)}
    assert set(found) == {light.device_id, door.pk, device.pk}
    assert found[door.pk].is_door and found[device.pk].is_wearable and found[light.device_id].lamps[0].dims


def test_a_light_is_asked_for_as_by_a_click(bridge, light):
    actions.obey(bridge.prefix, Command(light.device_id, "light_1", True, 40))
    light.refresh_from_db()
    assert (light.wanted_on, light.wanted_level_pct, light.wanted_by) == (True, 40, "Home Assistant")


def test_nobody_works_anothers_lights(bridge, light, other_account, actor):
    other = actions.turn_on(account_id=other_account.pk, actor=actor).bridge
    for prefix in (other.prefix, "homeassistant-999", ""):
        with pytest.raises(NotFound):
            actions.obey(prefix, Command(light.device_id, "light_1", True))
    light.refresh_from_db()
    assert light.wanted_at is None


def test_a_door_is_opened_only_where_the_owner_allows_it(bridge, door, actor):
    with pytest.raises(Forbidden):
        actions.obey(bridge.prefix, Command(door.pk, "lock", unlock=True))
    assert not DeviceCommand.objects.exists()
    actions.allow_unlock(bridge=bridge, may_unlock=True, actor=actor)
    actions.obey(bridge.prefix, Command(door.pk, "lock", unlock=True))
    assert DeviceCommand.objects.get().name == "door.unlock"


def test_anothers_door_is_not_there(bridge, other_account, actor):
    theirs = mint("door-1", other_account, actor, "DOORCHAR")
    actions.allow_unlock(bridge=bridge, may_unlock=True, actor=actor)
    with pytest.raises(NotFound):
        actions.obey(bridge.prefix, Command(theirs.pk, "lock", unlock=True))
