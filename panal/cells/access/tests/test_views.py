import pytest
from django.utils import timezone

from panal.cells.access import actions
from panal.cells.access.models import Alarm, Credential, Event, Grant, Holder, Schedule, Unlock
from panal.cells.devices.models import Command, Device
from panal.control.tests.pages import LANGUAGES, FormCases, PageCases, mistakes_in, queries_of, text_of

from .conftest import record, said

EVERYBODY = {"alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada"}
EDITORS = {"alice", "bob", "ada"}
OPENERS = {"alice", "bob", "sam", "ada"}
HANDLERS = {"alice", "bob", "carla", "ada"}
SEERS = {"alice", "bob", "carla", "vera", "sam", "ada"}
ENGLISH = {"accept-language": "en"}
LIVE = {"hx-request": "true", **ENGLISH}
PATHS = (
    "/doors/", "/doors/?q=nothing", "/doors/{door}/", "/doors/{door}/?confirm=unlock", "/doors/{door}/settings/",
    "/doors/alarms/", "/doors/alarms/?state=open", "/doors/people/", "/doors/people/new/", "/doors/people/{holder}/",
    "/doors/people/{holder}/?confirm=delete", "/doors/enrolments/{enrolment}/", "/doors/schedules/",
    "/doors/schedules/new/", "/doors/schedules/{schedule}/", "/devices/{door}/", "/",
)  # fmt: skip


@pytest.fixture
def things(door_things):
    return door_things


class TestDoors(PageCases):
    path, may, sees = "/doors/", EVERYBODY, EVERYBODY


class TestAlarms(PageCases):
    path, may, sees = "/doors/alarms/", EVERYBODY, EVERYBODY


class TestHolders(PageCases):
    path, may, sees = "/doors/people/", EVERYBODY, EVERYBODY


class TestSchedules(PageCases):
    path, may, sees = "/doors/schedules/", EVERYBODY, EVERYBODY


class TestDoor(PageCases):
    path, may, sees = "/doors/{door}/", SEERS, SEERS


class TestCsv(PageCases):
    path, may, sees = "/doors/{door}/events.csv", SEERS, SEERS


class TestHolder(PageCases):
    path, may, sees = "/doors/people/{holder}/", SEERS, SEERS


class TestEnrolment(PageCases):
    path, may, sees = "/doors/enrolments/{enrolment}/", SEERS, SEERS


class TestSettings(PageCases):
    path, may, sees = "/doors/{door}/settings/", EDITORS, SEERS


class TestSchedule(PageCases):
    path, may, sees = "/doors/schedules/{schedule}/", EDITORS, SEERS


class TestUnlock(FormCases):
    path, may, sees, body = "/doors/{door}/unlock/", OPENERS, SEERS, {"reason": "El cartero"}


class TestAcknowledge(FormCases):
    path, may, sees, body = "/doors/alarms/acknowledge/", HANDLERS, SEERS, {"alarm": "{alarm}"}


class TestChangeSettings(FormCases):
    path, may, sees = "/doors/{door}/settings/", EDITORS, SEERS
    done = 302

    def ask(self, client, things):
        return client.post(self.path.format(**things), settings_of(mode="AND", combination="1-2-3"))


class TestChangeHolder(FormCases):
    path, may, sees, body = "/doors/people/{holder}/", EDITORS, SEERS, {"name": "Rosa", "grants": "0"}


class TestDeleteHolder(FormCases):
    path, may, sees = "/doors/people/{holder}/delete/", EDITORS, SEERS


class TestAddCode(FormCases):
    path, may, sees, body = "/doors/people/{holder}/code/", EDITORS, SEERS, {"code": "364"}


class TestAddCard(FormCases):
    path, may, sees, body = "/doors/people/{holder}/card/", EDITORS, SEERS, {"number": "04FFEE11"}


class TestDeleteCard(FormCases):
    path, may, sees = "/doors/credentials/{card}/delete/", EDITORS, SEERS


class TestEnrol(FormCases):
    path, may, sees, body = "/doors/people/{holder}/enrol/", EDITORS, SEERS, {"device": "{door}"}

    def ask(self, client, things):
        Command.objects.filter(name="door.enroll").update(status="done", finished_at=timezone.now())
        return super().ask(client, things)


class TestDeleteSchedule(FormCases):
    path, may, sees = "/doors/schedules/{schedule}/delete/", EDITORS, SEERS


