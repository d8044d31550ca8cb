"""A camera of Alice's account."""

import pytest

from panal.cells.cameras import queries
from panal.cells.devices.actions import mint_devices
from panal.cells.devices.models import Device


@pytest.fixture
def eye(account, actor):
    """The device of `camera`."""
    mint_devices(model="camera-1", device_id="CAMA2345", account_id=account.pk, actor=actor)
    return Device.objects.select_related("account").get(id="CAMA2345")


@pytest.fixture
def camera(eye):
    return queries.camera_of(eye)


@pytest.fixture
def things(account, eye, bob):
    return {"account": account.pk, "camera": eye.pk, "member": bob.pk}
