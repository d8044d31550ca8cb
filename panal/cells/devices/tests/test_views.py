import re
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from panal.cells.accounts.models import AuditEntry
from panal.cells.devices import actions, telemetry
from panal.cells.devices.models import Command, Device, Group, LogLine, Sector, State
from panal.control.tests.pages import FormCases, PageCases, mistakes_in, queries_of, text_of

EVERYBODY = {"alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada"}
OPERATORS = {"alice", "bob", "sam", "ada"}
EDITORS = {"alice", "bob", "ada"}
MANAGERS = {"alice", "ada"}


class TestDevices(PageCases):
    path = "/devices/"
    may = sees = EVERYBODY


class TestSectors(PageCases):
    path = "/sectors/"
    may = sees = EVERYBODY


class TestGroups(PageCases):
    path = "/groups/"
    may = sees = EVERYBODY


class TestDevice(PageCases):
    path = "/devices/{device}/"


class TestPart(PageCases):
    path = "/devices/{device}/?part=commands"


class TestChange(FormCases):
    path = "/devices/{device}/change/"
    body = {"name": "Pulsera de Carmen", "sector": "{sector}"}
    may = EDITORS


class TestDesired(FormCases):
    path = "/devices/{device}/desired/"
    body = {"heartbeat_s": "60"}
    may = EDITORS


class TestCommand(FormCases):
    path = "/devices/{device}/commands/"
    body = {"name": "ping"}
    may = OPERATORS


class TestCancel(FormCases):
    path = "/commands/{command}/cancel/"
    may = OPERATORS


class TestRotate(FormCases):
    path = "/devices/{device}/rotate/"
    may = MANAGERS


class TestRevoke(FormCases):
    path = "/devices/{device}/revoke/"
    may = MANAGERS


class TestRenameSector(FormCases):
    path = "/sectors/{sector}/rename/"
    body = {"name": "Comedor"}
    may = EDITORS


class TestDeleteSector(FormCases):
    path = "/sectors/{sector}/delete/"
    may = EDITORS


class TestRenameGroup(FormCases):
    path = "/groups/{group}/rename/"
    body = {"name": "Día"}
    may = EDITORS


class TestDeleteGroup(FormCases):
    path = "/groups/{group}/delete/"
    may = EDITORS


@pytest.fixture
def fleet(account, actor):
    """Three devices: one online in the salon, one offline, one never heard of."""
    actions.mint_devices(model="wearable-1", account_id=account.pk, actor=actor, count=3)
    now = timezone.now()
    one, two, three = Device.objects.all()
    Device.objects.filter(pk=one.pk).update(name="Uno", state="activated", is_online=True, last_seen_at=now)
    Device.objects.filter(pk=two.pk).update(name="Dos", state="activated", model_code="door-1")
    return one.pk, two.pk, three.pk


def shown(client, query=""):
    return {device.pk for device in client.get(f"/devices/{query}").context["devices"]}


def test_the_list_is_filtered(client, alice, fleet, sector, group):
    one, two, three = fleet
    Device.objects.filter(pk=one).update(sector=sector)
    group.devices.add(two)
    client.force_login(alice)
    assert shown(client) == {one, two, three}
    assert shown(client, "?state=online") == {one}
    assert shown(client, "?state=offline") == {two}
    assert shown(client, "?state=never") == {three}
    assert shown(client, f"?sector={sector.pk}") == {one}
    assert shown(client, "?sector=none") == {two, three}
    assert shown(client, f"?group={group.pk}") == {two}
    assert shown(client, "?model=door-1") == {two}
    assert shown(client, "?q=uno") == {one}
    assert shown(client, f"?q={three}") == {three}


@pytest.mark.parametrize("query", ["?state=late", "?state=revoked", "?sector=99", "?q=nobody"])
def test_a_filter_without_a_match_offers_to_show_all(client, alice, fleet, query):
    client.force_login(alice)
    response = client.get(f"/devices/{query}", headers={"accept-language": "en"})
    assert "No device matches" in text_of(response)


@pytest.mark.parametrize(
    "query", ["?state=%01", "?sector=x", "?group=-1", "?page=9999", "?model=nope", "?sector=" + "9" * 40]
)
def test_a_filter_that_cannot_be_read_is_no_error(client, alice, fleet, query):
    client.force_login(alice)
    assert client.get(f"/devices/{query}").status_code == 200


