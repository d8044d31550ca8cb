"""What a door is told of who may come in: no more than matters to it, in pages, anew whenever something changes."""

from datetime import UTC, date, datetime

import pytest
from django.db.models import F

from panal.cells.access import actions, credentials, lists, messages, rules
from panal.cells.access.models import Credential, Door, Enrolment, Holder, Schedule
from panal.cells.devices.models import Command, Device
from panal.protocol import codec, envelope, keys
from panal.protocol.errors import BadRequest, Conflict

from .conftest import mint


def listed(device):
    return lists.made_for(Device.objects.get(pk=device.pk), 1)


def version(device):
    return Door.objects.get(pk=device.pk).list_version


def token_of(device):
    from panal.cells.devices.api import token_of

    return token_of(device)


def card_at(device, uid):
    return keys.hex_of(rules.card_hash(keys.derive(token_of(device), "access"), bytes.fromhex(uid)))


@pytest.fixture
def card(holder, actor):
    return actions.add_card(holder=holder, number="04:A1:B2:C3", actor=actor, label="Llavero")


@pytest.fixture
def garage(account, actor):
    return mint(account.pk, actor, "GARAGE23")


# hashes


def test_each_door_gets_a_card_under_its_own_key(door, garage, holder, card):
    [at_door], [at_garage] = listed(door).entries, listed(garage).entries
    assert at_door[:2] == [card_at(door, "04a1b2c3"), holder.pk]
    assert at_garage[0] == card_at(garage, "04a1b2c3") != at_door[0]


def test_a_code_is_hashed_as_the_board_hashes_it(door, holder, actor):
    actions.add_code(holder=holder, code="3-6-10", actor=actor)
    key = keys.derive(token_of(door), "access")
    assert listed(door).entries[0][0] == keys.hex_of(rules.code_hash(key, (3, 6, 10)))


def test_a_new_token_makes_new_hashes_of_the_same_cards(door, holder, card, actor):
    from panal.cells.devices.actions import rotate_token

    before = listed(door).entries
    token = rotate_token(device=door, actor=actor)
    after = listed(door).entries
    assert after[0][0] == keys.hex_of(rules.card_hash(keys.derive(token, "access"), bytes.fromhex("04a1b2c3")))
    assert after[0][1:] == before[0][1:]


def test_no_column_holds_a_card_s_number_or_a_code(holder, card, actor):
    actions.add_code(holder=holder, code="3-6-4", actor=actor)
    for row in Credential.objects.all():
        kept = repr([row.fingerprint, bytes(row.secret_encrypted), row.label]).lower()
        assert "04a1b2c3" not in kept
        assert "3-6-4" not in kept
        assert bytes.fromhex("04a1b2c3") not in bytes(row.secret_encrypted)


def test_a_sealed_number_opens_for_its_own_account_only(holder, card, other_account):
    from panal.control.vault import VaultError

    Credential.objects.update(account=other_account)
    with pytest.raises(VaultError):
        credentials.hasher(mint(other_account.pk, actions_actor(), "DOORCHAR"))(Credential.objects.get())


def actions_actor():
    from panal.cells.accounts.api import system

    return system("a test")


@pytest.mark.parametrize("text", ["364", "3 6 4", "3-6-4", " 3, 6,4 "])
def test_digits_are_read_as_people_write_them(text):
    assert credentials.digits_of(text, "code") == (3, 6, 4)


@pytest.mark.parametrize("text", ["", "-", "12a", "3-16", "1-2-3-4-5-6-7-8-9", "³", "0x1", "123456789", "-1"])
def test_what_is_no_code_is_refused(text):
    with pytest.raises(BadRequest):
        credentials.digits_of(text, "code")


@pytest.mark.parametrize("text", ["", "04", "04A1B2", "04A1B2C3D4", "xyzxyzxy", "04A1B2C3" * 4])
def test_what_is_no_card_is_refused(text):
    with pytest.raises(BadRequest):
        credentials.number_of(text)


# who is in it


