"""The people of every test: Alice owns the account "Casa", Bob is a member, Charlie is a stranger with his own.

Vera looks (viewer), Carla looks after (caregiver); Sam supports, Fay mints and Ada administers for the operator.
"""

import os

import pytest
from hypothesis import settings

from tests.running import TEST_POSTGRES, migrated

settings.register_profile("panal", deadline=None)  # how long an example takes says how busy this machine is
settings.load_profile("panal")

NOW_MS = 1_790_000_000_000


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix):
    """On PostgreSQL the tests' own database is a copy of the one that is migrated once for all processes."""
    from django.db import connection

    if server := os.environ.get(TEST_POSTGRES):
        connection.settings_dict["TEST"]["TEMPLATE"] = migrated(server)


@pytest.fixture
def actor():
    from panal.cells.accounts.actor import Actor

    return Actor("a test", address="192.0.2.7")


def _person(name, account=None, role="", staff_role=""):
    from panal.cells.accounts.models import Membership, User

    user = User.objects.create(email=f"{name}@example.com", full_name=name.title(), staff_role=staff_role)
    if account is not None:
        Membership.objects.create(user=user, account=account, role=role)
    return user


@pytest.fixture
def account(db):
    from panal.cells.accounts.models import Account

    return Account.objects.create(name="Casa")


@pytest.fixture
def other_account(db):
    from panal.cells.accounts.models import Account

    return Account.objects.create(name="Charlie's")


@pytest.fixture
def alice(account):
    return _person("alice", account, "owner")


@pytest.fixture
def bob(account):
    return _person("bob", account, "member")


@pytest.fixture
def carla(account):
    return _person("carla", account, "caregiver")


@pytest.fixture
def vera(account):
    return _person("vera", account, "viewer")


@pytest.fixture
def charlie(other_account):
    return _person("charlie", other_account, "owner")


@pytest.fixture
def sam(db):
    return _person("sam", staff_role="support")


@pytest.fixture
def fay(db):
    return _person("fay", staff_role="factory")


@pytest.fixture
def ada(db):
    return _person("ada", staff_role="admin")


@pytest.fixture
def minted(account, actor):
    """What the factory knows of `device`: its id, token, access point password and claim code."""
    from panal.cells.devices.actions import mint_devices

    [secrets] = mint_devices(model="wearable-1", device_id="WEAR2345", account_id=account.pk, actor=actor)
    return secrets


@pytest.fixture
def device(minted):
    """A wearable of Alice's account."""
    from panal.cells.devices.models import Device

    return Device.objects.select_related("account").get(id=minted.device_id)


@pytest.fixture
def other_device(other_account, actor):
    """A wearable of Charlie's account."""
    from panal.cells.devices.actions import mint_devices
    from panal.cells.devices.models import Device

    mint_devices(model="wearable-1", device_id="CHAR2345", account_id=other_account.pk, actor=actor)
    return Device.objects.select_related("account").get(id="CHAR2345")


@pytest.fixture
def sector(account, actor):
    from panal.cells.devices.actions import create_sector

    return create_sector(account_id=account.pk, name="Salón", actor=actor)


@pytest.fixture
def group(account, actor):
    from panal.cells.devices.actions import create_group

    return create_group(account_id=account.pk, name="Noche", actor=actor)


@pytest.fixture
def command(device, actor):
    """A command that waits for `device`."""
    from panal.cells.devices.actions import queue_command

    return queue_command(device=device, name="identify", actor=actor)


@pytest.fixture
def event(device):
    """A fall that `device` has told of, with its samples."""
    from panal.cells.care.messages import Event, Samples
    from panal.cells.care.models import Event as EventRow
    from panal.control.store import DjangoStore
    from panal.gateway.store import Entry

    uid = "0b8f3f1e-6f0e-4a61-9a3e-2f0f3f7a5a01"
    samples = Samples(device.id, NOW_MS, uid, ((0, -20, 0.0, 0.0, 1.0),), False)
    [recorded] = DjangoStore().commit([Entry("care.event", Event(device.id, NOW_MS, uid, "FALL", None, {}, samples))])
    return EventRow.objects.get(id=recorded.event_id)


@pytest.fixture
def things(account, device, sector, group, command, event, bob):
    """Ids of everything in Alice's account, for addresses."""
    return {
        "account": account.pk,
        "device": device.id,
        "batch": device.batch_id,
        "sector": sector.pk,
        "group": group.pk,
        "command": str(command.id),
        "event": str(event.id),
        "member": account.memberships.get(user=bob).pk,
    }
