import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from panal.cells.accounts.models import AuditEntry
from panal.cells.devices.models import Device
from panal.cells.updates import actions, progress, words
from panal.cells.updates.models import Release, Rollout, RolloutState, Update
from panal.control.tests.pages import LANGUAGES, FormCases, PageCases, mistakes_in, queries_of, text_of

from .boards import stage, take
from .conftest import make_fleet
from .signing import public_pem, release_file

STAFF = {"sam", "ada"}
READERS = {*STAFF, "fay"}
ENGLISH = {"accept-language": "en"}
PATHS = (
    *("/updates/", "/updates/keys/", "/updates/releases/new/", "/updates/releases/{release}/"),
    *("/updates/rollouts/new/", "/updates/rollouts/{rollout}/", "/devices/{device}/"),
)
PACE = {"stages": "5, 25, 100", "success_pct": "95", "error_pct": "10", "jitter_min": "0"}


@pytest.fixture
def things(things, key, release, account, actor, device):
    ids = make_fleet(account, actor, 1)
    rollout = actions.begin_rollout(release=release, device_ids=ids, actor=actor, pace=actions.AT_ONE_STROKE)
    Device.objects.filter(pk=device.pk).update(state="activated", fw="9.0.0")
    return {**things, "key": key.pk, "release": release.pk, "rollout": str(rollout.pk)}


class TestReleases(PageCases):
    path, may, sees = "/updates/", READERS, READERS


class TestRelease(PageCases):
    path, may, sees = "/updates/releases/{release}/", READERS, READERS


class TestNewRelease(PageCases):
    path, may, sees = "/updates/releases/new/", {"ada"}, READERS


class TestKeys(PageCases):
    path, may, sees = "/updates/keys/", READERS, READERS


class TestAddKey(FormCases):
    path, may, sees = "/updates/keys/", {"ada"}, READERS

    @property
    def body(self):
        return {"name": "Otra", "public_key": public_pem("two")}


class TestRetireKey(FormCases):
    path, may, sees = "/updates/keys/{key}/retire/", {"ada"}, READERS


class TestWithdraw(FormCases):
    path, may, sees = "/updates/releases/{release}/withdraw/", {"ada"}, READERS


class TestRollout(PageCases):
    path, may, sees = "/updates/rollouts/{rollout}/", STAFF, STAFF


class TestRows(PageCases):
    path, may, sees = "/updates/rollouts/{rollout}/?part=rows&state=waiting", STAFF, STAFF


class TestNewRollout(PageCases):
    path, may, sees = "/updates/rollouts/new/", STAFF, READERS


class TestBegin(FormCases):
    path, may, sees = "/updates/rollouts/new/", STAFF, READERS
    body = {"release": "{release}", "by": "devices", "devices": "{device}", **PACE}


class TestPause(FormCases):
    path, may, sees = "/updates/rollouts/{rollout}/pause/", STAFF, READERS


class TestUpdateNow(FormCases):
    path = "/updates/devices/{device}/now/"
    may = {"alice", "bob", "sam", "ada"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", PATHS)
def test_every_page_is_well_formed(client, ada, things, path, language):
    client.force_login(ada)
    client.cookies["django_language"] = language
    response = client.get(path.format(**things))
    assert response.status_code == 200
    assert mistakes_in(response.content.decode()) == {}


@pytest.mark.parametrize("path", ["/updates/", "/updates/keys/", "/updates/releases/new/", "/updates/rollouts/new/"])
def test_a_panal_without_releases_says_what_to_do_first(client, ada, path):
    client.force_login(ada)
    response = client.get(path, headers=ENGLISH)
    assert mistakes_in(response.content.decode()) == {}
    assert "panal updates key" in text_of(response) or "first" in text_of(response)


def test_a_release_file_is_taken_and_released_on_pages(client, ada, key):
    client.force_login(ada)
    file = SimpleUploadedFile("f.panal", release_file("9.5.0").getvalue())
    response = client.post("/updates/releases/new/", {"file": file, "notes": "Mejor"})
    made = Release.objects.get()
    assert response["Location"] == f"/updates/releases/{made.pk}/"
    client.post(f"/updates/releases/{made.pk}/release/")
    assert Release.objects.get().state == "released"


def test_a_file_that_was_tampered_with_is_refused_on_the_form(client, ada, key):
    client.force_login(ada)
    file = SimpleUploadedFile("f.panal", release_file("9.5.0").getvalue() + b"x")
    response = client.post("/updates/releases/new/", {"file": file}, headers=ENGLISH)
    assert response.status_code == 200
    assert "not as long as" in text_of(response)
    assert not Release.objects.exists()


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ({"by": "all"}, 20),
        ({"by": "account", "account": "{account}"}, 20),
        ({"by": "model", "model": "wearable-1"}, 20),
        ({"by": "sector", "sector": "{sector}"}, 3),
        ({"by": "group", "group": "{group}"}, 2),
        ({"by": "devices", "devices": "{0}, {1}\n{2}"}, 3),
    ],
)
def test_devices_are_chosen_in_every_way(client, sam, release, fleet, account, sector, group, body, count):
    Device.objects.filter(pk__in=fleet[:3]).update(sector=sector)
    group.devices.add(*fleet[:2])
    filled = {k: v.format(*fleet, account=account.pk, sector=sector.pk, group=group.pk) for k, v in body.items()}
    client.force_login(sam)
    response = client.post("/updates/rollouts/new/", {"release": release.pk, **filled, **PACE})
    made = Rollout.objects.get()
    assert response["Location"] == f"/updates/rollouts/{made.pk}/"
    assert made.updates.count() == count
    assert [one.percent for one in made.stages.all()] == [5, 25, 100]


