"""Pages and REST of the factory and of whose a device is: who may, and what they get."""

import base64
import json
import re

import pytest

from panal.cells.accounts.models import Account, AuditEntry, Membership
from panal.cells.devices import actions, claims
from panal.cells.devices.models import Batch, Device
from panal.control.tests.cases import PermissionCases
from panal.control.tests.pages import FormCases, PageCases, mistakes_in, queries_of, text_of

EVERYBODY = {"alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada"}
FACTORY = {"sam", "fay", "ada"}
MANAGERS = {"alice", "ada"}
REST = "/api/v1/manage"
DATA_URI = re.compile(r'href="data:application/(\w+);base64,([^"]+)"')


class TestBatches(PageCases):
    path = "/staff/batches/"
    may = sees = FACTORY


class TestBatch(PageCases):
    path = "/staff/batches/{batch}/"
    may = sees = FACTORY


class TestMintPage(PageCases):
    path = "/staff/batches/new/"
    may = {"fay", "ada"}
    sees = FACTORY


class TestMint(FormCases):
    path = "/staff/batches/new/"
    body = {"model": "wearable-1", "count": 1, "size": "63x38", "language": "en"}
    may = {"fay", "ada"}
    sees = FACTORY
    done = 200


class TestClaimPage(PageCases):
    path = "/claim/"
    may = sees = EVERYBODY


class TestRelease(FormCases):
    path = "/devices/{device}/release/"
    may = MANAGERS


class TestHandOver(FormCases):
    path = "/devices/{device}/hand-over/"
    may = MANAGERS
    done = 200


class TestMove(FormCases):
    path = "/devices/{device}/move/"
    body = {"account": ""}
    may = {"ada"}


class TestRestBatches(PermissionCases):
    path = "/batches"
    may = sees = FACTORY


class TestRestBatch(PermissionCases):
    path = "/batches/{batch}"
    may = sees = FACTORY


class TestRestMade(PermissionCases):
    path = "/batches/{batch}/devices?stage=unflashed"
    may = sees = FACTORY


class TestRestClaim(PermissionCases):
    """A wrong code is what those are told who may try."""

    method = "post"
    path = "/claim"
    body = {"device": "{device}", "code": "WRNG2345", "account": "{account}"}
    may = {"alice", "bob", "ada"}
    done = 400


class TestRestRelease(PermissionCases):
    method = "post"
    path = "/devices/{device}/release"
    may = MANAGERS
    done = 204


class TestRestHandOver(PermissionCases):
    method = "post"
    path = "/devices/{device}/hand-over"
    may = MANAGERS


class TestRestFlashed(PermissionCases):
    method = "post"
    path = "/devices/{device}/flashed"
    may = {"fay", "ada"}
    sees = EVERYBODY - {"charlie"}
    done = 204


@pytest.fixture
def boxed(db, actor):
    [secrets] = actions.mint_devices(model="wearable-1", device_id="BXED2345", note="Serie de otoño", actor=actor)
    return secrets


def test_a_batch_says_how_far_its_devices_are(client, fay, account, actor):
    minted = actions.mint_devices(model="wearable-1", count=5, actor=actor)
    one, two = (Device.objects.get(pk=secret.device_id) for secret in minted[:2])
    actions.mark_flashed(device=one, actor=actor)
    actions.mark_flashed(device=two, actor=actor)
    claims.move_device(device=one, account_id=account.pk, actor=actor)
    client.force_login(fay)
    [found] = client.get(f"{REST}/batches").json()["items"]
    assert [found[name] for name in ("minted", "flashed", "sold", "activated")] == [5, 2, 1, 0]
    assert "5 minted · 2 flashed · 1 sold · 0 activated" in text_of(
        client.get("/staff/batches/", headers={"accept-language": "en"})
    )
    devices = f"{REST}/batches/{found['id']}/devices"
    assert [client.get(f"{devices}?stage={s}").json()["count"] for s in ("unflashed", "unsold", "activated")] == [
        3,
        4,
        0,
    ]


def test_the_factory_reads_nothing_of_whose_a_device_is(client, fay, device, actor):
    actions.change_device(device=device, name="Pulsera de Carmen", actor=actor)
    client.force_login(fay)
    for path in (f"/staff/batches/{device.batch_id}/", f"{REST}/batches/{device.batch_id}/devices"):
        said = client.get(path).content.decode()
        assert device.pk in said
        assert "Carmen" not in said and "Casa" not in said


