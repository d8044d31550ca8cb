import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from panal.cells.devices.models import Device
from panal.cells.updates import actions
from panal.cells.updates.models import Release, Rollout, Update
from panal.control.tests.cases import SEERS, PermissionCases

from .boards import ask, stage, take, tell
from .conftest import make_fleet
from .signing import artifact_of, manifest_of, public_pem, release_file, signed

ROOT = "/api/v1/manage/updates"
STAFF = {"sam", "ada"}
READERS = {*STAFF, "fay"}
"""The factory reads what it puts onto boards."""


@pytest.fixture
def things(things, key, release, account, actor, device):
    ids = make_fleet(account, actor, 1)
    rollout = actions.begin_rollout(release=release, device_ids=ids, actor=actor, pace=actions.AT_ONE_STROKE)
    Device.objects.filter(pk=device.pk).update(state="activated", fw="9.0.0")
    return {**things, "key": key.pk, "release": release.pk, "rollout": str(rollout.pk)}


class TestKeys(PermissionCases):
    path, may, sees = "/updates/keys", READERS, READERS


class TestAddKey(PermissionCases):
    method, path, done = "post", "/updates/keys", 201
    may, sees = {"ada"}, READERS

    @property
    def body(self):
        return {"name": "Otra", "public_key": public_pem("two")}


class TestRetireKey(PermissionCases):
    method, path, may, sees = "post", "/updates/keys/{key}/retire", {"ada"}, READERS


class TestReleases(PermissionCases):
    path, may, sees = "/updates/releases", READERS, READERS


class TestRelease(PermissionCases):
    path, may, sees = "/updates/releases/{release}", READERS, READERS


class TestAddRelease(PermissionCases):
    path, may, sees, done = "/updates/releases", {"ada"}, READERS, 201

    def ask(self, client, things):
        file = SimpleUploadedFile("firmware.panal", release_file("9.5.0").getvalue())
        return client.post("/api/v1/manage" + self.path, {"file": file, "notes": "Nueva"})


class TestNotes(PermissionCases):
    method, path, may, sees = "patch", "/updates/releases/{release}", {"ada"}, READERS
    body = {"notes": "Mejor aún"}


class TestWithdraw(PermissionCases):
    method, path, may, sees = "post", "/updates/releases/{release}/withdraw", {"ada"}, READERS


class TestRollouts(PermissionCases):
    path, may, sees = "/updates/rollouts", STAFF, STAFF


class TestRollout(PermissionCases):
    path, may, sees = "/updates/rollouts/{rollout}", STAFF, STAFF


class TestRolloutDevices(PermissionCases):
    path, may, sees = "/updates/rollouts/{rollout}/devices", STAFF, STAFF


class TestBegin(PermissionCases):
    method, path, may, sees, done = "post", "/updates/rollouts", STAFF, READERS, 201
    body = {"release": "{release}", "devices": ["{device}"]}


class TestBeginWithAnAccount(TestBegin):
    body = {"release": "{release}", "account": "{account}"}


class TestPause(PermissionCases):
    method, path, may, sees = "post", "/updates/rollouts/{rollout}/pause", STAFF, READERS


class TestCancel(PermissionCases):
    method, path, may, sees = "post", "/updates/rollouts/{rollout}/cancel", STAFF, READERS


class TestDeviceUpdates(PermissionCases):
    path = "/updates/devices/{device}"


class TestUpdateNow(PermissionCases):
    """Whoever may operate a device may let it take what is out."""

    method, path, done = "post", "/updates/devices/{device}/now", 201
    may, sees = {"alice", "bob", "sam", "ada"}, SEERS


def post(client, path, **body):
    return client.post(ROOT + path, json.dumps(body), "application/json")


def code_of(response):
    return response.status_code, response.json()["error"]["code"]


def upload(client, data):
    return client.post(ROOT + "/releases", {"file": SimpleUploadedFile("x.panal", data)})