def test_a_late_device_is_found_by_its_presence(client, alice, fleet):
    one, _two, _three = fleet
    Device.objects.filter(pk=one).update(last_seen_at=timezone.now() - timezone.timedelta(minutes=4))
    client.force_login(alice)
    assert shown(client, "?state=late") == {one}
    assert Device.objects.get(pk=one).presence == "late"
    Device.objects.filter(pk=one).update(heartbeat_s=3600)
    assert shown(client, "?state=late") == set()


def test_a_stranger_s_devices_are_not_in_the_list(client, charlie, fleet):
    client.force_login(charlie)
    assert shown(client) == set()


def test_staff_sees_all_accounts_or_the_one_it_looks_at(client, sam, fleet, other_device, account):
    client.force_login(sam)
    assert len(shown(client)) == 4
    client.post("/account/switch/", {"account": account.pk})
    assert len(shown(client)) == 3


def test_many_devices_are_moved_at_once(client, bob, fleet, sector, group):
    one, two, _three = fleet
    client.force_login(bob)
    client.post("/devices/bulk/", {"device": [one, two], "sector": sector.pk, "group": group.pk})
    assert set(sector.devices.values_list("pk", flat=True)) == {one, two}
    assert set(group.devices.values_list("pk", flat=True)) == {one, two}
    client.post("/devices/bulk/", {"device": [one], "sector": "none"})
    assert set(sector.devices.values_list("pk", flat=True)) == {two}


@pytest.mark.parametrize("who", ["carla", "vera", "charlie"])
def test_who_may_not_edit_moves_nothing(client, request, who, fleet, sector):
    one, _two, _three = fleet
    client.force_login(request.getfixturevalue(who))
    client.post("/devices/bulk/", {"device": [one], "sector": sector.pk})
    assert not sector.devices.exists()


def test_a_stranger_s_devices_are_not_moved_along(client, alice, fleet, other_device, sector):
    client.force_login(alice)
    client.post("/devices/bulk/", {"device": [other_device.pk], "sector": sector.pk})
    other_device.refresh_from_db()
    assert other_device.sector is None


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_after_bulk_work_nobody_is_sent_elsewhere(client, alice, fleet, to):
    client.force_login(alice)
    assert client.post("/devices/bulk/", {"next": to})["Location"] == "/devices/"


def test_a_command_appears_with_its_outcome(client, alice, device, command):
    Command.objects.filter(pk=command.pk).update(
        status="failed", finished_at=timezone.now(), error_code="busy", error_message="the motor is busy"
    )
    client.force_login(alice)
    text = text_of(client.get(f"/devices/{device.pk}/", headers={"accept-language": "en"}))
    assert "Make it blink" in text
    assert "Failed" in text
    assert "the motor is busy" in text


@pytest.mark.parametrize(
    ("status", "code", "message", "said"),
    [
        ("rejected", "unknown_command", "fly", "Its firmware does not know this command."),
        ("rejected", "bad_mac", "bad_mac", "It did not believe that this came from here."),
        ("rejected", "expired", "expired", "The command reached it too late."),
        ("rejected", "bad_args", "pct: 0 to 100", "The command does not take these values. pct: 0 to 100"),
        ("rejected", "busy", "busy", "busy"),
        ("expired", "expired", "", None),
        ("failed", "failed", "OSError(5)", "OSError(5)"),
        ("cancelled", "revoked", "", "The device was revoked."),
    ],
)
def test_why_a_command_was_not_done_is_said_in_words(client, alice, device, command, status, code, message, said):
    Command.objects.filter(pk=command.pk).update(
        status=status, finished_at=timezone.now(), error_code=code, error_message=message
    )
    client.force_login(alice)
    html = client.get(f"/devices/{device.pk}/?part=commands", headers={"accept-language": "en"}).content.decode()
    assert re.findall(r'<span class="small">(.*?)</span>', html) == ([said] if said else [])


def test_a_command_is_sent_with_the_values_that_its_form_shows(client, alice, device):
    client.force_login(alice)
    page = client.get(f"/devices/{device.pk}/")
    shown = {bound.name: bound.value() or "" for bound in page.context["command_form"]}
    client.post(f"/devices/{device.pk}/commands/", {**shown, "name": "ping"})
    assert Command.objects.get().name == "ping"
    assert page.context["desired_form"]["others"].value() == ""


def test_a_form_that_is_wrong_stays_open(client, alice, device):
    client.force_login(alice)
    html = client.post(f"/devices/{device.pk}/commands/", {"name": "ping", "args": "7"}).content.decode()
    assert '<details class="more" open>' in html