def test_only_who_reaches_a_door_is_in_its_list(door, garage, account, group, actor):
    group.devices.add(garage.pk)
    given = {"Door": [{"device": door}], "Group": [{"group": group}], "All": [{}], "None": []}
    for n, (name, grants) in enumerate(given.items()):
        person = actions.save_holder(account_id=account.pk, name=name, actor=actor, grants=grants)
        actions.add_code(holder=person, code=f"12{n}", actor=actor)
    names = {person.pk: person.name for person in Holder.objects.all()}
    assert {names[entry[1]] for entry in listed(door).entries} == {"Door", "All"}
    assert {names[entry[1]] for entry in listed(garage).entries} == {"Group", "All"}


def test_who_is_blocked_or_of_another_account_is_in_no_list(door, other_door, holder, card, actor):
    assert listed(other_door).entries == []
    actions.save_holder(account_id=holder.account_id, name="Rosa", holder=holder, actor=actor, is_blocked=True)
    assert listed(door).entries == []


def test_days_and_hours_are_told_with_what_counts_without_a_clock(door, holder, card, schedule, actor):
    def entry(**more):
        grants = more.pop("grants", [{"schedule": schedule}])
        actions.save_holder(
            account_id=holder.account_id, name="Rosa", holder=holder, actor=actor, grants=grants, **more
        )
        return listed(door).entries[0][2:]

    assert entry() == [1, 0, 0, False]
    assert listed(door).schedules == [[1, [[31, 480, 780]]]]
    assert entry(from_on=date(2026, 11, 21), until_on=date(2026, 12, 1)) == [1, 20778, 20788, False]
    assert entry(from_on=date(2026, 11, 21), when_unknown="allow", grants=[{}]) == [0, 20778, 0, True]
    Schedule.objects.update(when_unknown="allow")
    assert entry() == [1, 0, 0, True]
    assert entry(until_on=date(2026, 12, 1), when_unknown="deny") == [1, 0, 20788, False]


def test_several_grants_at_a_door_are_their_hours_together(door, holder, card, schedule, account, actor):
    evenings = actions.save_schedule(account_id=account.pk, name="Tardes", windows=[[31, 1000, 1200]], actor=actor)
    grants = [{"device": door, "schedule": schedule}, {"schedule": evenings}]
    actions.save_holder(account_id=account.pk, name="Rosa", holder=holder, actor=actor, grants=grants)
    made = listed(door)
    assert made.schedules == [[1, [[31, 480, 780], [31, 1000, 1200]]]]
    actions.save_holder(account_id=account.pk, name="Rosa", holder=holder, actor=actor, grants=[*grants, {}])
    assert listed(door).entries[0][2] == 0


