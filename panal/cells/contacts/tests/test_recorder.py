"""The outbox: steps, leases, retries, and a server that is killed at each point of it."""

import threading
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection, transaction

from panal.cells.accounts.api import person, system
from panal.cells.contacts.api import acknowledge, clear_alarms
from panal.cells.contacts.models import Contact, Delivery, Escalation, Notice, Policy
from panal.cells.contacts.recorder import BACKOFF_S, LEASE, is_due, on_start
from panal.control.instants import milliseconds

from .conftest import NOON, Sender, Told, add_channel, raised, states

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def policy(account, *steps, kind="", repeats=0, repeat_after_s=600):
    rows = [{"after_s": s, "contacts": [c.pk for c in people], "teams": [], "roles": []} for s, people in steps]
    return Policy.objects.create(account=account, kind=kind, steps=rows, repeats=repeats, repeat_after_s=repeat_after_s)


@pytest.fixture
def bea(account):
    found = Contact.objects.create(account=account, name="Bea")
    add_channel(found, "email", address="bea@example.com")
    return found


def test_without_any_set_up_owners_and_caregivers_hear_of_a_fall_by_mail(account, alice, bob, carla, vera, sender):
    raised(account)
    sender.turn(NOON)
    assert set(sender.told) == {Told("alarm", (0, 0), "Alice", "email"), Told("alarm", (0, 0), "Carla", "email")}


def test_a_policy_is_carried_out_step_by_step_until_it_ends(account, contact, bea, sender):
    policy(account, (0, [contact]), (120, [bea]), repeats=1, repeat_after_s=300)
    raised(account)
    sender.run(NOON, 3600)
    assert [(told.who, told.step) for told in sender.told] == [
        ("Ana", (0, 0)), ("Bea", (0, 1)), ("Ana", (1, 0)), ("Bea", (1, 1)),
    ]  # fmt: skip
    assert not Escalation.objects.exists()
    assert not is_due(milliseconds(NOON + timedelta(hours=2)))


def test_who_acknowledges_ends_it_and_those_who_were_told_hear_who(account, contact, bea, bob, sender):
    policy(account, (0, [contact]), (120, [bea]))
    raised(account)
    sender.turn(NOON)
    acknowledge(["u1"], person(bob), NOON + 60 * SECOND)
    sender.run(NOON + 60 * SECOND, 600)
    assert [(told.purpose, told.who) for told in sender.told] == [("alarm", "Ana"), ("known", "Ana")]


def test_who_acknowledges_by_link_is_not_told_what_they_did(account, contact, bea, sender):
    policy(account, (0, [contact, bea]))
    raised(account)
    sender.turn(NOON)
    acknowledge(["u1"], system("Ana"), NOON, contact.pk)
    sender.turn(NOON)
    assert [(told.purpose, told.who) for told in sender.told[2:]] == [("known", "Bea")]


def test_all_clear_goes_to_everybody_who_was_told_and_to_nobody_else(account, contact, bea, sender):
    policy(account, (0, [contact]), (600, [bea]))
    raised(account)
    sender.turn(NOON)
    clear_alarms(["u1"], "the door", NOON)
    sender.run(NOON, 1200)
    assert [(told.purpose, told.who) for told in sender.told] == [("alarm", "Ana"), ("all_clear", "Ana")]


def test_what_is_over_before_it_was_told_is_told_to_nobody(account, contact, sender):
    policy(account, (0, [contact]))
    raised(account)
    clear_alarms(["u1"], "the door", NOON)
    sender.run(NOON, 600)
    assert sender.told == []


def test_a_provider_that_is_down_falls_through_to_the_next_channel_at_once(account, contact, sender):
    policy(account, (0, [contact]))
    sender.down = {"email"}
    raised(account)
    sender.turn(NOON)
    assert [told.channel for told in sender.told] == ["webhook"]
    assert list(Delivery.objects.values_list("kind", "state")) == [("email", "failed"), ("webhook", "sent")]


def test_who_cannot_be_reached_is_tried_again_ever_more_rarely_and_then_given_up(account, contact, sender):
    policy(account, (0, [contact]))
    sender.down = {"email", "webhook"}
    raised(account)
    sender.run(NOON, sum(BACKOFF_S) + 60)
    assert Delivery.objects.count() == 2 * (len(BACKOFF_S) + 1)
    assert states() == [("Ana", "alarm", "failed")]


