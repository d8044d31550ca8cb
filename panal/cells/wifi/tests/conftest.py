"""Devices that have been online, and a change of their network."""

import pytest

SSID, PASSWORD = "Casa Nueva 5G", "una clave muy larga"


@pytest.fixture
def fleet(account, actor):
    """Five wearables of Alice's account that have been online, with their tokens by id."""
    from panal.cells.devices.actions import mint_devices
    from panal.cells.devices.models import Device

    minted = mint_devices(model="wearable-1", account_id=account.pk, actor=actor, count=5)
    Device.objects.filter(account=account).update(state="activated", is_online=True)
    return {secret.device_id: secret.token for secret in minted}


@pytest.fixture
def change(account, actor, fleet):
    from panal.cells.wifi.actions import begin_change

    return begin_change(account_id=account.pk, device_ids=fleet, ssid=SSID, password=PASSWORD, actor=actor)


@pytest.fixture
def wifi_things(things, change):
    return {**things, "change": str(change.pk)}