@pytest.mark.parametrize(
    ("query", "found"), [("model=wearable-1", 1), ("q=otoño", 1), ("q=bxed2345", 1), ("stage=activated", 0), ("q=x", 0)]
)
def test_batches_are_found_by_what_the_factory_knows(client, fay, boxed, actor, query, found):
    actions.mint_devices(model="door-1", actor=actor)
    client.force_login(fay)
    said = text_of(client.get(f"/staff/batches/?{query}", headers={"accept-language": "en"}))
    assert ("Fall wearable ·" in said) == bool(found) and "Door controller ·" not in said


def test_a_search_for_one_device_does_not_change_the_counts(client, fay, actor):
    [one, *_] = actions.mint_devices(model="wearable-1", count=4, actor=actor)
    client.force_login(fay)
    [found] = client.get(f"{REST}/batches?search={one.device_id}").json()["items"]
    assert found["minted"] == 4


@pytest.mark.parametrize("path", ["/staff/batches/", "/staff/batches/{}/"])
def test_the_factorys_pages_cost_the_same_however_much_there_is(client, fay, boxed, actor, path):
    client.force_login(fay)
    path = path.format(Batch.objects.get().pk)
    few = queries_of(client, path)
    for _ in range(5):
        actions.mint_devices(model="wearable-1", count=20, actor=actor)
    Device.objects.update(batch=Batch.objects.earliest("pk"))
    assert queries_of(client, path) <= few + 1  # that there are more pages


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize(
    "path", ["/staff/batches/", "/staff/batches/{batch}/", "/claim/", "/devices/{device}/?confirm=release"]
)
def test_pages_are_well_formed_in_both_languages(client, ada, things, path, language):
    client.force_login(ada)
    response = client.get(path.format(**things), headers={"accept-language": language})
    assert mistakes_in(response.content.decode()) == {}


def test_who_scans_without_being_signed_in_is_shown_where_to(client, boxed):
    for device_id in (boxed.device_id, "NBDY2345"):  # and nothing is told of what there is
        response = client.get(f"/claim/{device_id}", headers={"accept-language": "en"})
        assert response.status_code == 200 and "Sign in" in text_of(response)
        assert f"next=/claim/{device_id}" in response.content.decode()


def test_a_member_claims_by_the_form(client, bob, boxed, account):
    client.force_login(bob)
    response = client.post("/claim/", {"device": boxed.device_id.lower(), "code": boxed.claim_code})
    assert response["Location"] == f"/devices/{boxed.device_id}/#settings"
    assert Device.objects.get(pk=boxed.device_id).account == account


def test_a_person_of_several_accounts_chooses(client, bob, boxed):
    second = Account.objects.create(name="Taller")
    Membership.objects.create(user=bob, account=second, role="member")
    client.force_login(bob)
    assert "Taller" in text_of(client.get("/claim/"))
    client.post("/claim/", {"device": boxed.device_id, "code": boxed.claim_code, "account": second.pk})
    assert Device.objects.get(pk=boxed.device_id).account == second


@pytest.mark.parametrize("who", ["carla", "vera"])
def test_who_only_looks_cannot_claim(client, request, who, boxed, account):
    client.force_login(request.getfixturevalue(who))
    client.post("/claim/", {"device": boxed.device_id, "code": boxed.claim_code, "account": account.pk})
    body = {"device": boxed.device_id, "code": boxed.claim_code, "account": account.pk}
    assert client.post(f"{REST}/claim", json.dumps(body), "application/json").status_code == 403
    assert Device.objects.get(pk=boxed.device_id).account is None


def test_an_account_of_others_cannot_be_chosen(client, bob, boxed, other_account):
    second = Account.objects.create(name="Taller")
    Membership.objects.create(user=bob, account=second, role="member")
    client.force_login(bob)
    said = {"device": boxed.device_id, "code": boxed.claim_code, "account": other_account.pk}
    assert client.post("/claim/", said).status_code == 200
    assert Device.objects.get(pk=boxed.device_id).account is None


def test_unknown_and_wrong_are_one_page(client, bob, boxed, account):
    client.force_login(bob)

    def answer(device_id):
        response = client.post("/claim/", {"device": device_id, "code": "WRNG2345"})
        return response.status_code, text_of(response).replace(device_id, "")

    assert answer(boxed.device_id) == answer("NBDY2345")


