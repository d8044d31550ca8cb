from datetime import UTC, datetime, timedelta

import pytest

from panal.cells.cameras import alarms
from panal.cells.cameras.models import Camera
from panal.cells.contacts.models import Alert
from panal.cells.devices.models import Device

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.django_db
def test_a_camera_that_stays_gone_is_raised_once_and_clears_itself(device):
    Device.objects.filter(pk=device.pk).update(model_code="camera-1", state="activated")
    Camera.objects.create(device_id=device.pk, gone_at=NOW)
    alarms.watch(NOW + timedelta(seconds=599))
    assert not Alert.objects.exists()
    for _ in range(2):
        alarms.watch(NOW + timedelta(seconds=601))
    assert Alert.objects.get().state == "open"
    Camera.objects.update(connected_at=NOW, gone_at=None)
    alarms.watch(NOW + timedelta(seconds=700))
    assert Alert.objects.get().state == "cleared"
