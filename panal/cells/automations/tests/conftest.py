"""A home with two lights, a scene, a camera and a door; what sets automations off."""

from datetime import UTC, datetime

import pytest

from panal.cells.automations import actions, recorder, runs
from panal.cells.automations.models import Occurrence
from panal.cells.devices.actions import mint_devices
from panal.cells.devices.models import Device
from panal.cells.lights.models import Light
from panal.control.events import publish_on_commit
from panal.control.instants import milliseconds
from panal.gateway.store import DomainEvent

NOON = datetime(2026, 9, 21, 12, tzinfo=UTC)  # a Monday
OFF = {"kind": "offline", "device_id": "", "light_id": 0}


def went_offline(device):
    publish_on_commit(DomainEvent("device.went_offline", "devices", device.account_id, device.pk, {}))


def run_all(now=None):
    """How many ran."""
    count = 0
    while runs.run_due(milliseconds(now or datetime.now(tz=UTC))):
        count += 1
    return count


@pytest.fixture(autouse=True)
def _no_automations_of_the_test_before(db):
    recorder.refresh()
    yield
    recorder._wanted = frozenset()


@pytest.fixture
def board(account, actor):
    mint_devices(model="lights-4", device_id="LAMP2345", account_id=account.pk, actor=actor)
    return Device.objects.get(pk="LAMP2345")


@pytest.fixture
def lamp(board, account):
    return Light.objects.create(device=board, account=account, channel=1, name="Pasillo", reported_at=NOON)


@pytest.fixture
def make(account, actor, lamp):
    """An automation that switches the lamp on when any device goes offline; what is given instead is taken."""

    def make(**changes):
        said = {
            "name": "Aviso",
            "when": OFF,
            "conditions": [],
            "actions": [{"kind": "light", "light_id": lamp.pk, "is_on": True, "level": None, "for_s": 300}],
            **changes,
        }
        made = actions.save_automation(account_id=account.pk, actor=actor, **said)
        recorder.refresh()
        return made

    return make


def waiting():
    return list(Occurrence.objects.order_by("pk").values_list("cause", "device_id"))
