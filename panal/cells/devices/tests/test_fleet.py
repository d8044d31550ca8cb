import pytest
from django.utils import timezone

from panal.cells.devices import actions, fleet
from panal.cells.devices.models import Device
from panal.control.tests.pages import LANGUAGES, PageCases, mistakes_in, queries_of

ENGLISH = {"accept-language": "en"}


class TestFleet(PageCases):
    path = "/fleet/"
    may = sees = {"alice", "bob", "carla", "vera", "charlie", "sam", "fay", "ada"}


@pytest.fixture
def made(account, actor):
    """Six wearables that are online and well, by name A to F."""
    ids = [
        one.device_id for one in actions.mint_devices(model="wearable-1", account_id=account.pk, actor=actor, count=6)
    ]
    well = {"state": "activated", "is_online": True, "last_seen_at": timezone.now(), "rssi_dbm": -55, "fw": "1.10.0"}
    Device.objects.filter(pk__in=ids).update(battery_pct=80, **well)
    for id, name in zip(ids, "ABCDEF", strict=True):
        Device.objects.filter(pk=id).update(name=name)
    return dict(zip("ABCDEF", ids, strict=True))


def places(client, query=""):
    return {
        place.name: [device.name for device in place.devices]
        for place in client.get(f"/fleet/{query}").context["places"]
    }


def needing(client, query=""):
    response = client.get(f"/fleet/{query}", headers=ENGLISH)
    return {row["title"]: row["text"] for row in response.context["rows"]}


def test_devices_stand_in_their_sectors_and_the_rest_below(client, alice, made, sector):
    Device.objects.filter(name__in="AB").update(sector=sector)
    client.force_login(alice)
    found = list(places(client).items())
    assert found[0] == ("Salón", ["A", "B"])
    assert found[1][1] == ["C", "D", "E", "F"]


def test_a_device_stands_in_each_of_its_groups(client, alice, account, actor, made, group):
    other = actions.create_group(account_id=account.pk, name="Patio", actor=actor)
    group.devices.add(made["A"], made["B"])
    other.devices.add(made["B"])
    client.force_login(alice)
    assert list(places(client, "?by=group").values()) == [["A", "B"], ["B"], ["C", "D", "E", "F"]]


def test_what_needs_attention_says_why_the_worst_first(client, alice, made):
    Device.objects.filter(name="A").update(battery_pct=fleet.LOW_BATTERY_PCT - 1)
    Device.objects.filter(name="B").update(rssi_dbm=fleet.WEAK_SIGNAL_DBM - 1, battery_pct=5)
    Device.objects.filter(name="C").update(is_online=False)
    Device.objects.filter(name="D").update(fw="1.9.3")
    client.force_login(alice)
    found = needing(client)
    assert list(found) == ["C", "B", "D", "A"]
    assert found["B"] == "Weak signal, -81 dBm · Battery 5 %"
    assert found["D"] == "Firmware 1.9.3 is old"
    assert list(needing(client, "?need=battery")) == ["B", "A"]
    assert list(needing(client, "?need=nonsense")) == ["C", "B", "D", "A"]


def test_at_the_threshold_nothing_is_wrong(client, alice, made):
    Device.objects.update(battery_pct=fleet.LOW_BATTERY_PCT, rssi_dbm=fleet.WEAK_SIGNAL_DBM)
    client.force_login(alice)
    assert needing(client) == {}


def test_a_page_and_a_row_agree_on_who_needs_attention(account, alice, made):
    for name, values in {
        "A": {"is_online": False},
        "B": {"fw": "1.2"},
        "C": {"rssi_dbm": -99},
        "D": {"fw": ""},
    }.items():
        Device.objects.filter(name=name).update(**values)
    old = fleet.old_firmware(fleet.alive_for(alice, account.pk))
    listed = {device.pk for device in fleet.attention_for(alice, account.pk, old)}
    assert listed == {d.pk for d in Device.objects.all() if fleet.needs_of(d, old)} == {made[name] for name in "ABC"}


@pytest.mark.parametrize(
    ("older", "newer"), [("1.9.9", "1.10.0"), ("1.2", "1.2.1"), ("v0.9", "v1.0"), ("", "1"), ("1.2-rc9", "1.3")]
)
def test_versions_are_compared_as_numbers(older, newer):
    assert fleet.version(older) < fleet.version(newer)


def test_a_build_s_name_makes_no_version_older():
    assert fleet.version("1.4.2+esp32") == fleet.version("1.4.2-12-gabc")


def test_a_set_version_is_wanted_even_if_nobody_has_it(alice, account, made, monkeypatch):
    monkeypatch.setitem(fleet.WANTED_FIRMWARE, "wearable-1", "2.0")
    assert fleet.old_firmware(fleet.alive_for(alice, account.pk)) == {"wearable-1": ["1.10.0"]}


def test_models_are_compared_among_themselves_and_accounts_too(alice, account, made, other_device):
    Device.objects.filter(name="A").update(model_code="door-1", fw="0.1")
    Device.objects.filter(pk=other_device.pk).update(fw="9.0", state="activated")
    assert fleet.old_firmware(fleet.alive_for(alice, account.pk)) == {"wearable-1": [], "door-1": []}


def test_a_stranger_sees_none_of_it(client, charlie, made):
    client.force_login(charlie)
    assert not any(id in client.get("/fleet/").content.decode() for id in made.values())


def test_whoever_may_only_look_has_nothing_to_drag(client, vera, made):
    client.force_login(vera)
    html = client.get("/fleet/").content.decode()
    assert 'draggable="true"' not in html
    assert 'name="device"' not in html


def test_a_device_is_taken_out_of_a_group(client, bob, made, group):
    group.devices.add(made["A"], made["B"])
    client.force_login(bob)
    client.post("/devices/bulk/", {"device": [made["A"]], "leave": group.pk})
    assert list(group.devices.values_list("name", flat=True)) == ["B"]


@pytest.mark.parametrize("query", ["", "?by=group"])
def test_a_thousand_devices_cost_as_many_queries_as_six(client, alice, account, actor, made, sector, group, query):
    client.force_login(alice)
    Device.objects.filter(name="A").update(fw="1.0.0")
    few = queries_of(client, f"/fleet/{query}")
    ids = [
        one.device_id for one in actions.mint_devices(model="wearable-1", account_id=account.pk, actor=actor, count=994)
    ]
    Device.objects.filter(pk__in=ids[:500]).update(state="activated", fw="1.0.0", sector=sector)
    group.devices.add(*ids[200:700])
    assert queries_of(client, f"/fleet/{query}") == few
    html = client.get(f"/fleet/{query}").content.decode()
    assert html.count('draggable="true"') == 2 * fleet.SHOWN_IN_A_PLACE
    assert len(html) < 200_000


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["/fleet/", "/fleet/?by=group", "/fleet/?part=places", "/fleet/?part=attention"])
def test_it_is_well_formed(client, alice, made, sector, group, path, language):
    Device.objects.filter(name="A").update(is_online=False, sector=sector)
    client.force_login(alice)
    client.cookies["django_language"] = language
    assert mistakes_in(client.get(path).content.decode()) == {}


@pytest.mark.parametrize("path", ["/fleet/", "/devices/", "/"])
def test_without_devices_it_says_how_they_come_to_who_reads_it(client, alice, ada, path):
    client.force_login(alice)
    said = client.get(path, headers=ENGLISH).content.decode()
    assert "No devices yet" in said and "panal device" not in said
    assert 'class="button" href="/claim/"' in said
    client.force_login(ada)
    assert "<code>panal device mint" in client.get(path, headers=ENGLISH).content.decode()
