import pytest
from django.utils import timezone

from panal.cells.access import actions
from panal.cells.access.models import Credential, Enrolment, Holder, Unlock
from panal.cells.devices.models import Command
from panal.control.tests.cases import PEOPLE, PermissionCases

from .conftest import record, said

BASE = "/api/v1/manage"
EDITORS = {"alice", "bob", "ada"}
OPENERS = {"alice", "bob", "sam", "ada"}
HANDLERS = {"alice", "bob", "carla", "ada"}


@pytest.fixture
def things(door_things):
    Command.objects.filter(name="door.enroll").update(status="done", finished_at=timezone.now())
    return door_things


class TestDoors(PermissionCases):
    path, may = "/doors", set(PEOPLE)


class TestDoor(PermissionCases):
    path = "/doors/{door}"


class TestEvents(PermissionCases):
    path = "/doors/{door}/events"


class TestUnlock(PermissionCases):
    method, path, body, may, done = "post", "/doors/{door}/unlock", {"reason": "El cartero"}, OPENERS, 201


class TestReadSettings(PermissionCases):
    path = "/doors/{door}/settings"


class TestChangeSettings(PermissionCases):
    method, path, body, may = "patch", "/doors/{door}/settings", {"mode": "AND"}, EDITORS


class TestAlarms(PermissionCases):
    path, may = "/access/alarms", set(PEOPLE)


class TestAcknowledge(PermissionCases):
    method, path, may = "post", "/access/alarms/{alarm}/acknowledge", HANDLERS


class TestPeople(PermissionCases):
    path, may = "/access/people", set(PEOPLE)


class TestPerson(PermissionCases):
    path = "/access/people/{holder}"


class TestAddPerson(PermissionCases):
    method, path, may, done = "post", "/access/people", EDITORS, 201
    body = {"account": "{account}", "name": "Tomás"}


class TestChangePerson(PermissionCases):
    method, path, body, may = "put", "/access/people/{holder}", {"name": "Rosa"}, EDITORS


class TestDeletePerson(PermissionCases):
    method, path, may, done = "delete", "/access/people/{holder}", EDITORS, 204


class TestCredentials(PermissionCases):
    path = "/access/people/{holder}/credentials"


class TestAddCode(PermissionCases):
    method, path, body, may, done = "post", "/access/people/{holder}/codes", {"code": "364"}, EDITORS, 201


class TestAddCard(PermissionCases):
    method, path, body, may, done = "post", "/access/people/{holder}/cards", {"number": "04ffee11"}, EDITORS, 201


class TestDeleteCard(PermissionCases):
    method, path, may, done = "delete", "/access/credentials/{card}", EDITORS, 204


class TestEnrol(PermissionCases):
    method, path, body, may, done = "post", "/doors/{door}/enrolments", {"person": "{holder}"}, EDITORS, 201


class TestEnrolment(PermissionCases):
    path = "/access/enrolments/{enrolment}"


class TestSchedules(PermissionCases):
    path, may = "/access/schedules", set(PEOPLE)


class TestAddSchedule(PermissionCases):
    method, path, may, done = "post", "/access/schedules", EDITORS, 201
    body = {"account": "{account}", "name": "Noches", "windows": [[127, 0, 60]]}

    def _value(self, value, things):
        return value if isinstance(value, list) else super()._value(value, things)


class TestDeleteSchedule(PermissionCases):
    method, path, may, done = "delete", "/access/schedules/{schedule}", EDITORS, 204


def test_an_unlock_is_the_command_and_its_outcome_is_polled_where_all_are(client, alice, door):
    client.force_login(alice)
    answer = client.post(f"{BASE}/doors/{door.pk}/unlock", {"reason": "El cartero"}, "application/json")
    said_of = answer.json()
    assert (answer.status_code, said_of["name"], said_of["reason"], said_of["status"]) == (
        201, "door.unlock", "El cartero", "queued",
    )  # fmt: skip
    polled = client.get(f"{BASE}/commands/{said_of['id']}").json()
    assert (polled["status"], polled["expires_at"]) == ("queued", said_of["expires_at"])


def test_six_a_minute_for_each_person_and_the_seventh_waits(client, alice, bob, door):
    client.force_login(alice)

    def ask():
        return client.post(f"{BASE}/doors/{door.pk}/unlock", {"reason": "x"}, "application/json")

    assert [ask().status_code for _ in range(6)] == [201] * 6
    refused = ask()
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "too_many_unlocks")
    assert 1 <= int(refused["Retry-After"]) <= 60
    client.force_login(bob)
    assert ask().status_code == 201
    Unlock.objects.filter(user=alice).update(asked_at=timezone.now() - actions.MINUTE)
    client.force_login(alice)
    assert ask().status_code == 201


def test_a_device_that_is_no_door_is_not_found_among_doors(client, alice, device):
    client.force_login(alice)
    assert client.get(f"{BASE}/doors/{device.pk}").status_code == 404
    assert client.post(f"{BASE}/doors/{device.pk}/unlock", {"reason": "x"}, "application/json").status_code == 404


def test_a_door_says_its_lock_its_door_and_its_alarms(client, alice, door, alarm):
    client.force_login(alice)
    [shown] = client.get(f"{BASE}/doors").json()["items"]
    assert (shown["id"], shown["lock"], shown["door"], shown["alarms"]) == (door.pk, "locked", "open", 1)