@pytest.mark.parametrize(
    "wrong", [{"stages": "5, x"}, {"stages": "25 5 100"}, {"stages": "50"}, {"success_pct": "0"}, {"by": "sector"}]
)
def test_what_makes_no_rollout_is_said_on_the_form(client, sam, release, fleet, wrong):
    client.force_login(sam)
    response = client.post("/updates/rollouts/new/", {"release": release.pk, "by": "all", **PACE, **wrong})
    assert response.status_code == 200
    assert 'class="errorlist' in response.content.decode()
    assert not Rollout.objects.exists()


def test_devices_that_were_ticked_elsewhere_come_along(client, sam, release, fleet):
    client.force_login(sam)
    response = client.post("/updates/rollouts/new/", {"device": fleet[:2]})
    assert all(id in response.content.decode() for id in fleet[:2])
    assert fleet[2] not in response.content.decode()


def test_a_rollout_shows_a_bar_for_each_stage_and_why_a_device_went_back(client, sam, rollout):
    take(*stage(rollout, 0))
    take(stage(rollout, 1)[0], reason="self_test")
    client.force_login(sam)
    response = client.get(f"/updates/rollouts/{rollout.pk}/", headers=ENGLISH)
    text = text_of(response)
    assert response.content.decode().count('class="updates-bar"') == 3
    assert "Too many devices had trouble." in text
    assert "The new version failed its self-test." in text
    assert "1 of 4 updated" not in text
    assert "Go on all the same" in text


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "retry"])
def test_what_a_rollout_is_told_is_in_the_audit_log(client, sam, rollout, verb):
    if verb == "resume":
        Rollout.objects.update(state="paused")
    if verb == "retry":
        Update.objects.filter(device=stage(rollout, 0)[0]).update(state="refused", ended_at=timezone.now())
    client.force_login(sam)
    response = client.post(f"/updates/rollouts/{rollout.pk}/{verb}/", headers={"hx-request": "true"})
    assert response.status_code == 204
    entry = AuditEntry.objects.first()
    assert entry.verb in words.WORDS
    assert entry.user == sam


def test_the_device_s_page_offers_what_is_out_and_tells_how_it_went(client, alice, device, release):
    Device.objects.filter(pk=device.pk).update(state="activated", fw="9.0.0")
    client.force_login(alice)
    assert "9.1.0 is out" in text_of(client.get(f"/devices/{device.pk}/?part=updates", headers=ENGLISH))
    client.post(f"/updates/devices/{device.pk}/now/")
    assert "On its way" in text_of(client.get(f"/devices/{device.pk}/?part=updates", headers=ENGLISH))
    take(device.pk, reason="no_server")
    text = text_of(client.get(f"/devices/{device.pk}/?part=updates", headers=ENGLISH))
    assert "did not reach the server" in text
    assert "is out" not in text


def test_a_new_owner_sees_nothing_of_updates_before(client, alice, rollout):
    [first] = stage(rollout, 0)
    take(first)
    client.force_login(alice)
    assert "updates-rows" in client.get(f"/devices/{first}/?part=updates").content.decode()
    Device.objects.filter(pk=first).update(owned_at=timezone.now())
    assert "updates-rows" not in client.get(f"/devices/{first}/?part=updates").content.decode()


def test_a_page_costs_the_same_however_many_devices_take_it(client, sam, rollout, release, account, actor):
    client.force_login(sam)
    few = [queries_of(client, path) for path in (f"/updates/rollouts/{rollout.pk}/", "/updates/")]
    ids = make_fleet(account, actor, 60)
    many = actions.begin_rollout(release=release, device_ids=ids, actor=actor)
    assert [queries_of(client, path) for path in (f"/updates/rollouts/{many.pk}/", "/updates/")] == few


def test_every_state_has_its_look_and_every_reason_of_boards_its_sentence():
    from panal.cells.updates import messages

    assert set(words.SIGNS) == set(progress.STATES)
    assert set(words.ROLLOUT_SIGNS) == set(RolloutState.values)
    assert {reason for reasons in messages.REASONS.values() for reason in reasons} <= set(words.REASONS)