def test_a_release_file_is_a_draft_that_can_be_released(client, ada, key, folder):
    client.force_login(ada)
    made = upload(client, release_file("9.5.0").getvalue()).json()
    assert (made["version"], made["board"], made["kind"], made["state"]) == ("9.5.0", "wearable-1", "app", "draft")
    assert (folder / made["artifact"]).stat().st_size == made["size_bytes"]
    out = post(client, f"/releases/{made['id']}/release").json()
    assert out["state"] == "released"
    assert out["released_at"]


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda data: data.replace(b'"9.5.0"', b'"9.5.1"', 1), "bad_signature"),
        (lambda data: data[:-1], "bad_size"),
        (lambda data: data + b"x", "bad_size"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "bad_hash"),
        (lambda data: b"no release\n" + data, "not_json"),
        (lambda data: b"", "not_release"),
    ],
)
def test_what_is_not_as_it_was_signed_is_refused_and_leaves_no_file(client, ada, key, folder, spoil, code):
    client.force_login(ada)
    assert code_of(upload(client, spoil(release_file("9.5.0").getvalue()))) == (400, code)
    assert not folder.exists() or not list(folder.iterdir())
    assert not Release.objects.exists()


def test_a_table_that_does_not_fit_its_files_is_refused_though_it_is_signed(client, ada, key, folder):
    from hashlib import sha256

    from panal.cells.updates import messages

    artifact, table = artifact_of({"a.mpy": b"one"})
    artifact = artifact[:-3] + b"two"
    manifest = manifest_of("9.5.0")[0]._replace(
        size=len(artifact), sha256=sha256(artifact).hexdigest(), files_size=len(table),
        files_sha256=sha256(table).hexdigest(),
    )  # fmt: skip
    client.force_login(ada)
    assert code_of(upload(client, messages.build_release(signed(manifest), artifact))) == (400, "bad_files")
    assert not list(folder.iterdir())


def test_only_the_operator_s_keys_count_and_a_retired_one_no_more(client, ada, key, actor):
    client.force_login(ada)
    assert code_of(upload(client, release_file("9.5.0", key="two").getvalue())) == (400, "bad_signature")
    actions.retire_key(key=key, actor=actor)
    assert code_of(upload(client, release_file("9.5.0").getvalue())) == (400, "bad_signature")


def test_a_version_is_there_once_for_a_board(client, ada, release, folder):
    client.force_login(ada)
    again = release_file("9.1.0", files={"other.mpy": b"other"}).getvalue()
    assert code_of(upload(client, again)) == (409, "version_taken")
    assert [path.name for path in folder.iterdir()] == [release.artifact]
    assert upload(client, release_file("9.1.0", board="camera-1").getvalue()).status_code == 201


def test_a_private_key_is_not_taken_and_not_repeated(client, ada):
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    from .signing import private_key

    pem = private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    client.force_login(ada)
    response = post(client, "/keys", name="Mía", public_key=pem)
    assert code_of(response) == (400, "private_key")
    assert pem[64:128] not in response.content.decode()


