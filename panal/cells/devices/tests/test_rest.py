import pytest

from panal.cells.accounts.actions import create_token
from panal.cells.devices.models import Device
from panal.control.tests.cases import SEERS, PermissionCases

OPERATORS = {"alice", "bob", "sam", "ada"}
EDITORS = {"alice", "bob", "ada"}
MANAGERS = {"alice", "ada"}


class TestReadADevice(PermissionCases):
    path = "/devices/{device}"


class TestRenameADevice(PermissionCases):
    method, path, body, may = "patch", "/devices/{device}", {"name": "Pulsera"}, EDITORS


class TestRotateAToken(PermissionCases):
    method, path, may = "post", "/devices/{device}/rotate-token", MANAGERS


class TestRevokeADevice(PermissionCases):
    method, path, may = "post", "/devices/{device}/revoke", MANAGERS


class TestGiveADeviceAway(PermissionCases):
    method, path, body, may = "put", "/devices/{device}/account", {"account": None}, {"ada"}


class TestLetADeviceSpeakWithoutKey(PermissionCases):
    method, path, body, may = "put", "/devices/{device}/keyless", {"keyless": True}, {"ada"}


class TestReadCommands(PermissionCases):
    path = "/devices/{device}/commands"


class TestQueueACommand(PermissionCases):
    method, path, body, may, done = "post", "/devices/{device}/commands", {"name": "identify"}, OPERATORS, 201


class TestReadACommand(PermissionCases):
    path = "/commands/{command}"


class TestCancelACommand(PermissionCases):
    method, path, may = "post", "/commands/{command}/cancel", OPERATORS


class TestReadATwin(PermissionCases):
    path = "/devices/{device}/twin"


class TestSetDesired(PermissionCases):
    method, path, body, may = "patch", "/devices/{device}/desired", {"led": True}, EDITORS


class TestReadTelemetry(PermissionCases):
    path = "/devices/{device}/telemetry"


class TestReadALog(PermissionCases):
    path = "/devices/{device}/log"


class TestPlaceDevices(PermissionCases):
    method, path, may = "post", "/devices/place", EDITORS
    body = {"devices": ["{device}"], "sector": "{sector}", "join": ["{group}"]}


class TestMakeASector(PermissionCases):
    method, path, body, may, done = "post", "/sectors", {"account": "{account}", "name": "Patio"}, EDITORS, 201


class TestRenameASector(PermissionCases):
    method, path, body, may = "patch", "/sectors/{sector}", {"name": "Patio"}, EDITORS


class TestDeleteASector(PermissionCases):
    method, path, may, done = "delete", "/sectors/{sector}", EDITORS, 204


class TestMakeAGroup(PermissionCases):
    method, path, body, may, done = "post", "/groups", {"account": "{account}", "name": "Día"}, EDITORS, 201


class TestRenameAGroup(PermissionCases):
    method, path, body, may = "patch", "/groups/{group}", {"name": "Día"}, EDITORS


class TestDeleteAGroup(PermissionCases):
    method, path, may, done = "delete", "/groups/{group}", EDITORS, 204


class TestMintDevices(PermissionCases):
    method, path, body, done = "post", "/devices", {"model": "door-1"}, 201
    may, sees = {"fay", "ada"}, SEERS | {"charlie"}


@pytest.mark.parametrize("who", ["alice", "bob", "carla", "vera", "sam", "ada"])
def test_everybody_of_the_account_finds_its_devices_and_no_others(who, request, client, device, other_device):
    user = request.getfixturevalue(who)
    client.force_login(user)
    found = {item["id"] for item in client.get("/api/v1/manage/devices").json()["items"]}
    assert found == ({device.id, other_device.id} if user.is_staff else {device.id})


def test_the_factory_finds_what_nobody_owns_yet(client, fay, device):
    client.force_login(fay)
    [made] = client.post("/api/v1/manage/devices", {"model": "door-1"}, "application/json").json()
    found = [item["id"] for item in client.get("/api/v1/manage/devices").json()["items"]]
    assert found == [made["device_id"]]
    assert len(made["token"]) == 64