def test_who_is_reached_at_last_is_told_once(account, contact, sender):
    policy(account, (0, [contact]))
    sender.down = {"email", "webhook"}
    raised(account)
    sender.turn(NOON)
    sender.down = set()
    sender.run(NOON + SECOND, 300)
    assert len(sender.told) == 1


def test_where_nobody_of_a_step_can_be_reached_the_next_one_comes_at_once(account, contact, bea, sender):
    policy(account, (0, [contact]), (1800, [bea]))
    sender.down = {"webhook"}
    Contact.objects.get(pk=contact.pk).channels.filter(kind="email").delete()
    raised(account)
    sender.run(NOON, 10)
    assert [told.who for told in sender.told] == ["Bea"]


def test_a_contact_without_a_channel_is_not_waited_for(account, bea, sender):
    nobody = Contact.objects.create(account=account, name="Nobody")
    policy(account, (0, [nobody]), (1800, [bea]))
    raised(account)
    [job] = sender.claim(NOON)
    assert job.channels == ()
    sender.write_down(job, ("", "", "", b""), False, NOON)
    sender.turn(NOON)
    assert [told.who for told in sender.told] == ["Bea"]


def test_who_left_the_account_is_told_no_more(account, alice, bob, sender):
    raised(account, number=1, kind="door.forced")
    sender.turn(NOON)
    policy(account, (0, [Contact.objects.get(user=alice)]))
    alice.memberships.all().delete()
    raised(account, number=2, kind="door.forced")
    sender.turn(NOON)
    assert len(sender.told) == 1


# killed


def test_killed_after_it_was_raised_and_before_anybody_took_it(account, contact):
    policy(account, (0, [contact]))
    raised(account)
    after = Sender("two")
    after.run(NOON + timedelta(hours=1), 300)
    assert [told.who for told in after.told] == ["Ana"]


def test_killed_between_taking_and_sending(account, contact):
    policy(account, (0, [contact]))
    raised(account)
    before, after = Sender("one"), Sender("two")
    assert len(before.claim(NOON)) == 1
    after.turn(NOON + LEASE - SECOND)
    assert after.told == []
    after.run(NOON + LEASE, 600)
    assert [told.who for told in after.told] == ["Ana"]
    assert "unknown" in Delivery.objects.values_list("state", flat=True)


def test_killed_between_sending_and_writing_it_down_is_the_only_time_that_it_is_told_twice(account, contact):
    policy(account, (0, [contact]))
    raised(account)
    before, after = Sender("one"), Sender("two")
    [job] = before.claim(NOON)
    before.hand_over(job, job.channels[0])
    after.run(NOON + LEASE, 600)
    assert [told.who for told in before.told + after.told] == ["Ana", "Ana"]


def test_killed_after_the_answer_was_written_down_it_is_never_told_again(account, contact):
    policy(account, (0, [contact]))
    raised(account)
    before, after = Sender("one"), Sender("two")
    before.turn(NOON)
    after.run(NOON + LEASE, 3600)
    assert [told.who for told in before.told + after.told] == ["Ana"]


def test_killed_between_two_channels_the_first_one_is_tried_again_before_the_second(account, contact):
    policy(account, (0, [contact]))
    raised(account)
    before, after = Sender("one"), Sender("two")
    before.down = {"email"}
    [job] = before.claim(NOON)
    assert before.write_down(job, job.channels[0], before.hand_over(job, job.channels[0]), NOON, is_last=False)
    after.run(NOON + LEASE, 600)
    assert [told.channel for told in after.told] == ["email"]


def test_killed_between_two_steps_the_second_one_keeps_its_time(account, contact, bea):
    policy(account, (0, [contact]), (600, [bea]))
    raised(account)
    before, after = Sender("one"), Sender("two")
    before.turn(NOON)
    after.run(NOON + LEASE, 480)
    assert after.told == []
    after.run(NOON + timedelta(seconds=600), 60)
    assert [told.who for told in after.told] == ["Bea"]


def test_killed_before_the_all_clear_was_sent_it_is_sent_afterwards(account, contact):
    policy(account, (0, [contact]))
    raised(account)
    before, after = Sender("one"), Sender("two")
    before.turn(NOON)
    clear_alarms(["u1"], "the door", NOON)
    before.claim(NOON)
    after.run(NOON + LEASE, 600)
    assert [told.purpose for told in after.told] == ["all_clear"]