def test_a_search_that_is_too_long_does_not_show_everything(client, alice, fleet):
    client.force_login(alice)
    assert not client.get("/devices/", {"q": "x" * 81}).context["devices"].object_list


def test_before_a_device_is_revoked_it_is_said_that_this_is_final(client, alice, device):
    client.force_login(alice)
    assert "This cannot be undone" in text_of(client.get(f"/devices/{device.pk}/", headers={"accept-language": "en"}))


def test_by_htmx_a_command_answers_without_a_page(client, alice, device):
    client.force_login(alice)
    path = f"/devices/{device.pk}/commands/"
    response = client.post(path, {"name": "ping"}, headers={"hx-request": "true", "accept-language": "en"})
    assert response.status_code == 204
    assert "The command is on its way." in response["HX-Trigger"]


def test_a_command_with_values_is_sent_with_them(client, alice, device):
    client.force_login(alice)
    client.post(f"/devices/{device.pk}/commands/", {"name": "set_volume", "args": '{"pct": 40}', "deadline_s": "300"})
    command = Command.objects.get()
    assert (command.name, command.args) == ("set_volume", {"pct": 40})
    assert (command.expires_at - command.issued_at).total_seconds() == 300


@pytest.mark.parametrize("args", ["[1]", "{", "7", '"x"'])
def test_values_that_are_no_object_are_refused_at_their_field(client, alice, device, args):
    client.force_login(alice)
    response = client.post(f"/devices/{device.pk}/commands/", {"name": "ping", "args": args})
    assert response.context["command_form"].errors["args"]
    assert not Command.objects.exists()


def test_a_refused_command_says_why(client, alice, device):
    client.force_login(alice)
    path = f"/devices/{device.pk}/commands/"
    response = client.post(path, {"name": "Bad Name"}, follow=True, headers={"accept-language": "en"})
    assert response.status_code == 200
    assert not Command.objects.exists()


def test_what_is_desired_and_not_yet_reported_is_pending(client, alice, device):
    client.force_login(alice)
    client.post(f"/devices/{device.pk}/desired/", {"heartbeat_s": "60", "others": '{"brightness_pct": 30}'})
    response = client.get(f"/devices/{device.pk}/", headers={"accept-language": "en"})
    rows = {row["name"]: row for row in response.context["twin_rows"]}
    assert rows["brightness_pct"]["desired"] == 30
    assert rows["brightness_pct"]["differs"]
    assert "Pending" in text_of(response)


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_log_writes_a_day_as_the_rest_of_the_page_does(client, alice, device, language):
    at = datetime(2026, 11, 22, 14, 44, 55, tzinfo=UTC)
    Device.objects.filter(pk=device.pk).update(created_at=at)
    LogLine.objects.create(device=device, at=at, received_at=at, level="info", message="?", fingerprint=1)
    alice.time_zone = "UTC"
    alice.save()
    client.force_login(alice)
    said = text_of(client.get(f"/devices/{device.pk}/", headers={"accept-language": language}))
    day = {"es": "22/11/2026", "en": "11/22/2026"}[language]
    assert f"{day} 14:44:55" in said and said.count(day) == 2


def test_a_new_token_is_shown_once_and_never_kept_by_the_browser(client, alice, device):
    client.force_login(alice)
    made = client.post(f"/devices/{device.pk}/rotate/")
    assert made["Location"] == f"/devices/{device.pk}/"  # reloading makes no second one
    assert client.get(f"/devices/{device.pk}/?part=head").status_code == 200  # a live part takes nothing
    kept = dict(client.session)
    response = client.get(made["Location"])
    token = response.context["token"]
    assert len(token) == 64
    assert token not in str(kept)
    assert token in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    assert token not in client.get(f"/devices/{device.pk}/").content.decode()
    assert token not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize("what", ["rotate", "revoke"])
def test_confirmations_work_without_javascript(client, alice, device, what):
    client.force_login(alice)
    html = client.get(f"/devices/{device.pk}/?confirm={what}").content.decode()
    assert f'<dialog id="{what}" open>' in html


def test_a_revoked_device_takes_no_commands_and_gets_no_token(client, alice, device):
    client.force_login(alice)
    client.post(f"/devices/{device.pk}/revoke/")
    device.refresh_from_db()
    assert device.state == State.REVOKED
    html = client.get(f"/devices/{device.pk}/").content.decode()
    assert f"/devices/{device.pk}/commands/" not in html
    assert "confirm=rotate" not in html