@pytest.mark.parametrize(
    ("scopes", "path", "method", "body", "status"),
    [
        (["read"], "/devices/WEAR2345", "get", None, 200),
        (["read"], "/devices/WEAR2345", "patch", {"name": "x"}, 403),
        (["read"], "/devices/WEAR2345/commands", "post", {"name": "identify"}, 403),
        (["operate"], "/devices/WEAR2345/commands", "post", {"name": "identify"}, 201),
        (["operate"], "/devices/WEAR2345/rotate-token", "post", {}, 403),
        (["configure"], "/devices/WEAR2345", "patch", {"name": "x"}, 200),
        (["configure"], "/devices/WEAR2345/commands", "post", {"name": "identify"}, 403),
    ],
)
def test_a_program_does_what_its_scopes_allow(client, device, alice, actor, scopes, path, method, body, status):
    made = create_token(user=alice, name="t", scopes=scopes, actor=actor)
    headers = {"Authorization": f"Bearer {made.text}"}
    answer = getattr(client, method)("/api/v1/manage" + path, body, content_type="application/json", headers=headers)
    assert answer.status_code == status, answer.content


@pytest.mark.parametrize("count", [1, 30])
def test_a_list_takes_the_same_few_queries_however_long_it_is(
    client, alice, account, actor, count, django_assert_num_queries
):
    from panal.cells.devices.actions import mint_devices

    mint_devices(model="wearable-1", count=count, account_id=account.pk, actor=actor)
    client.force_login(alice)
    with django_assert_num_queries(6):  # session, person, roles, devices, groups, count
        assert client.get("/api/v1/manage/devices").json()["count"] == count


def test_a_device_leaves_its_sector_only_when_asked(client, alice, device, sector, group):
    client.force_login(alice)
    place = "/api/v1/manage/devices/place"
    client.post(place, {"devices": [device.id], "sector": sector.pk}, "application/json")
    client.post(place, {"devices": [device.id], "join": [group.pk]}, "application/json")
    shown = client.get(f"/api/v1/manage/devices/{device.id}").json()
    assert (shown["sector"], shown["groups"]) == (sector.pk, [group.pk])
    client.post(place, {"devices": [device.id], "sector": None, "leave": [group.pk]}, "application/json")
    shown = client.get(f"/api/v1/manage/devices/{device.id}").json()
    assert (shown["sector"], shown["groups"]) == (None, [])


@pytest.mark.parametrize(
    "body",
    [
        {"name": "identify", "args": {"x": 1.5}},
        {"name": "identify", "deadline_s": 0},
        {"name": "Identify"},
        {"name": "a|b"},
        {"name": "identify", "args": {"x": "y" * 5000}},
    ],
)
def test_a_command_that_no_board_could_check_is_400(client, alice, device, body):
    client.force_login(alice)
    answer = client.post(f"/api/v1/manage/devices/{device.id}/commands", body, "application/json")
    assert answer.status_code == 400, answer.content
    assert device.commands.count() == 0


def test_telemetry_is_read_at_three_resolutions(client, alice, device):
    from datetime import UTC, datetime, timedelta

    from panal.cells.devices.telemetry import Point, store

    start = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    store([Point(device.id, "temperature_c", start + timedelta(minutes=i), float(i)) for i in range(10)])
    client.force_login(alice)
    path = f"/api/v1/manage/devices/{device.id}/telemetry?since=2026-11-20T00:00:00Z&name=temperature_c&resolution="
    raw, fives, hours = (client.get(path + resolution).json() for resolution in ("raw", "5min", "hourly"))
    assert [point["mean"] for point in raw] == [float(i) for i in range(10)]
    assert [(p["minimum"], p["mean"], p["maximum"], p["count"]) for p in fives] == [(0, 2, 4, 5), (5, 7, 9, 5)]
    assert [(p["minimum"], p["mean"], p["maximum"], p["count"]) for p in hours] == [(0, 4.5, 9, 10)]


def test_a_secret_is_in_no_answer_but_the_one_that_made_it(client, ada, minted, device):
    client.force_login(ada)
    pages = [f"/devices/{device.id}", "/devices", "/audit", f"/devices/{device.id}/twin"]
    said = "".join(client.get("/api/v1/manage" + page).content.decode() for page in pages)
    for secret in (minted.token, minted.ap_password, minted.claim_code, Device.objects.get().token_sha256.hex()):
        assert secret not in said