def test_too_many_tries_are_said_and_rest_says_when_to_come_again(client, bob, boxed, account):
    client.force_login(bob)
    body = json.dumps({"device": boxed.device_id, "code": "WRNG2345", "account": account.pk})
    statuses = [client.post(f"{REST}/claim", body, "application/json").status_code for _ in range(4)]
    response = client.post(f"{REST}/claim", body, "application/json")
    assert statuses == [400, 400, 400, 503]
    assert (response.json()["error"]["code"], int(response["Retry-After"]) > 0) == ("too_many_tries", True)
    page = client.post("/claim/", {"device": boxed.device_id, "code": "WRNG2345"}, headers={"accept-language": "en"})
    assert "Too many tries" in text_of(page)


def test_the_code_of_a_hand_over_is_shown_once(client, alice, charlie, device, other_account):
    client.force_login(alice)
    response = client.post(f"/devices/{device.pk}/hand-over/")
    code = response.context["code"]
    assert code in text_of(response) and response["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    assert client.get(f"/devices/{device.pk}/").status_code == 404
    assert code not in repr(list(AuditEntry.objects.values())) + repr(list(Device.objects.values()))
    client.force_login(charlie)
    client.post("/claim/", {"device": device.pk, "code": code})
    assert Device.objects.get(pk=device.pk).account == other_account


def test_staff_makes_a_new_code_for_what_is_nobodys(client, ada, alice, boxed, account):
    client.force_login(ada)
    code = client.post(f"/devices/{boxed.device_id}/claim-code/").context["code"]
    client.force_login(alice)
    assert client.post(f"/devices/{boxed.device_id}/claim-code/").status_code == 404
    client.post("/claim/", {"device": boxed.device_id, "code": code})
    assert Device.objects.get(pk=boxed.device_id).account == account
    client.force_login(ada)
    assert client.post(f"{REST}/devices/{boxed.device_id}/claim-code").status_code == 409


def test_staff_moves_to_an_account_that_is_there(client, ada, device, other_account):
    client.force_login(ada)
    for wrong in ("999999", "x", "-1"):
        client.post(f"/devices/{device.pk}/move/", {"account": wrong})
        assert Device.objects.get(pk=device.pk).account == device.account
    client.post(f"/devices/{device.pk}/move/", {"account": other_account.pk})
    assert Device.objects.get(pk=device.pk).account == other_account


FORM = {"model": "wearable-1", "count": "3", "note": "Feria", "size": "99x57", "language": "es"}


def test_a_batch_made_on_the_page_is_shown_once_with_its_labels_and_secrets(client, fay, account):
    client.force_login(fay)
    response = client.post("/staff/batches/new/", FORM | {"account": str(account.pk)})
    made = Device.objects.filter(batch__note="Feria")
    assert {device.account for device in made} == {account}
    links = {kind: base64.b64decode(data) for kind, data in DATA_URI.findall(response.content.decode())}
    secrets = {secret["device_id"]: secret for secret in json.loads(links["json"])}
    assert secrets.keys() == {device.pk for device in made} and len(secrets) == 3
    assert links["pdf"].startswith(b"%PDF")
    assert response["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    for secret in secrets.values():
        assert secret["claim_code"] in text_of(response) and secret["token"] not in text_of(response)
    kept = repr(list(AuditEntry.objects.values())) + repr(list(Device.objects.values()))
    assert not [secret for secret in secrets.values() if secret["token"] in kept or secret["claim_code"] in kept]


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": "0"},
        {"count": "501"},
        {"model": "toaster"},
        {"account": "999999"},
        {"size": "1x1"},
        {"language": "fr"},
    ],
)
def test_what_cannot_be_made_makes_nothing_and_says_so_on_the_form(client, fay, wrong):
    client.force_login(fay)
    response = client.post("/staff/batches/new/", FORM | wrong)
    assert (response.status_code, Batch.objects.count()) == (200, 0)
    assert response.context["form"].errors.keys() == wrong.keys()


def test_only_who_mints_is_offered_a_new_batch(client, sam, fay):
    for person, offered in ((sam, False), (fay, True)):
        client.force_login(person)
        assert ("/staff/batches/new/" in client.get("/staff/batches/").content.decode()) == offered


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_form_of_a_batch_and_its_answer_are_whole_html(client, fay, language):
    client.force_login(fay)
    said = {"accept-language": language}
    for response in (
        client.get("/staff/batches/new/", headers=said),
        client.post("/staff/batches/new/", FORM, headers=said),
    ):
        assert mistakes_in(response.content.decode()) == {}
        assert ("batch" in text_of(response)) == (language == "en")
