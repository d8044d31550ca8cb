from datetime import timedelta

import pytest

from panal.cells.accounts.models import AuditEntry
from panal.cells.care import actions, faults, queries, upkeep
from panal.cells.care.models import Event, Fault, Wearer, Wearing
from panal.cells.contacts.models import Alert
from panal.cells.devices.api import Said
from panal.cells.devices.claims import move_device
from panal.control.instants import instant
from panal.protocol.errors import BadRequest, Conflict

NOW_MS = 1_790_000_000_000
NOW = instant(NOW_MS)
HOUR = timedelta(hours=1)


def test_a_wearer_has_a_name_of_their_own(carmen, account, actor):
    assert (carmen.age(NOW.date()), [str(c) for c in carmen.caregivers.all()]) == (85, ["Carla"])
    with pytest.raises(Conflict):
        actions.save_wearer(account_id=account.pk, name="Carmen", actor=actor)


@pytest.mark.parametrize(
    "values",
    [{"name": " "}, {"name": "x" * 81}, {"birth_year": 1899}, {"birth_year": 3000}, {"position": "ankle"},
     {"notes": "x" * 2001}, {"height": 2}],
)  # fmt: skip
def test_what_cannot_be_is_refused(account, actor, values):
    with pytest.raises(BadRequest):
        actions.save_wearer(account_id=account.pk, actor=actor, **{"name": "Pepe", **values})
    assert not Wearer.objects.exists()


def test_only_people_of_the_account_look_after_somebody(account, charlie, actor):
    with pytest.raises(BadRequest):
        actions.save_wearer(account_id=account.pk, name="Pepe", caregivers=[charlie.pk], actor=actor)


def test_the_audit_log_holds_nothing_private(carmen, actor):
    actions.save_wearer(account_id=carmen.account_id, wearer=carmen, notes="Takes Sintrom", actor=actor)
    logged = [str(entry.before) + str(entry.after) for entry in AuditEntry.objects.all()]
    assert not [text for text in logged if "Sintrom" in text or "Hears" in text or "Key" in text]
    assert "'private': ['notes']" in "".join(logged)


def test_a_device_goes_from_one_wearer_to_the_next_and_both_keep_their_history(worn, carmen, account, device, actor):
    pepe = actions.save_wearer(account_id=account.pk, name="Pepe", actor=actor)
    actions.give_device(wearer=pepe, device=device, actor=actor, now=NOW)
    worn.refresh_from_db()
    assert worn.until_at == NOW
    assert [w.wearer.name for w in Wearing.objects.filter(until_at=None)] == ["Pepe"]
    with pytest.raises(Conflict):
        actions.give_device(wearer=pepe, device=device, actor=actor)


def test_the_board_is_told_where_it_is_worn(worn, carmen, device, actor):
    from panal.cells.devices.api import desired

    assert desired(device.pk).state == {"care": {"position": "waist"}}
    actions.save_wearer(account_id=carmen.account_id, wearer=carmen, position="neck", actor=actor)
    assert desired(device.pk).state == {"care": {"position": "neck"}}


def test_a_device_of_another_account_is_nobody_s_here(carmen, other_device, actor):
    with pytest.raises(BadRequest):
        actions.give_device(wearer=carmen, device=other_device, actor=actor)


def test_an_event_is_of_whoever_wore_the_device_when_it_happened(worn, carmen, account, device, happens, actor):
    """Also when it comes days later, after the device has been handed on."""
    pepe = actions.save_wearer(account_id=account.pk, name="Pepe", actor=actor)
    actions.give_device(wearer=pepe, device=device, actor=actor, now=NOW)
    later = NOW_MS + 3 * 86_400_000
    assert happens("now", received_ms=later).wearer == pepe
    assert happens("late", at_ms=NOW_MS - 1, received_ms=later).wearer == carmen
    assert happens("before", at_ms=NOW_MS - 5 * 86_400_000, received_ms=later).wearer is None


def test_who_bought_the_device_does_not_inherit_its_wearer(worn, device, other_account, happens, actor):
    move_device(device=device, account_id=other_account.pk, actor=actor)
    event = happens()
    assert (event.wearer, Alert.objects.get().name) == (None, device.pk)
    assert upkeep.end_moved(NOW) == 1
    assert not Wearing.objects.filter(until_at=None).exists()


def test_a_wearer_goes_with_everything_that_is_kept_of_them(worn, carmen, happens, actor):
    happens(samples=((0, 0, 0.0, 0.0, 1.0),))
    assert actions.delete_wearer(wearer=carmen, actor=actor) == 1
    assert not Event.objects.exists()
    assert not Wearing.objects.exists()
    entry = AuditEntry.objects.get(verb="wearer.deleted")
    assert "Carmen" not in entry.object_text