def test_events_are_asked_for_by_what_they_are(client, alice, door, holder):
    record(
        said(door.pk, 1, granted=True, person=holder.pk),
        said(door.pk, 2, method="password", reason="wrong_code"),
        said(door.pk, 3, "door.moved", method="door"),
    )
    client.force_login(alice)
    for query, seqs in (
        ("", [3, 2, 1]),
        ("?granted=true", [1]),
        ("?granted=false", [2]),
        ("?method=door", [3]),
        ("?kind=door.moved", [3]),
        ("?search=rosa", [1]),
        ("?limit=1&offset=1", [2]),
    ):
        found = client.get(f"{BASE}/doors/{door.pk}/events{query}").json()["items"]
        assert [event["seq"] for event in found] == seqs, query


def test_what_a_card_or_a_code_is_is_never_answered(client, alice, holder):
    client.force_login(alice)
    code = client.post(f"{BASE}/access/people/{holder.pk}/codes", {"code": "7-7-7"}, "application/json")
    card = client.post(f"{BASE}/access/people/{holder.pk}/cards", {"number": "04A1B2C3"}, "application/json")
    listed = client.get(f"{BASE}/access/people/{holder.pk}/credentials")
    for answer in (code, card, listed):
        assert "7-7-7" not in answer.content.decode()
        assert "04a1b2c3" not in answer.content.decode().lower()
    assert [one["kind"] for one in listed.json()] == ["code", "card"]
    again = client.post(f"{BASE}/access/people/{holder.pk}/cards", {"number": "04:a1:b2:c3"}, "application/json")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "card_taken")


def test_settings_answer_what_is_wanted_and_never_a_combination(client, alice, door):
    client.force_login(alice)
    body = {"mode": "AND", "combination": "5-5-5"}
    answer = client.patch(f"{BASE}/doors/{door.pk}/settings", body, "application/json").json()
    assert (answer["desired"], answer["is_pending"]) == ({"mode": "AND"}, True)
    assert answer["defaults"]["held_ms"] == 60000
    for zone in ("Europe/Madrid", None):
        answer = client.patch(f"{BASE}/doors/{door.pk}/settings", {"time_zone": zone}, "application/json").json()
        assert answer["time_zone"] == (zone or "")
    for wrong in (
        {"mode": "XOR"},
        {"time_zone": "Moon/Crater"},
        {"time_zone": 5},
        {"nothing": 1},
        {"combination": 5},
        {"combination": "12345"},
        {"list_version": 9},
    ):
        refused = client.patch(f"{BASE}/doors/{door.pk}/settings", wrong, "application/json")
        assert refused.status_code == 400, wrong
        assert "555" not in refused.content.decode()


def test_a_person_s_grants_come_back_as_they_were_given(client, alice, door, schedule, account, group):
    client.force_login(alice)
    grants = [
        {"door": door.pk, "group": None, "schedule": schedule.pk},
        {"door": None, "group": group.pk, "schedule": None},
    ]
    body = {"account": account.pk, "name": "Tomás", "grants": grants, "until_on": "2027-01-31"}
    made = client.post(f"{BASE}/access/people", body, "application/json").json()
    assert (made["grants"], made["until_on"]) == (grants, "2027-01-31")
    both = {"name": "Tomás", "grants": [{"door": door.pk, "group": group.pk}]}
    assert client.put(f"{BASE}/access/people/{made['id']}", both, "application/json").status_code == 400


def test_nobody_gets_into_another_account_s_door(client, alice, charlie, other_door, account, schedule):
    client.force_login(alice)
    body = {"account": account.pk, "name": "Tomás", "grants": [{"door": other_door.pk}]}
    assert client.post(f"{BASE}/access/people", body, "application/json").status_code == 404
    client.force_login(charlie)
    mixed = {"account": charlie.memberships.get().account_id, "name": "T", "grants": [{"schedule": schedule.pk}]}
    assert client.post(f"{BASE}/access/people", mixed, "application/json").status_code == 404
    assert not Holder.objects.exists()


def test_a_program_with_a_read_token_opens_nothing(client, alice, door, actor):
    from panal.cells.accounts.actions import create_token

    for scopes, status in ((["read"], 403), (["configure"], 403), (["operate"], 201)):
        text = create_token(user=alice, name=scopes[0], scopes=scopes, actor=actor).text
        answer = client.post(
            f"{BASE}/doors/{door.pk}/unlock", {"reason": "x"}, "application/json",
            headers={"authorization": f"Bearer {text}"},
        )  # fmt: skip
        assert answer.status_code == status


def test_an_enrolment_waits_until_the_door_answers(client, alice, door, holder):
    client.force_login(alice)
    begun = client.post(f"{BASE}/doors/{door.pk}/enrolments", {"person": holder.pk}, "application/json")
    assert (begun.status_code, begun.json()["state"]) == (201, "waiting")
    again = client.post(f"{BASE}/doors/{door.pk}/enrolments", {"person": holder.pk}, "application/json")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "enrolling_already")
    assert Enrolment.objects.count() == 1
    assert not Credential.objects.exists()