@pytest.mark.parametrize("pem", ["", "hola", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"])
def test_what_is_no_key_is_refused(client, ada, pem):
    client.force_login(ada)
    assert code_of(post(client, "/keys", name="Nada", public_key=pem)) == (400, "bad_key")


def test_a_draft_can_go_and_takes_its_file_along(client, ada, draft, folder, django_capture_on_commit_callbacks):
    client.force_login(ada)
    with django_capture_on_commit_callbacks(execute=True):
        assert client.delete(f"{ROOT}/releases/{draft.pk}").status_code == 204
    assert not list(folder.iterdir())


def test_what_was_released_stays(client, ada, release):
    client.force_login(ada)
    assert code_of(client.delete(f"{ROOT}/releases/{release.pk}")) == (409, "not_draft")


def test_a_draft_is_not_rolled_out(client, ada, draft, fleet):
    client.force_login(ada)
    assert code_of(post(client, "/rollouts", release=draft.pk, devices=fleet)) == (409, "not_released")


def test_withdrawing_ends_the_rollouts_and_every_offer(client, ada, rollout, release):
    [first] = stage(rollout, 0)
    assert ask(first) != [None]
    client.force_login(ada)
    post(client, f"/releases/{release.pk}/withdraw")
    assert Rollout.objects.get().state == "cancelled"
    assert ask(first) == [None]


def test_a_rollout_tells_its_stages_and_its_devices(client, sam, rollout):
    take(*stage(rollout, 0))
    bad = stage(rollout, 1)[0]
    take(bad, reason="self_test")
    client.force_login(sam)
    found = client.get(f"{ROOT}/rollouts/{rollout.pk}").json()
    assert (found["state"], found["reason"], found["version"]) == ("stopped", "errors", "9.1.0")
    assert [row["devices"] for row in found["stages"]] == [
        {"done": 1},
        {"rolled_back": 1, "waiting": 3},
        {"queued": 15},
    ]
    [row] = client.get(f"{ROOT}/rollouts/{rollout.pk}/devices?state=rolled_back").json()["items"]
    assert (row["device"], row["reason"], row["from_version"], row["stage"]) == (bad, "self_test", "9.0.0", 1)


def test_pausing_holds_back_who_has_not_begun_and_resuming_goes_on(client, sam, rollout):
    [first] = stage(rollout, 0)
    client.force_login(sam)
    assert post(client, f"/rollouts/{rollout.pk}/pause").json()["state"] == "paused"
    assert ask(first) == [None]
    assert code_of(post(client, f"/rollouts/{rollout.pk}/pause")) == (409, "not_running")
    assert post(client, f"/rollouts/{rollout.pk}/resume").json()["state"] == "running"
    assert ask(first) != [None]


def test_a_retry_is_for_those_that_refused_and_never_for_those_that_rolled_back(client, sam, rollout):
    [first] = stage(rollout, 0)
    ask(first)
    tell("refused", first, reason="no_room")
    client.force_login(sam)
    assert client.get(f"{ROOT}/rollouts/{rollout.pk}").json()["state"] == "stopped"
    assert post(client, f"/rollouts/{rollout.pk}/retry").json()["state"] == "running"
    [offer] = ask(first)
    assert offer["attempt"] == 2
    take(first, reason="self_test")
    assert code_of(post(client, f"/rollouts/{rollout.pk}/retry")) == (409, "nothing_to_retry")
    assert Rollout.objects.get().state == "stopped"


def test_cancelling_takes_it_back_from_those_that_have_not_begun(client, sam, rollout):
    [first] = stage(rollout, 0)
    ask(first)
    tell("downloading", first)
    client.force_login(sam)
    found = post(client, f"/rollouts/{rollout.pk}/cancel").json()
    assert found["devices"]["cancelled"] == 19
    assert found["devices"]["downloading"] == 1
    assert ask(first) != [None]
    assert code_of(post(client, f"/rollouts/{rollout.pk}/retry")) == (409, "over")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "bad_choice"),
        ({"all": True, "model": "wearable-1"}, "bad_choice"),
        ({"all": True, "stages": [{"percent": 50}]}, "bad_stages"),
        ({"all": True, "stages": [{"percent": 60}, {"percent": 50}, {"percent": 100}]}, "bad_stages"),
        ({"all": True, "time_zone": "Mars/North"}, "bad_time_zone"),
        ({"all": True, "jitter_s": -1}, "bad_field"),
        ({"all": True, "window": [1, 2, 3]}, "bad_field"),
        ({"model": "camera-1"}, "no_takers"),
    ],
)
def test_what_makes_no_rollout_is_refused(client, sam, release, fleet, body, code):
    client.force_login(sam)
    assert code_of(post(client, "/rollouts", release=release.pk, **body)) == (400, code)
    assert not Rollout.objects.exists()


def test_devices_that_need_it_not_are_left_out(client, sam, release, fleet, account, actor):
    from panal.cells.devices.actions import mint_devices

    [door] = mint_devices(model="camera-1", account_id=account.pk, actor=actor)
    Device.objects.filter(pk=door.device_id).update(state="activated", fw="1.0")
    Device.objects.filter(pk=fleet[0]).update(fw="9.1.0")
    Device.objects.filter(pk=fleet[1]).update(fw="9.10.0")
    Device.objects.filter(pk=fleet[2]).update(state="revoked")
    client.force_login(sam)
    found = post(client, "/rollouts", release=release.pk, devices=[*fleet, door.device_id]).json()
    assert sum(found["devices"].values()) == 17


def test_an_owner_takes_the_newest_that_is_out_and_only_once(client, alice, device, release, newer):
    Device.objects.filter(pk=device.pk).update(state="activated", fw="9.0.0")
    client.force_login(alice)
    made = post(client, f"/devices/{device.pk}/now").json()
    assert (made["state"], Update.objects.get(pk=made["id"]).release_id) == ("waiting", newer.pk)
    take(device.pk, reason="self_test")
    made = post(client, f"/devices/{device.pk}/now").json()
    assert made["release"] == release.pk
    Device.objects.filter(pk=device.pk).update(fw="9.1.0")
    assert post(client, f"/devices/{device.pk}/now").status_code == 404


def test_a_release_costs_nothing_more_however_many_devices_took_it(client, sam, rollout, django_assert_max_num_queries):
    client.force_login(sam)
    with django_assert_max_num_queries(8):
        client.get(f"{ROOT}/releases")