def settings_of(**changes):
    """The form as the page shows it, with changes."""
    from panal.cells.access import machine

    values = {
        name: setting[0] / 1000 if name.endswith("_ms") else setting[0] for name, setting in machine.SETTINGS.items()
    }
    return {name: value for name, value in {**values, **changes}.items() if value is not False}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", PATHS)
def test_every_page_is_well_formed(client, alice, things, path, language):
    client.force_login(alice)
    client.cookies["django_language"] = language
    response = client.get(path.format(**things))
    assert response.status_code == 200
    assert mistakes_in(response.content.decode()) == {}


@pytest.mark.parametrize("path", ["/doors/", "/doors/people/", "/doors/schedules/", "/doors/alarms/"])
def test_an_empty_page_says_what_will_be_there(client, alice, path):
    client.force_login(alice)
    response = client.get(path, headers=ENGLISH)
    assert response.status_code == 200
    assert b'class="empty' in response.content


def test_a_stranger_s_doors_people_and_alarms_are_in_no_list(client, charlie, things):
    client.force_login(charlie)
    for path in ("/doors/", "/doors/people/", "/doors/schedules/", "/doors/alarms/"):
        html = client.get(path).content.decode()
        assert things["door"] not in html
        assert "Rosa" not in html
        assert "Mañanas" not in html


# opening


def test_opening_asks_the_door_and_the_page_says_how_far_it_is(client, alice, door):
    client.force_login(alice)
    assert client.post(f"/doors/{door.pk}/unlock/", {"reason": "El cartero"}).status_code == 302
    command = Command.objects.get(name="door.unlock")
    assert (command.args, command.requested_by) == ({"reason": "El cartero"}, "alice@example.com")
    page = f"/doors/{door.pk}/?part=state"
    for status, words in (
        ("queued", "On its way to the door"),
        ("sent", "waiting for the door's answer"),
        ("done", "The door answered: open"),
        ("expired", "No answer in time"),
        ("rejected", "The door refused"),
    ):
        finished = None if status in ("queued", "sent") else timezone.now()
        Command.objects.filter(pk=command.pk).update(status=status, finished_at=finished)
        text = text_of(client.get(page, headers=ENGLISH))
        assert words in text
        assert "El cartero" in text


def test_a_door_that_is_away_is_not_asked_and_says_so(client, alice, door):
    Device.objects.filter(pk=door.pk).update(is_online=False)
    client.force_login(alice)
    response = client.post(f"/doors/{door.pk}/unlock/", {"reason": "x"}, follow=True, headers=ENGLISH)
    assert "not connected: nothing was sent" in text_of(response)
    assert not Command.objects.filter(name="door.unlock").exists()
    assert b"disabled" in client.get(f"/doors/{door.pk}/?part=state").content


def test_without_a_reason_nothing_opens(client, alice, door):
    client.force_login(alice)
    client.post(f"/doors/{door.pk}/unlock/", {"reason": "  "})
    assert not Unlock.objects.exists()


def test_the_button_is_for_those_who_may(client, alice, vera, carla, sam, door):
    for user, may in ((alice, True), (sam, True), (vera, False), (carla, False)):
        client.force_login(user)
        assert (b"?confirm=unlock" in client.get(f"/doors/{door.pk}/").content) is may