def test_a_server_that_is_alone_goes_on_at_once_after_it_was_killed(account, contact):
    policy(account, (0, [contact]))
    raised(account)
    Sender("one").claim(NOON)
    on_start(milliseconds(NOON + SECOND))
    after = Sender("two")
    after.turn(NOON + SECOND)
    assert [told.who for told in after.told] == ["Ana"]


def test_an_answer_that_comes_after_the_lease_was_lost_does_not_disturb_who_has_it_now(account, contact):
    policy(account, (0, [contact]))
    raised(account)
    slow, other = Sender("one"), Sender("two")
    [job] = slow.claim(NOON)
    [again] = other.claim(NOON + LEASE)
    assert not slow.write_down(job, job.channels[0], False, NOON + LEASE + SECOND, is_last=True)
    assert Notice.objects.get().lease == "two"
    other.send(again, NOON + LEASE + SECOND)
    assert states() == [("Ana", "alarm", "sent")]


def test_what_this_server_is_still_sending_it_does_not_take_again(account, contact, sender):
    policy(account, (0, [contact]))
    raised(account)
    [job] = sender.claim(NOON)
    assert sender.claim(NOON + 2 * LEASE, busy=(job.id,)) == []


# clocks


def test_a_clock_that_was_set_back_keeps_nobody_waiting(account, contact, bea, sender):
    policy(account, (0, [contact]), (60, [bea]))
    raised(account)
    sender.turn(NOON)
    yesterday = NOON - timedelta(days=1)
    sender.run(yesterday, 120)
    assert [told.who for told in sender.told] == ["Ana", "Bea"]


def test_a_lease_of_the_future_is_nobodys(account, contact, sender):
    policy(account, (0, [contact]))
    raised(account)
    Sender("one").claim(NOON)
    sender.turn(NOON - timedelta(days=1))
    assert len(sender.told) == 1


def test_a_clock_that_jumps_ahead_skips_no_step(account, contact, bea, sender):
    policy(account, (0, [contact]), (600, [bea]), repeats=1)
    raised(account)
    sender.turn(NOON)
    sender.run(NOON + timedelta(days=400), 3600)
    assert [told.who for told in sender.told] == ["Ana", "Bea", "Ana", "Bea"]


# quiet hours


def test_quiet_hours_hold_back_what_is_no_emergency_until_they_end(account, contact, sender):
    policy(account, (0, [contact]))
    Contact.objects.update(quiet_from_min=11 * 60, quiet_until_min=14 * 60)
    raised(account, kind="door.held")
    sender.run(NOON, 2 * 3600 - 10)
    assert sender.told == []
    sender.turn(NOON + timedelta(hours=2))
    assert len(sender.told) == 1


def test_an_emergency_does_not_wait(account, contact, sender):
    policy(account, (0, [contact]))
    Contact.objects.update(quiet_from_min=0, quiet_until_min=1439)
    raised(account, kind="care.fall")
    sender.turn(NOON)
    assert len(sender.told) == 1


# two replicas


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("sqlite" in settings.DATABASES["default"]["ENGINE"], reason="SQLite has one writer at a time")
def test_two_replicas_that_take_at_the_same_time_never_take_the_same(account, contact):
    """Each in a transaction and connection of its own, as ledgers are."""
    policy(account, (0, [contact]))
    for number in range(40):
        raised(account, number=number)
    together, taken = threading.Barrier(2), {"one": [], "two": []}

    def replica(name):
        for _ in range(12):
            together.wait(60)
            with transaction.atomic():
                taken[name] += [job.id for job in Sender(name).claim(NOON, room=4)]
        connection.close()

    threads = [threading.Thread(target=replica, args=[name]) for name in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = taken["one"] + taken["two"]
    assert len(every) == len(set(every)) == 40


def test_one_step_is_told_once_even_where_two_replicas_carry_it_out(account, contact):
    """What the database itself refuses."""
    policy(account, (0, [contact]))
    raised(account)
    Sender("one").turn(NOON)
    Escalation.objects.create(alert_id=Notice.objects.get().alert_id, due_at=NOON, set_at=NOON)
    other = Sender("two")
    other.turn(NOON)
    assert other.told == []