@pytest.mark.parametrize("range_", ["hour", "day", "week", "month", "nonsense"])
def test_telemetry_is_plotted_over_the_chosen_time(client, alice, device, range_):
    now = timezone.now()
    telemetry.store(
        [telemetry.Point(device.pk, "battery_pct", now - timezone.timedelta(minutes=n), 80.0 + n) for n in range(3)]
    )
    client.force_login(alice)
    [plot] = client.get(f"/devices/{device.pk}/?range={range_}").context["plots"]
    assert (plot["unit"], plot["minimum"], plot["maximum"]) == ("%", "80", "82")
    begin, end = plot["data"]["across"]
    assert begin < plot["data"]["x"][0] <= plot["data"]["x"][-1] <= end


def test_a_name_in_the_log_is_text_and_never_markup(client, alice, device):
    LogLine.objects.create(
        device=device, at=timezone.now(), received_at=timezone.now(), level="info", message="<b>x</b>", fingerprint=1
    )
    client.force_login(alice)
    html = client.get(f"/devices/{device.pk}/").content.decode()
    assert "<b>x</b>" not in html
    assert "&lt;b&gt;x&lt;/b&gt;" in html


@pytest.mark.parametrize("part", ["head", "vitals", "telemetry", "commands", "twin", "log", "facts", "events"])
def test_every_part_of_a_device_comes_alone(client, alice, device, command, event, part):
    client.force_login(alice)
    response = client.get(f"/devices/{device.pk}/?part={part}")
    html = response.content.decode()
    assert response.status_code == 200
    assert "<html" not in html
    assert html.strip()
    assert mistakes_in(html) == {}


def test_sectors_and_groups_are_created_where_one_looks(client, alice, account):
    client.force_login(alice)
    client.post("/sectors/", {"name": "Planta baja"})
    outer = Sector.objects.get(account=account)
    client.post("/sectors/", {"name": "Cocina", "parent": outer.pk})
    client.post("/groups/", {"name": "Noche"})
    assert [str(place) for place in client.get("/sectors/").context["places"]] == ["Planta baja", "Cocina"]
    assert Group.objects.get().account == account


@pytest.mark.parametrize("path", ["/sectors/", "/groups/"])
def test_a_name_that_is_taken_is_refused_at_its_field(client, alice, path):
    client.force_login(alice)
    client.post(path, {"name": "Noche"})
    response = client.post(path, {"name": "Noche"})
    assert response.context["form"].errors["name"]


@pytest.mark.parametrize("path", ["/sectors/", "/groups/"])
@pytest.mark.parametrize("who", ["carla", "vera"])
def test_who_may_not_edit_creates_no_place(client, request, who, path):
    client.force_login(request.getfixturevalue(who))
    assert client.post(path, {"name": "Noche"}).status_code == 403


def test_the_list_asks_the_same_for_one_device_and_for_a_thousand(client, alice, account, actor, sector, group):
    client.force_login(alice)
    actions.mint_devices(model="wearable-1", account_id=account.pk, actor=actor)
    one = queries_of(client, "/devices/")
    actions.mint_devices(model="wearable-1", account_id=account.pk, actor=actor, count=999)
    Device.objects.update(sector=sector, state="activated")
    assert queries_of(client, "/devices/") == one
    assert queries_of(client, "/devices/?page=7") == one


@pytest.mark.parametrize("path", ["/sectors/", "/groups/"])
def test_places_ask_the_same_for_one_and_for_many(client, alice, account, path):
    kind = Sector if path == "/sectors/" else Group
    client.force_login(alice)
    kind.objects.create(account=account, name="one")
    one = queries_of(client, path)
    kind.objects.bulk_create(kind(account=account, name=f"place {n}") for n in range(300))
    assert queries_of(client, path) == one


def test_a_device_s_page_asks_the_same_however_much_it_knows(client, alice, device):
    client.force_login(alice)
    path = f"/devices/{device.pk}/"
    empty = queries_of(client, path)
    now = timezone.now()
    telemetry.store(
        [telemetry.Point(device.pk, "rssi_dbm", now - timezone.timedelta(seconds=n), -60.0) for n in range(1000)]
    )
    LogLine.objects.bulk_create(
        LogLine(device=device, at=now, received_at=now, level="info", message=str(n), fingerprint=n)
        for n in range(1000)
    )
    Command.objects.bulk_create(
        Command(device=device, name="ping", issued_at=now, expires_at=now, status="done", finished_at=now)
        for n in range(1000)
    )
    assert queries_of(client, path) == empty
