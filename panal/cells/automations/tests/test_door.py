"""The camera beside a door: chosen on the door's page, shown there, and keeping a picture of whatever happens."""

import pytest

from panal.cells.access.tests.conftest import door, other_door  # noqa: F401  fixtures
from panal.cells.automations import actions, queries, recorder, runs
from panal.cells.automations.models import Automation, Run
from panal.cells.cameras.news import Seen
from panal.cells.cameras.tests.conftest import NOON_MS, commit
from panal.cells.devices.actions import mint_devices
from panal.control.events import publish_on_commit
from panal.control.tests.cases import collected
from panal.control.tests.pages import FormCases
from panal.gateway.store import DomainEvent

from .conftest import run_all, waiting

ADDRESS = "/automations/doors/{door}/camera/"


@pytest.fixture
def camera(account, actor):
    mint_devices(model="camera-1", device_id="CAMA2345", account_id=account.pk, actor=actor)
    commit(Seen("CAMA2345", NOON_MS, is_new=True))
    return "CAMA2345"


@pytest.fixture
def things(door, camera):  # noqa: F811  the fixture
    return {"door": door.pk, "camera": camera}


def happens(device, name, *doors):
    data = {"uids": [], "doors": list(doors)}
    publish_on_commit(DomainEvent(name, "doors", device.account_id, device.pk, data))


class TestChoosing(FormCases):
    path, body = ADDRESS, {"camera": "{camera}"}
    may = {"alice", "bob", "ada"}


@pytest.fixture
def chosen(client, alice, things):
    client.force_login(alice)
    client.post(ADDRESS.format(**things), {"camera": things["camera"]})
    recorder.refresh()
    return Automation.objects.get()


def test_it_is_shown_on_the_doors_page_and_taken_away_again(client, chosen, things):
    page = client.get(f"/doors/{things['door']}/").content.decode()
    assert f"/cameras/{things['camera']}/live" in page
    assert f"/cameras/{things['camera']}/live" in client.get(f"/doors/{things['door']}/?part=camera").content.decode()
    client.post(ADDRESS.format(**things), {"camera": things["camera"]})
    assert Automation.objects.get().pk == chosen.pk
    client.post(ADDRESS.format(**things), {"camera": ""})
    assert not Automation.objects.exists()
    page = client.get(f"/doors/{things['door']}/").content.decode()
    assert f"/cameras/{things['camera']}/live" not in page
    assert f'value="{things["camera"]}"' in page


def test_whatever_happens_at_this_door_keeps_a_picture(chosen, things, door, other_door):  # noqa: F811
    for name in ("door.moved", "door.granted", "door.refused", "door.forced", "door.held", "door.jammed"):
        happens(door, name, "open")
    happens(door, "door.list_changed")
    happens(other_door, "door.granted")
    assert waiting() == [("at_door", door.pk)] * 6
    with collected() as events:
        run_all()
    saves = [event for event in events if event.name == "camera.save_requested"]
    assert [event.device_id for event in saves] == [things["camera"]] * 6


def test_a_busy_door_does_not_turn_it_off(chosen, door):  # noqa: F811
    for _ in range(30):
        happens(door, "door.granted")
    run_all()
    assert set(Run.objects.values_list("outcome", flat=True)) == {"done"}
    assert Automation.objects.get().is_on


def test_one_that_does_more_is_not_taken_for_the_choice(make, door, camera):  # noqa: F811
    when = {"kind": "at_door", "device_id": door.pk}
    make(when=when)
    make(when=when, actions=[{"kind": "snapshot", "device_id": camera}, {"kind": "alert", "text": "Alguien"}])
    assert queries.watch_of(door) is None


@pytest.mark.parametrize("wrong", ["WEAR2345", "NOBODY23", "x" * 300])
def test_what_is_no_camera_of_theirs_is_refused(client, alice, things, device, wrong):
    client.force_login(alice)
    assert client.post(ADDRESS.format(**things), {"camera": wrong}).status_code == 404
    assert not Automation.objects.exists()


def test_without_cameras_there_is_nothing_to_choose(client, alice, door):  # noqa: F811
    client.force_login(alice)
    assert 'name="camera"' not in client.get(f"/doors/{door.pk}/").content.decode()


def test_whoever_only_looks_sees_it_and_cannot_choose(client, vera, things, actor, door):  # noqa: F811
    actions.watch_door(device=door, camera_id=things["camera"], name="Fotos", actor=runs.system("a test"))
    client.force_login(vera)
    page = client.get(f"/doors/{door.pk}/").content.decode()
    assert f"/cameras/{things['camera']}/live" in page
    assert 'name="camera"' not in page