@pytest.mark.parametrize("name", ["door.unlock", "door.enroll"])
def test_no_general_command_goes_around_reason_and_limit(client, alice, door, name):
    client.force_login(alice)
    answer = client.post(f"/api/v1/manage/devices/{door.pk}/commands", {"name": name}, "application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "own_command")
    client.post(f"/devices/{door.pk}/commands/", {"name": name, "deadline_s": "30"})
    assert not Command.objects.filter(device=door).exists()


# events


def test_the_day_s_events_say_who_how_and_why_not(client, alice, door, holder):
    now = int(timezone.now().timestamp() * 1000)
    record(
        said(door.pk, 1, granted=True, person=holder.pk, at_ms=now, received_ms=now),
        said(door.pk, 2, reason="outside_hours", person=holder.pk, at_ms=now, received_ms=now),
        said(door.pk, 5, reason="unknown_card", card="ab" * 16, at_ms=None, received_ms=now),
    )
    client.force_login(alice)
    text = text_of(client.get(f"/doors/{door.pk}/", headers=ENGLISH))
    for words in (
        "Came in · Rosa",
        "Outside their hours",
        "Nobody here has this card",
        "card ababab",
        "time estimated",
    ):
        assert words in text, words
    assert "2 lines before this one never came." in text


def test_events_are_filtered_by_day_method_outcome_and_person(client, alice, door, holder):
    now = int(timezone.now().timestamp() * 1000)
    record(
        said(door.pk, 1, granted=True, person=holder.pk, at_ms=now, received_ms=now),
        said(door.pk, 2, method="password", reason="wrong_code", at_ms=now, received_ms=now),
        said(door.pk, 3, "door.moved", method="door", door="open", at_ms=now, received_ms=now),
        said(door.pk, 4, granted=True, at_ms=now - 3 * 86_400_000, received_ms=now),
    )
    client.force_login(alice)

    def seqs(query):
        return [event.seq for event in client.get(f"/doors/{door.pk}/{query}").context["events"]]

    assert seqs("") == [3, 2, 1]
    assert seqs("?outcome=came") == [1]
    assert seqs("?outcome=refused") == [2]
    assert seqs("?outcome=door") == [3]
    assert seqs("?method=password") == [2]
    assert seqs("?q=ros") == [1]
    assert seqs("?day=1999-01-01") == []
    assert seqs("?day=nonsense&method=nonsense") == [3, 2, 1]


def test_the_plot_counts_by_the_hour_of_who_looks(client, alice, door):
    now = int(timezone.now().timestamp() * 1000)
    record(*(said(door.pk, n, granted=n % 2 == 0, at_ms=now, received_ms=now) for n in range(1, 6)))
    alice.time_zone = "Asia/Kolkata"
    alice.save()
    client.force_login(alice)
    bars = client.get(f"/doors/{door.pk}/").context["hours"]
    assert sum(bar["came"] for bar in bars) + sum(bar["refused"] for bar in bars) == 5


def test_the_csv_holds_what_the_page_shows_and_no_formula(client, alice, door):
    now = int(timezone.now().timestamp() * 1000)
    actions.save_holder(account_id=door.account_id, name="=HYPERLINK(1)", actor=actor_of(alice), grants=[{}])
    person = Holder.objects.get().pk
    record(said(door.pk, 7, granted=True, person=person, at_ms=now, received_ms=now))
    client.force_login(alice)
    answer = client.get(f"/doors/{door.pk}/events.csv")
    head, line = b"".join(answer.streaming_content).decode().splitlines()
    assert head.startswith("seq,time,")
    assert line.startswith("7,20")
    assert "'=HYPERLINK(1)" in line
    assert "attachment" in answer["Content-Disposition"]


def actor_of(user):
    from panal.cells.accounts.api import person

    return person(user)


# people


def test_a_person_gets_doors_hours_and_a_code_that_never_comes_back(client, alice, door, schedule):
    client.force_login(alice)
    lines = {"g0-place": f"d{door.pk}", "g0-schedule": str(schedule.pk), "g1-place": "", "g1-schedule": ""}
    client.post("/doors/people/new/", {"name": "Tomás", "grants": "2", "when_unknown": "deny", **lines})
    person = Holder.objects.get()
    assert [(grant.device_id, grant.schedule_id) for grant in person.grants.all()] == [(door.pk, schedule.pk)]
    client.post(f"/doors/people/{person.pk}/code/", {"code": "9-8-7-6-5-4", "label": "Garaje"})
    assert Credential.objects.get().label == "Garaje"
    html = client.get(f"/doors/people/{person.pk}/").content.decode()
    assert "Garaje" in html
    assert "9-8-7" not in html
    assert "987654" not in html


def test_a_door_of_another_account_is_no_place_for_a_person(client, alice, holder, other_door):
    client.force_login(alice)
    line = {"g0-place": f"d{other_door.pk}", "g0-schedule": ""}
    answer = client.post(f"/doors/people/{holder.pk}/", {"name": "Rosa", "grants": "1", **line})
    assert answer.status_code == 200
    assert not Grant.objects.filter(device=other_door).exists()


def test_a_schedule_is_written_by_lines(client, alice, account):
    client.force_login(alice)
    lines = {
        "w-TOTAL_FORMS": "2", "w-INITIAL_FORMS": "0", "w-0-days": ["1", "2", "16"], "w-0-start": "08:00",
        "w-0-end": "13:30", "w-1-days": ["64"], "w-1-start": "20:00", "w-1-end": "00:00",
    }  # fmt: skip
    client.post("/doors/schedules/new/", {"name": "Turnos", "when_unknown": "allow", **lines})
    found = Schedule.objects.get()
    assert found.windows == [[19, 480, 810], [64, 1200, 1440]]
    assert "Mon Tue Fri 08:00–13:30, Sun 20:00–24:00" in text_of(client.get("/doors/schedules/", headers=ENGLISH))


def test_a_schedule_that_is_used_is_not_deleted(client, alice, door, schedule, holder, actor):
    actions.save_holder(
        account_id=holder.account_id, name="Rosa", holder=holder, actor=actor, grants=[{"schedule": schedule}]
    )
    client.force_login(alice)
    response = client.post(f"/doors/schedules/{schedule.pk}/delete/", follow=True, headers=ENGLISH)
    assert "Take it from the people that have it first" in text_of(response)
    assert Schedule.objects.exists()


# settings


def test_a_setting_is_pending_until_the_door_reports(client, alice, door):
    client.force_login(alice)
    client.post(f"/doors/{door.pk}/settings/", settings_of(mode="AND", held_ms=90, combination="7-7-7"))
    wanted = door.twin.desired["access"]
    assert (wanted["mode"], wanted["held_ms"]) == ("AND", 90_000)
    assert len(wanted["combination"]) == 32
    rest = str(door.twin.desired).replace(wanted["combination"], "")
    assert "777" not in rest and "7-7-7" not in rest
    page = f"/doors/{door.pk}/settings/?part=pending"
    assert "has not taken the newest settings yet" in text_of(client.get(page, headers=ENGLISH))
    type(door.twin).objects.update(reported_version=door.twin.desired_version, reported_at=timezone.now())
    assert "The door has these settings" in text_of(client.get(page, headers=ENGLISH))


def test_a_setting_at_its_default_leaves_what_is_desired(client, alice, door):
    client.force_login(alice)
    client.post(f"/doors/{door.pk}/settings/", settings_of(mode="AND"))
    client.post(f"/doors/{door.pk}/settings/", settings_of())
    door.twin.refresh_from_db()
    assert "mode" not in door.twin.desired["access"]


def test_a_combination_of_another_length_is_refused_at_its_field(client, alice, door):
    client.force_login(alice)
    response = client.post(f"/doors/{door.pk}/settings/", settings_of(combination="12345"), headers=ENGLISH)
    assert response.context["form"].errors["combination"]


def test_the_audit_log_knows_that_a_combination_changed_and_not_which(client, alice, door):
    from panal.cells.accounts.models import AuditEntry

    client.force_login(alice)
    client.post(f"/doors/{door.pk}/settings/", settings_of(combination="4-5-6"))
    entry = AuditEntry.objects.get(verb="door.settings_changed")
    assert entry.after == {"combination": "…"}
    assert not AuditEntry.objects.filter(verb="twin.desired_changed").exists()


# cost


@pytest.mark.parametrize(
    "path", ["/doors/", "/doors/{door}/", "/doors/people/", "/doors/alarms/", "/", "/devices/{door}/"]
)
def test_a_page_asks_the_same_for_one_and_for_a_thousand(client, alice, things, account, actor, path):
    from .conftest import mint

    client.force_login(alice)
    device = Device.objects.get(pk=things["door"])
    few = queries_of(client, path.format(**things))
    now = timezone.now()
    lines = [
        Event(
            uid=f"u{n}",
            device=device,
            account=account,
            kind="door.alarm",
            reason="held",
            at=now,
            received_at=now,
            is_estimated=False,
        )
        for n in range(1000)
    ]
    Event.objects.bulk_create(lines)
    Alarm.objects.bulk_create(
        Alarm(event=event, device=device, account=account, kind="held", raised_at=now)
        for event in Event.objects.filter(reason="held")
    )
    people = Holder.objects.bulk_create(Holder(account=account, name=f"P{n}") for n in range(1000))
    Grant.objects.bulk_create(Grant(holder=person) for person in people)
    for n in range(10):
        mint(account.pk, actor, f"DOOR{n}XXX")
    assert queries_of(client, path.format(**things)) <= few + 1  # the query that counts what stands on other pages
