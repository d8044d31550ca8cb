"""What is wanted of many devices at once, and what they have decided for themselves."""

from datetime import UTC, datetime

import pytest

from panal.cells.devices import api
from panal.cells.devices.models import Twin
from panal.control.tests.cases import collected
from panal.protocol.errors import BadRequest

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_each_gets_its_own_patch_a_new_version_and_is_told(device, other_device):
    both = [device, other_device]
    patches = {device.pk: {"a": {"x": 1}}, other_device.pk: {"a": None}}
    with collected() as heard:
        api.lay_desired_of_many(devices=both, patches=patches, now=NOW)
    assert api.desired(device.pk) == (1, {"a": {"x": 1}})
    assert api.desired(other_device.pk) == (0, {})  # nothing changed
    [told] = heard
    assert (told.name, told.device_id, told.data) == ("twin.desired_changed", device.pk, {"version": 1})
    assert Twin.objects.get(pk=device.pk).desired_at == NOW


def test_a_device_without_a_twin_gets_one(device):
    Twin.objects.all().delete()
    api.lay_desired_of_many(devices=[device], patches={device.pk: {"a": 1}}, now=NOW)
    assert api.desired(device.pk) == (1, {"a": 1})


def test_what_is_too_large_changes_nothing(device, other_device):
    patches = {device.pk: {"a": 1}, other_device.pk: {"a": "x" * 9000}}
    with pytest.raises(BadRequest, match="too_large"):
        api.lay_desired_of_many(devices=[device, other_device], patches=patches, now=NOW)
    assert api.desired(device.pk) == (0, {})


def test_what_a_device_has_decided_is_wanted_without_a_new_version(device):
    api.lay_desired_of_many(devices=[device], patches={device.pk: {"a": {"x": 1, "y": 2}}}, now=NOW)
    with collected() as heard:
        api.agree_with({device.pk: {"a": {"x": 5}}})
    assert api.desired(device.pk) == (1, {"a": {"x": 5, "y": 2}})
    assert heard == []
