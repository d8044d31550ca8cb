import pytest

from panal.cells.devices.models import Command, Device
from panal.cells.wifi import progress
from panal.cells.wifi.models import Change, DeviceChange
from panal.control.tests.pages import LANGUAGES, FormCases, PageCases, mistakes_in, queries_of, text_of

from .conftest import PASSWORD, SSID

EVERYBODY = {"alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada"}
OPERATORS = {"alice", "bob", "sam", "ada"}
NETWORK = {"ssid": SSID, "password": PASSWORD}
PATHS = ("/wifi/", "/wifi/new/", "/wifi/{change}/", "/wifi/{change}/retry/", "/devices/{device}/")
ENGLISH = {"accept-language": "en"}


@pytest.fixture
def things(wifi_things):
    Device.objects.update(state="activated")
    return wifi_things


class TestChanges(PageCases):
    path = "/wifi/"
    may = sees = EVERYBODY


class TestNew(PageCases):
    """Staff looks at all accounts, and a stranger at their own: the devices that are offered are theirs."""

    path = "/wifi/new/"
    may = OPERATORS | {"charlie", "fay"}
    sees = EVERYBODY


class TestChange(PageCases):
    path = "/wifi/{change}/"


class TestRows(PageCases):
    path = "/wifi/{change}/?part=rows&state=waiting"


class TestBeginWithADevice(FormCases):
    path = "/wifi/new/"
    body = {"by": "devices", "device": "{device}", **NETWORK}
    may = OPERATORS
    sees = {"carla", "vera"}


class TestBeginWithASector(FormCases):
    path = "/wifi/new/"
    may = OPERATORS
    sees = {"carla", "vera"}
    body = {"by": "sector", "sector": "{sector}", **NETWORK}

    def ask(self, client, things):
        Device.objects.filter(pk=things["device"]).update(sector=things["sector"])
        return super().ask(client, things)


class TestRetryPage(PageCases):
    path = "/wifi/{change}/retry/"
    may = OPERATORS


class TestRetry(FormCases):
    path = "/wifi/{change}/retry/"
    body = NETWORK
    may = OPERATORS

    def ask(self, client, things):
        DeviceChange.objects.update(state="silent", ended_at="2026-01-01T00:00:00Z")
        return super().ask(client, things)


class TestCancel(FormCases):
    path = "/wifi/{change}/cancel/"
    may = OPERATORS


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", PATHS)
def test_every_page_is_well_formed(client, alice, things, path, language):
    client.force_login(alice)
    client.cookies["django_language"] = language
    response = client.get(path.format(**things))
    assert response.status_code == 200
    assert mistakes_in(response.content.decode()) == {}


def test_each_device_has_its_row_and_its_state(client, alice, change):
    client.force_login(alice)
    one, two, *_rest = change.rows.all()
    DeviceChange.objects.filter(pk=one.pk).update(state="kept", reason="wrong_password", ended_at=change.created_at)
    DeviceChange.objects.filter(pk=two.pk).update(state="trying")
    text = text_of(client.get(f"/wifi/{change.pk}/", headers=ENGLISH))
    assert "The password is wrong." in text
    assert "1 of 5" in text
    assert "4 devices are on their way" in text
    assert two.device_id not in text_of(client.get(f"/wifi/{change.pk}/?state=kept", headers=ENGLISH))


@pytest.mark.parametrize("part", ["progress", "rows"])
def test_a_live_part_comes_alone(client, alice, change, part):
    client.force_login(alice)
    html = client.get(f"/wifi/{change.pk}/?part={part}").content.decode()
    assert "<html" not in html
    assert mistakes_in(html) == {}


def test_what_was_typed_never_comes_back(client, alice, fleet, account):
    client.force_login(alice)
    response = client.post("/wifi/new/", {"by": "all", **NETWORK})
    page = client.get(response["Location"])
    for html in (page, client.get("/wifi/"), client.get("/audit/"), client.get(response["Location"] + "retry/")):
        assert SSID not in html.content.decode()
        assert PASSWORD not in html.content.decode()
    assert SSID not in response["Location"]


