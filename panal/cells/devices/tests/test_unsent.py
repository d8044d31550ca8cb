"""A command whose server died between commit and publish, while its board stayed connected to an external broker."""

from datetime import timedelta

from panal.cells.devices import api
from panal.cells.devices.actions import cancel_command, queue_command
from panal.cells.devices.messages import Presence, Sent
from panal.control.instants import milliseconds
from panal.control.store import DjangoStore
from panal.control.tests.cases import collected
from panal.gateway.store import Entry

SECONDS = timedelta(seconds=1)


def connect(device, at_ms=1_790_000_000_000):
    DjangoStore().commit([Entry("devices.presence", Presence(device.id, "s:1", True, at_ms, ""))])


def names(heard):
    return [(event.name, event.device_id) for event in heard if event.topic == "commands"]


def test_another_server_sends_it_within_seconds_and_once(device, actor):
    connect(device)
    command = queue_command(device=device, name="identify", actor=actor)
    with collected() as heard:
        api.expire(command.issued_at + 2 * SECONDS)
    assert names(heard) == []
    with collected() as heard:
        api.expire(command.issued_at + 5 * SECONDS)
    assert names(heard) == [("command.queued", device.id)]
    DjangoStore().commit([Entry("devices.sent", Sent(device.id, str(command.id), milliseconds(command.issued_at)))])
    with collected() as heard:
        api.expire(command.issued_at + 9 * SECONDS)
    assert names(heard) == []


def test_one_that_has_its_outcome_or_waits_for_an_absent_board_is_left(device, other_device, actor):
    connect(device)
    command = queue_command(device=device, name="identify", actor=actor)
    cancel_command(command=command, actor=actor)
    queue_command(device=other_device, name="identify", actor=actor)
    with collected() as heard:
        api.expire(command.issued_at + 5 * SECONDS)
    assert names(heard) == []