def test_more_hours_than_a_board_holds_are_fewer_hours_and_never_more(door, account, actor):
    """200 people whose two schedules make 200 different unions: the board holds 64 of them."""
    singles = [
        actions.save_schedule(account_id=account.pk, name=f"S{n}", windows=[[1, n, n + 1]], actor=actor)
        for n in range(30)
    ]
    people = []
    for n in range(100):
        pair = [{"schedule": singles[n % 30]}, {"schedule": singles[(n * 7 + n // 30 + 1) % 30]}]
        people.append(actions.save_holder(account_id=account.pk, name=f"P{n}", actor=actor, grants=pair))
        actions.add_card(holder=people[-1], number=f"{n:08x}", actor=actor)
    made = listed(door)
    assert len(made.schedules) == rules.MAX_SCHEDULES
    told = dict(made.schedules)
    for _hash, person, number, from_day, until_day, _clockless in made.entries:
        if number == 0:
            assert (from_day, until_day) == (1, 1)
            continue
        own = {tuple(w) for grant in Holder.objects.get(pk=person).grants.all() for w in grant.schedule.windows}
        assert {tuple(window) for window in told[number]} <= own


# pages


def pages_of(device, **more):
    after, found = 0, []
    while after is not None:
        page = lists.page(device.pk, more.get("want", version(device)), after)
        assert len(codec.encode(page)) <= 4096
        found.append(page)
        after = page["next"]
    return found


def test_a_list_of_many_goes_in_pages_of_less_than_4_kb(door, holder, card, actor):
    Credential.objects.bulk_create(
        Credential(
            account_id=holder.account_id,
            holder=holder,
            kind="card",
            fingerprint=f"f{n}",
            secret_encrypted=credentials.seal(holder.account_id, "card", f"{n:08x}"),
            created_at=datetime.now(tz=UTC),
        )
        for n in range(500)
    )
    pages = pages_of(door)
    entries = [entry for page in pages for entry in page["entries"]]
    assert len(entries) == 501
    assert [entry[0] for entry in entries] == sorted({entry[0] for entry in entries})
    assert len(pages) > 5


def test_a_page_of_an_older_version_begins_anew_with_the_newest(door, holder, card):
    page = lists.page(door.pk, 99, 40)
    assert (page["version"], page["after"], len(page["entries"])) == (version(door), 0, 1)


# renewed


def wanted(device):
    return Device.objects.get(pk=device.pk).twin.desired["access"]["list_version"]


def test_every_change_of_a_person_is_a_new_list_for_their_doors_and_no_others(door, garage, account, actor):
    person = actions.save_holder(account_id=account.pk, name="Rosa", actor=actor, grants=[{"device": door}])
    actions.add_code(holder=person, code="123", actor=actor)
    assert (version(door), wanted(door)) == (2, 2)
    assert not Door.objects.filter(pk=garage.pk).exists()
    actions.save_holder(account_id=account.pk, name="Rosa", holder=person, actor=actor, grants=[{"device": garage}])
    assert (version(door), version(garage)) == (3, 1)
    actions.delete_holder(holder=person, actor=actor)
    assert (version(door), version(garage)) == (3, 2)


def test_a_lost_card_and_a_changed_schedule_are_told_at_once(door, holder, card, schedule, actor):
    actions.save_holder(
        account_id=holder.account_id, name="Rosa", holder=holder, actor=actor, grants=[{"schedule": schedule}]
    )
    before = version(door)
    actions.save_schedule(
        account_id=holder.account_id, name="Mañanas", windows=[[1, 0, 60]], schedule=schedule, actor=actor
    )
    actions.delete_credential(credential=card, actor=actor)
    assert version(door) == before + 2


def test_a_door_that_changes_hands_forgets_who_came_in(door, holder, card, other_account, actor):
    from panal.cells.devices.claims import move_device

    before = version(door)
    move_device(device=door, account_id=other_account.pk, actor=actor)
    lists.renew_if_door(door.pk)
    assert wanted(door) == version(door) == before + 1
    assert lists.page(door.pk, version(door), 0)["entries"] == []


def test_a_wearable_gets_no_list(device):
    lists.renew_if_door(device.pk)
    assert not Door.objects.exists()


# the zone


@pytest.mark.parametrize(
    ("name", "winter", "summer"),
    [("Europe/Madrid", 60, 120), ("America/Bogota", -300, -300), ("Asia/Kolkata", 330, 330)],
)
def test_the_offset_holds_on_every_day_of_the_years_to_come(door, name, winter, summer):
    from zoneinfo import ZoneInfo

    Door.objects.create(device=door, time_zone=name)
    zone = listed(door).zone
    assert len(zone) <= rules.MAX_ZONES
    assert {offset for _, offset in zone} == {winter, summer}
    for from_s, offset in zone[1:]:
        for second, expected in ((from_s, offset), (from_s - 1, zone[zone.index([from_s, offset]) - 1][1])):
            at = datetime.fromtimestamp(second, tz=UTC).astimezone(ZoneInfo(name))
            assert at.utcoffset().total_seconds() == 60 * expected


# enrolment


def answered(door, uid, **changes):
    """The answer of a reader, as its board seals it."""
    token = token_of(door)
    encrypt, mac = keys.derive(token, "access-encrypt"), keys.derive(token, "access-mac")
    sealed = envelope.seal(encrypt, mac, bytes.fromhex(uid), bytes(16))
    return {"card": card_at(door, uid), "sealed": sealed, **changes}


def finish(enrolment, status="done", result=None, error_code=""):
    from django.utils import timezone

    from panal.cells.access.gateway import About
    from panal.cells.access.recorder import record_finished

    changes = {"status": status, "result": result, "error_code": error_code, "finished_at": timezone.now()}
    Command.objects.filter(pk=enrolment.command_id).update(**changes)
    record_finished([About(enrolment.device_id)], timezone.now())
    enrolment.refresh_from_db()
    return enrolment


@pytest.fixture
def enrolment(door, holder, actor):
    return actions.begin_enrolment(device=door, holder=holder, actor=actor, label="Azul")


@pytest.mark.parametrize("uid", ["04a1b2c3", "04a1b2c3d4e5f6", "04a1b2c3d4e5f6a7b8c9"])
def test_a_card_that_is_held_to_a_reader_opens_every_door_of_its_person(door, garage, holder, enrolment, uid):
    finish(enrolment, result=answered(door, uid))
    assert (enrolment.state, enrolment.found.label, enrolment.found.holder) == ("added", "Azul", holder)
    assert listed(garage).entries[0][0] == card_at(garage, uid)


def test_a_card_that_somebody_has_is_known_and_stays_theirs(door, account, enrolment, actor):
    other = actions.save_holder(account_id=account.pk, name="Tomás", actor=actor, grants=[{}])
    actions.add_card(holder=other, number="04a1b2c3", actor=actor)
    finish(enrolment, result=answered(door, "04a1b2c3"))
    assert (enrolment.state, enrolment.found.holder.name) == ("known", "Tomás")
    assert Credential.objects.count() == 1


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [("failed", "no_card", "no_card"), ("expired", "expired", "expired"), ("cancelled", "", "cancelled")],
)
def test_no_card_is_said_with_its_reason(enrolment, status, code, reason):
    finish(enrolment, status, error_code=code)
    assert (enrolment.state, enrolment.reason) == ("failed", reason)
    assert not Credential.objects.exists()


def test_an_answer_that_this_door_has_not_sealed_adds_nothing(door, garage, enrolment):
    forged = {**answered(garage, "04a1b2c3"), "card": card_at(door, "04a1b2c3")}
    for result in (forged, {"card": "0" * 32}, {"sealed": "x"}, [], None, answered(door, "04a1b2c3", card="0" * 32)):
        Enrolment.objects.update(state="waiting")
        finish(enrolment, result=result)
        assert enrolment.state == "failed", result
    assert not Credential.objects.exists()


def test_a_reader_that_waits_is_not_asked_twice(door, holder, enrolment, actor):
    with pytest.raises(Conflict):
        actions.begin_enrolment(device=door, holder=holder, actor=actor)
    finish(enrolment, "expired", error_code="expired")
    assert actions.begin_enrolment(device=door, holder=holder, actor=actor).state == "waiting"


def test_a_card_is_not_given_to_somebody_of_another_account(door, other_account, actor):
    stranger = actions.save_holder(account_id=other_account.pk, name="X", actor=actor)
    with pytest.raises(BadRequest):
        actions.begin_enrolment(device=door, holder=stranger, actor=actor)


def test_a_list_version_never_falls(door, holder, card):
    Door.objects.filter(pk=door.pk).update(list_version=F("list_version") + 40)
    before = version(door)
    lists.renew([door.pk])
    assert version(door) == before + 1
    assert messages.parse_want({"want": before, "after": 0}, door.pk, 0).version == before


def test_a_door_s_time_zone_is_a_new_list_and_ends_with_its_owner(door, other_account, actor):
    from panal.cells.devices.claims import move_device

    actions.set_time_zone(device=door, time_zone="Asia/Kolkata", actor=actor)
    assert (version(door), lists.zone_name(door)) == (1, "Asia/Kolkata")
    actions.set_time_zone(device=door, time_zone="Asia/Kolkata", actor=actor)
    assert version(door) == 1
    moved = move_device(device=door, account_id=other_account.pk, actor=actor)
    assert lists.zone_name(moved) == "UTC"


def test_hours_of_many_lines_are_cut_to_what_a_board_holds(door, holder, card, account, actor):
    def schedule(name, first):
        lines = [[1, first + 10 * n, first + 10 * n + 5] for n in range(rules.MAX_WINDOWS)]
        return actions.save_schedule(account_id=account.pk, name=name, windows=lines, actor=actor)

    both = [schedule("A", 0), schedule("B", 600)]
    grants = [{"schedule": one} for one in both]
    actions.save_holder(account_id=account.pk, name="Rosa", holder=holder, actor=actor, grants=grants)
    [[_number, windows]] = listed(door).schedules
    assert len(windows) == rules.MAX_WINDOWS
    assert all(window in [*both[0].windows, *both[1].windows] for window in windows)