def test_a_password_that_is_refused_is_not_in_the_answer(client, alice, fleet):
    client.force_login(alice)
    response = client.post("/wifi/new/", {"by": "all", "ssid": SSID, "password": "corta"}, headers=ENGLISH)
    assert response.status_code == 200
    assert "8 to 63 characters" in text_of(response)
    assert "corta" not in response.content.decode()
    assert not Change.objects.exists()


def test_the_form_s_fields_are_not_filled_in_by_browsers(client, alice, fleet):
    client.force_login(alice)
    html = client.get("/wifi/new/").content.decode()
    assert 'autocomplete="new-password"' in html
    assert 'type="password"' in html


def test_devices_that_were_ticked_elsewhere_are_ticked_here(client, alice, fleet):
    client.force_login(alice)
    ticked = sorted(fleet)[:2]
    response = client.post("/wifi/new/", {"by": "devices", "device": ticked})
    assert response.context["ticked"] == set(ticked)
    assert response.content.decode().count("checked") == 3


def test_nothing_chosen_is_said_on_the_form(client, alice, fleet):
    client.force_login(alice)
    for body in ({"by": "devices"}, {"by": "sector", "sector": "x"}, {"by": "moon"}):
        response = client.post("/wifi/new/", {**body, **NETWORK}, headers=ENGLISH)
        assert response.status_code == 200
        assert "Choose at least one device" in text_of(response)


def test_a_group_changes_together(client, bob, fleet, group):
    group.devices.add(*sorted(fleet)[:3])
    client.force_login(bob)
    client.post("/wifi/new/", {"by": "group", "group": group.pk, **NETWORK})
    change = Change.objects.get()
    assert (change.choice, change.place, change.rows.count()) == ("group", "Noche", 3)


def test_cancelling_says_for_how_many(client, alice, change):
    DeviceChange.objects.filter(pk=change.rows.first().pk).update(state="trying")
    client.force_login(alice)
    response = client.post(f"/wifi/{change.pk}/cancel/", headers={"hx-request": "true", **ENGLISH})
    assert "Cancelled for 4 devices." in response["HX-Trigger"]
    assert Command.objects.filter(status="cancelled").count() == 4


def test_a_device_that_moved_on_is_named_as_it_was_and_not_linked(client, alice, change, other_account):
    moved = change.rows.first()
    Device.objects.filter(pk=moved.device_id).update(account=other_account, name="Secreto")
    client.force_login(alice)
    html = client.get(f"/wifi/{change.pk}/").content.decode()
    assert "Secreto" not in html
    assert f"/devices/{moved.device_id}/" not in html


def test_the_device_s_page_tells_its_newest_change(client, alice, change):
    row = change.rows.first()
    DeviceChange.objects.filter(pk=row.pk).update(state="kept", reason="no_server", ended_at=change.created_at)
    client.force_login(alice)
    text = text_of(client.get(f"/devices/{row.device_id}/?part=wifi", headers=ENGLISH))
    assert "could not reach the server" in text


def test_a_page_costs_the_same_however_many_devices_change(client, alice, account, actor, change):
    from panal.cells.devices.actions import mint_devices
    from panal.cells.wifi.actions import begin_change

    client.force_login(alice)
    few = [queries_of(client, path) for path in (f"/wifi/{change.pk}/", "/wifi/", "/wifi/new/")]
    ids = [one.device_id for one in mint_devices(model="wearable-1", account_id=account.pk, actor=actor, count=45)]
    Device.objects.update(state="activated")
    many = begin_change(account_id=account.pk, device_ids=ids, actor=actor, **NETWORK)
    assert [queries_of(client, path) for path in (f"/wifi/{many.pk}/", "/wifi/", "/wifi/new/")] == few


def test_every_state_has_its_look():
    from panal.cells.wifi import words

    assert set(words.SIGNS) == set(progress.STATES)
