"""A key, a release that is out, and wearables of Alice's account that run something older."""

import pytest

from panal.cells.updates import actions
from panal.cells.updates.models import ReleaseKey

from .signing import public_pem, release_file


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    """Artifacts of a test lie in a folder of its own."""
    import dataclasses

    settings.PANAL = dataclasses.replace(settings.PANAL, values={**settings.PANAL.values, "data": tmp_path})
    return tmp_path / "artifacts"


@pytest.fixture
def key(db, actor):
    return actions.add_key(name="Clave 2026", pem=public_pem(), actor=actor)


@pytest.fixture
def draft(key, actor):
    return actions.add_release(file=release_file("9.1.0"), actor=actor, notes="Mejor.")


@pytest.fixture
def release(draft, actor):
    return actions.publish_release(release=draft, actor=actor)


@pytest.fixture
def newer(key, actor):
    return actions.publish_release(release=actions.add_release(file=release_file("9.2.0"), actor=actor), actor=actor)


@pytest.fixture
def fleet(account, actor):
    """Twenty wearables that have been online, by id in the order of their ids."""
    return make_fleet(account, actor, 20)


def make_fleet(account, actor, count):
    from panal.cells.devices.actions import mint_devices
    from panal.cells.devices.models import Device

    minted = mint_devices(model="wearable-1", account_id=account.pk, actor=actor, count=count)
    ids = sorted(secret.device_id for secret in minted)
    Device.objects.filter(pk__in=ids).update(state="activated", is_online=True, fw="9.0.0", transport="mqtt")
    return ids


@pytest.fixture
def rollout(release, fleet, actor):
    """Three stages of 1, 4 and 15 boards, at once."""
    return actions.begin_rollout(release=release, device_ids=fleet, actor=actor, pace=actions.Pace(jitter_s=0))


@pytest.fixture
def keys(key):
    return ReleaseKey.objects.all()
