import pytest

from panal.cells.devices.models import Device
from panal.cells.lights import queries, recorder
from panal.cells.lights.gateway import About
from panal.cells.lights.models import Change, Light
from panal.protocol.errors import NotFound

from .conftest import NOW, NOW_MS, light_of, report


def test_a_board_that_is_sold_takes_its_lights_and_not_its_history_along(light, alice, charlie, other_account):
    report(light.device_id, _1=light_of(True, NOW_MS, "wall"))
    Device.objects.update(account=other_account)
    for person in (alice, charlie):  # its rows are still the last owner's
        assert not queries.lights_for(person).exists()
        with pytest.raises(NotFound):
            queries.light_for(person, light.pk)
    recorder.record_around([About(light.device_id)], NOW)
    assert not queries.lights_for(alice).exists()
    assert queries.light_for(charlie, light.pk).name == ""
    assert queries.changes_for(alice).count() == Change.objects.count() == 1
    assert not queries.changes_for(charlie).exists()


def test_rooms_have_their_lights_only_where_these_are_few(light, lights, alice, account, sector):
    Light.objects.filter(pk=light.pk).update(sector=sector, is_on=True)
    salon, none = queries.rooms_for(alice, account.pk, most=4)
    assert [look.light for look in salon.looks] == [light]
    assert (salon.total, salon.shining, none.id, none.total) == (1, 1, "none", 3)
    assert [room.looks for room in queries.rooms_for(alice, account.pk, most=3)] == [[], []]


def test_counts_are_what_the_page_shows(light, alice, account):
    report(light.device_id, _1=light_of(True, NOW_MS), _2=light_of(True, NOW_MS))
    assert queries.counts_for(alice, account.pk) == (4, 2, 0)
    Device.objects.update(is_online=False)
    assert queries.counts_for(alice, account.pk) == (4, 2, 1)
