"""Alerts that are raised, a sender whose steps are made one by one, and providers that do as they are told."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from panal.cells.contacts import recorder
from panal.cells.contacts.api import Alarm, raise_alarms
from panal.cells.contacts.channels import seal
from panal.cells.contacts.messages import Claim, Tried
from panal.cells.contacts.models import Channel, Contact, Notice
from panal.control.instants import instant, milliseconds

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def alarm(account, number=1, **other):
    values = {"kind": "care.fall", "device_id": "D", "name": "Rosa", "url": "/events/", "at": NOON}
    return Alarm(**{"account_id": account.pk, "uid": f"u{number}", **values, **other})


class Told(NamedTuple):
    """What a provider has taken."""

    purpose: str
    step: tuple[int, int]
    who: str
    channel: str


class Sender:
    """The sender's steps, each of which a test may leave out, as a server does that is killed there."""

    def __init__(self, name="one"):
        self.name = name
        self.told = []
        self.down = set()

    def claim(self, now, room=32, busy=()):
        [claimed] = recorder.record_claims([Claim("", self.name, milliseconds(now), room, busy)], now)
        return claimed.jobs

    def hand_over(self, job, channel):
        """True where the provider took it."""
        if channel[1] in self.down:
            return False
        who = Contact.objects.get(pk=job.contact_id).name
        self.told.append(Told(job.purpose, (job.round, job.step), who, channel[1]))
        return True

    def write_down(self, job, channel, sent, now, is_last=True):
        id, kind, provider, _sealed = channel
        state = "sent" if sent else "failed"
        tried = Tried("", self.name, milliseconds(now), job.id, id, kind, provider, state, "HTTP 1", 5, is_last, False)
        return recorder.record_tried([tried], now)[0]

    def send(self, job, now):
        for place, channel in enumerate(job.channels):
            sent = self.hand_over(job, channel)
            if not self.write_down(job, channel, sent, now, place == len(job.channels) - 1):
                return

    def turn(self, now):
        for job in self.claim(now):
            self.send(job, now)

    def run(self, since, seconds):
        """Turns for so long, whenever something is due."""
        now, end = since, since + timedelta(seconds=seconds)
        while now <= end:
            self.turn(now)
            [claimed] = recorder.record_claims([Claim("", self.name, milliseconds(now), 0, ())], now)
            if claimed.next_ms is None:
                return
            now = max(instant(claimed.next_ms), now + timedelta(milliseconds=1))


@pytest.fixture
def sender():
    return Sender()


@pytest.fixture
def contact(account):
    """Ana, who is nobody's member, with an e-mail and a webhook after it."""
    ana = Contact.objects.create(account=account, name="Ana")
    add_channel(ana, "email", address="ana@example.com")
    add_channel(ana, "webhook", place=1, url="https://hooks.example.com/x", authorization="")
    return ana


def add_channel(contact, kind, place=0, **fields):
    channel = Channel(contact=contact, kind=kind, place=place)
    seal(channel, fields)
    channel.save()
    return channel


def raised(account, now=NOON, **other):
    raise_alarms([alarm(account, **other)], now)


def states():
    return sorted(Notice.objects.values_list("contact_name", "purpose", "state"))