# who sees what


def test_private_things_are_for_those_who_deal_with_events(carmen, alice, bob, carla, vera, sam, ada, charlie):
    seers = {p.full_name for p in (alice, bob, carla, vera, sam, ada, charlie)
             if queries.may_read_private(p, carmen.account_id)}  # fmt: skip
    assert seers == {"Alice", "Bob", "Carla", "Ada"}


def test_those_i_look_after(carmen, account, carla, bob, actor, worn, happens):
    actions.save_wearer(account_id=account.pk, name="Pepe", actor=actor)
    happens()
    assert [str(w) for w in queries.wearers_for(carla, mine=True)] == ["Carmen"]
    assert queries.wearers_for(bob, mine=True).count() == 0
    assert queries.events_for(carla, mine=True).count() == 1
    assert queries.events_for(bob, mine=True).count() == 0
    assert queries.wearers_for(carla).count() == 2, "whoever is nearest sees everybody"


# faults


@pytest.fixture
def alive(worn, device):
    """It spoke an hour before NOW."""
    found = type(device).objects.filter(pk=device.pk)
    found.update(last_seen_at=NOW - HOUR, is_online=True, state="activated")
    return found.get()


def open_faults():
    return sorted(Fault.objects.filter(ended_at=None).values_list("kind", flat=True))


def test_silence_is_a_fault_from_its_last_word_on_and_no_alarm(alive):
    faults.look(NOW)
    faults.look(NOW)
    fault, alert = Fault.objects.get(), Alert.objects.get()
    assert (fault.kind, fault.began_at) == ("silent", NOW - HOUR)
    assert (alert.kind, alert.urgency, alert.name) == ("care.silent", "urgent", "Carmen")


def test_a_heartbeat_ends_it_with_an_all_clear(alive):
    faults.look(NOW)
    type(alive).objects.filter(pk=alive.pk).update(last_seen_at=NOW)
    faults.look(NOW)
    assert open_faults() == []
    assert Alert.objects.get().state == "cleared"


def test_its_own_interval_says_when_it_is_silent(alive):
    type(alive).objects.filter(pk=alive.pk).update(heartbeat_s=1800)
    faults.look(NOW)
    assert open_faults() == []
    faults.look(NOW + HOUR)
    assert open_faults() == ["silent"]


def test_what_nobody_was_ever_given_is_watched_all_the_same(device):
    """Who has not said yet who wears what is told too."""
    type(device).objects.filter(pk=device.pk).update(last_seen_at=NOW - HOUR, state="activated")
    faults.look(NOW)
    alert = Alert.objects.get()
    assert (alert.kind, alert.name, alert.url) == ("care.silent", device.pk, f"/devices/{device.pk}/")


def test_nobody_wears_it_nobody_misses_it(alive, worn, actor):
    actions.take_device(wearing=worn, actor=actor)
    faults.look(NOW)
    assert not Fault.objects.exists()


def test_taking_it_back_ends_its_faults(alive, worn, actor):
    faults.look(NOW)
    actions.take_device(wearing=worn, actor=actor)
    faults.look(NOW)
    assert open_faults() == []


def test_a_battery_does_not_come_and_go(alive):
    devices = type(alive).objects.filter(pk=alive.pk)
    seen = {}
    for pct in (16.0, 14.0, 20.0, 26.0):
        devices.update(battery_pct=pct, last_seen_at=NOW)
        faults.look(NOW)
        seen[pct] = open_faults()
    assert seen == {16.0: [], 14.0: ["battery"], 20.0: ["battery"], 26.0: []}


def test_what_the_board_says_of_being_worn(alive):
    def says(value):
        faults.follow([Said(alive.pk, alive.account_id, value, NOW_MS)])
        return open_faults()

    assert [says(v) for v in (True, False, False, "x", True)] == [[], ["not_worn"], ["not_worn"], ["not_worn"], []]


def test_looking_costs_the_same_for_one_and_for_many(alive, account, actor, django_assert_max_num_queries):
    from panal.cells.devices.actions import mint_devices
    from panal.cells.devices.models import Device

    for secret in mint_devices(model="wearable-1", count=20, account_id=account.pk, actor=actor):
        one = actions.save_wearer(account_id=account.pk, name=secret.device_id, actor=actor)
        found = Device.objects.get(pk=secret.device_id)
        actions.give_device(wearer=one, device=found, actor=actor, now=NOW - HOUR)
    Device.objects.update(last_seen_at=NOW, battery_pct=80, state="activated")
    with django_assert_max_num_queries(4):
        faults.look(NOW)
