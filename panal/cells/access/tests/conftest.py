"""A door of Alice's account, what it says, and who may come in."""

import uuid

import pytest

from panal.cells.access import messages

NOW_MS = 1_790_000_000_000


def mint(account_id, actor, device_id="DOOR2345"):
    from panal.cells.devices.actions import mint_devices
    from panal.cells.devices.models import Device

    mint_devices(model="door-1", device_id=device_id, account_id=account_id, actor=actor)
    Device.objects.filter(pk=device_id).update(state="activated", is_online=True, session="x:1", transport="mqtt")
    return Device.objects.select_related("account").get(id=device_id)


@pytest.fixture
def door(account, actor):
    return mint(account.pk, actor)


@pytest.fixture
def other_door(other_account, actor):
    return mint(other_account.pk, actor, "DOORCHAR")


@pytest.fixture
def holder(account, actor):
    from panal.cells.access.actions import save_holder

    return save_holder(account_id=account.pk, name="Rosa", actor=actor, grants=[{}])


@pytest.fixture
def schedule(account, actor):
    from panal.cells.access.actions import save_schedule

    return save_schedule(account_id=account.pk, name="Mañanas", windows=[[31, 480, 780]], actor=actor)


def said(device_id, seq, kind="door.attempt", **more):
    """An event as a board's line becomes one."""
    values = {
        "device_id": device_id, "received_ms": NOW_MS + seq, "uid": str(uuid.uuid4()), "kind": kind,
        "at_ms": NOW_MS + seq, "seq": seq, "door": "close", "method": "rfid", "granted": False, "card": "",
        "person": None, "reason": "", "note": "", "lock": "", "command": "", "factors": (), "boot": 1,
    }  # fmt: skip
    return messages.Event(**{**values, **more})


def record(*events):
    """As the ledger commits them."""
    from panal.control.store import DjangoStore
    from panal.gateway.store import Entry

    return DjangoStore().commit([Entry("access.event", event) for event in events])


@pytest.fixture
def alarm(door):
    from panal.cells.access.models import Alarm

    record(said(door.pk, 1, "door.alarm", reason="forced", door="open", lock="locked", method="door"))
    return Alarm.objects.get()


@pytest.fixture
def door_things(things, door, holder, schedule, alarm, actor):
    from panal.cells.access import actions

    card = actions.add_card(holder=holder, number="04a1b2c3", actor=actor)
    enrolment = actions.begin_enrolment(device=door, holder=holder, actor=actor)
    return {
        **things,
        "door": door.pk,
        "holder": holder.pk,
        "schedule": schedule.pk,
        "alarm": alarm.pk,
        "card": card.pk,
        "enrolment": enrolment.pk,
    }
