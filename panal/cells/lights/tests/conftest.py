"""A board of four lights in Alice's account, and what it says."""

from datetime import timedelta

import pytest

from panal.cells.devices.messages import Reported
from panal.control.instants import instant

NOW_MS = 1_790_000_000_000
NOW = instant(NOW_MS)
SECOND = timedelta(seconds=1)


def mint(account_id, actor, device_id="HOME2345"):
    from panal.cells.devices.actions import mint_devices
    from panal.cells.devices.models import Device

    mint_devices(model="lights-4", device_id=device_id, account_id=account_id, actor=actor)
    Device.objects.filter(pk=device_id).update(state="activated", is_online=True, session="x:1", transport="mqtt")
    return Device.objects.select_related("account").get(id=device_id)


def light_of(on=False, at_ms=NOW_MS - 3_600_000, by="wall", level=100, until_ms=None, for_s=None, set_at_ms=0):
    """One light as its board reports it."""
    return {
        "on": on, "level": level, "by": by, "at_ms": at_ms, "until_ms": until_ms, "for_s": for_s,
        "set_at_ms": set_at_ms,
    }  # fmt: skip


def record(*entries):
    """As the ledger commits them; each (device id, lights, received_ms, version)."""
    from panal.control.store import DjangoStore
    from panal.gateway.store import Entry

    messages = [Reported(id, received_ms, version, {"lights": lights}) for id, lights, received_ms, version in entries]
    return DjangoStore().commit([Entry("devices.reported", message) for message in messages])


def report(device_id, received_ms=NOW_MS, version=0, **lights):
    """`_1=light_of(…)`, or any other name of the document."""
    return record((device_id, {name.removeprefix("_"): value for name, value in lights.items()}, received_ms, version))


def obey(device_id, at_ms=NOW_MS):
    """The board does what is desired of it and reports it, as machine.py does."""
    from panal.cells.devices import api as devices

    wanted = devices.desired(device_id)
    lights = {
        number: light_of(
            wish["on"], wish["set_at_ms"], "page", wish.get("level") or 100, None, wish.get("for_s"), wish["set_at_ms"]
        )
        for number, wish in wanted.state.get("lights", {}).items()
        if number.isdecimal()
    }
    record((device_id, lights, at_ms, wanted.version))


@pytest.fixture
def board(account, actor):
    made = mint(account.pk, actor)
    report(made.pk, _1=light_of(), _2=light_of(), _3=light_of(), _4=light_of())
    return made


@pytest.fixture
def light(board):
    from panal.cells.lights.models import Light

    return Light.objects.select_related("device", "account", "sector").get(device=board, channel=1)


@pytest.fixture
def lights(board):
    from panal.cells.lights.models import Light

    return list(Light.objects.select_related("device", "account", "sector").filter(device=board).order_by("channel"))


@pytest.fixture
def other_light(other_account, actor):
    from panal.cells.lights.models import Light

    mint(other_account.pk, actor, "HOMECHAR")
    report("HOMECHAR", _1=light_of())
    return Light.objects.get(device_id="HOMECHAR")
